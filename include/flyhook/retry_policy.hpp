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

/// The waits before each attempt of a delivery. The default spreads ten attempts over about three days.
struct RetryPolicy {
  /// schedule[i] is the wait before attempt i+1, so the first is usually 0. Must not be empty.
  std::vector<std::chrono::milliseconds> schedule = default_schedule();
  double jitter = 0.2;                         ///< each wait is spread by this share to both sides; 0 to 1
  std::chrono::seconds max_age{0};             ///< older deliveries are given up; 0: no limit
  std::vector<int> stop_on{};                  ///< statuses after which no further attempt is made
  std::chrono::seconds retry_after_cap{3600};  ///< a longer Retry-After counts as this

  /// At once, 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h.
  FLYHOOK_DECL static std::vector<std::chrono::milliseconds> default_schedule();

  /// One attempt, at once.
  FLYHOOK_DECL static RetryPolicy none();

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
