#ifndef FLYHOOK_TESTING_HPP
#define FLYHOOK_TESTING_HPP

#include <flyhook/clock.hpp>
#include <flyhook/detail/config.hpp>
#include <flyhook/http.hpp>
#include <flyhook/transport.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

// For tests of applications that publish, and for flyhook's own: a clock that moves only when told to, and a transport
// without a network. Together they run "the endpoint is down for three days" in milliseconds. Never part of a release
// build's default set.

namespace flyhook {

/// Time that stands still until `advance`. Thread-safe.
///
///     advance(10 s):   0 s ────── 3 s ──────── 7 s ──────── 10 s
///                              call_at(3 s)  a waiter's    returns
///                              runs, sees    deadline:
///                              3 s           woken
class ManualClock : public Clock {
 public:
  /// The wall clock starts at 2024-01-01T00:00:00Z, elapsed() at zero.
  FLYHOOK_DECL ManualClock();
  FLYHOOK_DECL explicit ManualClock(TimePoint wall);

  FLYHOOK_DECL TimePoint now() const noexcept override;
  FLYHOOK_DECL std::chrono::nanoseconds elapsed() const noexcept override;
  FLYHOOK_DECL void wait_until(std::unique_lock<std::mutex>& lock, std::condition_variable& condition,
                               std::chrono::nanoseconds deadline) override;
  bool is_manual() const noexcept override { return true; }

  /// Moves both clocks on by `by`, stopping at each due point: runs what `call_at` holds in order of time, then of
  /// registration, and wakes every waiter that is due. Locks each waiter's mutex in turn: never call it holding one. Calls
  /// from several threads take turns; from inside a callback it throws `unsupported`.
  FLYHOOK_DECL void advance(std::chrono::nanoseconds by);

  /// Moves the wall clock alone, forwards or backwards: no delay changes, nobody wakes.
  FLYHOOK_DECL void jump_wall(std::chrono::nanoseconds by);

  /// `callback` runs inside the `advance` that reaches `elapsed`, under no lock, and may call everything here but
  /// `advance`. A time already past: inside the next `advance`, which may be `advance({})`.
  FLYHOOK_DECL void call_at(std::chrono::nanoseconds elapsed, std::function<void()> callback);

 private:
  struct Waiter {
    std::mutex* mutex = nullptr;
    std::condition_variable* condition = nullptr;
    std::chrono::nanoseconds deadline{};
    bool woken = false;
    bool pinned = false;  // `advance` is about to use mutex and condition: they must outlive that
  };

  FLYHOOK_DECL void move_to(std::chrono::nanoseconds elapsed);

  std::atomic<std::chrono::nanoseconds::rep> elapsed_{0};  // written under mutex_; read without
  std::atomic<std::chrono::nanoseconds::rep> wall_;        // nanoseconds since the epoch at elapsed() == 0, jumps added

  std::mutex mutex_;                  // guards what follows; taken by a waiter under its own mutex, never the reverse
  std::condition_variable turn_;      // `advancing_` was cleared
  std::condition_variable unpinned_;  // some waiter's `pinned` was cleared
  std::thread::id advancing_{};       // who is inside `advance`
  std::list<Waiter> waiters_;
  std::multimap<std::chrono::nanoseconds, std::function<void()>> callbacks_;
};

/// A transport without a network: answers by script and records what it was asked to send.
///
///     RecordingTransport transport{clock};
///     transport.answer(500).answer_after(2s, 200);   // the first request gets 500, all later ones 200 after two seconds
///
/// With a `ManualClock` it never blocks its caller, whatever `traits` say: an answer that is not due at once comes out of
/// `ManualClock::advance`, at its time or at `HttpRequest::timeout`. With any other clock (empty: the system's) a blocking
/// one waits inside `send`, an asynchronous one has a timer thread.
class RecordingTransport : public Transport {
 public:
  FLYHOOK_DECL explicit RecordingTransport(std::shared_ptr<Clock> clock = {}, TransportTraits traits = {});
  /// Ends like cancel_all.
  FLYHOOK_DECL ~RecordingTransport() override;

  // The script. Each call sets what one request gets, in order; the last one stays. Before the first call: 200.

  FLYHOOK_DECL RecordingTransport& answer(int status, Headers headers = {}, std::string body = {});
  FLYHOOK_DECL RecordingTransport& answer_after(std::chrono::nanoseconds delay, int status);
  /// `error`: a class word of HttpResponse::error and a cause, as in "connect: refused".
  FLYHOOK_DECL RecordingTransport& fail_with(std::string error);
  /// No answer: the request ends at its timeout or at cancel_all.
  FLYHOOK_DECL RecordingTransport& hang();

  FLYHOOK_DECL void send(HttpRequest request, Completion done) override;
  FLYHOOK_DECL TransportTraits traits() const noexcept override;
  FLYHOOK_DECL void cancel_all() noexcept override;

  /// All requests so far, in order of sending; none that came after cancel_all.
  FLYHOOK_DECL std::vector<HttpRequest> requests() const;
  /// The clock's `elapsed()` at each of them.
  FLYHOOK_DECL std::vector<std::chrono::nanoseconds> sent_at() const;

 private:
  struct State;

  std::shared_ptr<State> state_;  // shared with callbacks of the clock and the timer thread, which may outlive us
};

}  // namespace flyhook

#if defined(FLYHOOK_HEADER_ONLY)
#include <flyhook/impl/testing.ipp>
#endif

#endif
