#ifndef FLYHOOK_DETAIL_DECIDE_SCHEDULER_HPP
#define FLYHOOK_DETAIL_DECIDE_SCHEDULER_HPP

#include <flyhook/breaker.hpp>
#include <flyhook/detail/config.hpp>
#include <flyhook/detail/decide/lane.hpp>
#include <flyhook/detail/decide/outcome.hpp>
#include <flyhook/store.hpp>

#include <algorithm>
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
// place. Where sending slots are few (a blocking transport: each is a thread), an endpoint that answers slowly or not at
// all must not take them all: those are counted, and held to a share of the slots; and of the rest, some are left for lanes
// that have nothing under way. A machine like the lanes: it takes `now` and facts, and is protected by the engine's lock.

namespace flyhook::detail {

class Scheduler {
 public:
  using Nanoseconds = std::chrono::nanoseconds;

  /// `slots`: requests under way at a time, over all lanes.
  explicit Scheduler(std::size_t slots, const BreakerPolicy& breaker = {}) : slots_(slots), breaker_(breaker) {}

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

  /// What time it is for all that follows. It never goes back.
  void see(Nanoseconds now) { now_ = std::max(now_, now); }

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
  /// Adds what the lane has claimed of an event and not sent to `claims`. What is under way is not tried again.
  FLYHOOK_DECL void cancel(Lane& lane, const EventId& event, std::vector<Claim>& claims);

  /// Which slots this process holds. Lanes of slots that are lost drop what they had claimed; those of slots that are new
  /// begin carefully.
  FLYHOOK_DECL void own(const std::vector<Slot>& slots);

  /// The lane waits for a look-up, at most until `deadline`; `answered` ends it. `advance` ends it with `timed_out`.
  FLYHOOK_DECL void resolve(Lane& lane, Nanoseconds deadline);
  FLYHOOK_DECL void answered(Lane& lane, std::shared_ptr<const Resolved> resolved);

  // Decisions ---------------------------------------------------------------------------------------------------------

  /// Lets time pass: lanes whose next delivery is due want a fetch, those that were held back are ready, and a look-up that
  /// took too long counts as `late`.
  FLYHOOK_DECL void advance(Nanoseconds now, const std::shared_ptr<const Resolved>& late);

  /// The next ready lane, if a sending slot is free; it goes to the end of the ring. Null: none.
  FLYHOOK_DECL Lane* next();
  struct Started {
    Claimed claimed{};
    bool is_probe = false;  ///< the one request that an open breaker lets through
  };
  /// Where the lane's oldest claimed delivery has an endpoint of its own, it is the lane's from now on.
  FLYHOOK_DECL void aim(Lane& lane);
  /// The lane's oldest claimed delivery starts.
  FLYHOOK_DECL Started start(Lane& lane);
  /// It was judged, or (a bearing of nothing) could not be sent after all. True: it was cancelled meanwhile.
  FLYHOOK_DECL bool end(Lane& lane, const Claim& claim, const Bearing& bearing);

  /// When the lane's next waiting delivery is due; nullopt: none waits.
  FLYHOOK_DECL void set_due(Lane& lane, std::optional<Nanoseconds> due);
  /// Another one waits until then.
  FLYHOOK_DECL void add_due(Lane& lane, Nanoseconds due);

  /// Takes up to `most` lanes that want a fetch, marks them as fetching.
  FLYHOOK_DECL std::vector<LaneWant> wants(std::size_t most);

  // Facts -------------------------------------------------------------------------------------------------------------

  bool has_ready() const { return first_fast() != nullptr || first_slow() != nullptr; }
  bool has_wants() const { return !wanting_.empty(); }
  std::size_t in_flight() const { return in_flight_; }
  std::optional<Nanoseconds> next_due() const {
    return timers_.empty() ? std::nullopt : std::optional{timers_.begin()->first};
  }
  bool is_resolving() const { return resolving_ > 0; }

 private:
  FLYHOOK_DECL void forget_idle();
  FLYHOOK_DECL void stop_resolving(Lane& lane);
  FLYHOOK_DECL void forget_resolved(Lane& lane, const Endpoint* next);
  FLYHOOK_DECL void retime(Lane& lane);
  FLYHOOK_DECL void place(Lane& lane);
  FLYHOOK_DECL void classify(Lane& lane);
  FLYHOOK_DECL void note_fast(std::size_t needed);
  FLYHOOK_DECL std::size_t reserve() const;
  FLYHOOK_DECL std::size_t slow_share() const;
  FLYHOOK_DECL Lane* first_fast() const;
  FLYHOOK_DECL Lane* first_slow() const;

  static constexpr std::size_t unlimited = static_cast<std::size_t>(-1);

  const std::size_t slots_;
  const BreakerPolicy breaker_;
  Nanoseconds now_{0};
  std::size_t in_flight_ = 0;
  std::size_t resolving_ = 0;
  std::unordered_map<std::uint64_t, std::unique_ptr<Lane>> lanes_;
  // Ready lanes: `starting_` have nothing under way, `unknown_` were never asked, `slow_` are held to their share.
  LaneRing starting_, going_, unknown_, slow_;
  bool slow_turn_ = false;  // the rings take turns, too
  std::size_t slow_in_flight_ = 0;
  std::size_t fast_peak_ = 0, fast_peak_before_ = 0;  // most requests of fast lanes under way, of this period and the last
  Nanoseconds peak_until_{0};
  std::deque<Lane*> wanting_;                               // each lane at most once: Lane::is_wanting
  std::set<std::pair<Nanoseconds, std::uint64_t>> timers_;  // each lane's `timer`
  std::vector<std::uint64_t> epochs_ = std::vector<std::uint64_t>(slot_count, 0);  // 0: not ours
  std::size_t forget_above_ = 1024;
  std::uint64_t generation_ = 1;
};

}  // namespace flyhook::detail

#if defined(FLYHOOK_HEADER_ONLY)
#include <flyhook/impl/detail/decide/scheduler.ipp>
#endif

#endif
