#ifndef FLYHOOK_IMPL_DETAIL_DECIDE_HEALTH_IPP
#define FLYHOOK_IMPL_DETAIL_DECIDE_HEALTH_IPP

#include <flyhook/detail/decide/health.hpp>

namespace flyhook::detail {

HealthChange Health::failed(std::chrono::nanoseconds now, std::uint64_t sequence, std::chrono::seconds disable_after) {
  constexpr std::uint32_t enough_failures = 10;
  constexpr std::chrono::hours longest_gap{36};
  if (disable_after <= std::chrono::seconds{0} || is_disabled_) return HealthChange::none;

  if (failures_ == 0 || now - last_ > longest_gap) {
    first_ = now;
    first_sequence_ = sequence;
    failures_ = 0;
    of_several_deliveries_ = false;
  }
  last_ = now;
  if (failures_ < enough_failures) ++failures_;
  if (sequence != first_sequence_) of_several_deliveries_ = true;

  // Compared in units of disable_after and of its half: in nanoseconds the longest would overflow.
  const auto age = now - first_;
  if (failures_ >= enough_failures && of_several_deliveries_ && age / std::chrono::seconds{1} >= disable_after.count()) {
    is_disabled_ = true;
    return HealthChange::disabled;
  }
  if (is_failing_ || age / std::chrono::milliseconds{500} < disable_after.count()) return HealthChange::none;
  is_failing_ = true;
  return HealthChange::failing;
}

HealthChange Health::succeeded() {
  const bool was_failing = is_failing_;
  reset();
  return was_failing ? HealthChange::recovered : HealthChange::none;
}

void Health::reset() {
  *this = {};
}

}  // namespace flyhook::detail

#endif
