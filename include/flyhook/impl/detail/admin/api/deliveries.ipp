#ifndef FLYHOOK_IMPL_DETAIL_ADMIN_API_DELIVERIES_IPP
#define FLYHOOK_IMPL_DETAIL_ADMIN_API_DELIVERIES_IPP

#include <flyhook/detail/admin/api.hpp>
#include <flyhook/error.hpp>

#include <utility>

// The delivery log over the API, and why an event went where it went.

namespace flyhook::detail {

/// Whose things a list shows; nullopt: everybody's.
std::optional<std::string> Api::asked_tenant(const ApiCall& call) {
  const auto* const tenant = parameter(call, "tenant");
  if (call.caller.is_operator) return tenant == nullptr ? std::optional<std::string>{} : std::optional{*tenant};
  if (tenant != nullptr && *tenant != call.caller.tenant)
    throw Refusal{400, "only the operator can ask for another tenant's", "tenant", {}};
  return call.caller.tenant;
}

void Api::ask_tenant(DeliveryQuery& query, const std::optional<std::string>& tenant) {
  query.tenant = tenant.value_or("");
  query.without_tenant = tenant && tenant->empty();
}

HttpResponse Api::list_deliveries(const ApiCall& call) {
  DeliveryQuery query;
  const auto limit = limit_of(call);
  query.limit = limit + 1;  // is there more?
  ask_tenant(query, asked_tenant(call));
  if (const auto* const id = parameter(call, "subscription_id")) query.subscription_id = SubscriptionId{*id};
  if (const auto* const id = parameter(call, "event_id")) query.event_id = EventId{*id};
  if (const auto* const status = parameter(call, "status")) {
    query.status = enum_value<DeliveryStatus>(*status);
    if (!query.status)
      throw Refusal{400, "status is none of pending, in_flight, delivered, dead, expired, cancelled", "status", {}};
  }
  if (const auto* const cursor = parameter(call, "cursor")) {
    if (!delivery_sequence(*cursor)) throw Refusal{400, "cursor is not one that a page has given", "cursor", {}};
    query.cursor = *cursor;
  }
  auto records = ask_store([&] { return engine_->deliveries(query); });
  const bool has_more = records.size() > limit;
  if (has_more) records.resize(limit);
  auto items = nlohmann::json::array();
  for (const auto& record : records) items.push_back(representation(record));
  return page(std::move(items), has_more ? std::optional{records.back().id.value} : std::optional<std::string>{});
}

/// The one of the path. Throws not_found, for another tenant's too.
DeliveryRecord Api::delivery_of(const ApiCall& call) const {
  DeliveryQuery visible;
  if (!call.caller.is_operator) ask_tenant(visible, call.caller.tenant);
  auto record = ask_store([&] { return engine_->delivery(DeliveryId{call.id}, visible); });
  if (!record) throw Error{ErrorCode::not_found, "id", "there is no delivery \"" + printable(call.id) + "\""};
  return std::move(*record);
}

HttpResponse Api::get_delivery(const ApiCall& call) {
  return json(200, representation(delivery_of(call)));
}

HttpResponse Api::replay_delivery(const ApiCall& call) {
  const auto record = delivery_of(call);
  read_nothing(body_of(call));
  if (!engine_->replay(record.id))
    throw Error{ErrorCode::conflict, "id",
                "it has not ended yet, or its payload or its subscription is gone, so that it cannot be sent again"};
  return json(202, representation(delivery_of(call)));
}

HttpResponse Api::explain_event(const ApiCall& call) {
  const auto refuse = [&] {
    throw Error{ErrorCode::not_found, "id",
                "there is no event \"" + printable(call.id) + "\", or it is not known any more"};
  };
  try {
    const auto event = ask_store([&] { return engine_->find_event(EventId{call.id}); });
    if (!is_visible(call.caller, event->tenant)) refuse();
  } catch (const Error& error) {
    if (error.code() == ErrorCode::not_found) refuse();  // in the same words
    throw;
  }
  auto items = nlohmann::json::array();
  for (const auto& explanation : ask_store([&] { return engine_->explain(EventId{call.id}); }))
    items.push_back(representation(explanation));
  return page(std::move(items), std::nullopt);
}

}  // namespace flyhook::detail

#endif
