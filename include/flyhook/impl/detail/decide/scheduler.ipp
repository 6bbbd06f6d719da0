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
    if (known->endpoint != endpoint && !is_direct(known->number)) set_endpoint(*known, endpoint);
    return *known;
  }
  if (lanes_.size() >= forget_above_) forget_idle();
  auto& lane = lanes_[endpoint->lane];
  lane = std::make_unique<Lane>(endpoint, breaker_, now_);
  lane->epoch = epochs_[endpoint->slot];
  lane->owned = lane->epoch != 0;
  return *lane;
}

void Scheduler::forget_idle() {
  std::erase_if(lanes_, [&](const auto& entry) {
    const Lane& lane = *entry.second;
    return !lane.timer && lane.is_idle(now_) && lane.changed < generation_ && lane.ring == nullptr && !lane.is_wanting;
  });
  // Swept again when as many lanes again have come: constant work for each that is made.
  forget_above_ = std::max<std::size_t>(1024, 2 * lanes_.size());
}

void Scheduler::update(Lane& lane) {
  lane.wake.reset();
  bool is_ready = false;
  if (lane.has_candidate()) {
    const auto at = lane.next_send_at(now_);
    is_ready = at && *at <= now_;
    if (!is_ready) lane.wake = at;
  }
  if (is_ready) {
    place(lane);
  } else if (lane.ring != nullptr) {
    lane.ring->erase(lane);
  }
  if (!lane.is_wanting && lane.wants_fetch()) {
    lane.is_wanting = true;
    wanting_.push_back(&lane);
  }
  retime(lane);
}

/// Enters a ready lane in the ring where it belongs, at the end unless it stands there already.
void Scheduler::place(Lane& lane) {
  const bool is_first = lane.in_flight.empty();
  LaneRing& ring = lane.is_slow ? (is_first && !lane.answers_in ? unknown_ : slow_) : (is_first ? starting_ : going_);
  if (lane.ring == &ring) return;
  if (lane.ring != nullptr) lane.ring->erase(lane);
  ring.push_back(lane);
}

void Scheduler::classify(Lane& lane) {
  const bool is_slow = lane.seems_slow(now_);
  if (is_slow == lane.is_slow) return;
  lane.is_slow = is_slow;
  if (is_slow) {
    slow_in_flight_ += lane.in_flight.size();
  } else {
    slow_in_flight_ -= lane.in_flight.size();
  }
}

/// Slots left for lanes that have nothing under way. One lane alone may have all.
std::size_t Scheduler::reserve() const {
  return slots_ == unlimited || lanes_.size() < 2 ? 0 : slots_ / 8;
}

/// What slow lanes may hold together: half of the slots, and of the other half what the fast ones have not needed lately.
std::size_t Scheduler::slow_share() const {
  if (slots_ == unlimited) return unlimited;
  const auto needed = std::max(reserve(), 2 * std::max(fast_peak_, fast_peak_before_));
  return std::max<std::size_t>({1, slots_ / 2, slots_ - std::min(slots_, needed)});
}

/// Of the lanes that answer fast, the one that may send next.
Lane* Scheduler::first_fast() const {
  if (in_flight_ >= slots_) return nullptr;
  if (starting_.first != nullptr) return starting_.first;
  return in_flight_ < slots_ - reserve() ? going_.first : nullptr;
}

/// Of the others. One that was never asked is asked once though the slow ones fill their share: it may be a fast one.
Lane* Scheduler::first_slow() const {
  if (in_flight_ >= slots_ || (unknown_.first == nullptr && slow_.first == nullptr)) return nullptr;
  const auto share = slow_share();
  if (unknown_.first != nullptr && slow_in_flight_ < share + reserve() / 2) return unknown_.first;
  return slow_in_flight_ < share ? slow_.first : nullptr;
}

void Scheduler::retime(Lane& lane) {
  auto at = lane.due;
  for (const auto& other : {lane.resolving, lane.wake})
    if (other && (!at || *other < *at)) at = other;
  if (at == lane.timer) return;
  if (lane.timer) timers_.erase({*lane.timer, lane.number});
  lane.timer = at;
  if (at) timers_.emplace(*at, lane.number);
}

void Scheduler::set_endpoint(Lane& lane, const EndpointPtr& endpoint) {
  // A matching that began before a change must not undo it, nor bring back what was unsubscribed.
  if (lane.endpoint == nullptr || (endpoint != nullptr && endpoint->version < lane.endpoint->version)) return;
  forget_resolved(lane, endpoint.get());
  lane.set_endpoint(endpoint, now_);
  update(lane);
}

void Scheduler::aim(Lane& lane) {
  const EndpointPtr& next = lane.window.front().endpoint;
  if (next == nullptr || next == lane.endpoint) return;
  forget_resolved(lane, next.get());
  lane.endpoint = next;
}

/// What the lane knows of its host, unless it holds for the next endpoint, too. Null: there is none.
void Scheduler::forget_resolved(Lane& lane, const Endpoint* next) {
  const auto& known = *lane.endpoint;
  if (next != nullptr && next->url.host == known.url.host && next->allow_list() == known.allow_list()) return;
  stop_resolving(lane);
  lane.resolved.reset();
  lane.late_failures = 0;
}

std::vector<Claim> Scheduler::withdraw(Lane& lane) {
  std::vector<Claim> claims;
  claims.reserve(lane.window.size());
  for (const auto& claimed : lane.window) claims.push_back({claimed.sequence, lane.number, lane.epoch});
  lane.window.clear();
  return claims;
}

