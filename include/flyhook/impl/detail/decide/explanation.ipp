#ifndef FLYHOOK_IMPL_DETAIL_DECIDE_EXPLANATION_IPP
#define FLYHOOK_IMPL_DETAIL_DECIDE_EXPLANATION_IPP

#include <flyhook/detail/decide/explanation.hpp>
#include <flyhook/detail/decide/recipient.hpp>

#include <algorithm>

namespace flyhook::detail {

FLYHOOK_DECL std::string attempts_text(const DeliveryRecord& record);
FLYHOOK_DECL std::string waiting_text(const DeliveryRecord& record, const Lane* lane, TimePoint now,
                                      std::chrono::nanoseconds elapsed);
FLYHOOK_DECL std::string mismatch_text(const Endpoint& endpoint, const Message& message);

/// "after 2 attempts, the last one: answered 503"
std::string attempts_text(const DeliveryRecord& record) {
  if (record.attempts.empty()) return "without an attempt";
  const auto count = record.attempts.size();
  const auto& last = record.attempts.back();
  return "after " + std::to_string(count) + (count == 1 ? " attempt: " : " attempts, the last one: ") +
         (last.status == 0 ? last.error : "answered " + std::to_string(last.status));
}

std::string waiting_text(const DeliveryRecord& record, const Lane* lane, TimePoint now, std::chrono::nanoseconds elapsed) {
  const std::string waits = "waits " + attempts_text(record) + "; ";
  if (lane != nullptr && lane->endpoint != nullptr) {
    if (lane->endpoint->subscription.paused) return waits + "the subscription is paused";
    if (lane->hold && *lane->hold > elapsed) return waits + "the endpoint asked to be left alone (Retry-After)";
    if (lane->breaker.is_open()) return waits + "the endpoint has failed too often in a row and is tried now and then";
  }
  if (record.next_attempt_at && *record.next_attempt_at > now)
    return waits + (record.attempts.empty() ? "its first attempt is for later" : "its next attempt is for later");
  if (lane == nullptr) return waits + "it is next to be sent";
  const auto& window = lane->window;
  const bool is_claimed = std::any_of(window.begin(), window.end(), [&](const Claimed& claimed) {
    return delivery_text(claimed.sequence) == record.id.value;
  });
  if (!is_claimed && lane->is_ordered && !lane->more && !lane->fetching)
    return waits + "an earlier one in its order has not ended";
  if (!lane->owned) return waits + "it is another process's to send";
  if (!lane->bucket.may_take(elapsed)) return waits + "the subscription's rate_limit holds it back";
  if (lane->resolving) return waits + "the host is being looked up";
  if (lane->in_flight.size() >= lane->concurrency.limit()) return waits + "as many requests are under way as there may be";
  return waits + "it is next to be sent";
}

Explanation explained(const DeliveryRecord& record, const Lane* lane, TimePoint now, std::chrono::nanoseconds elapsed) {
  Explanation explanation;
  explanation.subscription_id = record.subscription_id;
  explanation.matched = true;
  explanation.delivery_id = record.id;
  explanation.next_attempt_at = record.next_attempt_at;
  switch (record.status) {
    case DeliveryStatus::pending: explanation.reason = waiting_text(record, lane, now, elapsed); break;
    case DeliveryStatus::in_flight:
      explanation.reason = "attempt " + std::to_string(record.attempts.size() + 1) + " is under way";
      break;
    case DeliveryStatus::delivered: explanation.reason = "delivered " + attempts_text(record); break;
    case DeliveryStatus::dead:
    case DeliveryStatus::expired:
    case DeliveryStatus::cancelled:
      explanation.reason = std::string{to_string(record.status)} + " (" + record.reason + ") " + attempts_text(record);
      break;
  }
  return explanation;
}

/// Empty: it asks for such events.
std::string mismatch_text(const Endpoint& endpoint, const Message& message) {
  const auto& events = endpoint.subscription.events;
  if (std::none_of(events.begin(), events.end(),
                   [&](const std::string& pattern) { return pattern_matches(pattern, message.type); }))
    return "none of its patterns matches \"" + message.type + "\"";
  FilterInput input{message};
  return endpoint.filter.matches(input) ? std::string{} : "its filter does not let the event pass";
}

Explanation unmatched(const Endpoint& endpoint, const Message& message) {
  Explanation explanation;
  const auto& subscription = endpoint.subscription;
  explanation.subscription_id = subscription.id;
  explanation.reason = mismatch_text(endpoint, message);
  if (!explanation.reason.empty()) return explanation;
  explanation.matched = true;
  if (!subscription.enabled) {
    explanation.reason =
        "it is disabled" + (subscription.disabled_reason.empty() ? "" : ": " + subscription.disabled_reason);
  } else if (subscription.created_at > message.created_at) {
    explanation.reason = "it was subscribed after the event was published";
  } else {
    explanation.reason = "it matches as it is now, and did not or was disabled when the event was published";
  }
  return explanation;
}

}  // namespace flyhook::detail

#endif
