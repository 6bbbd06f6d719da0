#ifndef FLYHOOK_IMPL_DETAIL_ADMIN_API_IPP
#define FLYHOOK_IMPL_DETAIL_ADMIN_API_IPP

#include <flyhook/detail/admin/api.hpp>
#include <flyhook/error.hpp>

#include <algorithm>
#include <charconv>
#include <system_error>
#include <utility>

// Authorising, routing and what handlers share. The handlers are in api/: subscriptions.ipp, deliveries.ipp, look.ipp;
// their table is in api/routes.ipp.

#include <flyhook/impl/detail/admin/api/deliveries.ipp>
#include <flyhook/impl/detail/admin/api/look.ipp>
#include <flyhook/impl/detail/admin/api/openapi.ipp>
#include <flyhook/impl/detail/admin/api/routes.ipp>
#include <flyhook/impl/detail/admin/api/subscriptions.ipp>

namespace flyhook::detail {

FLYHOOK_DECL int status_of(ErrorCode code);
FLYHOOK_DECL std::optional<std::string> last_segment_of(std::string_view pattern, std::string_view path);

// Requests that wait because of failed log-ins, each on a thread of the server's.
inline constexpr std::size_t most_waiting = 2;

Api::Api(std::shared_ptr<Engine> engine, std::string_view token, Authorize authorize)
    : engine_(std::move(engine)),
      authorize_(std::move(authorize)),
      credentials_(token, engine_->options().random ? engine_->options().random : openssl_random) {}

std::string Api::portal_token(std::string_view tenant, std::chrono::seconds ttl) const {
  return credentials_.portal_token(tenant, ttl, engine_->now());
}

int status_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::invalid:
    case ErrorCode::unsupported: return 422;
    case ErrorCode::too_large: return 413;
    case ErrorCode::not_found: return 404;
    case ErrorCode::conflict: return 409;
    case ErrorCode::queue_full:
    case ErrorCode::stopped:
    case ErrorCode::unavailable: return 503;
  }
  return 500;
}

HttpResponse Api::answer(const ServerRequest& request, std::string_view mount_point, const Mount* mount) {
  HttpResponse response;
  try {
    response = route(request, mount_point, mount);
  } catch (const Refusal& refusal) {
    response = problem(refusal.status, refusal.detail, refusal.field);
    response.headers.insert(response.headers.end(), refusal.headers.begin(), refusal.headers.end());
  } catch (const Error& error) {
    // What a store says of itself is not for everybody who may call.
    response = error.code() == ErrorCode::unavailable ? problem(503, "the store does not answer; try again later")
                                                      : problem(status_of(error.code()), error.what(), error.field());
    if (response.status == 503) response.headers.emplace_back("retry-after", "1");
  } catch (...) {
    response = problem(500, "the request failed inside the application");
  }
  response.headers.emplace_back("cache-control", "no-store");
  response.headers.emplace_back("x-content-type-options", "nosniff");
  return response;
}

// Authorising -----------------------------------------------------------------------------------------------------------

ApiCaller Api::authorised(const ServerRequest& request) {
  wait_for_turn(request.peer);
  if (auto caller = caller_of(request)) return std::move(*caller);
  const bool gave_any = authorize_ || find_header(request.headers, "authorization") != nullptr;
  if (gave_any) {
    const auto now = engine_->options().clock->elapsed();
    const std::lock_guard lock{logins_mutex_};
    failed_logins_.failed(request.peer, now);
  }
  throw Refusal{401,
                gave_any ? "these credentials are not valid" : "there are no credentials: Authorization: Bearer ...",
                {},
                {{"www-authenticate", "Bearer realm=\"flyhook\""}}};
}

void Api::wait_for_turn(const std::string& peer) {
  auto& clock = *engine_->options().clock;
  std::unique_lock lock{logins_mutex_};
  const auto now = clock.elapsed();
  const auto wait = failed_logins_.wait_of(peer, now);
  if (wait.count() == 0) return;
  if (waiting_ >= most_waiting)
    throw Refusal{429,
                  "too many failed log-ins",
                  {},
                  {{"retry-after", std::to_string(std::chrono::ceil<std::chrono::seconds>(wait).count())}}};
  ++waiting_;
  while (clock.elapsed() < now + wait) clock.wait_until(lock, nobody_, now + wait);
  --waiting_;
}

std::optional<ApiCaller> Api::caller_of(const ServerRequest& request) const {
  if (const auto* const header = find_header(request.headers, "authorization"))
    if (const auto bearer = bearer_of(*header))
      if (auto caller = credentials_.caller_of(*bearer, engine_->now())) return caller;
  if (!authorize_) return std::nullopt;
  HttpRequest seen;
  seen.method = request.method;
  seen.url = request.target;
  seen.headers = request.headers;
  seen.body = std::make_shared<const std::string>(request.body);
  try {
    return authorize_(seen);
  } catch (...) {  // an Error of its own, too, is not of this API
    throw Refusal{500, "the application's log-in failed", {}, {}};
  }
}

// Routing ---------------------------------------------------------------------------------------------------------------

