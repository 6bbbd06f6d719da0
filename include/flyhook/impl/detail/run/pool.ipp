#ifndef FLYHOOK_IMPL_DETAIL_RUN_POOL_IPP
#define FLYHOOK_IMPL_DETAIL_RUN_POOL_IPP

#include <flyhook/detail/run/pool.hpp>

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <exception>
#include <utility>

namespace flyhook::detail {

// An idle sender goes after this long, the last one stays. Real time, whatever the clock.
inline constexpr std::chrono::seconds idle_limit{10};
// How often the watch looks while there is work and every thread is in a blocking call. Real time.
inline constexpr std::chrono::milliseconds watch_interval{5};
// So often it goes on looking when there is none left.
inline constexpr int grace_naps = 4;

FLYHOOK_DECL std::atomic<unsigned>& fork_counter() noexcept;

std::atomic<unsigned>& fork_counter() noexcept {
  static std::atomic<unsigned> counter{0};
  return counter;
}

unsigned fork_generation() noexcept {
  static const bool registered =
      pthread_atfork(nullptr, nullptr, [] { fork_counter().fetch_add(1, std::memory_order_relaxed); }) == 0;
  static_cast<void>(registered);
  return fork_counter().load(std::memory_order_relaxed);
}

bool& on_flyhook_thread() noexcept {
  thread_local bool is_one = false;
  return is_one;
}

Pool::Pool(std::size_t threads, std::shared_ptr<Clock> clock) : most_senders_(threads), clock_(std::move(clock)) {}

void Pool::start(std::shared_ptr<Worker> worker) {
  worker_ = std::move(worker);
  if (most_senders_ > 0) add_thread(true);
}

void Pool::add_thread(bool is_sender) {
  std::string failure;
  {
    const std::lock_guard lock{mutex_};
    if (stopping_ || worker_ == nullptr) return;
    if (is_sender ? senders_.load() >= most_senders_ : has_watch_.load()) return;
    for (const auto id : ended_) {
      const auto ended = std::find_if(threads_.begin(), threads_.end(), [&](const auto& at) { return at.get_id() == id; });
      ended->join();  // it has left its last lock: this does not wait for anything that waits for us
      threads_.erase(ended);
    }
    ended_.clear();

    // Counted before it runs: who looks for an awake thread meanwhile finds it.
    awake_.fetch_add(1);
    if (is_sender) senders_.fetch_add(1);
    if (!is_sender) has_watch_ = true;
    // The application's signals are not ours to take: the new thread inherits a full mask.
    sigset_t all{}, before{};
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    try {
      threads_.emplace_back([this, worker = worker_, is_sender] { run(worker, is_sender); });
    } catch (const std::exception& error) {
      failure = error.what();
      awake_.fetch_sub(1);
      if (is_sender) senders_.fetch_sub(1);
      if (!is_sender) has_watch_ = false;
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }
  if (!failure.empty()) worker_->on_thread_error("a pool thread could not be made, going on without it: " + failure);
}

void Pool::run(const std::shared_ptr<Worker>& worker, bool is_sender) {
  on_flyhook_thread() = true;
  int naps_left = 0;
  for (;;) {
    auto turn = worker->turn(is_sender);
    if (turn.did_something) {
      naps_left = grace_naps;
      continue;
    }
    // With every sender busy nothing that comes in can leave at once: publishers need not pay for waking the watch.
    const bool is_saturated = senders_.load() >= most_senders_ && idle_senders_.load() == 0;
    if (!is_sender && is_saturated && naps_left > 0) {
      turn.work_left = true;
      --naps_left;
    }
    if (!sleep(turn, is_sender)) return;
  }
}

bool Pool::sleep(const Worker::Turn& saw, bool is_sender) {
  Lock lock{mutex_};
  awake_.fetch_sub(1);
  const auto leave = [&] {
    if (is_sender) senders_.fetch_sub(1);
    ended_.push_back(std::this_thread::get_id());
    return false;
  };
  if (stopping_) return leave();
  const bool naps = !is_sender && saw.work_left;
  // Said before the bell is looked at: who rings looks at these after ringing.
  if (is_sender) idle_senders_.fetch_add(1);
  if (!is_sender && !naps) watch_sleeps_.store(true);
  const auto get_up = [&] {
    awake_.fetch_add(1);
    if (is_sender) idle_senders_.fetch_sub(1);
    if (!is_sender) watch_sleeps_.store(false);
  };
  if (!naps && bell_.load() != saw.seen) {  // a nap ends soon; looking again at once would be spinning under load
    get_up();
    return true;
  }

  Sleeper self;
  self.is_sender = is_sender;
  self.naps = naps;
  sleepers_.push_back(&self);
  arm(saw.timer);
  const auto bed_time = std::chrono::steady_clock::now();
  bool is_over = false;

  while (!self.is_called && !is_over) {
    if (naps) {
      is_over = self.condition.wait_until(lock, bed_time + watch_interval) == std::cv_status::timeout;
    } else if (timer_sleeper_ == nullptr || timer_sleeper_ == &self) {
      timer_sleeper_ = &self;
      if (timer_) {
        clock_->wait_until(lock, self.condition, *timer_);
        is_over = timer_ && clock_->elapsed() >= *timer_;
        if (is_over) disarm();  // this thread looks now, and sets the next one
      } else {
        self.condition.wait(lock);
      }
    } else if (is_sender && senders_.load() > 1) {
      if (self.condition.wait_until(lock, bed_time + idle_limit) == std::cv_status::timeout && !self.is_called &&
          senders_.load() > 1) {
        sleepers_.erase(std::find(sleepers_.begin(), sleepers_.end(), &self));
        idle_senders_.fetch_sub(1);
        return leave();
      }
    } else {
      self.condition.wait(lock);
    }
  }

  if (!self.is_called) {  // nobody took it off the list and counted it as awake
    sleepers_.erase(std::find(sleepers_.begin(), sleepers_.end(), &self));
    get_up();
  }
  if (timer_sleeper_ == &self) {
    timer_sleeper_ = nullptr;
    if (timer_) find_timer_sleeper();  // somebody else has to wait for it while this thread works
  }
  return true;
}

void Pool::find_timer_sleeper() {
  const auto other = std::find_if(sleepers_.begin(), sleepers_.end(), [](const Sleeper* at) { return !at->naps; });
  if (other != sleepers_.end()) (*other)->condition.notify_one();
}

void Pool::arm(std::optional<std::chrono::nanoseconds> timer) {
  if (!timer || (timer_ && *timer_ <= *timer)) return;
  timer_ = timer;
  armed_.store(timer->count());
  if (timer_sleeper_ != nullptr) {
    timer_sleeper_->condition.notify_one();
  } else {
    find_timer_sleeper();
  }
}

void Pool::disarm() {
  timer_.reset();
  armed_.store(no_timer);
}

bool Pool::call_one(Call whom) {
  // Senders first, and of those the one that waits for the timer last. A napping watch looks by itself.
  Sleeper* chosen = nullptr;
  for (auto at = sleepers_.rbegin(); at != sleepers_.rend(); ++at) {
    if (!(*at)->is_sender && whom == Call::sender) continue;
    if ((*at)->naps && whom != Call::anyone) continue;
    if (chosen == nullptr || (!chosen->is_sender && (*at)->is_sender) ||
        (chosen == timer_sleeper_ && (*at)->is_sender == chosen->is_sender))
      chosen = *at;
    if (chosen->is_sender && chosen != timer_sleeper_) break;
  }
  if (chosen == nullptr) return false;
  sleepers_.erase(std::find(sleepers_.begin(), sleepers_.end(), chosen));
  chosen->is_called = true;
  awake_.fetch_add(1);
  if (chosen->is_sender) {
    idle_senders_.fetch_sub(1);
  } else {
    watch_sleeps_.store(false);
  }
  chosen->condition.notify_one();
  return true;
}

void Pool::ring() noexcept {
  if (most_senders_ == 0) return;
  bell_.fetch_add(1);
  if (awake_.load() > 0 || nobody_to_call()) return;
  const std::lock_guard lock{mutex_};
  if (awake_.load() == 0) call_one(Call::sleeping);
}

void Pool::want_sender() {
  if (idle_senders_.load() > 0) {
    const std::lock_guard lock{mutex_};
    if (call_one(Call::sender)) return;
  }
  if (senders_.load() < most_senders_) add_thread(true);
}

void Pool::hand_over(const Worker::Turn& saw) {
  // The usual case under load: the watch naps, and looks within 5 ms.
  if (has_watch_.load() && nobody_to_call()) return;
  {
    const std::lock_guard lock{mutex_};
    if (awake_.load() > 0) return;
    if ((saw.work_left || bell_.load() != saw.seen) && call_one(Call::sleeping)) return;
    if (has_watch_.load() || !sleepers_.empty()) return;
  }
  add_thread(false);
}

Pool::Away::Away(Pool& pool, const Worker::Turn& saw) : pool_(pool) {
  if (pool.most_senders_ == 0) return;
  if (saw.timer && saw.timer->count() < pool.armed_.load()) {
    const std::lock_guard lock{pool.mutex_};
    pool.arm(saw.timer);
  }
  // Work that is left moves the bell, so that a thread just falling asleep looks again.
  if (saw.work_left) pool.bell_.fetch_add(1);
  if (pool.awake_.fetch_sub(1) == 1) pool.hand_over(saw);
}

Pool::Away::~Away() {
  if (pool_.most_senders_ > 0) pool_.awake_.fetch_add(1);
}

void Pool::stop() {
  std::vector<std::thread> threads;
  {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
    while (call_one(Call::anyone)) {
    }
    threads.swap(threads_);
    ended_.clear();
  }
  // One of ours would wait for itself; another engine's, or a transport's inside `done`, for what may wait for it.
  const bool is_ours = on_flyhook_thread();
  for (auto& thread : threads) {
    if (is_ours) {
      thread.detach();  // each keeps the worker alive until it has ended
    } else {
      thread.join();
    }
  }
  const std::lock_guard lock{mutex_};
  worker_.reset();
}

}  // namespace flyhook::detail

#endif
