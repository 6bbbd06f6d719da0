#include "simulation/oracle.hpp"

#include <flyhook/id.hpp>

#include <algorithm>
#include <utility>

// The oracle's view of the whole: after each settle, at checkpoints, at the end.

using namespace flyhook;

namespace simulation {

std::chrono::nanoseconds Oracle::next_due() const {
  Time next = Time::max();
  for (const auto& [number, lane] : ledger_.lanes) {
    if (!lane.is_open()) continue;
    if (lane.waiting + lane.handed_out > lane.timed.size() + lane.under_way)
      next = std::min(next, lane.rules.next_at(clock_.elapsed()));
    if (lane.timed.empty()) continue;
    next = std::min(next, std::chrono::duration_cast<Time>(lane.timed.begin()->first.time_since_epoch()) - base_);
  }
  return next;
}

void Oracle::settled() {
  const auto now = clock_.elapsed();
  watch_wall();
  if (!is_calm()) return;
  if (ledger_.open_publishes > 0)
    breach("an event waits in the intake though the store takes what it is given: " +
           std::to_string(ledger_.open_publishes));
  const TimePoint stored{std::chrono::duration_cast<TimePoint::duration>(base_ + now)};
  std::size_t held_up = 0, prompt = 0;  // lanes that cannot be sent to, and healthy ones that were sent all they had
  for (auto& [number, lane] : ledger_.lanes) {
    const bool was_sent_to = std::exchange(lane.was_sent_to, false);
    if (!lane.notices.empty() || !lane.overflowed.empty())
      breach("an observer was not told: " + lane.subscription.id.value);
    if (ledger_.epochs[lane.slot] == 0 || lane.is_test) continue;
    // Where slots are few some are kept for endpoints that answer fast, but never more than half.
    const auto for_anyone = has_few_slots_ ? std::max<std::size_t>(1, slots_ / 2) : slots_;
    const auto slots = lane.rules.is_surely_fast() ? slots_ : for_anyone;
    const bool has_room = lane.under_way < lane.max_in_flight && ledger_.under_way < slots;
    const bool is_due = has_due(lane, stored);
    const bool is_idle = lane.handed_out > lane.under_way;
    // What was under way when its slot was lost waits again, until its answer tells the engine.
    if (lane.is_removed && lane.waiting > lane.under_way)
      breach("a delivery waits for an endpoint that is gone: " + lane.subscription.id.value);
    if (!lane.is_open()) continue;
    if (is_due || is_idle) {
      held_up += lane.rules.holds_back(now) || !has_room;
    } else {
      note(Rule::nothing_due);
      prompt += was_sent_to && lane.rules.has_answered_fast();
    }
    if (!has_room || (!is_due && !is_idle)) continue;
    if (lane.rules.holds_back(now) || (has_few_slots_ && !lane.rules.is_healthy())) continue;
    breach("a delivery is due, its endpoint has room and a slot is free, and nothing is sent: to " +
           lane.subscription.id.value + ", " + std::to_string(lane.waiting) + " waiting, " +
           std::to_string(lane.handed_out) + " handed out, " + std::to_string(lane.under_way) + " under way");
  }
  if (held_up > 0 && prompt > 0) note(Rule::isolated);
}

/// Something waits that is due and behind nothing.
bool Oracle::has_due(const LaneFacts& lane, TimePoint stored) const {
  if (lane.loose > 0) return true;
  const auto is_first = [&](const DeliveryFacts& delivery) {
    return delivery.order == 0 || *lane.ordered.at(delivery.order).begin() == delivery.sequence;
  };
  for (const auto& [due, sequence] : lane.timed) {
    // Where the wall clock stepped, what was to wait for a time waits as long as it was meant to.
    if (due > stored || clock_.elapsed() - base_moved_ < std::chrono::hours{5}) break;
    const auto& delivery = ledger_.deliveries[sequence];
    if (delivery.due_elapsed <= clock_.elapsed() && is_first(delivery)) return true;
  }
  return std::any_of(lane.ordered.begin(), lane.ordered.end(), [&](const auto& same) {
    const auto& first = ledger_.deliveries[*same.second.begin()];
    return first.place == Place::waiting && !first.due;
  });
}

void Oracle::check_queue(PublisherBase& publisher) {
  const auto queued = publisher.stats().queued;
  if (queued > options_.queue_capacity) breach("more events are queued than queue_capacity");
  if (queued == options_.queue_capacity) note(Rule::queue_full);
}

void Oracle::checkpoint(PublisherBase& publisher) {
  const auto stats = publisher.stats();
  const auto same = [&](const char* name, std::uint64_t counted, std::uint64_t least, std::uint64_t more = 0) {
    log_.saw(name, {counted});
    if (counted < least || counted > least + more)
      breach(std::string{"Stats::"} + name + " is " + std::to_string(counted) + " and should be " + std::to_string(least) +
             (more == 0 ? "" : " to " + std::to_string(least + more)));
  };
  same("published", stats.published, ledger_.accepted);
  same("rejected", stats.rejected, ledger_.rejected);
  same("callback_errors", stats.callback_errors, ledger_.callback_errors);
  same("in_flight", stats.in_flight, ledger_.under_way);
  same("pending", stats.pending, ledger_.not_ended - std::min(ledger_.not_ended, ledger_.under_way));
  check_queue(publisher);
  if (!is_calm()) return;
  note(Rule::stats_compared);
  same("queued", stats.queued, ledger_.open_publishes);
  same("dropped", stats.dropped, ledger_.dropped);
  same("duplicates", stats.duplicates, ledger_.duplicates, ledger_.perhaps_duplicates);
  same("attempts", stats.attempts, ledger_.attempts);
  same("failed_attempts", stats.failed_attempts, ledger_.failed_attempts);
  same("delivered", stats.delivered, ledger_.delivered);
  same("dead", stats.dead, ledger_.dead);
  same("expired", stats.expired, ledger_.expired);
  same("cancelled", stats.cancelled, ledger_.cancelled, ledger_.perhaps_cancelled);
}

void Oracle::check_record(const DeliveryRecord& record) {
  const auto* delivery = find(detail::delivery_sequence(record.id.value).value_or(0));
  if (delivery == nullptr) return;
  const bool has_ended = delivery->place == Place::ended;
  const auto status = has_ended                 ? delivery->status
                      : delivery->under_way > 0 ? DeliveryStatus::in_flight
                                                : DeliveryStatus::pending;
  check(record.status == status && (!has_ended || record.reason == delivery->reason),
        "the log shows another state than the delivery has", *delivery);
  check(record.attempts.size() == delivery->answers.size(), "the log shows another number of attempts", *delivery);
  check(record.event_id.value == ledger_.events[delivery->event].id &&
            record.subscription_id == lane_of(*delivery).subscription.id,
        "the log names another event or subscription", *delivery);
  if (has_ended) return note(Rule::listed_ended);
  if (delivery->place != Place::waiting || !delivery->due) return;
  // Or later, where the whole lane is held.
  constexpr std::chrono::microseconds kept{1};
  check(record.next_attempt_at && *record.next_attempt_at > *delivery->due - kept,
        "the log does not show when a delivery is due that waits", *delivery);
  note(Rule::listed_due);
}

void Oracle::check_log(PublisherBase& publisher) {
  DeliveryQuery query;
  query.limit = 1000;
  std::size_t listed = 0;
  for (;;) {
    const auto page = publisher.deliveries(query);
    for (const auto& record : page) {
      check_record(record);
      ++listed;
    }
    if (page.size() < query.limit) break;
    query.cursor = page.back().id.value;
  }
  if (listed != ledger_.deliveries.size() - 1) breach("the log does not list every delivery once");
}

void Oracle::ended(PublisherBase& publisher) {
  if (ledger_.not_ended > 0 || ledger_.open_publishes > 0)
    return breach("something is still pending after faults ended and time went on: " + std::to_string(ledger_.not_ended) +
                  " deliveries, " + std::to_string(ledger_.open_publishes) + " events");
  for (const auto& delivery : ledger_.deliveries)
    if (delivery.sequence != 0) check_end(delivery);
  checkpoint(publisher);
  check_log(publisher);
}

void Oracle::check_end(const DeliveryFacts& delivery) {
  const auto& lane = ledger_.lanes.at(delivery.lane);
  const auto& answers = delivery.answers;
  switch (delivery.status) {
    case DeliveryStatus::delivered:
      check(!answers.empty() && answers.back().is_success(), "delivered without a 2xx", delivery);
      break;
    case DeliveryStatus::dead:
      check(!delivery.reason.empty(), "dead for no reason", delivery);
      check(answers.empty() || !answers.back().is_success() || delivery.is_replayed, "dead after a 2xx", delivery);
      check(!answers.empty() || delivery.reason == "max_age" || delivery.reason == "overflow" ||
                std::any_of(lane.asked.begin(), lane.asked.end(), [](const Asked& asked) { return !asked.matches_at_all; }),
            "dead without an attempt, of a subscription that was never disabled", delivery);
      break;
    case DeliveryStatus::cancelled:
      check(lane.is_removed || lane.is_test || ledger_.events[delivery.event].was_cancelled,
            "cancelled though nobody asked for it", delivery);
      break;
    case DeliveryStatus::expired:
      check(ledger_.events[delivery.event].expires_at.has_value(), "expired though nothing expires", delivery);
      break;
    case DeliveryStatus::pending:
    case DeliveryStatus::in_flight: check(false, "ended without an end", delivery); break;
  }
  // Where an outcome was recorded, its answer lost and then its slot, the engine learns no more of it, and tells nobody.
  if (delivery.claim_lost || delivery.is_replayed) return;
  check(delivery.told_delivered == (delivery.status == DeliveryStatus::delivered),
        "its observer was not told once that it was delivered", delivery);
  check(delivery.told_attempts == answers.size(), "its observer was not told of each attempt once", delivery);
  check(delivery.is_untold || delivery.told_dead == (delivery.status == DeliveryStatus::dead),
        "its observer was not told once that it is dead", delivery);
}

}  // namespace simulation