/// The segment that stands for "{id}", or nothing for a pattern without; nullopt: it is another path.
std::optional<std::string> last_segment_of(std::string_view pattern, std::string_view path) {
  constexpr std::string_view place = "{id}";
  const auto at = pattern.find(place);
  if (at == pattern.npos) return path == pattern ? std::optional{std::string{}} : std::nullopt;
  const auto before = pattern.substr(0, at), behind = pattern.substr(at + place.size());
  if (path.size() <= before.size() + behind.size() || !path.starts_with(before) || !path.ends_with(behind))
    return std::nullopt;
  const auto id = path.substr(before.size(), path.size() - before.size() - behind.size());
  return id.find('/') == id.npos ? std::optional{std::string{id}} : std::nullopt;
}

ApiMatch Api::match(std::string_view method, std::string_view path) {
  ApiMatch found;
  for (const auto& each : routes()) {
    auto id = last_segment_of(each.path, path);
    if (!id) continue;
    if (each.method == (method == "HEAD" ? "GET" : method)) {
      found.route = &each;
      found.id = std::move(*id);
      return found;
    }
    found.methods.append(found.methods.empty() ? "" : ", ").append(each.method);
    if (each.method == "GET") found.methods.append(", HEAD");
  }
  return found;
}

void Api::check_parameters(const ApiCall& call, const ApiRoute& route) {
  for (auto it = call.target.query.begin(); it != call.target.query.end(); ++it) {
    const auto& name = it->first;
    if (std::none_of(route.parameters.begin(), route.parameters.end(),
                     [&](const auto& known) { return known.name == name; }))
      throw Refusal{400, "\"" + name.substr(0, 100) + "\" is no parameter of this", name.substr(0, 100), {}};
    if (std::any_of(call.target.query.begin(), it, [&](const auto& other) { return other.first == name; }))
      throw Refusal{400, "\"" + name + "\" is there twice", name, {}};
  }
}

HttpResponse Api::route(const ServerRequest& request, std::string_view mount_point, const Mount* mount) {
  if (engine_->is_forked()) throw Error{ErrorCode::stopped, "", "this process was forked from the one that serves"};
  ApiCall call{.request = request, .mount_point = mount_point, .mount = mount};
  call.caller = authorised(request);
  auto target = parse_target(request.target);
  if (!target) throw Refusal{400, "the target is not well formed", {}, {}};
  call.target = std::move(*target);
  std::string_view path = call.target.path;
  if (path.starts_with(mount_point)) path.remove_prefix(mount_point.size());
  auto found = match(request.method, path);
  if (found.route == nullptr) {
    if (found.methods.empty()) throw Error{ErrorCode::not_found, "", "there is nothing under this path"};
    throw Refusal{405, request.method.substr(0, 20) + " is not for this path", {}, {{"allow", found.methods}}};
  }
  const auto& route = *found.route;
  call.id = std::move(found.id);
  if (route.is_for_operators && !call.caller.is_operator) throw Refusal{403, "this is the operator's alone", {}, {}};
  check_parameters(call, route);
  if (route.method != "GET") {
    if (request.is_too_large) throw Refusal{413, "the body is too long", {}, {}};
    // Of a form, servers may have thrown the body away.
    const auto* const type = find_header(request.headers, "content-type");
    const bool is_form = type != nullptr && equal_without_case(type->substr(0, 10), "multipart/");
    if (is_form || (!request.body.empty() && (type == nullptr || type->empty() || !is_json_type(*type))))
      throw Refusal{415, "the body must be application/json", {}, {}};
    if (engine_->is_stopped()) throw Error{ErrorCode::stopped, "", "the publisher was stopped"};
  }
  return (this->*route.handle)(call);
}

// What handlers share ---------------------------------------------------------------------------------------------------

/// An object; without a body, an empty one.
nlohmann::json Api::body_of(const ApiCall& call) {
  if (call.request.body.empty()) return nlohmann::json::object();
  nlohmann::json body;
  try {
    body = parse_strict_json(call.request.body);
  } catch (const Error& error) {
    throw Refusal{400, std::string{"the body is no JSON: "} + error.what(), {}, {}};
  }
  if (!body.is_object()) throw Refusal{400, "the body must be a JSON object", {}, {}};
  return body;
}

const std::string* Api::parameter(const ApiCall& call, std::string_view name) {
  for (const auto& [key, value] : call.target.query)
    if (key == name) return &value;
  return nullptr;
}

std::size_t Api::limit_of(const ApiCall& call) {
  const auto* const text = parameter(call, "limit");
  if (text == nullptr) return 100;
  std::size_t limit = 0;
  const auto parsed = std::from_chars(text->data(), text->data() + text->size(), limit);
  if (parsed.ec != std::errc{} || parsed.ptr != text->data() + text->size() || limit < 1 || limit > 1000)
    throw Refusal{400, "limit is not a number from 1 to 1000", "limit", {}};
  return limit;
}

HttpResponse Api::json(int status, const nlohmann::json& value) {
  HttpResponse response;
  response.status = status;
  response.headers.emplace_back("content-type", "application/json");
  response.body = dump(value);
  return response;
}

HttpResponse Api::page(nlohmann::json items, std::optional<std::string> cursor) {
  nlohmann::json value;
  value["items"] = std::move(items);
  value["cursor"] = cursor ? nlohmann::json(*cursor) : nlohmann::json();
  return json(200, value);
}

bool Api::is_visible(const ApiCaller& caller, std::string_view tenant) {
  return caller.is_operator || caller.tenant == tenant;
}

}  // namespace flyhook::detail

#endif
