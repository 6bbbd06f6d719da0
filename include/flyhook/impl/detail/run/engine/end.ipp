#ifndef FLYHOOK_IMPL_DETAIL_RUN_ENGINE_END_IPP
#define FLYHOOK_IMPL_DETAIL_RUN_ENGINE_END_IPP

#include <flyhook/detail/run/engine.hpp>

#include <algorithm>
#include <exception>
#include <thread>
#include <utility>

// What ends otherwise than by its schedule, and what begins again: endpoints that are disabled or unsubscribed, events that
// are cancelled or erased, deliveries that are replayed.

namespace flyhook::detail {

/// Of deliveries that end together so many are told to the observer one by one.
inline constexpr std::size_t most_told = 1'000;

FLYHOOK_DECL CloseRequest ending_of(std::uint64_t lane, DeliveryStatus status, std::string reason);
FLYHOOK_DECL CloseRequest cancelling_of(const EventId& event);
FLYHOOK_DECL std::string disabled_reason(const Subscription& subscription);
FLYHOOK_DECL std::string hours_text(std::chrono::nanoseconds duration);

// Endpoints -------------------------------------------------------------------------------------------------------------

void Engine::close_if_ended(Lane& lane) {
  if (lane.endpoint == nullptr) {
    closings_.push_back(ending_of(lane.number, DeliveryStatus::cancelled, "unsubscribed"));
  } else if (!lane.endpoint->subscription.enabled) {
    closings_.push_back(ending_of(lane.number, DeliveryStatus::dead, disabled_reason(lane.endpoint->subscription)));
  }
}

CloseRequest ending_of(std::uint64_t lane, DeliveryStatus status, std::string reason) {
  CloseRequest request;
  request.lane = lane;
  request.status = status;
  request.reason = std::move(reason);
  request.list = status == DeliveryStatus::dead;
  if (request.list) request.limit = most_told;
  return request;
}

CloseRequest cancelling_of(const EventId& event) {
  CloseRequest request;
  request.event = event;
  request.reason = "cancelled";
  return request;
}

std::string disabled_reason(const Subscription& subscription) {
  return subscription.disabled_reason.empty() ? "disabled" : "disabled: " + subscription.disabled_reason;
}

/// What an attempt says of the endpoint in the long run.
void Engine::weigh(Lane& lane, const Settling& settling, Clock_ns now) {
  const auto& endpoint = settling.endpoint;
  if (is_direct(lane.number)) return;  // there is nothing to disable
  if (settling.is_of_another || lane.endpoint == nullptr || lane.endpoint->subscription.url != endpoint->subscription.url)
    return;  // it was changed while the store failed, at the latest
  if (settling.bearing.is_gone) return disable(lane, endpoint, "answered 410");
  const bool is_success = settling.outcome.status == DeliveryStatus::delivered;
  // Another delivery has arrived, and that is yet to be recorded: it ends the row of failures.
  if (!is_success && lane.successes > 0) return;
  switch (is_success ? lane.health.succeeded()
                     : lane.health.failed(now, settling.outcome.claim.sequence, options_.disable_after)) {
    case HealthChange::none: break;
    case HealthChange::recovered: notice(lane, {Notice::What::recovered, {}, lane.endpoint, {}}); break;
    case HealthChange::failing:
      notice(lane, {Notice::What::failing,
                    {},
                    lane.endpoint,
                    "no delivery has succeeded for " + hours_text(now - lane.health.failing_since())});
      break;
    case HealthChange::disabled:
      disable(lane, endpoint, "no delivery succeeded for " + hours_text(now - lane.health.failing_since()));
      break;
  }
}

void Engine::disable(Lane& lane, const EndpointPtr& endpoint, std::string reason) {
  const auto is_same = [&](const Disabling& each) { return each.endpoint->lane == lane.number; };
  if (std::any_of(disablings_.begin(), disablings_.end(), is_same)) return;
  if (!lane.endpoint->subscription.enabled) {
    lane.is_ending = false;
    return;
  }
  lane.is_ending = true;
  give_back_window(lane);
  disablings_.push_back({endpoint, std::move(reason)});
}

/// The oldest of lanes that were full. They are told with their lanes' other outcomes, where the lane is a subscription's.
void Engine::overflowed(Accepting& work, std::vector<DeliveryRecord> records) {
  std::vector<EndpointPtr> endpoints;
  endpoints.reserve(records.size());
  for (const auto& record : records) endpoints.push_back(subscriptions_.find(record.subscription_id));
  const std::lock_guard lock{mutex_};
  dead_ += records.size();
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (endpoints[i] == nullptr) {
      work.ended.push_back(std::move(records[i]));
      continue;
    }
    Lane& lane = scheduler_.lane_of(endpoints[i]);
    if (lane.is_ordered) lane.more = true;
    notice(lane, {Notice::What::ended, std::move(records[i]), {}, {}});
    scheduler_.update(lane);
  }
}

