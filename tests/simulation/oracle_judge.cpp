#include "simulation/oracle.hpp"

#include <algorithm>
#include <optional>
#include <utility>

// The oracle over single deliveries: whom an event goes to, in which order and when first, and what comes after an attempt.

using namespace flyhook;

namespace simulation {

// When it is appended --------------------------------------------------------------------------------------------------

/// True where the event's type, tenant and data are what was asked for.
static bool asks_for(const Asked& asked, const EventFacts& event) {
  if (!asked.matches_at_all || asked.tenant != event.tenant || (asked.at_least && event.n < *asked.at_least)) return false;
  return std::any_of(asked.patterns.begin(), asked.patterns.end(), [&](const std::string& pattern) {
    if (pattern == "*" || pattern == event.type) return true;
    return pattern.ends_with(".*") && event.type.starts_with(pattern.substr(0, pattern.size() - 1)) &&
           event.type.size() >= pattern.size();
  });
}

void Oracle::check_targets(const EventFacts& event, const NewEvent& appended, const std::vector<NewDelivery>& wanted) {
  if (event.is_direct()) {
    const auto& lane = ledger_.lanes.at(wanted[appended.first].lane);
    if (!lane.is_direct || lane.subscription.id.value != event.tested || lane.is_test == event.tested.empty())
      breach("an event with a recipient of its own is in another lane: " + event.id);
    return note(lane.is_test ? Rule::tested : Rule::sent_directly);
  }
  // Matched some time between publish and now: who asked all that time must be there, who never did must not.
  std::size_t must = 0, found = 0;
  for (const auto& [number, lane] : ledger_.lanes) {
    bool always = !lane.asked.empty() && lane.asked.front().since <= event.published_at_change;
    bool ever = false;
    for (std::size_t i = lane.asked.size(); i-- > 0;) {
      const bool asks = asks_for(lane.asked[i], event);
      always = always && asks;
      ever = ever || asks;
      if (lane.asked[i].since <= event.published_at_change) break;
    }
    if (!ever) continue;
    std::size_t times = 0;
    for (std::size_t d = appended.first; d < appended.first + appended.count; ++d) times += wanted[d].lane == number;
    if (times > 1) breach("an event has two deliveries to one subscription: " + event.id);
    if (times == 0 && always)
      breach("an event has no delivery to a subscription that asked for it: " + event.id + " to " +
             lane.subscription.id.value);
    must += always;
    found += times;
  }
  if (found < must || found != appended.count)
    breach("an event has a delivery to a subscription that did not ask for it: " + event.id);
}

/// It is ordered as its subscription has asked for at some time since it was published, and with the same others always.
void Oracle::check_order(const EventFacts& event, const DeliveryFacts& delivery) {
  auto& lane = lane_of(delivery);
  if (lane.is_direct) return check(delivery.order == 0, "a delivery of no subscription has an order", delivery);
  bool may_be_none = false, may_be_strict = false, may_be_keyed = false;
  for (std::size_t i = lane.asked.size(); i-- > 0;) {
    const auto& asked = lane.asked[i];
    const bool is_keyed = asked.ordering == Ordering::per_key && !event.key.empty();
    may_be_strict = may_be_strict || asked.ordering == Ordering::strict;
    may_be_keyed = may_be_keyed || is_keyed;
    may_be_none = may_be_none || (asked.ordering != Ordering::strict && !is_keyed);
    if (asked.since <= event.published_at_change) break;
  }
  if (delivery.order == 0) return check(may_be_none, "a delivery has no order though it was asked for", delivery);
  check(may_be_strict || may_be_keyed, "a delivery has an order that nobody asked for", delivery);
  if (may_be_strict == may_be_keyed) return;
  auto& number = may_be_strict ? lane.strict_order : lane.order_of[event.key];
  if (number == 0) number = delivery.order;
  check(number == delivery.order, "a delivery is ordered among others than it has to be", delivery);
  note(Rule::has_order);
}

/// Its first attempt is due when the policy's first step is over, not before its deliver_at and not after its expires_at.
void Oracle::check_first_wait(const EventFacts& event, const DeliveryFacts& delivery) {
  const auto& lane = lane_of(delivery);
  if (lane.policy_since >= event.published_at) return;  // it may have been matched before
  if (base_moved_ == clock_.elapsed()) return;          // and been timed by the former base
  constexpr Time slack = std::chrono::microseconds{2};
  const Time first = lane.policy->schedule.front();
  auto earliest = spread(first, -lane.policy->jitter), latest = spread(first, lane.policy->jitter);
  if (event.deliver_at) {
    const Time until = *event.deliver_at - clock_.now();
    earliest = std::max(earliest, until);
    latest = std::max(latest, until);
  }
  if (event.expires_at) {
    const auto until = std::max<Time>(*event.expires_at - clock_.now(), Time{0});
    earliest = std::min(earliest, until);
    latest = std::min(latest, until);
  }
  const auto wait = delivery.due ? delivery.due_elapsed - clock_.elapsed() : Time{0};
  check(wait >= earliest - slack && wait <= latest + slack, "a first attempt is due at another time than it has to be",
        delivery);
  note(Rule::first_wait);
}

// When it is finished --------------------------------------------------------------------------------------------------

void Oracle::check_outcome(DeliveryFacts& delivery, const Outcome& outcome) {
  const auto& event = ledger_.events[delivery.event];
  const auto& lane = lane_of(delivery);
  watch_wall();
  if (!outcome.attempt) {
    if (delivery.claim_lost) return;
    switch (outcome.status) {
      case DeliveryStatus::expired:
        note(Rule::expired_in_time);
        return check(event.expires_at && *event.expires_at <= latest_wall_ + std::chrono::microseconds{1},
                     "expired before its time", delivery);
      case DeliveryStatus::cancelled:
        return check(event.was_cancelled || (lane.is_test && outcome.reason == "unsubscribed"),
                     "cancelled though nobody asked for it", delivery);
      case DeliveryStatus::dead:
        return check(outcome.reason == "max_age" && event.created < latest_wall_, "dead without an attempt", delivery);
      case DeliveryStatus::pending: return check(event.deliver_at.has_value(), "put off without an attempt", delivery);
      case DeliveryStatus::delivered:
      case DeliveryStatus::in_flight: return check(false, "delivered without an attempt", delivery);
    }
    return;
  }
  const auto& attempt = *outcome.attempt;
  bool is_certain = true;
  if (!was_sent(attempt)) {
    // It was judged at once, perhaps some time ago: where the wall clock was not set since, its stamp tells when.
    const auto judged = std::chrono::duration_cast<Time>(attempt.at.time_since_epoch()) - wall_offset_;
    is_certain = judged >= wall_moved_ + std::chrono::hours{5} && judged >= base_moved_ && judged > lane.policy_since;
    delivery.last = Answered{0, attempt.error, std::nullopt, attempt.at, base_ + judged};
    delivery.policy = lane.policy;
  }
  if (!delivery.last) return check(false, "an outcome has an attempt that was never made", delivery);
  const auto last = *std::exchange(delivery.last, std::nullopt);
  check(last.status == attempt.status || delivery.claim_lost, "the attempt recorded is not the one that was made",
        delivery);
  delivery.answers.push_back(last);
  const auto policy = delivery.policy;
  const auto expected = expected_after(*policy, delivery.account, last, {event.created, event.expires_at});
  if (delivery.claim_lost) return;
  if (!is_certain) return;
  if (outcome.status == DeliveryStatus::cancelled && expected.status == DeliveryStatus::pending)
    return check(event.was_cancelled, "cancelled though nobody asked for it", delivery);
  if (outcome.status == DeliveryStatus::dead && expected.may_be_too_old) return note(Rule::too_old);
  check(!expected.is_too_old, "a delivery is to be tried again after its max_age", delivery);
  check(outcome.status == expected.status, "a delivery's outcome is not what its answers and its policy ask for", delivery);
  if (outcome.status == DeliveryStatus::dead) note(Rule::schedule_ends);
  if (outcome.status != DeliveryStatus::pending) return;
  check(outcome.steps == delivery.account.steps && outcome.deferrals == delivery.account.holds,
        "the account of the schedule is another than its answers'", delivery);
  if (!outcome.next_attempt_at) return check(last.is_cancelled(), "a retry has no time", delivery);
  const auto wait = std::chrono::duration_cast<Time>(outcome.next_attempt_at->time_since_epoch()) - last.stored;
  constexpr Time slack = std::chrono::milliseconds{2};
  check(wait >= expected.earliest - slack && wait <= expected.latest + slack, "a retry waits another time than its step's",
        delivery);
  note(Rule::retry_wait);
  if (last.asked_wait(policy->retry_after_cap)) note(Rule::asked_wait);
}

}  // namespace simulation
