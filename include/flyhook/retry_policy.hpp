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
  std::vector<std::chrono::milliseconds> schedule = std::vector<std::chrono::milliseconds>{
      std::chrono::seconds{0}, std::chrono::seconds{5}, std::chrono::minutes{5}, std::chrono::minutes{30},
      std::chrono::hours{2},   std::chrono::hours{5},   std::chrono::hours{10},  std::chrono::hours{14},
      std::chrono::hours{20},  std::chrono::hours{24}};
  double jitter = 0.2;                         ///< each wait is spread by this share to both sides; 0 to 1
  std::chrono::seconds max_age{0};             ///< older deliveries are given up; 0: no limit
  std::vector<int> stop_on{};                  ///< statuses after which no further attempt is made
  std::chrono::seconds retry_after_cap{3600};  ///< a longer Retry-After counts as this

  /// One attempt, at once.
  FLYHOOK_DECL static RetryPolicy none();

  friend bool operator==(const RetryPolicy&, const RetryPolicy&) = default;
};

}  // namespace flyhook

#if defined(FLYHOOK_HEADER_ONLY)
#include <flyhook/impl/retry_policy.ipp>
#endif

#endif
