#include "catch.hpp"

#include <flyhook/detail/run/pool.hpp>
#include <flyhook/testing.hpp>

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <functional>
#include <iterator>
#include <limits>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

using namespace flyhook;
using namespace flyhook::detail;
using namespace std::chrono_literals;

namespace {

/// Waits until `done` holds, at most 20 s.
template <class Done>
bool eventually(Done done) {
  const auto deadline = std::chrono::steady_clock::now() + 20s;
  while (!done()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

/// Does in each turn what the test says, and has the pool that asks it, as the engine does.
class Scripted : public Worker {
 public:
  Scripted(std::size_t threads, std::function<void(Scripted&, Turn&, bool)> script, std::shared_ptr<Clock> clock)
      : pool(threads, std::move(clock)), script_(std::move(script)) {}

  Turn turn(bool may_send) override {
    Turn saw;
    saw.seen = pool.bell();
    {
      const std::lock_guard lock{mutex_};
      (may_send ? sending_ : watching_).insert(gettid());
    }
    if (!may_send) ++watch_turns;
    script_(*this, saw, may_send);
    ++turns;
    return saw;
  }
  void on_thread_error(const std::string&) override { ++errors; }

  /// A call that lasts until `let_go`.
  void hold() {
    ++held;
    is_over.wait(false);
  }
  void let_go() {
    is_over = true;
    is_over.notify_all();
  }

  std::set<pid_t> sending() {
    const std::lock_guard lock{mutex_};
    return sending_;
  }
  std::set<pid_t> watching() {
    const std::lock_guard lock{mutex_};
    return watching_;
  }

  Pool pool;
  std::atomic<int> turns{0}, watch_turns{0}, errors{0}, held{0};
  std::atomic<bool> is_over{false};

 private:
  const std::function<void(Scripted&, Turn&, bool)> script_;
  std::mutex mutex_;
  std::set<pid_t> sending_, watching_;
};

/// A started pool, which ends with the test however that ends.
class Running {
 public:
  Running(std::size_t threads, std::function<void(Scripted&, Worker::Turn&, bool)> script,
          std::shared_ptr<Clock> clock = system_clock())
      : worker_(std::make_shared<Scripted>(threads, std::move(script), std::move(clock))) {
    worker_->pool.start(worker_);
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  ~Running() {
    if (worker_ == nullptr) return;
    worker_->let_go();
    worker_->pool.stop();
  }
  Scripted* operator->() const { return worker_.get(); }
  /// The pool goes on by itself, or has been stopped.
  std::weak_ptr<Scripted> abandon() {
    worker_->let_go();
    const std::weak_ptr<Scripted> left = worker_;
    worker_.reset();
    return left;
  }

 private:
  std::shared_ptr<Scripted> worker_;
};

/// Tickets that are drawn by ringers and seen by whoever looks next.
struct Work {
  std::atomic<int> made{0}, seen{0};

  bool look() {
    const int now = made.load();
    int before = seen.load();
    while (before < now)
      if (seen.compare_exchange_weak(before, now)) return true;
    return false;
  }
  /// Each of `ringers` threads makes its share, and waits for each piece to be seen before it makes the next.
  bool make(Pool& pool, int ringers, int rounds) {
    std::atomic<bool> all_seen{true};
    std::vector<std::thread> threads;
    for (int r = 0; r < ringers; ++r)
      threads.emplace_back([&] {
        for (int i = 0; i < rounds / ringers && all_seen; ++i) {
          const int ticket = ++made;
          pool.ring();
          if (!eventually([&] { return seen.load() >= ticket; })) all_seen = false;
        }
      });
    for (auto& thread : threads) thread.join();
    return all_seen;
  }
};

/// 'S' while the thread waits for something; 'R' also while it only waits for a processor.
char state_of(pid_t thread) {
  std::ifstream stat{"/proc/self/task/" + std::to_string(thread) + "/stat"};
  std::string text{std::istreambuf_iterator<char>{stat}, {}};
  const auto end = text.rfind(')');
  return end == std::string::npos || end + 2 >= text.size() ? 'X' : text[end + 2];
}

/// Waits until `count` senders and the watch, if there is one, wait for something.
bool all_asleep(const Running& worker, std::size_t count) {
  return eventually([&] {
    if (worker->sending().size() < count || worker->pool.senders() != count) return false;
    const int before = worker->turns;
    for (const auto& threads : {worker->sending(), worker->watching()})
      for (const pid_t thread : threads)
        if (state_of(thread) != 'S') return false;
    return worker->turns == before;
  });
}

}  // namespace

TEST_CASE("a ring is never lost, however it races with falling asleep") {
  const auto threads = GENERATE(std::size_t{1}, std::size_t{2}, std::size_t{4});
  const int ringers = GENERATE(1, 3);
  Work work;
  const Running worker(threads, [&](Scripted& self, Worker::Turn& saw, bool) {
    if (!work.look()) return;
    saw.did_something = true;
    self.pool.want_sender();
  });
  CHECK(work.make(worker->pool, ringers, 10'000));
  CHECK(worker->pool.senders() <= threads);
}

TEST_CASE("a ring is never lost while senders come and go") {
  const auto threads = GENERATE(std::size_t{1}, std::size_t{3});
  const int ringers = GENERATE(1, 3);
  const int rounds = 1'500;
  Work work;
  std::atomic<int> calls{0};
  const Running worker(threads, [&](Scripted& self, Worker::Turn& saw, bool may_send) {
    if (!work.look()) return;
    saw.did_something = true;
    if (calls % 7 == 0) self.pool.want_sender();
    if (!may_send) return;
    const int length = ++calls % 4;
    const Pool::Away away{self.pool, saw};
    // Some calls last until somebody else has seen what came meanwhile: nothing may depend on this thread coming back.
    const int seen = work.seen;
    if (length == 3) eventually([&] { return work.seen > seen || work.made >= rounds / ringers * ringers; });
    for (int i = 0; i < length; ++i) std::this_thread::yield();
  });
  CHECK(work.make(worker->pool, ringers, rounds));
}

TEST_CASE("work that a thread leaves behind when it goes away is found by one that is falling asleep") {
  // Two pieces come with one ring; the thread that is called takes one and is away until somebody takes the other.
  std::atomic<int> pieces{0}, taken{0};
  const auto take = [&] {
    int left = pieces;
    while (left > 0)
      if (pieces.compare_exchange_weak(left, left - 1)) return true;
    return false;
  };
  const Running worker(2, [&](Scripted& self, Worker::Turn& saw, bool may_send) {
    if (!take()) return;
    saw.did_something = true;
    saw.work_left = pieces > 0;
    const int before = taken++;
    if (!saw.work_left || !may_send) return;
    const Pool::Away away{self.pool, saw};
    eventually([&] { return taken > before + 1; });
  });
  for (int round = 1; round <= 2'000; ++round) {
    pieces += 2;
    worker->pool.ring();
    REQUIRE(eventually([&] { return taken == 2 * round; }));
  }
}

TEST_CASE("there is one thread until another is wanted, and never more than may be") {
  std::atomic<bool> wants{false};
  const Running worker(3, [&](Scripted& self, Worker::Turn&, bool) {
    if (wants) self.pool.want_sender();
  });
  for (int i = 0; i < 100; ++i) {
    worker->pool.ring();
    const int before = worker->turns;
    REQUIRE(eventually([&] { return worker->turns > before || worker->turns > i; }));
  }
  CHECK(worker->pool.senders() == 1);
  CHECK(worker->sending().size() == 1);
  wants = true;
  CHECK(eventually([&] {
    worker->pool.ring();
    return worker->pool.senders() == 3;
  }));
  for (int i = 0; i < 100; ++i) worker->pool.ring();
  CHECK(eventually([&] { return worker->sending().size() == 3; }));
  worker->pool.stop();
  CHECK(worker->sending().size() == 3);
  CHECK(worker->watching().empty());
}

TEST_CASE("with all threads away the watch sees what comes, within milliseconds, and never sends") {
  Work work;
  std::atomic<int> away{0};
  const Running worker(2, [&](Scripted& self, Worker::Turn& saw, bool may_send) {
    if (!work.look()) return;
    saw.did_something = true;
    if (!may_send) return;
    if (away == 0) self.pool.want_sender();
    ++away;
    const Pool::Away call{self.pool, saw};
    self.hold();
  });
  CHECK(work.make(worker->pool, 1, 1));
  CHECK(worker->watch_turns == 0);
  REQUIRE(eventually([&] {  // the second one, which the first one wanted, takes a piece of its own
    if (away < 2) work.make(worker->pool, 1, 1);
    return away == 2;
  }));
  const auto began = std::chrono::steady_clock::now();
  CHECK(work.make(worker->pool, 1, 100));
  CHECK(std::chrono::steady_clock::now() - began < 100 * 5ms + 2s);  // two seconds for a loaded machine
  CHECK(worker->watching().size() == 1);
  CHECK(worker->sending().size() == 2);
  for (const auto id : worker->watching()) CHECK_FALSE(worker->sending().contains(id));
}

TEST_CASE("work that the watch cannot do is looked at again every few milliseconds") {
  const Running worker(1, [&](Scripted& self, Worker::Turn& saw, bool may_send) {
    saw.work_left = !self.is_over;
    if (!may_send) return;
    const Pool::Away call{self.pool, saw};
    self.hold();
  });
  CHECK(eventually([&] { return worker->watch_turns >= 20; }));
}

TEST_CASE("an idle sender is woken before the watch is, and before one is made") {
  Work work;
  std::atomic<int> to_hold{0};
  const Running worker(2, [&](Scripted& self, Worker::Turn& saw, bool may_send) {
    if (!work.look()) return;
    saw.did_something = true;
    if (self.pool.senders() < 2) self.pool.want_sender();
    int left = to_hold;
    if (!may_send || left == 0 || !to_hold.compare_exchange_strong(left, left - 1)) return;
    const Pool::Away call{self.pool, saw};
    self.hold();
  });
  CHECK(work.make(worker->pool, 1, 1));
  REQUIRE(all_asleep(worker, 2));
  to_hold = 1;
  CHECK(work.make(worker->pool, 1, 1));
  REQUIRE(eventually([&] { return worker->held == 1; }));
  CHECK(work.make(worker->pool, 1, 500));
  CHECK(worker->watch_turns == 0);  // there was always an idle sender
}

TEST_CASE("a timer wakes one thread, at its time") {
  const auto clock = std::make_shared<ManualClock>();
  std::atomic<std::int64_t> timer{0};  // nanoseconds; 0: none
  std::atomic<bool> grows{true};
  std::atomic<int> on_time{0};
  const Running worker(
      3,
      [&](Scripted& self, Worker::Turn& saw, bool) {
        if (grows) self.pool.want_sender();
        const std::chrono::nanoseconds at{timer.load()};
        if (at.count() == 0) return;
        if (clock->elapsed() >= at) {
          ++on_time;
          timer = 0;
        } else {
          saw.timer = at;
        }
      },
      clock);
  REQUIRE(eventually([&] {
    worker->pool.ring();
    return worker->pool.senders() == 3;
  }));
  grows = false;
  REQUIRE(all_asleep(worker, 3));
  for (int round = 1; round <= 200; ++round) {
    timer = (clock->elapsed() + 10s).count();
    int turns = worker->turns;
    worker->pool.ring();
    REQUIRE(eventually([&] { return worker->turns > turns; }));
    REQUIRE(all_asleep(worker, 3));
    turns = worker->turns;
    clock->advance(9'999ms);
    CHECK(on_time == round - 1);
    clock->advance(1ms);
    REQUIRE(eventually([&] { return on_time == round; }));
    REQUIRE(all_asleep(worker, 3));
    CHECK(worker->turns == turns + 1);
  }
}

TEST_CASE("an earlier timer, set by a thread that sleeps or goes away after the others, is kept") {
  const bool goes_away = GENERATE(false, true);
  const auto clock = std::make_shared<ManualClock>();
  std::mutex mutex;
  std::set<std::chrono::nanoseconds> timers;  // under mutex
  std::atomic<int> on_time{0};
  std::atomic<bool> leaves{false}, grows{true};
  const Running worker(
      2,
      [&](Scripted& self, Worker::Turn& saw, bool) {
        if (grows) self.pool.want_sender();
        {
          const std::lock_guard lock{mutex};
          while (!timers.empty() && *timers.begin() <= clock->elapsed()) {
            timers.erase(timers.begin());
            ++on_time;
            saw.did_something = true;
          }
          if (!timers.empty()) saw.timer = *timers.begin();
        }
        if (!leaves.exchange(false)) return;
        saw.did_something = true;
        const Pool::Away call{self.pool, saw};
        self.hold();
      },
      clock);
  REQUIRE(eventually([&] {
    worker->pool.ring();
    return worker->pool.senders() == 2;
  }));
  grows = false;
  REQUIRE(all_asleep(worker, 2));
  const auto add = [&](std::chrono::nanoseconds at) {
    const std::lock_guard lock{mutex};
    timers.insert(at);
  };
  const int before = worker->turns;
  add(100s);
  worker->pool.ring();
  REQUIRE(eventually([&] { return worker->turns > before; }));
  REQUIRE(all_asleep(worker, 2));
  add(10s);
  leaves = goes_away;
  worker->pool.ring();
  REQUIRE(eventually([&] { return goes_away ? worker->held == 1 : worker->turns > before + 1; }));
  REQUIRE(all_asleep(worker, 2));
  clock->advance(10s);
  CHECK(eventually([&] { return on_time == 1; }));
  REQUIRE(all_asleep(worker, 2));
  clock->advance(90s);
  CHECK(eventually([&] { return on_time == 2; }));
}

TEST_CASE("a timer is kept by the watch while every sender is away") {
  const auto clock = std::make_shared<ManualClock>();
  std::atomic<bool> on_time{false};
  const Running worker(
      1,
      [&](Scripted& self, Worker::Turn& saw, bool may_send) {
        if (clock->elapsed() >= 10s) on_time = true;
        if (!on_time) saw.timer = 10s;
        if (!may_send) return;
        const Pool::Away call{self.pool, saw};
        self.hold();
      },
      clock);
  REQUIRE(eventually([&] { return worker->watch_turns > 0; }));
  REQUIRE(all_asleep(worker, 1));
  CHECK_FALSE(on_time);
  clock->advance(10s);
  CHECK(eventually([&] { return on_time.load(); }));
}

TEST_CASE("stop joins threads in every state") {
  for (int round = 0; round < 200; ++round) {
    Work work;
    std::atomic<int> calls{0};
    Running worker(
        3,
        [&](Scripted& self, Worker::Turn& saw, bool may_send) {
          saw.work_left = round % 3 == 1;
          if (round % 2 == 1) saw.timer = 10s;
          if (!work.look()) return;
          saw.did_something = true;
          self.pool.want_sender();
          if (!may_send || ++calls > round % 4) return;
          const Pool::Away call{self.pool, saw};
          self.hold();
        },
        std::make_shared<ManualClock>());
    CHECK(work.make(worker->pool, 1, round % 6));
    std::thread ringer{[&] {
      for (int i = 0; i < 50; ++i) worker->pool.ring();
    }};
    worker->let_go();
    worker->pool.stop();
    ringer.join();
    CHECK(worker->pool.senders() == 0);
    worker->pool.ring();
    CHECK(worker.abandon().expired());
  }
}

TEST_CASE("stop on a thread of the pool waits for none, and the last one out lets go of the worker") {
  for (int round = 0; round < 100; ++round) {
    struct Shared {  // with the threads, which nobody joins
      Work work{};
      std::atomic<int> stop_at{std::numeric_limits<int>::max()};
      std::atomic<bool> stopped{false};
    };
    const auto shared = std::make_shared<Shared>();
    Running worker(2, [shared](Scripted& self, Worker::Turn& saw, bool) {
      if (!shared->work.look()) return;
      saw.did_something = true;
      self.pool.want_sender();
      if (shared->work.seen < shared->stop_at) return;
      self.pool.stop();
      shared->stopped = true;
    });
    CHECK(shared->work.make(worker->pool, 1, round % 3));
    shared->stop_at = shared->work.made + 1;
    CHECK(shared->work.make(worker->pool, 1, 1));
    REQUIRE(eventually([&] { return shared->stopped.load(); }));
    const auto left = worker.abandon();
    CHECK(eventually([&] { return left.expired(); }));
  }
}

TEST_CASE("a pool thread has every signal blocked, and the thread that makes it has what it had") {
  sigset_t before{};
  pthread_sigmask(SIG_BLOCK, nullptr, &before);
  std::atomic<int> open{-1};
  const Running worker(1, [&](Scripted&, Worker::Turn&, bool) {
    sigset_t mask{};
    pthread_sigmask(SIG_BLOCK, nullptr, &mask);
    int count = 0;
    for (const int signal : {SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2, SIGPIPE, SIGALRM, SIGCHLD, SIGPROF})
      if (sigismember(&mask, signal) == 0) ++count;
    open = count;
  });
  REQUIRE(eventually([&] { return open >= 0; }));
  CHECK(open == 0);
  worker->pool.stop();
  sigset_t after{};
  pthread_sigmask(SIG_BLOCK, nullptr, &after);
  for (const int signal : {SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGPIPE, SIGCHLD})
    CHECK(sigismember(&before, signal) == sigismember(&after, signal));
}

TEST_CASE("without threads the pool does nothing") {
  const Running worker(0, [](Scripted&, Worker::Turn&, bool) {});
  worker->pool.ring();
  worker->pool.want_sender();
  { const Pool::Away away{worker->pool, {}}; }
  worker->pool.stop();
  CHECK(worker->turns == 0);
  CHECK(worker->pool.senders() == 0);
}

#if !defined(__SANITIZE_THREAD__)  // which needs a thread of its own
TEST_CASE("a thread that cannot be made is done without") {
  if (geteuid() != 0) return;  // limits are per user; only root can become one that has no other process
  const pid_t child = fork();
  if (child == 0) {
    if (setuid(54'321) != 0) _exit(2);
    Work work;
    std::atomic<bool> wants{false};
    const Running worker(3, [&](Scripted& self, Worker::Turn& saw, bool) {
      if (!work.look()) return;
      saw.did_something = true;
      if (wants) self.pool.want_sender();
    });
    bool right = work.make(worker->pool, 1, 10);
    const rlimit none{1, 1};
    if (setrlimit(RLIMIT_NPROC, &none) != 0) _exit(3);
    wants = true;
    for (int i = 0; i < 10; ++i) {
      const int ticket = ++work.made;
      worker->pool.ring();
      right = right && eventually([&] { return work.seen >= ticket; });
    }
    worker->pool.stop();
    right = right && worker->errors > 0 && worker->sending().size() == 1;
    _exit(right ? 0 : 1);
  }
  REQUIRE(child > 0);
  int status = -1;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(status == 0);
}
#endif
