#ifndef FLYHOOK_RATE_LIMIT_HPP
#define FLYHOOK_RATE_LIMIT_HPP

#include <flyhook/detail/config.hpp>

// How fast one endpoint may be called, as data.

namespace flyhook {

/// A token bucket. An attempt that finds none waits for the next, and spends nothing of its schedule.
struct RateLimit {
  double per_second = 0;  ///< attempts a second in the long run, finite; 0: no limit
  double burst = 1;       ///< attempts that may come at once after a pause; finite, at least 1

  friend bool operator==(const RateLimit&, const RateLimit&) = default;
};

}  // namespace flyhook

#endif
