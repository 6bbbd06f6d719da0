#ifndef FLYHOOK_IMPL_DETAIL_DECIDE_LANE_IPP
#define FLYHOOK_IMPL_DETAIL_DECIDE_LANE_IPP

#include <flyhook/detail/decide/lane.hpp>

#include <algorithm>
#include <utility>

namespace flyhook::detail {

Lane::Lane(EndpointPtr its_endpoint, const BreakerPolicy& its_breaker_policy, Nanoseconds now)
    : number(its_endpoint->lane),
      endpoint(std::move(its_endpoint)),
      breaker_policy(its_breaker_policy),
      breaker(breaker_policy),
      bucket(endpoint->subscription.rate_limit, now),
      concurrency(endpoint->max_in_flight) {
  is_ordered = endpoint->subscription.ordering != Ordering::none;
}

std::size_t Lane::room() const {
  const std::size_t capacity = endpoint == nullptr ? 0 : std::max<std::size_t>(64, 2 * endpoint->max_in_flight);
  const std::size_t used = window.size() + taking + in_flight.size() + unsettled;
  return capacity > used ? capacity - used : 0;
}

bool Lane::may_take() const {
  return is_open() && !more && !fetching && room() > 0;
}

bool Lane::has_candidate() const {
  return !window.empty() && !resolving && is_open() && in_flight.size() < concurrency.limit() && notices < most_notices;
}

std::optional<Lane::Nanoseconds> Lane::held_until() const {
  const auto probe_at = breaker.waits_until();
  return hold && probe_at ? std::max(hold, probe_at) : (hold ? hold : probe_at);
}

std::optional<Lane::Nanoseconds> Lane::next_send_at(Nanoseconds now) const {
  Nanoseconds at = bucket.next_at(now);
  if (hold) at = std::max(at, *hold);
  if (!breaker.is_open()) return at;
  const auto probe_at = breaker.waits_until();
  return probe_at ? std::optional{std::max(at, *probe_at)} : std::nullopt;
}

bool Lane::is_ready(Nanoseconds now) const {
  return has_candidate() && (!hold || *hold <= now) && breaker.may_send(now) && bucket.may_take(now);
}

// An endpoint that needs longer is slow: far above what a request over the internet costs, far below a timeout.
inline constexpr std::chrono::milliseconds slow_after{500};

bool Lane::seems_slow(Nanoseconds now) const {
  if (!answers_in || *answers_in > slow_after) return true;
  return std::any_of(in_flight.begin(), in_flight.end(), [&](const Flying& each) { return now - each.since > slow_after; });
}

void Lane::note_duration(Nanoseconds duration) {
  // The mean of the last few, so that one slow answer among many is forgotten soon, and a change is seen soon.
  answers_in = answers_in ? *answers_in + (duration - *answers_in) / 4 : duration;
}

bool Lane::wants_fetch() const {
  if (!more || fetching || !is_open()) return false;
  return room() * 2 >= std::max<std::size_t>(64, 2 * endpoint->max_in_flight);
}

bool Lane::is_idle(Nanoseconds now) const {
  // What waits for an unsubscribed endpoint is closed, not fetched.
  const bool has_waiting = endpoint != nullptr && (more || due);
  const bool is_busy = !window.empty() || taking != 0 || !in_flight.empty() || unsettled != 0 || fetching || resolving ||
                       notices != 0 || is_ending;
  if (has_waiting || is_busy) return false;
  return endpoint == nullptr || (breaker.is_pristine() && bucket.is_full(now) && concurrency.is_full() &&
                                 health.is_pristine() && (!hold || *hold <= now));
}

void Lane::set_endpoint(EndpointPtr its_endpoint, Nanoseconds now) {
  const EndpointPtr before = std::exchange(endpoint, std::move(its_endpoint));
  if (endpoint == nullptr) {
    is_ending = false;
    return;
  }
  const bool is_enabled_again = endpoint->subscription.enabled && !before->subscription.enabled;
  if (is_enabled_again || endpoint->subscription.url != before->subscription.url) {
    breaker = Breaker{breaker_policy};
    health.reset();
    answers_in.reset();
    hold.reset();
    is_ending = false;
    concurrency = Concurrency{endpoint->max_in_flight};
    for (auto& each : in_flight) each.is_probe = false;
  }
  is_ordered = is_ordered || endpoint->subscription.ordering != Ordering::none;  // what is stored stays as it was
  bucket.set(endpoint->subscription.rate_limit, now);
  concurrency.set_most(endpoint->max_in_flight);
}

void LaneRing::push_back(Lane& lane) {
  lane.ring = this;
  lane.ring_before = last;
  lane.ring_after = nullptr;
  (last == nullptr ? first : last->ring_after) = &lane;
  last = &lane;
}

void LaneRing::erase(Lane& lane) {
  (lane.ring_before == nullptr ? first : lane.ring_before->ring_after) = lane.ring_after;
  (lane.ring_after == nullptr ? last : lane.ring_after->ring_before) = lane.ring_before;
  lane.ring = nullptr;
  lane.ring_before = lane.ring_after = nullptr;
}

void Lane::take_over(Nanoseconds now) {
  breaker.half_open(now);
  for (auto& each : in_flight) each.is_probe = false;  // of a breaker that is no more
  bucket = TokenBucket{endpoint->subscription.rate_limit, now, false};
}

}  // namespace flyhook::detail

#endif