void Scheduler::cancel(Lane& lane, const EventId& event, std::vector<Claim>& claims) {
  for (auto& flying : lane.in_flight)
    if (flying.message->id == event) flying.is_cancelled = true;
  const auto taken = std::erase_if(lane.window, [&](const Claimed& claimed) {
    if (claimed.message->id != event) return false;
    claims.push_back({claimed.sequence, lane.number, lane.epoch});
    return true;
  });
  if (taken > 0) update(lane);
}

void Scheduler::resolve(Lane& lane, Nanoseconds deadline) {
  stop_resolving(lane);
  ++resolving_;
  lane.resolving = deadline;
  retime(lane);
}

void Scheduler::stop_resolving(Lane& lane) {
  if (!lane.resolving) return;
  --resolving_;
  lane.resolving.reset();
  retime(lane);
}

void Scheduler::answered(Lane& lane, std::shared_ptr<const Resolved> resolved) {
  // The URL may have changed while its old host was looked up: never connect to one host's addresses for another.
  if (lane.endpoint != nullptr && !resolved->host.empty() && resolved->host != lane.endpoint->url.host) return;
  // Or it was judged as it is no longer to be judged.
  if (lane.endpoint != nullptr && resolved->judged && *resolved->judged != lane.endpoint->allow_list()) return;
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
    if (lane.owned) lane.take_over(now_);
    update(lane);
  });
}

void Scheduler::advance(Nanoseconds now, const std::shared_ptr<const Resolved>& late) {
  see(now);
  while (!timers_.empty() && timers_.begin()->first <= now_) {
    Lane* lane = find(timers_.begin()->second);
    timers_.erase(timers_.begin());
    lane->timer.reset();
    if (lane->resolving && *lane->resolving <= now_) {
      answered(*lane, late);
      // Only what waits now: a delivery of tomorrow is not to die of today's look-up.
      if (lane->endpoint != nullptr) lane->late_failures = std::min(lane->window.size(), lane->endpoint->max_in_flight);
    }
    if (lane->due && *lane->due <= now_) {
      lane->due.reset();
      lane->more = true;
    }
    update(*lane);
  }
}

Lane* Scheduler::next() {
  for (;;) {
    Lane* const fast = first_fast();
    // They find no slot, and what slow lanes hold cannot be taken back: what ends of it is not lent again.
    if (fast == nullptr && going_.first != nullptr) note_fast(slots_ / 4);
    Lane* const slow = first_slow();
    Lane* const lane = slow != nullptr && (slow_turn_ || fast == nullptr) ? slow : fast;
    if (lane == nullptr) return nullptr;
    slow_turn_ = !slow_turn_;
    classify(*lane);
    lane->ring->erase(*lane);
    if (lane->is_ready(now_) && lane->is_slow == (lane == slow)) return lane;
    update(*lane);
  }
}

Scheduler::Started Scheduler::start(Lane& lane) {
  Started started{std::move(lane.window.front()), lane.breaker.start()};
  lane.window.pop_front();
  lane.bucket.take(now_);
  lane.in_flight.push_back({started.claimed.sequence, lane.epoch, started.claimed.message, now_, started.is_probe});
  ++in_flight_;
  if (lane.is_slow) {
    ++slow_in_flight_;
  } else {
    note_fast(in_flight_ - slow_in_flight_);
  }
  update(lane);
  return started;
}

/// Fast lanes have so many requests under way, or would have.
void Scheduler::note_fast(std::size_t needed) {
  constexpr std::chrono::seconds period{10};
  if (now_ >= peak_until_) {
    fast_peak_before_ = now_ < peak_until_ + period ? fast_peak_ : 0;
    fast_peak_ = 0;
    peak_until_ = now_ + period;
  }
  fast_peak_ = std::max(fast_peak_, needed);
}

bool Scheduler::end(Lane& lane, const Claim& claim, const Bearing& bearing) {
  auto& flying = lane.in_flight;
  const auto ended = std::find_if(flying.begin(), flying.end(), [&](const Flying& each) {
    return each.sequence == claim.sequence && each.epoch == claim.epoch;
  });
  std::swap(*ended, flying.back());
  const Flying over = std::move(flying.back());
  flying.pop_back();
  --in_flight_;
  if (lane.is_slow) --slow_in_flight_;
  if (bearing.breaker != Bearing::Breaker::none) lane.note_duration(now_ - over.since);
  classify(lane);

  switch (bearing.breaker) {
    case Bearing::Breaker::none: lane.breaker.uncounted(now_, over.is_probe); break;
    case Bearing::Breaker::failure: lane.breaker.failed(now_, over.is_probe); break;
    case Bearing::Breaker::success:
      lane.breaker.succeeded();
      lane.concurrency.succeeded();
      break;
  }
  if (bearing.overloaded) lane.concurrency.overloaded();
  if (bearing.hold) lane.hold = std::max(lane.hold.value_or(Nanoseconds{0}), now_ + *bearing.hold);
  // Of several that say so the first one ends it; nobody would take back what the others set after that.
  const bool is_enabled = lane.endpoint != nullptr && lane.endpoint->subscription.enabled;
  lane.is_ending = lane.is_ending || (bearing.is_gone && is_enabled);
  update(lane);
  return over.is_cancelled;
}

void Scheduler::set_due(Lane& lane, std::optional<Nanoseconds> due) {
  lane.due = due;
  retime(lane);
}

void Scheduler::add_due(Lane& lane, Nanoseconds due) {
  if (!lane.due || due < *lane.due) set_due(lane, due);
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
