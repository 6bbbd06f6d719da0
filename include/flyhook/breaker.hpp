#ifndef FLYHOOK_BREAKER_HPP
#define FLYHOOK_BREAKER_HPP

#include <flyhook/detail/config.hpp>

#include <chrono>

// When an endpoint that keeps failing is left alone for a while, as data.

namespace flyhook {

/// The circuit breaker of each subscription. While it is open nothing is sent but one probe at a time, and what waits
/// spends no attempt. The probe is the earliest delivery that is due after the cool-down, and an attempt of its schedule
/// like any other (`AttemptTrigger::probe`); with none due there is none. The first success closes it.
struct BreakerPolicy {
  /// So many failed attempts in a row open it; at least 1. Cancelled ones do not count, nor do 429 and 503 with a
  /// Retry-After, which holds the subscription itself.
  unsigned consecutive_failures = 10;
  /// From opening to the first probe; 1 ms to 24 h. It doubles with each probe that fails, to 5 min at most, or stays as it
  /// is if it is longer.
  std::chrono::milliseconds cool_down{30'000};

  friend bool operator==(const BreakerPolicy&, const BreakerPolicy&) = default;
};

}  // namespace flyhook

#endif