std::string hours_text(std::chrono::nanoseconds duration) {
  return std::to_string(std::chrono::duration_cast<std::chrono::hours>(duration).count()) + " h";
}

void Engine::apply_disabled(Hand& hand) {
  auto disabling = std::exchange(hand.disabling, {});
  if (hand.failed) {
    disablings_.push_back(std::move(disabling));
    return;
  }
  const auto endpoint = std::exchange(hand.disabled, nullptr);
  Lane* known = scheduler_.find(disabling.endpoint->lane);
  if (known != nullptr) known->is_ending = false;
  if (endpoint == nullptr) {  // unsubscribed or changed meanwhile
    if (known != nullptr) scheduler_.update(*known);
    return;
  }
  Lane& lane = scheduler_.lane_of(endpoint);
  scheduler_.note_change(lane);
  give_back_window(lane);
  close_if_ended(lane);
  notice(lane, {Notice::What::disabled, {}, endpoint, endpoint->subscription.disabled_reason});
  scheduler_.update(lane);
}

void Engine::apply_closed(Hand& hand) {
  if (!hand.failed) {
    if (auto rest = count_closed(hand.closing, hand.closed); !rest.empty()) hand.errors.push_back(std::move(rest));
    if (!hand.closed.more) return;
  }
  if (!hand.failed) {  // the rest is counted, not told
    hand.closing.list = false;
    hand.closing.limit = CloseRequest{}.limit;
  }
  closings_.push_back(std::move(hand.closing));
}

/// What cannot be told one by one, as a sentence; empty: everything could.
std::string Engine::count_closed(const CloseRequest& request, Closed& closed) {
  if (request.status == DeliveryStatus::cancelled) {
    counters_.cancelled.fetch_add(closed.count, std::memory_order_relaxed);
  } else {
    dead_ += closed.count;
  }
  for (const auto number : closed.lanes)
    if (Lane* lane = scheduler_.find(number); lane != nullptr && lane->is_ordered) {
      lane->more = true;
      scheduler_.update(*lane);
    }
  // What is listed is of one lane. It may be unsubscribed by now, and its outcomes are told all the same.
  std::size_t told = 0;
  if (Lane* lane = scheduler_.find(request.lane); lane != nullptr && options_.observer != nullptr) {
    told = closed.records.size();
    for (auto& record : closed.records) notice(*lane, {Notice::What::ended, std::move(record), {}, {}});
    scheduler_.update(*lane);
  }
  closed.records.clear();
  if (request.status == DeliveryStatus::cancelled || closed.count <= told) return {};
  return std::to_string(closed.count - told) + " more deliveries of one subscription are dead: " + request.reason;
}

void Engine::end_lane(const EndpointPtr& endpoint, DeliveryStatus status, const std::string& reason) {
  auto request = ending_of(endpoint->lane, status, reason);
  std::vector<Claim> claims;
  {
    const std::lock_guard lock{mutex_};
    if (Lane* lane = scheduler_.find(endpoint->lane)) claims = scheduler_.withdraw(*lane);
  }
  close_now(std::move(claims), std::move(request));
}

