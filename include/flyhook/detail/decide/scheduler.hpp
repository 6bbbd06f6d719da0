#ifndef FLYHOOK_DETAIL_DECIDE_SCHEDULER_HPP
#define FLYHOOK_DETAIL_DECIDE_SCHEDULER_HPP

#include <flyhook/detail/config.hpp>
#include <flyhook/detail/decide/lane.hpp>
#include <flyhook/store.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

// Which lane sends next. Ready lanes stand in a ring and send one delivery a turn, so that a deep lane costs the others one
// place. A machine like the lanes: it takes `now` and facts, and is protected by the engine's lock.

namespace flyhook::detail {

class Scheduler {
 public:
  /// `slots`: requests under way at a time, over all lanes.
  explicit Scheduler(std::size_t slots) : slots_(slots) {}

  // Lanes -------------------------------------------------------------------------------------------------------------

  /// The lane of that number, or null.
  FLYHOOK_DECL Lane* find(std::uint64_t number);
  /// The endpoint's lane, made if there is none. A lane not touched by `update` may be forgotten when it is idle.
  FLYHOOK_DECL Lane& lane_of(const EndpointPtr& endpoint);
  /// Calls `visit(Lane&)` for each.
  template <class Visit>
  void each(Visit visit) {
    for (auto& [number, lane] : lanes_) visit(*lane);
  }

  /// To be called after any fact about the lane changed: enters it where it belongs now.
  FLYHOOK_DECL void update(Lane& lane);

  /// The lane's subscription has changed: it must be remembered, or a matching that began before would make it anew as it
  /// was. `forget_changes`: no such matching is under way any more.
  void note_change(Lane& lane) const { lane.changed = generation_; }
  void forget_changes() { ++generation_; }

  /// A lane's endpoint as it is now; an older version changes nothing. Null: unsubscribed.
  FLYHOOK_DECL void set_endpoint(Lane& lane, const EndpointPtr& endpoint);
  /// Takes what the lane has claimed and not sent.
  FLYHOOK_DECL std::vector<Claim> withdraw(Lane& lane);

  /// Which slots this process holds. Lanes of slots that are lost drop what they had claimed.
  FLYHOOK_DECL void own(const std::vector<Slot>& slots);

  /// The lane waits for a look-up, at most until `deadline`; `answered` ends it. `advance` ends it with `timed_out`.
  FLYHOOK_DECL void resolve(Lane& lane, std::chrono::nanoseconds deadline);
  FLYHOOK_DECL void answered(Lane& lane, std::shared_ptr<const Resolved> resolved);

  // Decisions ---------------------------------------------------------------------------------------------------------

  /// Lets time pass: lanes whose next delivery is due want a fetch, and a look-up that took too long counts as `late`.
  FLYHOOK_DECL void advance(std::chrono::nanoseconds now, const std::shared_ptr<const Resolved>& late);

  /// The next ready lane, if a sending slot is free; it goes to the end of the ring. Null: none.
  FLYHOOK_DECL Lane* next();
  /// The lane's oldest claimed delivery starts.
  FLYHOOK_DECL Claimed start(Lane& lane);
  /// It was judged, or could not be sent after all.
  FLYHOOK_DECL void end(Lane& lane, std::uint64_t sequence);

  /// When the lane's next waiting delivery is due; nullopt: none waits.
  FLYHOOK_DECL void set_due(Lane& lane, std::optional<std::chrono::nanoseconds> due);

  /// Takes up to `most` lanes that want a fetch, marks them as fetching.
  FLYHOOK_DECL std::vector<LaneWant> wants(std::size_t most);

  // Facts -------------------------------------------------------------------------------------------------------------

  bool has_ready() const { return !ready_.empty() && in_flight_ < slots_; }
  bool has_wants() const { return !wanting_.empty(); }
  std::size_t in_flight() const { return in_flight_; }
  std::optional<std::chrono::nanoseconds> next_due() const {
    return timers_.empty() ? std::nullopt : std::optional{timers_.begin()->first};
  }
  bool is_resolving() const { return resolving_ > 0; }

 private:
  FLYHOOK_DECL void forget_idle();
  FLYHOOK_DECL void stop_resolving(Lane& lane);

  std::size_t slots_;
  std::size_t in_flight_ = 0;
  std::size_t resolving_ = 0;
  std::unordered_map<std::uint64_t, std::unique_ptr<Lane>> lanes_;
  std::deque<Lane*> ready_;                                              // each lane at most once: Lane::is_queued
  std::deque<Lane*> wanting_;                                            // each lane at most once: Lane::is_wanting
  std::set<std::pair<std::chrono::nanoseconds, std::uint64_t>> timers_;  // each lane's `due` and `resolving`
  std::vector<std::uint64_t> epochs_ = std::vector<std::uint64_t>(slot_count, 0);  // 0: not ours
  std::size_t forget_above_ = 1024;
  std::uint64_t generation_ = 1;
};

}  // namespace flyhook::detail

#if defined(FLYHOOK_HEADER_ONLY)
#include <flyhook/impl/detail/decide/scheduler.ipp>
#endif

#endif
