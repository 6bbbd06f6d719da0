#ifndef FLYHOOK_IMPL_DETAIL_DECIDE_RETRY_IPP
#define FLYHOOK_IMPL_DETAIL_DECIDE_RETRY_IPP

#include <flyhook/detail/decide/retry.hpp>

#include <algorithm>

namespace flyhook::detail {

FLYHOOK_DECL std::chrono::nanoseconds lengthened(std::chrono::nanoseconds wait, double share);
FLYHOOK_DECL std::uint64_t mixed(std::uint64_t bits);

std::chrono::nanoseconds jittered(std::chrono::nanoseconds wait, double jitter, std::uint64_t random) {
  return lengthened(wait, jitter * (static_cast<double>(random) * 0x1p-63 - 1));
}

std::chrono::nanoseconds jittered_up(std::chrono::nanoseconds wait, double jitter, std::uint64_t random) {
  return lengthened(wait, jitter * (static_cast<double>(random) * 0x1p-64));
}

/// By `share` of itself; only what is added passes through a double, so that a share of 0 changes nothing.
std::chrono::nanoseconds lengthened(std::chrono::nanoseconds wait, double share) {
  using std::chrono::nanoseconds;
  wait = std::max(wait, nanoseconds{0});
  const double change = static_cast<double>(wait.count()) * share;
  if (change <= -static_cast<double>(wait.count())) return nanoseconds{0};
  if (change >= static_cast<double>((nanoseconds::max() - wait).count())) return nanoseconds::max();
  return wait + nanoseconds{static_cast<nanoseconds::rep>(change)};
}

std::uint64_t attempt_hash(std::uint64_t seed, std::uint64_t sequence, std::uint32_t attempt) {
  return mixed(mixed(mixed(seed) ^ sequence) ^ attempt);
}

/// One step of splitmix64.
std::uint64_t mixed(std::uint64_t bits) {
  bits += 0x9E3779B97F4A7C15;
  bits = (bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9;
  bits = (bits ^ (bits >> 27)) * 0x94D049BB133111EB;
  return bits ^ (bits >> 31);
}

}  // namespace flyhook::detail

#endif