Engine::Ended Engine::close_now(std::vector<Claim> claims, CloseRequest request) {
  Ended ended;
  std::string failure;
  try {
    if (!claims.empty()) store_.give_back(claims);
    claims.clear();
    for (Closed closed{0, true, {}, {}}; closed.more;) {
      closed = store_.close(request);
      ended.count += closed.count;
      std::string rest;
      {
        const std::lock_guard lock{mutex_};
        rest = count_closed(request, closed);
      }
      if (!rest.empty()) tell_error(rest);
      request.list = false;  // the rest is counted, not told
      request.limit = CloseRequest{}.limit;
    }
  } catch (...) {
    failure = thrown_text();
  }
  {
    const std::lock_guard lock{mutex_};
    if (!failure.empty()) {  // the settle role goes on with it
      returns_.insert(returns_.end(), claims.begin(), claims.end());
      closings_.push_back(std::move(request));
    }
    if (waiters_ > 0) calm_.notify_all();
  }
  if (!failure.empty()) counters_.store_errors.fetch_add(1, std::memory_order_relaxed);
  pool_.ring();
  ended.is_complete = failure.empty();
  return ended;
}

// Deliveries ------------------------------------------------------------------------------------------------------------

std::size_t Engine::cancel(const EventId& event) {
  return cancel_event(event).count;
}

Engine::Ended Engine::cancel_event(const EventId& event) {
  take_in();
  std::vector<std::uint64_t> lanes;
  {
    const std::lock_guard lock{mutex_};
    cancelling_.push_back({event});  // what is fetched, or ends, from now on is known to be of it
    scheduler_.each([&](const Lane& lane) { lanes.push_back(lane.number); });
    for (auto& settling : outcomes_)
      if (settling.message->id == event) cancel_retry(settling);
  }
  std::vector<Claim> claims;
  constexpr std::size_t at_a_time = 64;  // there may be many thousands, and senders need the lock
  for (std::size_t first = 0; first < lanes.size(); first += at_a_time) {
    const std::lock_guard lock{mutex_};
    for (auto i = first; i < std::min(first + at_a_time, lanes.size()); ++i)
      if (Lane* lane = scheduler_.find(lanes[i])) scheduler_.cancel(*lane, event, claims);
  }
  const auto ended = close_now(std::move(claims), cancelling_of(event));
  const std::lock_guard lock{mutex_};
  const auto own = std::find_if(cancelling_.begin(), cancelling_.end(),
                                [&](const Cancelling& each) { return each.event == event && !each.is_done; });
  own->is_done = true;
  if (!settle_held_) cancelling_.erase(own);
  return ended;
}

bool Engine::is_cancelling(const EventId& event) const {
  return std::any_of(cancelling_.begin(), cancelling_.end(), [&](const Cancelling& each) { return each.event == event; });
}

/// Lets the intake's events into the store, on this thread if need be.
void Engine::take_in() {
  const auto until = Real::now() + std::chrono::milliseconds{100};
  Hand hand;
  {
    const OnFlyhookThread here;
    while ((wants_accept(clock_.elapsed()) || intake_.is_held()) && Real::now() < until)
      if (!accept(hand)) std::this_thread::yield();
  }
  tell_left(hand);
}

/// Asks the delivery log for a change. Where it fails, nobody knows whether the change was made: every lane looks.
template <class Call>
auto Engine::change_history(Call call) {
  try {
    return ask_store(call);
  } catch (...) {
    std::vector<std::uint64_t> all;
    for (const auto& [lane, endpoint] : subscriptions_.by_lane()) all.push_back(lane);
    {
      const std::lock_guard lock{mutex_};
      scheduler_.each([&](const Lane& lane) {
        if (is_direct(lane.number)) all.push_back(lane.number);
      });
    }
    more_in(all);
    throw;
  }
}

