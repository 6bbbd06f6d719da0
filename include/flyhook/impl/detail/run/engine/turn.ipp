#ifndef FLYHOOK_IMPL_DETAIL_RUN_ENGINE_TURN_IPP
#define FLYHOOK_IMPL_DETAIL_RUN_ENGINE_TURN_IPP

#include <flyhook/detail/run/engine.hpp>

#include <algorithm>
#include <exception>
#include <utility>

// What a thread does: the turn, and within it guard, sign and send.

namespace flyhook::detail {

Worker::Turn Engine::turn(bool may_send) {
  const OnFlyhookThread here;
  Hand hand;
  bool did_something = false;
  for (;;) {
    hand.saw.seen = pool_.bell();
    // After a batch one delivery is sent before the role is taken again: `exchange` below comes between any two.
    if (wants_accept(clock_.elapsed()) && accept(hand)) did_something = true;
    const Next next = exchange(hand, may_send, true);
    if (next == Next::nothing) break;
    did_something = true;
    perform(hand, next);
  }
  hand.saw.did_something = did_something;
  return hand.saw;
}

void Engine::on_thread_error(const std::string& what) {
  tell_error(what);
}

Engine::Next Engine::exchange(Hand& hand, bool may_send, bool may_settle) {
  const auto now = clock_.elapsed();
  Next next = Next::nothing;
  bool wants_sender = false;
  {
    const std::lock_guard lock{mutex_};
    hand_in(hand, now);
    // Observers before anything else, and with nothing else in hand: how long they take is not ours to know. Outcomes the
    // watch leaves to the senders, or nobody would look; at a stop there is nothing to look for, and they may be gone.
    if (!hand.dropped.empty() || !hand.ended.empty() || !hand.errors.empty()) {
      next = Next::report;
    } else if (may_settle && (may_send || stopping_)) {
      next = take_notices(hand);
    }
    const bool sends_first = hand.just_settled && may_send && scheduler_.has_ready();
    if (next == Next::nothing && may_settle && !sends_first) next = take_role(hand, now);
    hand.just_settled = next != Next::nothing;
    if (next == Next::nothing && may_send) next = take_job(hand, now);
    look(hand, now);
    wants_sender = (scheduler_.has_ready() && !stopping_) || !notified_.empty();
    if (next == Next::nothing && waiters_ > 0) calm_.notify_all();
  }
  const bool is_leaving = next == Next::send || next == Next::notify || next == Next::report || !may_send;
  if (wants_sender && may_settle && is_leaving) pool_.want_sender();
  return next;
}

void Engine::hand_in(Hand& hand, Clock_ns now) {
  scheduler_.see(now);
  if (hand.judged) {
    deposit(std::move(*hand.judged), now);
    hand.judged.reset();
  }
  if (hand.resolved != nullptr) {
    if (Lane* lane = scheduler_.find(hand.resolved_lane)) scheduler_.answered(*lane, std::move(hand.resolved));
    hand.resolved.reset();
  }
  if (hand.role_step != Next::nothing) apply(hand, now);
  if (!hand.notices.empty()) {
    Lane* lane = scheduler_.find(hand.notify_lane);
    lane->notices -= hand.notices.size();
    hand.notices.clear();
    if (lane->notices == 0) {
      notices_.erase(lane->number);
    } else {
      notified_.push_back(lane->number);
    }
    scheduler_.update(*lane);
  }

  scheduler_.advance(now, late_);
}

Engine::Next Engine::take_role(Hand& hand, Clock_ns now) {
  if (settle_held_) return Next::nothing;
  const bool must_own = own_at_ && *own_at_ <= now && !stopping_;  // first, and whatever else fails: a lease does not wait
  if (!must_own && now < settle_backoff_.next) return Next::nothing;
  if (must_own) {
    own_at_.reset();
    hand.role_step = Next::own;
  } else if (!outcomes_.empty()) {
    hand.settling.swap(outcomes_);
    hand.role_step = Next::finish;
  } else if (!returns_.empty()) {
    hand.claims.swap(returns_);
    hand.role_step = Next::give_back;
  } else if (take_closing(hand)) {
    hand.role_step = Next::close;
  } else if (!disablings_.empty()) {
    hand.disabling = std::move(disablings_.back());
    disablings_.pop_back();
    hand.role_step = Next::disable;
  } else if (scheduler_.has_wants() && !stopping_) {
    hand.wants = scheduler_.wants(64);
    if (hand.wants.empty()) return Next::nothing;
    hand.role_step = Next::fetch;
  } else {
    return Next::nothing;
  }
  settle_held_ = true;
  return hand.role_step;
}

bool Engine::take_closing(Hand& hand) {
  while (!closings_.empty()) {
    hand.closing = std::move(closings_.back());
    closings_.pop_back();
    // Enabled again before the store could be told: what waits now is to be sent.
    const Lane* lane = scheduler_.find(hand.closing.lane);
    if (lane == nullptr || lane->endpoint == nullptr || !lane->endpoint->subscription.enabled) return true;
  }
  return false;
}

Engine::Next Engine::take_notices(Hand& hand) {
  if (notified_.empty()) return Next::nothing;
  hand.notify_lane = notified_.front();
  notified_.pop_front();
  hand.notices.swap(notices_.find(hand.notify_lane)->second);
  return Next::notify;
}

Engine::Next Engine::take_job(Hand& hand, Clock_ns now) {
  if (stopping_) return Next::nothing;
  while (Lane* lane = scheduler_.next()) {
    scheduler_.aim(*lane);
    const auto& url = lane->endpoint->url;
    if (lane->resolved == nullptr && (url.is_literal || url.host.empty()))
      lane->resolved = guard_.judge_literal(url, lane->endpoint->allow_list());
    const bool is_late = lane->late_failures > 0;
    if (is_late) --lane->late_failures;
    if (!is_late && (lane->resolved == nullptr || now >= lane->resolved->expires_at)) {
      scheduler_.resolve(*lane, now + std::chrono::nanoseconds{options_.connect_timeout});
      hand.resolve_lane = lane->number;
      hand.resolve_for = lane->endpoint;
      return Next::resolve;
    }
    hand.job.resolved = lane->resolved;
    hand.job.claim = {0, lane->number, lane->epoch};
    hand.job.endpoint = lane->endpoint;
    if (!is_late && now >= lane->resolved->refresh_at) hand.resolve_for = lane->endpoint;
    auto [claimed, is_probe] = scheduler_.start(*lane);
    hand.job.claim.sequence = claimed.sequence;
    hand.job.message = std::move(claimed.message);
    hand.job.bodies = std::move(claimed.bodies);
    hand.job.attempts = claimed.attempts;
    hand.job.progress = claimed.progress;
    hand.job.random = attempt_hash(jitter_seed_, claimed.sequence, claimed.attempts);
    hand.job.trigger = is_test(*hand.job.message) ? AttemptTrigger::test
                       : is_probe                 ? AttemptTrigger::probe
                                                  : claimed.trigger();
    return Next::send;
  }
  return Next::nothing;
}

void Engine::look(Hand& hand, Clock_ns now) {
  const bool can_settle =
      !settle_held_ && (!outcomes_.empty() || !returns_.empty() || !closings_.empty() || !disablings_.empty());
  const bool can_own = !settle_held_ && !stopping_ && own_at_ && *own_at_ <= now;
  hand.saw.work_left = can_settle || can_own || !notified_.empty() || scheduler_.has_ready() || scheduler_.has_wants() ||
                       ((intake_.has_work() || accept_left_.load()) && now.count() >= accept_not_before_.load());
  auto& timer = hand.saw.timer;
  timer = scheduler_.next_due();
  const auto at = [&](Clock_ns when) {
    if (when > now && (!timer || when < *timer)) timer = when;
  };
  if (own_at_) at(*own_at_);
  if (can_settle || scheduler_.has_wants()) at(settle_backoff_.next);
  if (accept_left_.load()) at(Clock_ns{accept_not_before_.load()});
}

void Engine::perform(Hand& hand, Next next) {
  switch (next) {
    case Next::nothing: return;
    case Next::send: return send(hand);
    case Next::resolve: return resolve(hand);
    case Next::report: return report(hand);
    case Next::notify: return notify(hand);
    case Next::finish:
    case Next::fetch:
    case Next::give_back:
    case Next::close:
    case Next::disable:
    case Next::own: return call_store(hand, next);
  }
}

// Guard -----------------------------------------------------------------------------------------------------------------

void Engine::resolve(Hand& hand) {
  const auto lane = hand.resolve_lane;
  hand.resolved_lane = lane;
  const auto endpoint = std::exchange(hand.resolve_for, {});
  hand.resolved = guard_.find(endpoint->url, endpoint->allow_list(),
                              [this, lane](std::shared_ptr<const Resolved> answer) { resolved(lane, std::move(answer)); });
}

void Engine::resolved(std::uint64_t number, std::shared_ptr<const Resolved> answer) {
  {
    const std::lock_guard lock{mutex_};
    // An answer after the lane stopped waiting is still a fresh one.
    if (Lane* lane = scheduler_.find(number)) scheduler_.answered(*lane, std::move(answer));
  }
  pool_.ring();
}

/// What an event with a recipient of its own comes to where the recipient is no more what it was.
std::optional<Settling> Engine::instead_of_sending_directly(Job& job) {
  if (!is_direct(job.claim.lane)) return std::nullopt;
  if (is_test(*job.message)) {
    const auto tested = subscriptions_.find(job.message->recipient->tested);
    if (tested == nullptr) return give_up(std::move(job), DeliveryStatus::cancelled, "unsubscribed");
    // Changed meanwhile: the store is to hand it out again.
    if (tested->version != job.endpoint->version) return give_up(std::move(job), DeliveryStatus::pending, {});
  }
  if (!job.endpoint->url.host.empty()) return std::nullopt;
  return give_up(std::move(job), DeliveryStatus::dead, "its target cannot be called any more");
}

// Send ------------------------------------------------------------------------------------------------------------------

void Engine::send(Hand& hand) {
  Job job = std::exchange(hand.job, {});
  if (hand.resolve_for != nullptr) {  // in use and no longer new: look it up again, and go on with what there is
    const auto endpoint = std::exchange(hand.resolve_for, {});
    auto newer = guard_.find(endpoint->url, endpoint->allow_list(),
                             [this, lane = job.claim.lane](auto answer) { resolved(lane, std::move(answer)); });
    if (newer != nullptr && newer != job.resolved) {
      job.resolved = newer;
      hand.resolved_lane = job.claim.lane;
      hand.resolved = std::move(newer);
    }
  }

  const auto began = clock_.now();
  const auto began_elapsed = clock_.elapsed();
  if ((hand.judged = instead_of_sending(job, began))) return;
  if ((hand.judged = instead_of_sending_directly(job))) return;
  if (job.resolved->addresses.empty()) {
    HttpResponse response;
    response.error = job.resolved->error;
    hand.judged = conclude(std::move(job), std::move(response), began, Clock_ns{0}, began);
    return;
  }
  HttpRequest request;
  try {
    request = make_request(job, encoded(job, options_), options_, began, began_elapsed);
  } catch (const std::exception& error) {
    hand.judged = give_up(std::move(job), DeliveryStatus::dead, error.what());
    return;
  }

  const auto exchange = std::make_shared<Exchange>();
  exchange->engine = shared_from_this();
  exchange->job = std::move(job);
  exchange->began = began;
  exchange->began_elapsed = began_elapsed;
  exchange->sender = std::this_thread::get_id();
  exchange->is_sending = true;
  const auto deliver = [&] {
    try {
      transport_.send(std::move(request), [exchange](HttpResponse response) {
        if (exchange->is_done.exchange(true)) return;  // exactly once, whatever the transport does
        const auto engine = std::move(exchange->engine);
        engine->answered(exchange, std::move(response));
      });
    } catch (const std::exception& error) {
      counters_.callback_errors.fetch_add(1, std::memory_order_relaxed);
      if (exchange->is_done.exchange(true)) return;
      exchange->is_answered = true;
      exchange->response.error = std::string{"protocol: the transport threw: "} + error.what();
    } catch (...) {
      counters_.callback_errors.fetch_add(1, std::memory_order_relaxed);
      if (exchange->is_done.exchange(true)) return;
      exchange->is_answered = true;
      exchange->response.error = "protocol: the transport threw what is no std::exception";
    }
  };
  if (traits_.blocking) {
    const Pool::Away away{pool_, hand.saw};
    deliver();
  } else {
    deliver();
  }
  exchange->is_sending = false;
  if (!exchange->is_answered) return;  // under way: its answer comes on another thread, or later on this one
  exchange->engine.reset();
  hand.judged = conclude(std::move(exchange->job), std::move(exchange->response), began, exchange->took, clock_.now());
}

void Engine::answered(const std::shared_ptr<Exchange>& exchange, HttpResponse response) {
  const auto took = clock_.elapsed() - exchange->began_elapsed;
  if (exchange->sender == std::this_thread::get_id() && exchange->is_sending) {
    exchange->response = std::move(response);
    exchange->took = took;
    exchange->is_answered = true;  // `send` goes on with it
    return;
  }
  Hand hand;
  hand.judged = conclude(std::move(exchange->job), std::move(response), exchange->began, took, clock_.now());
  send_on(hand);
}

void Engine::send_on(Hand& hand) {
  const OnFlyhookThread here;
  if (!sends_in_done_ || here.is_nested()) {  // noted only; nested: a loop below on this stack goes on
    const auto now = clock_.elapsed();
    const std::lock_guard lock{mutex_};
    hand_in(hand, now);
    if (waiters_ > 0) calm_.notify_all();
  } else {
    for (;;) {
      const Next next = exchange(hand, true, false);
      if (next == Next::nothing) break;
      perform(hand, next);
    }
  }
  pool_.ring();
}

}  // namespace flyhook::detail

#endif
