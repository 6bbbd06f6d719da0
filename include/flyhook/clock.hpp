#ifndef FLYHOOK_CLOCK_HPP
#define FLYHOOK_CLOCK_HPP

#include <flyhook/detail/config.hpp>

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>

// Time as the engine sees it. Two readings, never mixed: `now()` is the wall clock and is only stamped, stored and
// compared with stored times; `elapsed()` is monotonic and decides every delay, so a wall clock that jumps moves none.

namespace flyhook {

/// A wall-clock time. Stores keep microseconds, truncated.
using TimePoint = std::chrono::system_clock::time_point;

/// The source of time. Implementations are thread-safe. `ManualClock` (testing.hpp) is the one for tests.
class Clock {
 public:
  virtual ~Clock() = default;

  /// Wall time, for stamps and stored due times.
  virtual TimePoint now() const noexcept = 0;

  /// Monotonic time since an arbitrary origin; goes on while the machine is suspended.
  virtual std::chrono::nanoseconds elapsed() const noexcept = 0;

  /// Waits on `condition` until it is notified or `elapsed()` has reached `deadline`; may wake for no reason.
  /// The clock owns waiting so that a manual clock can end a wait without any time passing.
  virtual void wait_until(std::unique_lock<std::mutex>& lock, std::condition_variable& condition,
                          std::chrono::nanoseconds deadline) = 0;

  /// True if time moves only when somebody moves it: waiting for it on the thread that would is in vain.
  virtual bool is_manual() const noexcept { return false; }
};

/// The system's clock: `now()` is CLOCK_REALTIME, `elapsed()` CLOCK_BOOTTIME where there is one.
FLYHOOK_DECL std::shared_ptr<Clock> system_clock();

}  // namespace flyhook

#if defined(FLYHOOK_HEADER_ONLY)
#include <flyhook/impl/clock.ipp>
#endif

#endif