bool Engine::replay(const DeliveryId& delivery) {
  const auto sequence = delivery_sequence(delivery.value);
  if (!sequence) return false;
  const auto reopened = change_history([&] { return store_.history().reopen(*sequence); });
  // Not final: perhaps a call before this one failed after it was done, and the lane was never told.
  if (reopened.status == ReopenStatus::done || reopened.status == ReopenStatus::not_final) more_in({&reopened.lane, 1});
  return reopened.status == ReopenStatus::done;
}

std::size_t Engine::recover(const SubscriptionId& id, const RecoverOptions& options) {
  const auto endpoint = subscriptions_.find(id);
  if (endpoint == nullptr) throw Error{ErrorCode::not_found, "id", "no subscription \"" + id.value.substr(0, 200) + "\""};
  if (!endpoint->subscription.enabled && !options.dry_run)
    throw Error{ErrorCode::conflict, "id", "\"" + id.value + "\" is disabled; enable it first"};
  if (options.until && *options.until <= options.since) throw Error{ErrorCode::invalid, "until", "is not after since"};
  const auto stop = [&](std::size_t count, const char* why) {
    more_in({&endpoint->lane, 1});
    throw Error{ErrorCode::queue_full, "store", std::string{why} + "; " + std::to_string(count) + " were recovered"};
  };

  std::size_t count = 0;
  auto& history = store_.history();
  RecoverQuery dead{endpoint->lane, options.since, options.until, options.dry_run};
  for (bool more = true; more;) {
    const auto recovered = change_history([&] { return history.recover(dead); });
    count += recovered.count;
    if (recovered.full) stop(count, "has no room for more pending deliveries");
    dead.after = recovered.after;
    more = recovered.more;
  }
  MissedQuery query{endpoint->lane, endpoint->subscription.tenant, options.since, options.until};
  for (bool more = options.include_missed; more;) {
    const auto missed = ask_store([&] { return history.missed(query); });
    for (const auto& event : missed.events) {
      if (!endpoint->wants(*event.message)) continue;
      NewDelivery delivery;
      delivery.lane = endpoint->lane;
      delivery.order = order_of(*endpoint, *event.message);
      if (!options.dry_run && !change_history([&] { return history.add(event.position, delivery); })) continue;
      ++count;
    }
    query.after = missed.after;
    more = missed.more;
  }
  if (!options.dry_run) more_in({&endpoint->lane, 1});
  return count;
}

bool Engine::erase(const EventId& event) {
  const auto cancelled = cancel_event(event);
  forget_unmatched(event);
  const bool is_known = change_history([&] { return store_.history().erase(event); });
  if (cancelled.is_complete) return is_known;
  {
    // What it ended and `cancel` could not may have held back others.
    const std::lock_guard lock{mutex_};
    scheduler_.each([&](Lane& lane) {
      if (!lane.is_ordered) return;
      lane.more = true;
      scheduler_.update(lane);
    });
  }
  pool_.ring();
  return is_known;
}

/// The store has more for these lanes than they know.
void Engine::more_in(std::span<const std::uint64_t> lanes) {
  const auto look = [&](Lane& lane) {
    lane.more = true;
    close_if_ended(lane);
    scheduler_.update(lane);
  };
  std::vector<std::uint64_t> unknown;
  {
    const std::lock_guard lock{mutex_};
    for (const auto number : lanes) {
      Lane* const lane = scheduler_.find(number);
      if (lane == nullptr) {
        unknown.push_back(number);
      } else {
        look(*lane);
      }
    }
  }
  if (!unknown.empty()) {
    const auto endpoints = subscriptions_.by_lane();
    const std::lock_guard lock{mutex_};
    for (const auto number : unknown)
      if (const auto endpoint = lane_endpoint(number, endpoints)) look(scheduler_.lane_of(endpoint));
  }
  pool_.ring();
}

}  // namespace flyhook::detail

#endif
