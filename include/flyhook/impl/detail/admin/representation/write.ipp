#ifndef FLYHOOK_IMPL_DETAIL_ADMIN_REPRESENTATION_WRITE_IPP
#define FLYHOOK_IMPL_DETAIL_ADMIN_REPRESENTATION_WRITE_IPP

#include <flyhook/detail/admin/representation.hpp>
#include <flyhook/detail/decide/validation.hpp>
#include <flyhook/detail/rfc3339.hpp>

#include <algorithm>
#include <utility>

// From values to JSON. Strings are taken as they are; dump sees to UTF-8.

namespace flyhook::detail {

FLYHOOK_DECL nlohmann::json representation_of(const Headers& headers);
FLYHOOK_DECL nlohmann::json representation_of(const RetryPolicy& retry);
FLYHOOK_DECL nlohmann::json representation_of(const Attempt& attempt);
FLYHOOK_DECL nlohmann::json representation_of(const Histogram& histogram);
FLYHOOK_DECL nlohmann::json representation_of(const std::optional<TimePoint>& time);
FLYHOOK_DECL nlohmann::json parsed_or_null(const std::string& text);

nlohmann::json representation(const Subscription& subscription) {
  nlohmann::json json{
      {"url", subscription.url},
      {"events", subscription.events},
      {"tenant", subscription.tenant},
      {"filter", subscription.filter},
      {"headers", representation_of(subscription.headers)},
      {"encoding", nullptr},
      {"rate_limit", {{"per_second", subscription.rate_limit.per_second}, {"burst", subscription.rate_limit.burst}}},
      {"max_in_flight", nullptr},
      {"ordering", enum_name(subscription.ordering)},
      {"timeout", nullptr},
      {"retry", nullptr},
      {"description", subscription.description},
      {"metadata", nlohmann::json::object()},
      {"id", subscription.id.value},
      {"enabled", subscription.enabled},
      {"paused", subscription.paused},
      {"disabled_reason", subscription.disabled_reason},
      {"created_at", rfc3339(subscription.created_at)},
      {"public_only", subscription.public_only},
  };
  if (subscription.encoding) json["encoding"] = enum_name(*subscription.encoding);
  if (subscription.max_in_flight) json["max_in_flight"] = *subscription.max_in_flight;
  if (subscription.timeout) json["timeout"] = subscription.timeout->count();
  if (subscription.retry) json["retry"] = representation_of(*subscription.retry);
  for (const auto& [name, value] : subscription.metadata) json["metadata"][name] = value;
  return json;
}

nlohmann::json representation(const DeliveryRecord& record) {
  nlohmann::json attempts = nlohmann::json::array();
  for (const auto& attempt : record.attempts) attempts.push_back(representation_of(attempt));
  return {{"id", record.id.value},
          {"event_id", record.event_id.value},
          {"subscription_id", record.subscription_id.value},
          {"event_type", record.event_type},
          {"status", enum_name(record.status)},
          {"attempts", std::move(attempts)},
          {"attempt_count", record.attempt_count},
          {"created_at", rfc3339(record.created_at)},
          {"next_attempt_at", representation_of(record.next_attempt_at)},
          {"reason", record.reason}};
}

nlohmann::json representation(const Explanation& explanation) {
  nlohmann::json json{{"subscription_id", explanation.subscription_id.value},
                      {"matched", explanation.matched},
                      {"reason", explanation.reason},
                      {"delivery_id", nullptr},
                      {"next_attempt_at", representation_of(explanation.next_attempt_at)}};
  if (explanation.delivery_id) json["delivery_id"] = explanation.delivery_id->value;
  return json;
}

nlohmann::json representation(const EventType& type) {
  nlohmann::json json{{"name", type.name}, {"description", type.description}};
  json["example"] = parsed_or_null(type.example);
  json["schema"] = parsed_or_null(type.schema);
  return json;
}

nlohmann::json representation(const Stats& stats) {
  return {{"published", stats.published},
          {"rejected", stats.rejected},
          {"duplicates", stats.duplicates},
          {"dropped", stats.dropped},
          {"attempts", stats.attempts},
          {"failed_attempts", stats.failed_attempts},
          {"delivered", stats.delivered},
          {"dead", stats.dead},
          {"expired", stats.expired},
          {"cancelled", stats.cancelled},
          {"queued", stats.queued},
          {"pending", stats.pending},
          {"in_flight", stats.in_flight},
          {"callback_errors", stats.callback_errors},
          {"store_errors", stats.store_errors},
          {"threads", stats.threads},
          {"attempt_latency", representation_of(stats.attempt_latency)},
          {"delivery_latency", representation_of(stats.delivery_latency)}};
}

std::string dump(const nlohmann::json& json) {
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

nlohmann::json representation_of(const Headers& headers) {
  Headers joined;
  for (const auto& [name, value] : headers) {
    const auto& own_name = name;
    const auto known = std::find_if(joined.begin(), joined.end(),
                                    [&](const auto& each) { return equal_without_case(each.first, own_name); });
    if (known == joined.end()) {
      joined.emplace_back(name, value);
    } else if (known->second == mask || value == mask) {
      known->second = mask;  // so that it is still known for one where it comes back
    } else {
      known->second += ", " + value;
    }
  }
  nlohmann::json json = nlohmann::json::object();
  for (auto& [name, value] : joined) json[name] = std::move(value);
  return json;
}

nlohmann::json representation_of(const RetryPolicy& retry) {
  nlohmann::json schedule = nlohmann::json::array();
  for (const auto wait : retry.schedule) schedule.push_back(wait.count());
  return {{"schedule", std::move(schedule)},
          {"jitter", retry.jitter},
          {"max_age", retry.max_age.count()},
          {"stop_on", retry.stop_on},
          {"retry_after_cap", retry.retry_after_cap.count()}};
}

nlohmann::json representation_of(const Attempt& attempt) {
  return {{"at", rfc3339(attempt.at)},
          {"status", attempt.status},
          {"error", attempt.error},
          {"duration", attempt.duration.count()},
          {"response_body", attempt.response_body},
          {"url", attempt.url},
          {"trigger", enum_name(attempt.trigger)}};
}

nlohmann::json representation_of(const Histogram& histogram) {
  return {{"counts", histogram.counts}, {"sum_us", histogram.sum_us}};
}

nlohmann::json representation_of(const std::optional<TimePoint>& time) {
  return time ? nlohmann::json(rfc3339(*time)) : nlohmann::json(nullptr);
}

nlohmann::json parsed_or_null(const std::string& text) {
  if (text.find('\0') != text.npos) return nullptr;  // nlohmann's parser would take it for the end of the text
  auto parsed = nlohmann::json::parse(text, nullptr, false);
  return parsed.is_discarded() ? nlohmann::json(nullptr) : parsed;
}

}  // namespace flyhook::detail

#endif
