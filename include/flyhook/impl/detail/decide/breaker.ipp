#ifndef FLYHOOK_IMPL_DETAIL_DECIDE_BREAKER_IPP
#define FLYHOOK_IMPL_DETAIL_DECIDE_BREAKER_IPP

#include <flyhook/detail/decide/breaker.hpp>

#include <algorithm>

namespace flyhook::detail {

Breaker::Breaker(const BreakerPolicy& policy)
    : most_failures_(policy.consecutive_failures),
      first_cool_down_(std::chrono::duration_cast<Wait>(policy.cool_down)),
      next_cool_down_(first_cool_down_) {}

bool Breaker::may_send(std::chrono::nanoseconds now) const {
  return !is_open_ || (!is_probing_ && now >= probe_at_);
}

bool Breaker::start() {
  if (!is_open_ || is_probing_) return false;
  is_probing_ = true;
  return true;
}

bool Breaker::succeeded() {
  const bool was_open = is_open_;
  failures_ = 0;
  next_cool_down_ = first_cool_down_;
  is_open_ = is_probing_ = false;
  return was_open;
}

bool Breaker::failed(std::chrono::nanoseconds now, bool was_probe) {
  if (is_open_) {
    if (was_probe && is_probing_) cool_down_from(now);
    return false;
  }
  if (++failures_ < most_failures_) return false;
  cool_down_from(now);
  return true;
}

void Breaker::uncounted(std::chrono::nanoseconds now, bool was_probe) {
  if (!was_probe || !is_probing_) return;
  is_probing_ = false;
  probe_at_ = now;
}

void Breaker::half_open(std::chrono::nanoseconds now) {
  is_open_ = true;
  is_probing_ = false;
  probe_at_ = now;
}

std::optional<std::chrono::nanoseconds> Breaker::waits_until() const {
  return is_open_ && !is_probing_ ? std::optional{probe_at_} : std::nullopt;
}

void Breaker::cool_down_from(std::chrono::nanoseconds now) {
  is_open_ = true;
  is_probing_ = false;
  probe_at_ = now + next_cool_down_;
  next_cool_down_ = std::min(next_cool_down_ * 2u, std::max(first_cool_down_, longest_cool_down));
}

}  // namespace flyhook::detail

#endif
