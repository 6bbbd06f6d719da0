#ifndef FLYHOOK_BREAKER_HPP
#define FLYHOOK_BREAKER_HPP

#include <flyhook/detail/config.hpp>

#include <chrono>

// When an endpoint that keeps failing is left alone for a while, as data.

namespace flyhook {

/// The circuit breaker of each endpoint.
struct BreakerPolicy {
  unsigned consecutive_failures = 10;           ///< so many failed attempts in a row open it
  std::chrono::milliseconds cool_down{30'000};  ///< from opening to the first probe

  friend bool operator==(const BreakerPolicy&, const BreakerPolicy&) = default;
};

}  // namespace flyhook

#endif
