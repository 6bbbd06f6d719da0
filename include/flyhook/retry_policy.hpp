#ifndef FLYHOOK_RETRY_POLICY_HPP
#define FLYHOOK_RETRY_POLICY_HPP

#include <flyhook/clock.hpp>
#include <flyhook/detail/config.hpp>

#include <chrono>
#include <optional>
#include <string_view>
#include <vector>

// When a failed delivery is tried again: the policy as data, and what an endpoint's Retry-After asks for.

namespace flyhook {

/// When a delivery is tried again after an attempt that was answered by anything but 2xx, or not at all. A redirect is not
/// followed, and counts as a failure. Out of attempts it is dead. 410 ends it whatever the policy, and disables the
/// subscription. The default spreads ten attempts over about three days.
///
/// Retry-After, seconds or a date, makes the wait longer and never shorter. On 429 and 503 it holds the whole subscription:
/// nothing is sent to it before then, and the delivery spends no step of its schedule, six times at most.
struct RetryPolicy {
  /// schedule[i] is the wait before attempt i+1, so the first is usually 0. 1 to 1,000 of them, each 0 to a year.
  std::vector<std::chrono::milliseconds> schedule = default_schedule();
  /// Each wait is spread by this share to both sides, a Retry-After upwards only; 0 to 1. 0: as the schedule says.
  double jitter = 0.2;
  /// A delivery whose next attempt would come later than this after `publish` is dead at once, its reason begins with
  /// "max_age"; 0: no limit. It counts while paused, and against a replay too.
  std::chrono::seconds max_age{0};
  std::vector<int> stop_on{};                  ///< statuses after which it is dead at once, as {400, 422}; 100 to 599
  std::chrono::seconds retry_after_cap{3600};  ///< a longer Retry-After counts as this; 0: none is heeded

  /// At once, 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h.
  FLYHOOK_DECL static std::vector<std::chrono::milliseconds> default_schedule();

  /// One attempt, at once.
  FLYHOOK_DECL static RetryPolicy none();

  /// {0, first, first × factor, first × factor², … ≤ cap}: so many attempts in all, each wait rounded to milliseconds and
  /// none above the cap. Throws Error (`invalid`) naming the argument: `first` below 0, `factor` below 1 or not finite,
  /// `cap` below `first`, `attempts` 0 or above 1,000.
  FLYHOOK_DECL static RetryPolicy exponential(std::chrono::milliseconds first, double factor, std::chrono::milliseconds cap,
                                              unsigned attempts);

  friend bool operator==(const RetryPolicy&, const RetryPolicy&) = default;
};

/// How long a Retry-After field of this value asks to wait (RFC 9110, 10.2.3; rules R1 to R8 of tests/vectors/README.md):
/// seconds, or a date in one of the three forms of RFC 9110, 5.6.7; nullopt: it is neither, as if the field were absent.
/// From 0 to 10^12 seconds, which more seconds count as. That fits microseconds and not nanoseconds: bound it
/// (`RetryPolicy::retry_after_cap`) before adding it to a time. A date is rounded up to whole seconds, so that the wait
/// never ends before it. Does not throw, whatever the value.
FLYHOOK_DECL std::optional<std::chrono::seconds> parse_retry_after(std::string_view value, TimePoint now);

}  // namespace flyhook

#if defined(FLYHOOK_HEADER_ONLY)
#include <flyhook/impl/retry_policy.ipp>
#endif

#endif
