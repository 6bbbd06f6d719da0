#include "simulation/oracle.hpp"

#include <flyhook/id.hpp>

#include <algorithm>
#include <utility>

using namespace flyhook;

namespace simulation {

Oracle::Oracle(const Features& features, const Options& options, ManualClock& clock, RunLog& log)
    : features_(features), options_(options), clock_(clock), log_(log) {
  wall_offset_ = std::chrono::duration_cast<Time>(clock_.now().time_since_epoch()) - clock_.elapsed();
}

void Oracle::check(bool holds, const char* sentence, const DeliveryFacts& delivery) {
  if (!holds) breach(std::string{sentence} + ": " + name_of(delivery));
}

std::string Oracle::name_of(const DeliveryFacts& delivery) const {
  return "delivery " + std::to_string(delivery.sequence) + " of " + ledger_.events[delivery.event].id + " to " +
         ledger_.lanes.at(delivery.lane).subscription.id.value;
}

/// To be called before times of both clocks are compared.
void Oracle::watch_wall() {
  latest_wall_ = std::max(latest_wall_, clock_.now());
  const auto offset = std::chrono::duration_cast<Time>(clock_.now().time_since_epoch()) - clock_.elapsed();
  if (offset != std::exchange(wall_offset_, offset)) wall_moved_ = clock_.elapsed();
}

bool Oracle::is_owned(const LaneFacts& lane, std::uint64_t epoch) const {
  return epoch != 0 && ledger_.epochs[lane.slot] == epoch;
}

DeliveryFacts* Oracle::find(std::uint64_t sequence) {
  if (sequence > 0 && sequence < ledger_.deliveries.size()) return &ledger_.deliveries[sequence];
  breach("a delivery is named that was never appended: " + std::to_string(sequence));
  return nullptr;
}

// Publishing ----------------------------------------------------------------------------------------------------------

void Oracle::published(const PublishResult& result, const Published& event) {
  log_.saw("published", {static_cast<std::uint64_t>(result.status), static_cast<std::uint64_t>(event.n)});
  if (!result) {
    ++ledger_.rejected;
    if (!result.id.value.empty()) breach("publish names an event that it did not accept");
    return;
  }
  ledger_.accepted += event.tested.empty();
  ++ledger_.open_publishes;
  const auto known = ledger_.event_of.emplace(result.id.value, static_cast<std::uint32_t>(ledger_.events.size()));
  if (known.second) {
    auto& made = ledger_.events.emplace_back();
    made.id = result.id.value;
  }
  auto& facts = ledger_.events[known.first->second];
  if (facts.open++ == 0 && !facts.is_appended) {
    facts.type = event.type;  // of the first one that may still be appended
    facts.tenant = event.tenant;
    facts.key = event.key;
    facts.target = event.target;
    facts.tested = event.tested;
    facts.n = event.n;
    facts.published_at_change = ledger_.changes;
    facts.published_at = clock_.elapsed();
    facts.number = result.id.value.starts_with("own-") ? 0 : ++ledger_.publishes;
    facts.deliver_at = event.deliver_at;
    facts.expires_at = event.expires_at;
  }
}

void Oracle::cancelling(const std::string& id) {
  log_.saw("cancelling", {});
  if (const auto known = ledger_.event_of.find(id); known != ledger_.event_of.end())
    ledger_.events[known->second].was_cancelled = true;
}

void Oracle::cancelled(const std::string& id) {
  const auto known = ledger_.event_of.find(id);
  if (known == ledger_.event_of.end()) return;
  for (const auto sequence : ledger_.events[known->second].deliveries) {
    auto& delivery = ledger_.deliveries[sequence];
    if (delivery.place != Place::ended) delivery.is_cancelled = true;
  }
}

void Oracle::close_event(EventFacts& event) {
  if (event.open == 0) {
    breach("an event was appended, dropped or known more often than it was accepted: " + event.id);
    return;
  }
  --event.open;
  --ledger_.open_publishes;
}

// Observers -----------------------------------------------------------------------------------------------------------

void Oracle::told_attempt(const DeliveryRecord& record, const Attempt& attempt) {
  const auto sequence = detail::delivery_sequence(record.id.value).value_or(0);
  log_.saw("told attempt", {sequence, static_cast<std::uint64_t>(attempt.status)});
  auto* delivery = find(sequence);
  if (delivery == nullptr) return;
  auto& lane = lane_of(*delivery);
  ++delivery->told_attempts;
  note(Rule::told_attempt);
  const bool is_next = !lane.notices.empty() && lane.notices.front().sequence == sequence &&
                       lane.notices.front().has_attempt && !lane.half_told;
  check(is_next, "an observer hears of an attempt twice, too early or out of its subscription's order", *delivery);
  if (!is_next) return;
  check(record.status == lane.notices.front().status, "an observer is told another status than the store", *delivery);
  check(!record.attempts.empty() && record.attempts.back().at == attempt.at, "the attempt told is not the last one",
        *delivery);
  lane.half_told = record.status == DeliveryStatus::delivered || record.status == DeliveryStatus::dead;
  if (!lane.half_told) lane.notices.pop_front();
}

void Oracle::told_delivered(const DeliveryRecord& record) {
  const auto sequence = detail::delivery_sequence(record.id.value).value_or(0);
  log_.saw("told delivered", {sequence});
  auto* delivery = find(sequence);
  if (delivery == nullptr) return;
  auto& lane = lane_of(*delivery);
  const bool is_next = lane.half_told && !lane.notices.empty() && lane.notices.front().sequence == sequence;
  check(is_next && (++delivery->told_delivered == 1 || delivery->is_replayed) &&
            lane.notices.front().status == DeliveryStatus::delivered,
        "an observer hears of a delivered delivery twice, too early or out of order", *delivery);
  note(Rule::told_delivered);
  lane.half_told = false;
  if (is_next) lane.notices.pop_front();
}

void Oracle::told_dead(const DeliveryRecord& record) {
  const auto sequence = detail::delivery_sequence(record.id.value).value_or(0);
  log_.saw("told dead", {sequence});
  auto* delivery = find(sequence);
  if (delivery == nullptr) return;
  auto& lane = lane_of(*delivery);
  if (lane.overflowed.erase(sequence) != 0) {
    ++delivery->told_dead;
    return note(Rule::told_dead);
  }
  const bool is_next = !lane.notices.empty() && lane.notices.front().sequence == sequence &&
                       lane.half_told == lane.notices.front().has_attempt;
  check(is_next && (++delivery->told_dead == 1 || delivery->is_replayed) &&
            lane.notices.front().status == DeliveryStatus::dead,
        "an observer hears of a dead delivery twice, too early or out of order", *delivery);
  note(Rule::told_dead);
  lane.half_told = false;
  if (is_next) lane.notices.pop_front();
}

void Oracle::told_dropped(const EventId& id, std::string_view reason) {
  log_.saw("told dropped", {reason.size()});
  ++ledger_.dropped;
  const auto known = ledger_.event_of.find(id.value);
  if (known == ledger_.event_of.end()) {
    breach("an observer is told that an event was dropped which was never accepted: " + id.value);
    return;
  }
  close_event(ledger_.events[known->second]);
}

void Oracle::told_error(std::string_view what) {
  log_.saw("told error", {what.size()});
  // Where very many had to make room, only their number is told.
  if (what.find(" more events were dropped") == std::string_view::npos) return;
  const auto count = std::stoull(std::string{what.substr(0, what.find(' '))});
  if (count > ledger_.open_publishes) return breach("more events were dropped than were waiting");
  ledger_.dropped += count;
  ledger_.open_publishes -= count;
}

void Oracle::told_failing(const Subscription& subscription) {
  log_.saw("told failing", {subscription.id.value.size()});
  note(Rule::told_health);
  const auto known = ledger_.lane_of.find(subscription.id.value);
  if (known == ledger_.lane_of.end()) return;
  auto& lane = ledger_.lanes.at(known->second);
  if (lane.is_told_failing) breach("a subscription is called failing twice: " + subscription.id.value);
  lane.is_told_failing = true;
  if (!lane.rules.may_be_failing(clock_.elapsed(), options_.disable_after))
    breach("a subscription is called failing without the failures that it takes: " + subscription.id.value);
}

void Oracle::told_recovered(const Subscription& subscription) {
  log_.saw("told recovered", {subscription.id.value.size()});
  note(Rule::told_health);
  const auto known = ledger_.lane_of.find(subscription.id.value);
  if (known == ledger_.lane_of.end()) return;
  auto& lane = ledger_.lanes.at(known->second);
  if (!lane.is_told_failing)
    breach("a subscription is called recovered that was not called failing: " + subscription.id.value);
  lane.is_told_failing = false;
}

void Oracle::told_disabled(const Subscription& subscription) {
  log_.saw("told disabled", {subscription.id.value.size()});
  note(Rule::told_health);
  const auto known = ledger_.lane_of.find(subscription.id.value);
  if (known == ledger_.lane_of.end()) return;  // unsubscribed since
  const auto& lane = ledger_.lanes.at(known->second);
  const bool was_gone = subscription.disabled_reason.find("410") != std::string::npos;
  if (!was_gone && !lane.rules.may_be_disabled(clock_.elapsed(), options_.disable_after))
    breach("a subscription was disabled without the failures that it takes: " + subscription.id.value);
}

}  // namespace simulation
