#include "simulation/oracle.hpp"

#include <flyhook/id.hpp>

#include <algorithm>
#include <cstdio>
#include <utility>

// The oracle at the store's port.

using namespace flyhook;

namespace simulation {

// Subscriptions -------------------------------------------------------------------------------------------------------

void Oracle::put(const SubscriptionRow& row, const PutResult& result) {
  log_.saw("put", {result.stored, result.lane, result.version});
  if (!result.stored) return;
  auto& lane = ledger_.lanes[result.lane];
  const auto& subscription = row.subscription;
  const bool is_new = lane.number == 0;
  const bool was_open = !is_new && lane.is_open();
  const bool is_another =
      !is_new && (subscription.url != lane.subscription.url || (subscription.enabled && !lane.subscription.enabled));
  lane.number = result.lane;
  lane.subscription = subscription;
  lane.slot = slot_of(subscription.id);
  lane.max_in_flight = subscription.max_in_flight.value_or(options_.max_in_flight_per_endpoint);
  lane.capacity = std::max({lane.capacity, std::size_t{64}, 2 * lane.max_in_flight});
  if (is_another) {
    lane.rules.forget(clock_.elapsed());
    lane.is_told_failing = false;
  }
  for (const auto& [host, at] : unresolved_)
    if (subscription.url.find("//" + host + "/") != std::string::npos) lane.rules.could_not_resolve(at);
  lane.is_known = lane.is_known || !is_new;
  const auto& policy = subscription.retry ? *subscription.retry : options_.retry;
  if (is_new || *lane.policy != policy) {
    lane.policy = std::make_shared<const RetryPolicy>(policy);
    lane.policy_since = clock_.elapsed();
  }
  lane.rules.set_rate(subscription.rate_limit, clock_.elapsed());
  lane.rules.set_limit(lane.max_in_flight);
  if (was_open && !lane.is_open()) lane.was_closed = true;
  ledger_.lane_of[subscription.id.value] = result.lane;

  Asked asked{++ledger_.changes,   subscription.enabled, subscription.events,
              subscription.tenant, std::nullopt,         subscription.ordering};
  int n = 0;
  if (std::sscanf(subscription.filter.c_str(), R"({"/n":{"$gte":%d}})", &n) == 1) asked.at_least = n;
  lane.asked.push_back(std::move(asked));
}

void Oracle::removed(const SubscriptionId& id) {
  log_.saw("removed", {ledger_.lane_of.at(id.value)});
  auto& lane = ledger_.lanes.at(ledger_.lane_of.at(id.value));
  lane.is_removed = lane.was_closed = true;
  lane.asked.push_back({++ledger_.changes});
  ledger_.lane_of.erase(id.value);
}

// Slots ---------------------------------------------------------------------------------------------------------------

void Oracle::lose(const std::vector<bool>& slots) {
  for (auto& delivery : ledger_.deliveries) {
    if (delivery.place != Place::handed_out || !slots[lane_of(delivery).slot]) continue;
    delivery.claim_lost = true;
    note(Rule::claim_lost);
    wait_or_erase(delivery);
  }
}

void Oracle::lost_all_slots() {
  log_.saw("lost all slots", {});
  lose(std::vector<bool>(slot_count, true));
  is_unaware_ = true;
}

void Oracle::owned(const Ownership& real) {
  std::array<std::uint64_t, slot_count> epochs{};
  for (const auto& slot : real.slots) epochs[slot.index] = slot.epoch;
  std::vector<bool> lost(slot_count);
  bool any = false;
  for (std::size_t i = 0; i < slot_count; ++i) {
    lost[i] = epochs[i] != ledger_.epochs[i];
    any = any || lost[i];
  }
  log_.saw("owned", {real.slots.size(), any});
  if (any) lose(lost);
  for (auto& [number, lane] : ledger_.lanes)
    if (lost[lane.slot] && epochs[lane.slot] != 0 && lane.is_known) lane.rules.take_over(clock_.elapsed());
  if (any) store_failed();
  ledger_.epochs = epochs;
  is_unaware_ = false;
  const auto base = std::chrono::duration_cast<Time>(clock_.now().time_since_epoch()) - clock_.elapsed();
  if (base != std::exchange(base_, base)) base_moved_ = clock_.elapsed();
  watch_wall();
}

// The way of a delivery -----------------------------------------------------------------------------------------------

void Oracle::hand_out(DeliveryFacts& delivery, std::uint64_t epoch) {
  auto& lane = lane_of(delivery);
  check(delivery.place == Place::waiting, "the store hands out what does not wait", delivery);
  check(is_owned(lane, epoch) || is_unaware_, "the store hands out to who does not hold the slot", delivery);
  if (delivery.due) {
    constexpr Time slack = std::chrono::milliseconds{1};
    check(std::chrono::duration_cast<Time>(delivery.due->time_since_epoch()) <= base_ + clock_.elapsed() + slack,
          "the store hands out before it is due", delivery);
  }
  leave(delivery);
  delivery.place = Place::handed_out;
  ++lane.handed_out;
  const auto bound = lane.was_closed ? 2 * lane.capacity : lane.capacity;
  check(lane.handed_out <= bound, "a lane's window holds more than its bound", delivery);
  if (lane.handed_out == lane.capacity) note(Rule::window_full);
}

void Oracle::leave(DeliveryFacts& delivery) {
  auto& lane = lane_of(delivery);
  if (delivery.place == Place::waiting) {
    --lane.waiting;
    if (!delivery.due && delivery.order == 0) --lane.loose;
    if (delivery.due) lane.timed.erase({*delivery.due, delivery.sequence});
  } else if (delivery.place == Place::handed_out) {
    if (--lane.handed_out == 0 && lane.is_open()) lane.was_closed = false;
  }
}

void Oracle::wait(DeliveryFacts& delivery, std::optional<TimePoint> due) {
  leave(delivery);
  auto& lane = lane_of(delivery);
  delivery.place = Place::waiting;
  delivery.due = due;
  ++lane.waiting;
  if (!due && delivery.order == 0) ++lane.loose;
  if (!due) return;
  delivery.due_elapsed = std::chrono::duration_cast<Time>(due->time_since_epoch()) - base_;
  lane.timed.emplace(*due, delivery.sequence);
}

/// As the store does with what comes back: of an erased event nothing waits.
void Oracle::wait_or_erase(DeliveryFacts& delivery) {
  if (!ledger_.events[delivery.event].is_erased) return wait(delivery, delivery.due);
  end(delivery, DeliveryStatus::cancelled, "erased");
}

void Oracle::reopened(std::uint64_t sequence, const Reopened& real) {
  log_.saw("reopened", {sequence, static_cast<std::uint64_t>(real.status)});
  if (real.status != ReopenStatus::done) return;
  auto* delivery = find(sequence);
  if (delivery == nullptr) return;
  check(delivery->place == Place::ended, "a delivery is opened again that had not ended", *delivery);
  delivery->is_replayed = true;
  delivery->is_cancelled = false;
  delivery->account = {};
  delivery->order = 0;
  delivery->due.reset();
  delivery->reason.clear();
  delivery->status = DeliveryStatus::pending;
  delivery->place = Place::waiting;
  auto& lane = lane_of(*delivery);
  ++lane.waiting;
  ++lane.loose;
  if (++ledger_.not_ended > store_bound_) breach("the store holds more deliveries than max_pending");
}

void Oracle::recovered(const RecoverQuery& query, const Recovered& real) {
  log_.saw("recovered", {query.lane, real.count});
  std::size_t count = 0;
  for (const auto& delivery : ledger_.deliveries) {
    if (delivery.sequence <= query.after || delivery.sequence > real.after || delivery.lane != query.lane) continue;
    const auto& event = ledger_.events[delivery.event];
    if (delivery.place != Place::ended || delivery.status != DeliveryStatus::dead || event.is_erased) continue;
    if (event.created < query.since || (query.until && event.created >= *query.until)) continue;
    ++count;
    if (!query.dry_run) reopened(delivery.sequence, {ReopenStatus::done, query.lane});
  }
  if (count != real.count) breach("recover brings another number than is dead");
  if (count > 0 && !query.dry_run) note(Rule::recovered);
}

void Oracle::erased(const EventId& id) {
  const auto known = ledger_.event_of.find(id.value);
  if (known == ledger_.event_of.end()) return;
  auto& event = ledger_.events[known->second];
  if (!event.is_appended) return;
  event.is_erased = true;
  for (const auto sequence : event.deliveries) {
    auto& delivery = ledger_.deliveries[sequence];
    if (delivery.place != Place::waiting) continue;
    end(delivery, DeliveryStatus::cancelled, "erased");
    ++ledger_.perhaps_cancelled;
  }
}

void Oracle::end(DeliveryFacts& delivery, DeliveryStatus status, const std::string& reason) {
  check(delivery.place != Place::ended && is_final(status), "a delivery ends twice, or in no end", delivery);
  note(status == DeliveryStatus::delivered ? Rule::ends_delivered
       : status == DeliveryStatus::dead    ? Rule::ends_dead
       : status == DeliveryStatus::expired ? Rule::ends_expired
                                           : Rule::ends_cancelled);
  leave(delivery);
  delivery.place = Place::ended;
  delivery.status = status;
  delivery.reason = reason;
  --ledger_.not_ended;
  if (delivery.order == 0) return;
  auto& ordered = lane_of(delivery).ordered;
  auto& same = ordered.at(delivery.order);
  same.erase(delivery.sequence);
  if (same.empty()) ordered.erase(delivery.order);
}

void Oracle::add_direct_lane(LaneFacts& lane, std::uint64_t number, const Recipient& recipient) {
  lane.number = number;
  lane.is_direct = true;
  lane.is_test = !recipient.tested.value.empty();
  lane.slot = static_cast<std::uint32_t>(number % slot_count);
  lane.subscription.id = recipient.tested;
  lane.subscription.url = recipient.target.url;  // of the origin, whatever the path
  lane.subscription.secret = recipient.target.secret;
  lane.policy = std::make_shared<const RetryPolicy>(lane.is_test ? RetryPolicy::none() : options_.retry);
  // How many tests may be under way is their subscription's to say, at any time.
  lane.max_in_flight = lane.is_test ? 1'000 : options_.max_in_flight_per_endpoint;
  lane.capacity = std::max<std::size_t>(64, 2 * lane.max_in_flight);
  lane.rules.set_limit(lane.max_in_flight);
  for (const auto& [host, at] : unresolved_)
    if (lane.subscription.url.find("//" + host + "/") != std::string::npos) lane.rules.could_not_resolve(at);
}

void Oracle::appending(const std::vector<NewEvent>& events, const std::vector<NewDelivery>& wanted) {
  for (const auto& event : events) {
    if (event.message->recipient == nullptr) continue;
    if (event.count != 1 || !is_direct(wanted[event.first].lane))
      return breach("an event with a recipient of its own has not one delivery in a lane of its own");
    auto& lane = ledger_.lanes[wanted[event.first].lane];
    if (lane.number == 0) add_direct_lane(lane, wanted[event.first].lane, *event.message->recipient);
  }
  for (const auto& delivery : wanted) ledger_.lanes.at(delivery.lane).is_known = true;
}

void Oracle::looking_everywhere() {
  for (const auto& [id, number] : ledger_.lane_of) ledger_.lanes.at(number).is_known = true;
}

void Oracle::append_unknown(const std::vector<NewEvent>& events) {
  for (const auto& event : events) ledger_.repeats.insert(event.message.get());
  store_failed();
}

void Oracle::appended(const std::vector<NewEvent>& events, const std::vector<NewDelivery>& wanted, const AppendResult& real,
                      bool is_told) {
  for (std::size_t i = 0; i < events.size(); ++i) {
    const auto& appended = events[i];
    const auto status = real.events[i];
    log_.saw("appended", {static_cast<std::uint64_t>(status), appended.count, is_told});
    const auto known = ledger_.event_of.find(appended.message->id.value);
    if (known == ledger_.event_of.end()) return breach("an event was appended that nobody published");
    auto& event = ledger_.events[known->second];
    const auto* message = appended.message.get();
    const bool is_repeat = ledger_.repeats.contains(message);
    if (status == AppendStatus::full) {
      store_failed();
      if (ledger_.not_ended + appended.count > store_bound_) note(Rule::store_full);
    }
    if (status == AppendStatus::accepted) {
      if (event.is_appended) breach("one id was accepted twice by the store: " + event.id);
      event.is_appended = true;
      event.created = appended.message->created_at;
      if (event.number != 0) {
        if (event.number <= std::exchange(ledger_.last_appended, event.number))
          breach("an event is appended after one that was published later: " + event.id);
        note(Rule::published_order);
      }
      check_targets(event, appended, wanted);
      for (std::size_t d = appended.first; d < appended.first + appended.count; ++d) {
        const auto& made = real.deliveries[d];
        if (made.sequence != ledger_.deliveries.size()) return breach("the store's sequence has a gap");
        auto& delivery = ledger_.deliveries.emplace_back();
        delivery.sequence = made.sequence;
        delivery.lane = wanted[d].lane;
        delivery.order = wanted[d].order;
        delivery.event = known->second;
        event.deliveries.push_back(made.sequence);
        auto& lane = lane_of(delivery);
        ++ledger_.not_ended;
        ++lane.waiting;
        if (delivery.order == 0) ++lane.loose;
        if (delivery.order != 0) {
          auto& same = lane.ordered[delivery.order];
          delivery.waited_behind = !same.empty();
          same.insert(delivery.sequence);
        }
        if (wanted[d].due) wait(delivery, wanted[d].due);
        check_order(event, delivery);
        check_first_wait(event, delivery);
        if (made.closed) {
          end(delivery, DeliveryStatus::cancelled, "unsubscribed");
          ++(is_told ? ledger_.cancelled : ledger_.perhaps_cancelled);
        } else if (made.as == AppendedAs::handed_out) {
          check(wanted[d].take, "the store hands out what was not asked for", delivery);
          hand_out(delivery, wanted[d].epoch);
        }
      }
    }
    if (!is_told || status == AppendStatus::unknown || status == AppendStatus::full) continue;
    if (status == AppendStatus::duplicate) ++(is_repeat ? ledger_.perhaps_duplicates : ledger_.duplicates);
    if (status != AppendStatus::conflict) close_event(event);  // a conflict is told as dropped
    ledger_.repeats.erase(message);
  }
  overflowed(real.overflowed, is_told);
  if (ledger_.not_ended > store_bound_) breach("the store holds more deliveries than max_pending");
}

/// What came beyond max_pending_per_endpoint has ended the oldest that waited.
void Oracle::overflowed(const std::vector<DeliveryRecord>& records, bool is_told) {
  std::unordered_map<std::uint64_t, std::uint64_t> latest;  // by lane
  for (const auto& record : records) {
    auto* delivery = find(detail::delivery_sequence(record.id.value).value_or(0));
    if (delivery == nullptr) return;
    check(delivery->place == Place::waiting, "what overflows does not wait", *delivery);
    auto& lane = lane_of(*delivery);
    check(latest[lane.number] < delivery->sequence, "not the oldest one has overflowed", *delivery);
    latest[lane.number] = delivery->sequence;
    end(*delivery, DeliveryStatus::dead, "overflow");
    delivery->is_untold = !is_told;
    if (!is_told) continue;
    ++ledger_.dead;
    lane.overflowed.insert(delivery->sequence);
  }
  if (latest.empty()) return;
  for (const auto& delivery : ledger_.deliveries) {
    if (delivery.sequence == 0 || delivery.place != Place::waiting) continue;
    const auto last = latest.find(delivery.lane);
    check(last == latest.end() || delivery.sequence > last->second, "an older one waits than has overflowed", delivery);
  }
  for (const auto& [number, sequence] : latest) {
    if (ledger_.lanes.at(number).waiting < options_.max_pending_per_endpoint)
      breach("a delivery has overflowed though there was room for it");
    note(Rule::backlog_full);
  }
}

void Oracle::fetched(std::span<const LaneWant> wants, const std::vector<LaneFetched>& real) {
  for (std::size_t i = 0; i < wants.size(); ++i) {
    log_.saw("fetched", {wants[i].lane, real[i].deliveries.size(), real[i].owned});
    for (const auto& got : real[i].deliveries)
      if (auto* delivery = find(got.sequence)) hand_out(*delivery, wants[i].epoch);
  }
}

void Oracle::given_back(std::span<const Claim> claims) {
  for (const auto& claim : claims) {
    log_.saw("given back", {claim.sequence});
    auto* delivery = find(claim.sequence);
    if (delivery == nullptr || delivery->place != Place::handed_out || !is_owned(lane_of(*delivery), claim.epoch)) continue;
    check(delivery->under_way == 0 || delivery->claim_lost, "a delivery is given back while its request is under way",
          *delivery);
    wait_or_erase(*delivery);
  }
}

void Oracle::finished(const Outcome& outcome, FinishStatus real) {
  log_.saw("finished",
           {outcome.claim.sequence, static_cast<std::uint64_t>(outcome.status), static_cast<std::uint64_t>(real)});
  auto* delivery = find(outcome.claim.sequence);
  if (delivery != nullptr && outcome.attempt && !was_sent(*outcome.attempt))
    lane_of(*delivery).rules.attempted_unseen(clock_.elapsed());
  if (delivery == nullptr || real != FinishStatus::done || delivery->place != Place::handed_out) return;
  check(delivery->under_way == 0 || delivery->claim_lost, "a delivery is finished while its request is under way",
        *delivery);
  check_outcome(*delivery, outcome);
  if (is_final(outcome.status)) {
    end(*delivery, outcome.status, outcome.reason);
  } else if (ledger_.events[delivery->event].is_erased) {
    end(*delivery, DeliveryStatus::cancelled, "erased");
    ++ledger_.perhaps_cancelled;
  } else {
    wait(*delivery, outcome.next_attempt_at);
  }
}

void Oracle::finish_told(const Outcome& outcome, FinishStatus told) {
  if (told == FinishStatus::unknown) return store_failed();
  auto* delivery = find(outcome.claim.sequence);
  if (delivery == nullptr) return;
  const bool counts = !lane_of(*delivery).is_test;
  if (outcome.attempt && counts) ++ledger_.attempts;
  if (outcome.attempt && counts && outcome.status != DeliveryStatus::delivered) ++ledger_.failed_attempts;
  if (told == FinishStatus::stale) {
    delivery->claim_lost = true;  // also where it was recorded, the answer was `unknown`, and then the slot was lost
    return store_failed();
  }
  if (outcome.status == DeliveryStatus::delivered) ledger_.delivered += counts;
  if (outcome.status == DeliveryStatus::dead) ledger_.dead += counts;
  if (outcome.status == DeliveryStatus::expired) ledger_.expired += counts;
  if (outcome.status == DeliveryStatus::cancelled) ++ledger_.cancelled;
  if (outcome.attempt || outcome.status == DeliveryStatus::dead)
    lane_of(*delivery).notices.push_back({outcome.claim.sequence, outcome.status, outcome.attempt.has_value()});
}

void Oracle::closed(const CloseRequest& request, const Closed& real) {
  log_.saw("closed", {request.lane, real.count});
  std::size_t count = 0;
  const auto close = [&](DeliveryFacts& delivery) {
    if (delivery.place != Place::waiting || delivery.sequence == 0 || count >= request.limit) return;
    if (request.lane != 0 && delivery.lane != request.lane) return;
    ++count;
    end(delivery, request.status, request.reason);
    delivery.is_untold = true;
  };
  if (request.event.value.empty()) {
    for (auto& delivery : ledger_.deliveries) close(delivery);
  } else if (const auto known = ledger_.event_of.find(request.event.value); known != ledger_.event_of.end()) {
    if (!ledger_.events[known->second].was_cancelled) breach("deliveries of an event were closed that nobody cancelled");
    for (const auto sequence : ledger_.events[known->second].deliveries) close(ledger_.deliveries[sequence]);
  }
  if (count != real.count) breach("the store closed another number than was waiting");
  if (request.status == DeliveryStatus::dead) ledger_.dead += real.count;
  if (request.status == DeliveryStatus::cancelled) ledger_.cancelled += real.count;
  for (const auto& record : real.records) {
    auto* delivery = find(detail::delivery_sequence(record.id.value).value_or(0));
    if (delivery == nullptr) continue;
    delivery->is_untold = false;
    lane_of(*delivery).notices.push_back({delivery->sequence, record.status, false});
  }
  if (request.lane == 0) return;
  const auto& lane = ledger_.lanes.at(request.lane);
  if (lane.is_open() && real.count > 0)
    breach("deliveries of an open subscription were closed: " + lane.subscription.id.value);
}

}  // namespace simulation
