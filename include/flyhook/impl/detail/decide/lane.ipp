#ifndef FLYHOOK_IMPL_DETAIL_DECIDE_LANE_IPP
#define FLYHOOK_IMPL_DETAIL_DECIDE_LANE_IPP

#include <flyhook/detail/decide/lane.hpp>

#include <algorithm>

namespace flyhook::detail {

std::size_t Lane::room() const {
  const std::size_t capacity = endpoint == nullptr ? 0 : std::max<std::size_t>(64, 2 * endpoint->max_in_flight);
  const std::size_t used = window.size() + taking + in_flight.size() + unsettled;
  return capacity > used ? capacity - used : 0;
}

bool Lane::may_take() const {
  return is_open() && !more && !fetching && room() > 0;
}

bool Lane::is_ready() const {
  return !window.empty() && !resolving && is_open() && in_flight.size() < endpoint->max_in_flight && notices < most_notices;
}

bool Lane::wants_fetch() const {
  if (!more || fetching || !is_open()) return false;
  return room() * 2 >= std::max<std::size_t>(64, 2 * endpoint->max_in_flight);
}

bool Lane::is_idle() const {
  // What waits for an unsubscribed endpoint is closed, not fetched.
  const bool has_waiting = endpoint != nullptr && (more || due);
  return window.empty() && taking == 0 && in_flight.empty() && unsettled == 0 && !has_waiting && !fetching && !resolving &&
         notices == 0;
}

}  // namespace flyhook::detail

#endif
