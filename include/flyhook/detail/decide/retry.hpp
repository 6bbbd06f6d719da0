#ifndef FLYHOOK_DETAIL_DECIDE_RETRY_HPP
#define FLYHOOK_DETAIL_DECIDE_RETRY_HPP

#include <flyhook/detail/config.hpp>

#include <chrono>
#include <cstdint>

// The arithmetic of a retry: how far a delivery is in its schedule, and how its waits are spread. Nothing here draws a
// random number: whoever asks brings the bits, from `attempt_hash` or elsewhere.

namespace flyhook::detail {

/// How far a delivery is.
struct Progress {
  std::uint32_t steps = 0;      ///< attempts that spent a step of the schedule
  std::uint32_t deferrals = 0;  ///< attempts that a Retry-After of 429 or 503 put off without one

  friend bool operator==(const Progress&, const Progress&) = default;
};

/// wait × (1 + jitter × u), u uniform in [-1, 1] and made of the 64 random bits: 0 is -1, 2^63 is 0, the largest is 1.
/// Without jitter it is the wait itself. Never negative, and at most nanoseconds::max().
FLYHOOK_DECL std::chrono::nanoseconds jittered(std::chrono::nanoseconds wait, double jitter, std::uint64_t random);

/// The same spread upwards only, u in [0, 1]: for waits that somebody asked for and may not be cut.
FLYHOOK_DECL std::chrono::nanoseconds jittered_up(std::chrono::nanoseconds wait, double jitter, std::uint64_t random);

/// 64 well mixed bits for this attempt, the same for the same input for ever and on every machine.
FLYHOOK_DECL std::uint64_t attempt_hash(std::uint64_t seed, std::uint64_t sequence, std::uint32_t attempt);

}  // namespace flyhook::detail

#if defined(FLYHOOK_HEADER_ONLY)
#include <flyhook/impl/detail/decide/retry.ipp>
#endif

#endif
