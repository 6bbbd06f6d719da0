#ifndef FLYHOOK_IMPL_DETAIL_ADMIN_API_SUBSCRIPTIONS_IPP
#define FLYHOOK_IMPL_DETAIL_ADMIN_API_SUBSCRIPTIONS_IPP

#include <flyhook/detail/admin/api.hpp>
#include <flyhook/detail/decide/validation.hpp>
#include <flyhook/detail/security/ip.hpp>
#include <flyhook/error.hpp>

#include <algorithm>
#include <string>
#include <utility>
#include <variant>

// Subscriptions over the API.

namespace flyhook::detail {

/// Wipes the secret of a parsed body at the end of a scope.
struct BodyWipe {
  explicit BodyWipe(nlohmann::json& its_body) noexcept : body(its_body) {}
  BodyWipe(const BodyWipe&) = delete;
  BodyWipe& operator=(const BodyWipe&) = delete;
  ~BodyWipe() {
    const auto secret = body.find("secret");
    if (secret != body.end() && secret->is_string()) wipe(secret->get_ref<std::string&>());
  }

  nlohmann::json& body;
};

/// The one of the path. Throws not_found, for another tenant's too.
EndpointPtr Api::endpoint_of(const ApiCall& call) const {
  auto endpoint = engine_->subscriptions().find(SubscriptionId{call.id});
  if (endpoint == nullptr || !is_visible(call.caller, endpoint->subscription.tenant)) throw_no_subscription(call.id);
  return endpoint;
}

void Api::throw_no_subscription(std::string_view id) {
  throw Error{ErrorCode::not_found, "id", "there is no subscription \"" + printable(id) + "\""};
}

HttpResponse Api::shown(const EndpointPtr& endpoint, int status, bool with_secret) {
  auto value = representation(masked(endpoint->subscription));
  const BodyWipe wiped{value};
  if (with_secret) value["secret"] = receivers_secret(endpoint->subscription.secret);
  return json(status, value);
}

/// Throws if a URL that is to be registered leads to this application's own API or receivers.
void Api::refuse_own_url(const ApiCall& call, const std::string& url) const {
  const auto parsed = parse_url(url);
  const auto* const target = std::get_if<Url>(&parsed);
  if (target == nullptr) return;  // registering says so
  const auto refused = Error{ErrorCode::invalid, "url", "leads back to this application's own webhooks or API"};
  const auto* const host = find_header(call.request.headers, "host");
  if (host != nullptr && call.mount != nullptr && leads_to_mount(*target, *host, call.mount->server)) throw refused;
  if (!resembles_mount(*target)) return;  // a look-up may take its time, and registering makes one itself
  auto addresses = engine_->addresses_of(*target);
  // To a tenant no address but a public one is anything; the policy refuses them all in the same words.
  if (!call.caller.is_operator)
    std::erase_if(addresses, [](const std::string& text) {
      const auto address = parse_ip(text);
      return !address || !is_public(*address);
    });
  if (leads_to_mount(*target, addresses)) throw refused;
}

HttpResponse Api::list_subscriptions(const ApiCall& call) {
  SubscriptionQuery query;
  const auto limit = limit_of(call);
  query.limit = limit + 1;  // is there more?
  query.tenant = asked_tenant(call);
  if (const auto* const type = parameter(call, "event_type")) {
    if (!is_event_type(*type)) throw Refusal{400, "event_type is no event type", "event_type", {}};
    query.event_type = *type;
  }
  if (const auto* const cursor = parameter(call, "cursor")) {
    if (!is_id(*cursor)) throw Refusal{400, "cursor is not one that a page has given", "cursor", {}};
    query.cursor = *cursor;
  }
  auto endpoints = engine_->subscriptions().list(query);
  const bool has_more = endpoints.size() > limit;
  if (has_more) endpoints.resize(limit);
  auto items = nlohmann::json::array();
  for (const auto& endpoint : endpoints) items.push_back(representation(masked(endpoint->subscription)));
  return page(std::move(items),
              has_more ? std::optional{endpoints.back()->subscription.id.value} : std::optional<std::string>{});
}

HttpResponse Api::create_subscription(const ApiCall& call) {
  auto body = body_of(call);
  const BodyWipe body_wiped{body};
  auto subscription = read_subscription(body, call.caller);
  const WipeAtEnd wiped{subscription.secret};
  refuse_own_url(call, subscription.url);
  const auto id = engine_->create(std::move(subscription));
  const auto endpoint = engine_->subscriptions().find(id);
  if (endpoint == nullptr) throw_no_subscription(id.value);  // somebody removed it at once
  auto response = shown(endpoint, 201, true);
  response.headers.emplace_back("location", std::string{call.mount_point} + "/api/subscriptions/" + id.value);
  return response;
}

HttpResponse Api::get_subscription(const ApiCall& call) {
  return shown(endpoint_of(call));
}

/// Only of the subscription that its caller was seen to own: not of one that was made under its id meanwhile.
HttpResponse Api::change(const ApiCall& call, const SubscriptionPatch& patch) {
  const auto known = endpoint_of(call);
  if (!engine_->update(known->subscription.id, patch, known->lane)) throw_no_subscription(call.id);
  return shown(endpoint_of(call));
}

HttpResponse Api::patch_subscription(const ApiCall& call) {
  const auto known = endpoint_of(call);  // what is another's is not there, whatever the body says
  auto body = body_of(call);
  const BodyWipe body_wiped{body};
  auto patch = read_patch(body, call.caller);
  std::string none;
  const WipeAtEnd wiped{patch.secret ? *patch.secret : none};
  if (patch.url) refuse_own_url(call, *patch.url);
  // What the operator had sent to one place, and showed to nobody, is not for another place of the tenant's choice.
  const auto& shown_headers = masked(known->subscription).headers;
  const bool is_hiding =
      std::any_of(shown_headers.begin(), shown_headers.end(), [](const auto& header) { return header.second == mask; });
  if (!call.caller.is_operator && !known->subscription.public_only && patch.url && !patch.headers && is_hiding)
    throw Error{ErrorCode::invalid, "headers", "must be given anew with another url: some of them are masked"};
  return change(call, patch);
}

HttpResponse Api::delete_subscription(const ApiCall& call) {
  if (!engine_->unsubscribe(endpoint_of(call)->subscription.id)) throw_no_subscription(call.id);
  HttpResponse response;
  response.status = 204;
  return response;
}

HttpResponse Api::pause_subscription(const ApiCall& call) {
  static_cast<void>(endpoint_of(call));
  read_nothing(body_of(call));
  SubscriptionPatch patch;
  patch.paused = true;
  return change(call, patch);
}

HttpResponse Api::resume_subscription(const ApiCall& call) {
  static_cast<void>(endpoint_of(call));
  read_nothing(body_of(call));
  SubscriptionPatch patch;
  patch.paused = false;
  return change(call, patch);
}

HttpResponse Api::enable_subscription(const ApiCall& call) {
  static_cast<void>(endpoint_of(call));
  read_nothing(body_of(call));
  SubscriptionPatch patch;
  patch.enabled = true;
  return change(call, patch);
}

HttpResponse Api::rotate_secret(const ApiCall& call) {
  const auto known = endpoint_of(call);
  static_cast<void>(engine_->rotate_secret(known->subscription.id, read_grace(body_of(call)), known->lane));
  return shown(endpoint_of(call), 200, true);
}

HttpResponse Api::reveal_secret(const ApiCall& call) {
  auto value = nlohmann::json::object();
  const BodyWipe wiped{value};
  value["secret"] = receivers_secret(endpoint_of(call)->subscription.secret);
  return json(200, value);
}

HttpResponse Api::test_subscription(const ApiCall& call) {
  const auto known = endpoint_of(call);
  read_nothing(body_of(call));
  nlohmann::json value;
  value["event_id"] = engine_->send_test(known->subscription.id).value;
  return json(202, value);
}

HttpResponse Api::recover_subscription(const ApiCall& call) {
  const auto known = endpoint_of(call);
  nlohmann::json value;
  value["count"] = engine_->recover(known->subscription.id, read_recover(body_of(call)));
  return json(200, value);
}

}  // namespace flyhook::detail

#endif
