#ifndef FLYHOOK_IMPL_DETAIL_DECIDE_SCHEDULER_IPP
#define FLYHOOK_IMPL_DETAIL_DECIDE_SCHEDULER_IPP

#include <flyhook/detail/decide/scheduler.hpp>

#include <algorithm>
#include <utility>

namespace flyhook::detail {

Lane* Scheduler::find(std::uint64_t number) {
  const auto known = lanes_.find(number);
  return known == lanes_.end() ? nullptr : known->second.get();
}

Lane& Scheduler::lane_of(const EndpointPtr& endpoint) {
  if (Lane* known = find(endpoint->lane)) {
    if (known->endpoint != endpoint) set_endpoint(*known, endpoint);
    return *known;
  }
  if (lanes_.size() >= forget_above_) forget_idle();
  auto& lane = lanes_[endpoint->lane];
  lane = std::make_unique<Lane>(endpoint->lane, endpoint);
  lane->epoch = epochs_[endpoint->slot];
  lane->owned = lane->epoch != 0;
  return *lane;
}

void Scheduler::forget_idle() {
  std::erase_if(lanes_, [&](const auto& entry) {
    const Lane& lane = *entry.second;
    return lane.is_idle() && lane.changed < generation_ && !lane.is_queued && !lane.is_wanting;
  });
  // Swept again when as many lanes again have come: constant work for each that is made.
  forget_above_ = std::max<std::size_t>(1024, 2 * lanes_.size());
}

void Scheduler::update(Lane& lane) {
  if (!lane.is_queued && lane.is_ready()) {
    lane.is_queued = true;
    ready_.push_back(&lane);
  }
  if (!lane.is_wanting && lane.wants_fetch()) {
    lane.is_wanting = true;
    wanting_.push_back(&lane);
  }
}

void Scheduler::set_endpoint(Lane& lane, const EndpointPtr& endpoint) {
  // A matching that began before a change must not undo it, nor bring back what was unsubscribed.
  if (lane.endpoint == nullptr || (endpoint != nullptr && endpoint->version < lane.endpoint->version)) return;
  if (endpoint == nullptr || endpoint->url.host != lane.endpoint->url.host) {
    stop_resolving(lane);
    lane.resolved.reset();
    lane.late_failures = 0;
  }
  lane.endpoint = endpoint;
  update(lane);
}

std::vector<Claim> Scheduler::withdraw(Lane& lane) {
  std::vector<Claim> claims;
  claims.reserve(lane.window.size());
  for (const auto& claimed : lane.window) claims.push_back({claimed.sequence, lane.number, lane.epoch});
  lane.window.clear();
  return claims;
}

void Scheduler::resolve(Lane& lane, std::chrono::nanoseconds deadline) {
  stop_resolving(lane);
  ++resolving_;
  lane.resolving = deadline;
  timers_.emplace(deadline, lane.number);
}

void Scheduler::stop_resolving(Lane& lane) {
  if (!lane.resolving) return;
  --resolving_;
  if (lane.resolving != lane.due) timers_.erase({*lane.resolving, lane.number});
  lane.resolving.reset();
}

void Scheduler::answered(Lane& lane, std::shared_ptr<const Resolved> resolved) {
  // The URL may have changed while its old host was looked up: never connect to one host's addresses for another.
  if (lane.endpoint != nullptr && !resolved->host.empty() && resolved->host != lane.endpoint->url.host) return;
  stop_resolving(lane);
  lane.late_failures = 0;
  lane.resolved = std::move(resolved);
  update(lane);
}

void Scheduler::own(const std::vector<Slot>& slots) {
  std::vector<std::uint64_t> epochs(slot_count, 0);
  for (const auto& slot : slots)
    if (slot.index < slot_count) epochs[slot.index] = slot.epoch;
  if (epochs == epochs_) return;
  epochs_ = std::move(epochs);
  each([&](Lane& lane) {
    if (lane.endpoint == nullptr) return;
    const auto epoch = epochs_[lane.endpoint->slot];
    if (epoch == lane.epoch && lane.owned) return;
    // What was claimed under the old epoch is somebody else's, or handed out anew. What is in flight ends as stale.
    lane.window.clear();
    set_due(lane, std::nullopt);
    lane.epoch = epoch;
    lane.owned = epoch != 0;
    lane.more = lane.owned;
    update(lane);
  });
}

void Scheduler::advance(std::chrono::nanoseconds now, const std::shared_ptr<const Resolved>& late) {
  while (!timers_.empty() && timers_.begin()->first <= now) {
    const auto [at, number] = *timers_.begin();
    timers_.erase(timers_.begin());
    Lane* lane = find(number);
    if (lane == nullptr) continue;
    if (lane->resolving == at) {
      answered(*lane, late);
      // Only what waits now: a delivery of tomorrow is not to die of today's look-up.
      if (lane->endpoint != nullptr) lane->late_failures = std::min(lane->window.size(), lane->endpoint->max_in_flight);
    }
    if (lane->due == at) {
      lane->due.reset();
      lane->more = true;
      update(*lane);
    }
  }
}

Lane* Scheduler::next() {
  if (in_flight_ >= slots_) return nullptr;
  while (!ready_.empty()) {
    Lane* lane = ready_.front();
    ready_.pop_front();
    lane->is_queued = false;
    if (lane->is_ready()) return lane;
  }
  return nullptr;
}

Claimed Scheduler::start(Lane& lane) {
  Claimed claimed = std::move(lane.window.front());
  lane.window.pop_front();
  lane.in_flight.push_back(claimed.sequence);
  ++in_flight_;
  update(lane);
  return claimed;
}

void Scheduler::end(Lane& lane, std::uint64_t sequence) {
  auto& flying = lane.in_flight;
  const auto ended = std::find(flying.begin(), flying.end(), sequence);
  std::swap(*ended, flying.back());
  flying.pop_back();
  --in_flight_;
  update(lane);
}

void Scheduler::set_due(Lane& lane, std::optional<std::chrono::nanoseconds> due) {
  if (lane.due == due) return;
  if (lane.due && lane.due != lane.resolving) timers_.erase({*lane.due, lane.number});
  lane.due = due;
  if (due) timers_.emplace(*due, lane.number);
}

std::vector<LaneWant> Scheduler::wants(std::size_t most) {
  std::vector<LaneWant> wants;
  while (!wanting_.empty() && wants.size() < most) {
    Lane* lane = wanting_.front();
    wanting_.pop_front();
    lane->is_wanting = false;
    if (!lane->wants_fetch()) continue;
    // Only a fetch that begins after a delivery was appended may say that there is nothing more.
    lane->more = false;
    lane->fetching = true;
    wants.push_back({lane->number, lane->epoch, lane->room()});
  }
  return wants;
}

}  // namespace flyhook::detail

#endif
