#ifndef FLYHOOK_IMPL_DETAIL_RUN_ENGINE_SETTLE_IPP
#define FLYHOOK_IMPL_DETAIL_RUN_ENGINE_SETTLE_IPP

#include <flyhook/detail/run/engine.hpp>

#include <algorithm>
#include <bit>
#include <exception>
#include <iterator>
#include <utility>

// The settle role: outcomes to the store, deliveries out of it, slots kept, observers told. A batch is what came while the
// last call ran. Each step has two halves: the store's call under no lock, and what it brought under the engine's.

namespace flyhook::detail {

FLYHOOK_DECL void count_duration(Histogram& histogram, std::chrono::nanoseconds duration);

void count_duration(Histogram& histogram, std::chrono::nanoseconds duration) {
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
  const auto value = static_cast<std::uint64_t>(std::max<decltype(us)>(us, 0));
  const auto width = static_cast<std::size_t>(std::bit_width(value));
  ++histogram.counts[std::min(width, histogram.counts.size() - 1)];
  histogram.sum_us += value;
}

void Engine::deposit(Settling settling, Clock_ns now) {
  auto& outcome = settling.outcome;
  Lane* lane = scheduler_.find(outcome.claim.lane);
  if (outcome.attempt && !is_test(*settling.message)) {
    ++attempts_;
    if (outcome.status != DeliveryStatus::delivered) ++failed_attempts_;
    count_duration(attempt_latency_, outcome.attempt->duration);
  }
  // What another URL answered says nothing of this one.
  settling.is_of_another =
      !is_direct(lane->number) && settling.endpoint != lane->endpoint &&
      (lane->endpoint == nullptr || settling.endpoint->subscription.url != lane->endpoint->subscription.url);
  if (settling.is_of_another) settling.bearing = {};
  const bool is_cancelled = scheduler_.end(*lane, outcome.claim, settling.bearing);
  if (settling.is_unsent && outcome.claim.epoch == lane->epoch) lane->bucket.give_back(now);
  if (is_cancelled) cancel_retry(settling);
  if (settling.wait) outcome.next_attempt_at = stored_time(now + *settling.wait);
  if (outcome.status == DeliveryStatus::pending && !settling.wait) {
    returns_.push_back(outcome.claim);
  } else {
    ++lane->unsettled;
    if (outcome.status == DeliveryStatus::delivered && !settling.is_of_another) ++lane->successes;
    outcomes_.push_back(std::move(settling));
  }
  scheduler_.update(*lane);
}

void Engine::give_back_window(Lane& lane) {
  const auto claims = scheduler_.withdraw(lane);
  returns_.insert(returns_.end(), claims.begin(), claims.end());
}

void Engine::call_store(Hand& hand, Next next) {
  hand.failed = false;
  try {
    switch (next) {
      case Next::finish:
        hand.outcomes.clear();
        for (auto& settling : hand.settling) hand.outcomes.push_back(std::move(settling.outcome));
        hand.finished = store_.finish(hand.outcomes);
        hand.failed = hand.finished.size() != hand.outcomes.size();
        break;
      case Next::fetch: {
        hand.fetched = store_.fetch(hand.wants, stored_time(clock_.elapsed()));
        hand.failed = hand.fetched.size() != hand.wants.size();
        hand.claimed.assign(hand.fetched.size(), {});
        for (std::size_t i = 0; i < hand.fetched.size(); ++i)
          for (auto& delivery : hand.fetched[i].deliveries)
            hand.claimed[i].push_back({delivery.sequence,
                                       delivery.message,
                                       shared_bodies(delivery.message, delivery.fan_out),
                                       delivery.attempts,
                                       {delivery.steps, delivery.deferrals},
                                       delivery.message->recipient == nullptr ? nullptr : endpoint_of(*delivery.message)});
        break;
      }
      case Next::give_back: store_.give_back(hand.claims); break;
      case Next::close: hand.closed = store_.close(hand.closing); break;
      case Next::disable:
        hand.disabled = subscriptions_.disable(hand.disabling.endpoint, hand.disabling.reason, clock_.now());
        break;
      case Next::own: acquire(hand); break;
      case Next::nothing:
      case Next::report:
      case Next::notify:
      case Next::send:
      case Next::resolve: break;
    }
  } catch (...) {
    hand.failed = true;
    hand.errors.push_back("the store failed: " + thrown_text());
  }
}

/// Takes slots, and learns whose the lanes are that come with them: the endpoints are looked up afterwards, since what has
/// deliveries was a subscription before.
void Engine::acquire(Hand& hand) {
  hand.ownership = store_.acquire(owner_, clock_.now());
  const auto& lanes = hand.ownership.lanes;
  if (lanes.empty()) return;  // a lease is renewed every few seconds
  const auto look = [&] {
    hand.endpoints = subscriptions_.by_lane();
    return std::all_of(lanes.begin(), lanes.end(), [&](const LaneWork& work) {
      return is_direct(work.lane) || hand.endpoints.find(work.lane) != hand.endpoints.end();
    });
  };
  hand.knows_all = true;
  if (look()) return;
  try {
    subscriptions_.load();  // another process may have added it
    look();
  } catch (...) {
    hand.knows_all = false;  // the slots are ours all the same
    hand.errors.push_back("the store failed: " + thrown_text());
  }
}

void Engine::apply(Hand& hand, Clock_ns now) {
  settle_held_ = false;
  const auto is_unknown = [](FinishStatus status) { return status == FinishStatus::unknown; };
  auto& backoff = hand.role_step == Next::own ? own_backoff_ : settle_backoff_;
  if (hand.failed || std::any_of(hand.finished.begin(), hand.finished.end(), is_unknown)) {
    backoff.failed(now);
    counters_.store_errors.fetch_add(1, std::memory_order_relaxed);
  } else {
    backoff.succeeded();
  }
  const auto step = std::exchange(hand.role_step, Next::nothing);
  switch (step) {
    case Next::finish: apply_finished(hand, now); break;
    case Next::fetch: apply_fetched(hand, now); break;
    case Next::give_back:
      if (hand.failed) returns_.insert(returns_.end(), hand.claims.begin(), hand.claims.end());
      for (const auto& claim : hand.claims)
        if (Lane* lane = scheduler_.find(claim.lane); lane != nullptr && !hand.failed) {
          lane->more = true;
          close_if_ended(*lane);
          scheduler_.update(*lane);
        }
      hand.claims.clear();
      break;
    case Next::close: apply_closed(hand); break;
    case Next::disable: apply_disabled(hand); break;
    case Next::own: apply_ownership(hand, now); break;
    case Next::nothing:
    case Next::report:
    case Next::notify:
    case Next::send:
    case Next::resolve: break;
  }
  std::erase_if(cancelling_, [](const Cancelling& each) { return each.is_done; });
}

void Engine::apply_finished(Hand& hand, Clock_ns now) {
  std::vector<Settling> again;
  for (std::size_t i = 0; i < hand.settling.size(); ++i) {
    auto& settling = hand.settling[i];
    settling.outcome = std::move(hand.outcomes[i]);
    const auto status = hand.failed ? FinishStatus::unknown : hand.finished[i];
    if (status == FinishStatus::unknown) {
      again.push_back(std::move(settling));
      continue;
    }
    Lane* lane = scheduler_.find(settling.outcome.claim.lane);
    --lane->unsettled;
    if (settling.outcome.status == DeliveryStatus::delivered && !settling.is_of_another) --lane->successes;
    if (status == FinishStatus::stale) {  // the slot went to somebody else, who sends this one again
      own_at_ = now;
      close_if_ended(*lane);  // it waits again, and nobody is to send it
    } else {
      settled(*lane, settling, now);
    }
    if (settling.outcome.attempt) weigh(*lane, settling, now);
    scheduler_.update(*lane);
  }
  // Before what came meanwhile: observers hear of a lane's outcomes in their order.
  outcomes_.insert(outcomes_.begin(), std::make_move_iterator(again.begin()), std::make_move_iterator(again.end()));
  hand.settling.clear();
  hand.finished.clear();
  // What ended makes room in a store that was full.
  if (accept_is_full_.exchange(false)) accept_not_before_.store(0, std::memory_order_release);
}

/// An outcome is in the store.
void Engine::settled(Lane& lane, Settling& settling, Clock_ns now) {
  const auto& outcome = settling.outcome;
  const auto& attempt = outcome.attempt;
  const std::uint64_t counted = is_test(*settling.message) ? 0 : 1;
  switch (outcome.status) {
    case DeliveryStatus::pending:
      scheduler_.add_due(lane, std::max(outcome.next_attempt_at->time_since_epoch() - base_, now));
      close_if_ended(lane);
      if (is_cancelling(settling.message->id)) {
        closings_.push_back(cancelling_of(settling.message->id));
        if (lane.is_ordered) lane.more = true;  // it may be erased, and then it holds back nothing now
      }
      break;
    case DeliveryStatus::delivered:
      delivered_ += counted;
      if (attempt && counted > 0)
        count_duration(delivery_latency_, attempt->at + attempt->duration - settling.message->created_at);
      break;
    case DeliveryStatus::expired: expired_ += counted; break;
    case DeliveryStatus::cancelled: counters_.cancelled.fetch_add(1, std::memory_order_relaxed); break;
    case DeliveryStatus::dead:
    case DeliveryStatus::in_flight: dead_ += counted; break;
  }
  // What it held back is the next one, and only a fetch brings it.
  if (lane.is_ordered && is_final(outcome.status)) lane.more = true;
  if (options_.observer != nullptr && (attempt || is_final(outcome.status)))
    notice(lane, {attempt ? Notice::What::attempted : Notice::What::ended, record_of(settling), {}, {}});
}

void Engine::notice(Lane& lane, Notice notice) {
  if (options_.observer == nullptr) return;
  if (lane.notices++ == 0) notified_.push_back(lane.number);
  notices_[lane.number].push_back(std::move(notice));
}

void Engine::apply_fetched(Hand& hand, Clock_ns now) {
  for (std::size_t i = 0; i < hand.wants.size(); ++i) {
    const auto& want = hand.wants[i];
    Lane* lane = scheduler_.find(want.lane);
    lane->fetching = false;
    if (hand.failed) {
      lane->more = true;
      scheduler_.update(*lane);
      continue;
    }
    const auto& fetched = hand.fetched[i];
    if (!fetched.owned) own_at_ = now;
    const bool is_ours = fetched.owned && lane->epoch == want.epoch && lane->is_open() && !stopping_;
    for (auto& claimed : hand.claimed[i]) {
      if (is_cancelling(claimed.message->id)) {
        returns_.push_back({claimed.sequence, want.lane, want.epoch});
        closings_.push_back(cancelling_of(claimed.message->id));
      } else if (is_ours) {
        lane->window.push_back(std::move(claimed));
      } else {
        returns_.push_back({claimed.sequence, want.lane, want.epoch});
      }
    }
    lane->more = lane->more || fetched.more;
    // An earlier time that is known may be of what was appended while the store was asked.
    if (is_ours && fetched.next_due) scheduler_.add_due(*lane, fetched.next_due->time_since_epoch() - base_);
    scheduler_.update(*lane);
  }
  hand.wants.clear();
  hand.fetched.clear();
  hand.claimed.clear();
}

void Engine::apply_ownership(Hand& hand, Clock_ns now) {
  if (hand.failed) {
    own_at_ = own_backoff_.next;
    return;
  }
  const auto base = clock_.now().time_since_epoch() - now;
  // Due times are stored by the base of their day: where the wall clock was set, the lanes ask the store anew.
  if (std::chrono::abs(base - base_) > std::chrono::seconds{1}) {
    scheduler_.each([&](Lane& lane) {
      if (!lane.due) return;
      lane.more = true;
      scheduler_.update(lane);
    });
  }
  base_ = base;
  scheduler_.own(hand.ownership.slots);  // before the lanes below are made
  for (const auto& work : hand.ownership.lanes) {
    const auto endpoint = lane_endpoint(work.lane, hand.endpoints);
    if (endpoint == nullptr) {  // whoever unsubscribed it did not come to ending what waits
      if (hand.knows_all) closings_.push_back(ending_of(work.lane, DeliveryStatus::cancelled, "unsubscribed"));
      continue;
    }
    const bool is_new = scheduler_.find(work.lane) == nullptr;
    Lane& lane = scheduler_.lane_of(endpoint);
    if (is_new) lane.take_over(now);
    lane.more = true;
    scheduler_.update(lane);
  }
  hand.endpoints.clear();
  own_at_.reset();
  if (hand.ownership.again) own_at_ = now + Clock_ns{*hand.ownership.again};
}

// Observers -------------------------------------------------------------------------------------------------------------

template <class Call>
void Engine::tell(Call call) {
  if (options_.observer == nullptr) return;
  try {
    call(*options_.observer);
  } catch (...) {
    counters_.callback_errors.fetch_add(1, std::memory_order_relaxed);
  }
}

void Engine::tell_error(const std::string& what) {
  tell([&](Observer& observer) { observer.on_error(what); });
}

void Engine::notify(Hand& hand) {
  const Pool::Away away{pool_, hand.saw};  // user code takes the time it takes
  for (const auto& notice : hand.notices) {
    const auto& record = notice.record;
    switch (notice.what) {
      case Notice::What::attempted:
        tell([&](Observer& observer) { observer.on_attempt(record, record.attempts.back()); });
        [[fallthrough]];
      case Notice::What::ended:
        if (record.status == DeliveryStatus::delivered) tell([&](Observer& observer) { observer.on_delivered(record); });
        if (record.status == DeliveryStatus::dead) tell([&](Observer& observer) { observer.on_dead(record); });
        break;
      case Notice::What::failing:
        tell([&](Observer& observer) { observer.on_failing(masked(notice.endpoint->subscription), notice.reason); });
        break;
      case Notice::What::disabled:
        tell([&](Observer& observer) { observer.on_disabled(masked(notice.endpoint->subscription), notice.reason); });
        break;
      case Notice::What::recovered:
        tell([&](Observer& observer) { observer.on_recovered(masked(notice.endpoint->subscription)); });
        break;
    }
  }
}

void Engine::report(Hand& hand) {
  const Pool::Away away{pool_, hand.saw};
  tell_left(hand);
}

void Engine::tell_left(Hand& hand) {
  // No structured binding: clang++ before 16 cannot capture one.
  for (const auto& dropped : std::exchange(hand.dropped, {}))
    tell([&](Observer& observer) { observer.on_dropped(dropped.first, dropped.second); });
  for (const auto& record : std::exchange(hand.ended, {})) tell([&](Observer& observer) { observer.on_dead(record); });
  for (const auto& what : std::exchange(hand.errors, {})) tell_error(what);
}

}  // namespace flyhook::detail

#endif
