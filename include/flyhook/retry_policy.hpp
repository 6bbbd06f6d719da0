#ifndef FLYHOOK_RETRY_POLICY_HPP
#define FLYHOOK_RETRY_POLICY_HPP

#include <flyhook/detail/config.hpp>

#include <chrono>
#include <vector>

// When a failed delivery is tried again, as data.

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

}  // namespace flyhook

#if defined(FLYHOOK_HEADER_ONLY)
#include <flyhook/impl/retry_policy.ipp>
#endif

#endif
