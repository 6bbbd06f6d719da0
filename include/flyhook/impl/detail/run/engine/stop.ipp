#ifndef FLYHOOK_IMPL_DETAIL_RUN_ENGINE_STOP_IPP
#define FLYHOOK_IMPL_DETAIL_RUN_ENGINE_STOP_IPP

#include <flyhook/detail/run/engine.hpp>

#include <algorithm>
#include <set>

// Waiting until there is nothing to do, and the end: what was not delivered is reported, or stays in a durable store.

namespace flyhook::detail {

// Wait ------------------------------------------------------------------------------------------------------------------

bool Engine::is_quiet(Clock_ns now) const {
  return !intake_.has_work() && !intake_.is_held() && !accept_left_.load() && !settle_held_ && outcomes_.empty() &&
         returns_.empty() && closings_.empty() && disablings_.empty() && scheduler_.in_flight() == 0 &&
         !scheduler_.has_ready() && !scheduler_.has_wants() && !scheduler_.is_resolving() && notices_.empty() &&
         !(own_at_ && *own_at_ <= now) && !(scheduler_.next_due() && *scheduler_.next_due() <= now);
}

bool Engine::is_still() const {
  return scheduler_.in_flight() == 0 && !intake_.is_held() && !settle_held_ && outcomes_.empty() && notices_.empty();
}

bool Engine::has_no_threads() const {
  return options_.threads == 0;
}

bool Engine::is_store_empty() {
  try {
    return store_.pending() == 0;
  } catch (...) {  // not known to be
    counters_.store_errors.fetch_add(1, std::memory_order_relaxed);
    return false;
  }
}

bool Engine::wait_quiet(Real::time_point deadline, bool until_empty) {
  const auto alive = shared_from_this();  // without threads, an observer that runs here may destroy the last publisher
  const bool runs_here = has_no_threads();
  for (;;) {
    const bool did_something = runs_here && turn(true).did_something;
    std::optional<Clock_ns> timer;
    bool quiet = false;
    {
      std::unique_lock lock{mutex_};
      const auto now = clock_.elapsed();
      quiet = is_quiet(now);
      timer = scheduler_.next_due();
      if (!quiet && !did_something) {
        if (stopping_ || Real::now() >= deadline) return false;
        // On this thread only somebody else's clock or transport could bring anything about.
        if (runs_here && clock_.is_manual()) return false;
        ++waiters_;
        // Without threads a timer of ours has to be looked at again; otherwise whoever finds nothing to do wakes us.
        const auto next_look = runs_here ? std::min(deadline, Real::now() + std::chrono::milliseconds{5}) : deadline;
        calm_.wait_until(lock, next_look);
        --waiters_;
        continue;
      }
    }
    if (!quiet) {
      if (Real::now() >= deadline) return false;
      continue;
    }
    if (!until_empty) return true;
    if (is_store_empty()) return true;
    // What is left waits for a time: is it one that this call will see?
    const auto left = deadline - Real::now();
    std::unique_lock lock{mutex_};
    if (!is_quiet(clock_.elapsed())) continue;
    if (stopping_ || !timer || *timer - clock_.elapsed() > left || (runs_here && clock_.is_manual())) return false;
    ++waiters_;
    calm_.wait_until(lock, std::min(deadline, Real::now() + (*timer - clock_.elapsed())));
    --waiters_;
  }
}

void Engine::wait_still(Real::time_point deadline) {
  for (;;) {
    if (has_no_threads()) turn(true);
    std::unique_lock lock{mutex_};
    if (is_still() || Real::now() >= deadline) return;
    ++waiters_;
    calm_.wait_until(lock, std::min(deadline, Real::now() + std::chrono::milliseconds{5}));
    --waiters_;
  }
}

bool Engine::settle(std::chrono::milliseconds real_limit) {
  return wait_quiet(Real::now() + real_limit, false);
}

bool Engine::drain(std::chrono::milliseconds timeout) {
  return wait_quiet(Real::now() + timeout, true);
}

// Stop ------------------------------------------------------------------------------------------------------------------

void Engine::stop(std::chrono::milliseconds timeout) {
  const auto alive = shared_from_this();
  intake_.close();
  {
    std::unique_lock lock{mutex_};
    if (stop_called_) {
      if (on_flyhook_thread()) return;
      ++waiters_;
      calm_.wait(lock, [&] { return stopped_; });
      --waiters_;
      return;
    }
    stop_called_ = true;
  }
  // On a thread of ours nothing can be waited for: the threads end by themselves, and the last one out reports what is
  // left.
  const bool may_wait = !on_flyhook_thread();
  if (may_wait) drain(timeout);
  {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
    calm_.notify_all();  // what is left will not come about any more
  }
  transport_.cancel_all();
  guard_.abandon();
  if (may_wait) wait_still(Real::now() + std::chrono::milliseconds{500});
  pool_.stop();
  if (may_wait) finish_stop();
}

void Engine::finish_stop() noexcept {
  try {
    report_pending();
    store_.release(owner_);
  } catch (...) {
    tell([&](Observer& observer) { observer.on_error("the store's slots could not be released: " + thrown_text()); });
  }
  const std::lock_guard lock{mutex_};
  stopped_ = true;
  calm_.notify_all();
}

void Engine::report_pending() {
  if (store_.traits().durable) return;  // it is still there at the next start
  std::size_t count = 0;
  const auto until = Real::now() + std::chrono::milliseconds{250};
  std::size_t silent = 0;
  const auto report = [&](const EventId& id, const char* reason = "shutdown") {
    ++count;
    if (Real::now() >= until) {
      ++silent;
    } else {
      tell([&](Observer& observer) { observer.on_dropped(id, reason); });
    }
  };
  std::set<EventId> perhaps_stored;  // the store's last answer was `unknown`: its rows say what became of them
  std::size_t left = 0, left_bytes = 0;
  const auto leaves = [&](const EventId& id, std::size_t bytes) {
    ++left;
    left_bytes += bytes;
    report(id);
  };
  for (const auto& planned : accepting_.planned) {
    ++left;
    left_bytes += planned.bytes;
    if (planned.is_repeat) {
      perhaps_stored.insert(planned.message->id);
    } else {
      report(planned.message->id);
    }
  }
  accepting_.planned.clear();
  while (const auto event = accepting_.rest.pop()) leaves(event->id(), event->bytes);
  auto taken = intake_.take(static_cast<std::size_t>(-1));
  count += taken.dropped_more;
  silent += taken.dropped_more;
  while (const auto event = taken.dropped.pop()) report(event->id(), "overflow");
  while (const auto event = taken.events.pop()) leaves(event->id(), event->bytes);
  intake_.settled(left, left_bytes);  // Stats::queued says what is there, after a stop too
  accept_left_.store(false);
  try {
    DeliveryQuery query;
    query.status = DeliveryStatus::pending;
    query.limit = 1000;
    EventId last;  // deliveries of one event stand together
    for (std::size_t pending = store_.pending(); pending > 0;) {
      const auto page = store_.history().deliveries(query);
      if (page.empty()) break;
      query.cursor = page.back().id.value;
      pending -= std::min(pending, page.size());
      for (const auto& delivery : page)
        if (delivery.event_id != last) {
          last = delivery.event_id;
          perhaps_stored.erase(last);
          report(last);
        }
    }
    DeliveryQuery any;
    any.limit = 1;
    while (!perhaps_stored.empty()) {
      any.event_id = *perhaps_stored.begin();
      const bool has_ended = !store_.history().deliveries(any).empty();
      perhaps_stored.erase(perhaps_stored.begin());
      if (!has_ended) report(*any.event_id);
    }
  } catch (...) {
    tell_error("the store could not list what is pending: " + thrown_text());
  }
  for (const auto& id : perhaps_stored) report(id);
  counters_.dropped.fetch_add(count, std::memory_order_relaxed);
  if (silent > 0) tell_error(std::to_string(silent) + " more events were dropped");
}

}  // namespace flyhook::detail

#endif
