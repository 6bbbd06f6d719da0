#ifndef FLYHOOK_DETAIL_DECIDE_LANE_HPP
#define FLYHOOK_DETAIL_DECIDE_LANE_HPP

#include <flyhook/detail/config.hpp>
#include <flyhook/detail/decide/breaker.hpp>
#include <flyhook/detail/decide/concurrency.hpp>
#include <flyhook/detail/decide/health.hpp>
#include <flyhook/detail/decide/registry.hpp>
#include <flyhook/detail/decide/retry.hpp>
#include <flyhook/detail/decide/token_bucket.hpp>
#include <flyhook/message.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

// One subscription's window in memory: what was handed out to us, what is under way, and what holds it back. A machine:
// it is told facts and asked questions, and does nothing. The scheduler owns it; the engine's lock protects it.
//
//   store ──take/fetch──► window ──send──► in flight ──judge──► unsettled ──finish──► gone
//                           │
//                           └──give back── (paused, unsubscribed, slot lost, shutdown)

namespace flyhook::detail {

struct SharedBodies;  // of one event, in each encoding

/// A delivery that the store has handed out to us.
struct Claimed {
  std::uint64_t sequence = 0;
  std::shared_ptr<const Message> message{};
  std::shared_ptr<SharedBodies> bodies{};  ///< null: the event has no other delivery
  std::uint32_t attempts = 0;
  Progress progress{};
  EndpointPtr endpoint{};  ///< its own, in a direct lane; null: the lane's

  /// Its next attempt is a schedule's, or the first one of a replay: more were made than the account of this schedule
  /// knows.
  AttemptTrigger trigger() const {
    const bool is_replay = progress.steps == 0 && attempts > progress.deferrals;
    return is_replay ? AttemptTrigger::replay : AttemptTrigger::schedule;
  }
};

/// A request under way.
struct Flying {
  std::uint64_t sequence = 0;
  std::uint64_t epoch = 0;  ///< under which it was claimed: after a take-over the same delivery may be under way twice
  std::shared_ptr<const Message> message{};
  std::chrono::nanoseconds since{0};
  bool is_probe = false;
  bool is_cancelled = false;  ///< not to be tried again
};

/// Addresses of a host, and until when they may be connected to.
struct Resolved {
  std::string host{};  ///< whose they are; empty: anybody's
  std::vector<std::string> addresses{};
  std::string error{};                ///< why there are none
  std::optional<AllowList> judged{};  ///< how they were; empty: they were not, and there are none
  std::chrono::nanoseconds refresh_at{0}, expires_at{0};
};

struct LaneRing;

class Lane {
 public:
  using Nanoseconds = std::chrono::nanoseconds;

  FLYHOOK_DECL Lane(EndpointPtr its_endpoint, const BreakerPolicy& its_breaker_policy, Nanoseconds now);

  /// Room in the window: twice the in-flight limit and at least 64, less what is claimed and not yet settled.
  FLYHOOK_DECL std::size_t room() const;

  /// A delivery may be claimed while it is appended: the store is known to hold none that waits before it.
  FLYHOOK_DECL bool may_take() const;

  /// Something may be sent, if the time has come.
  FLYHOOK_DECL bool has_candidate() const;

  /// When the next request may leave, not before `now`; none: the answer to one under way will tell.
  FLYHOOK_DECL std::optional<Nanoseconds> next_send_at(Nanoseconds now) const;

  /// The end of what its endpoint asked for, or of the breaker's cool-down; none: it is not held.
  FLYHOOK_DECL std::optional<Nanoseconds> held_until() const;

  /// Something may be sent now.
  FLYHOOK_DECL bool is_ready(Nanoseconds now) const;

  /// Its answers take long, or one is overdue, or it was never asked: it may hold what it is given for a while.
  FLYHOOK_DECL bool seems_slow(Nanoseconds now) const;

  /// A request of that duration has ended.
  FLYHOOK_DECL void note_duration(Nanoseconds duration);

  /// The store has more, and the window is half empty.
  FLYHOOK_DECL bool wants_fetch() const;

  /// Nothing to remember: the lane can be forgotten and made anew.
  FLYHOOK_DECL bool is_idle(Nanoseconds now) const;

  /// Another version of the endpoint. What was known of it holds no longer where it has another URL, or is enabled again.
  FLYHOOK_DECL void set_endpoint(EndpointPtr its_endpoint, Nanoseconds now);

  /// The slot is new to us, and what was sent before is not known: begin with one request, and without credit.
  FLYHOOK_DECL void take_over(Nanoseconds now);

  /// Neither paused nor disabled nor unsubscribed, and its slot is ours.
  bool is_open() const {
    return owned && !is_ending && endpoint != nullptr && endpoint->subscription.enabled && !endpoint->subscription.paused;
  }

  std::uint64_t number;
  EndpointPtr endpoint;     ///< null: unsubscribed
  std::uint64_t epoch = 0;  ///< of its slot, valid while `owned`
  bool owned = false;

  std::deque<Claimed> window{};     ///< to be sent, oldest first
  std::size_t taking = 0;           ///< being appended and claimed
  std::vector<Flying> in_flight{};  ///< in no order
  std::size_t unsettled = 0;        ///< judged, not yet in the store
  std::size_t successes = 0;        ///< of those, the ones that were delivered to the URL of now
  bool more = false;                ///< the store may hold due deliveries that wait
  bool fetching = false;
  bool is_ordered = false;  ///< what waits may be held back by what was sent: an end may free it, and only a fetch tells
  std::optional<Nanoseconds> due{};  ///< when the store's next waiting delivery is due, in engine time

  // What holds it back.
  BreakerPolicy breaker_policy;
  Breaker breaker;
  TokenBucket bucket;
  Concurrency concurrency;
  Health health{};
  std::optional<Nanoseconds> hold{};  ///< the endpoint asked to be left alone until then
  std::optional<Nanoseconds> wake{};  ///< something could be sent but for the time, which is this
  bool is_ending = false;             ///< it is being disabled: 410, or it failed for too long

  std::shared_ptr<const Resolved> resolved{};
  std::optional<Nanoseconds> resolving{};  ///< a look-up is under way, and counts as failed from then on

  std::size_t late_failures = 0;  ///< so many attempts share the look-up that came too late

  std::size_t notices = 0;                  ///< observer calls that wait or run
  std::uint64_t changed = 0;                ///< the scheduler's generation when its subscription last changed
  std::optional<Nanoseconds> answers_in{};  ///< about how long the last answers took; none: it is not known yet
  bool is_slow = true;                      ///< as its requests under way are counted by the scheduler

  std::optional<Nanoseconds> timer{};  ///< in the scheduler's timers: the earliest of `due`, `resolving` and `wake`
  LaneRing* ring = nullptr;            ///< the scheduler's, in which it stands ready
  Lane* ring_before = nullptr;
  Lane* ring_after = nullptr;
  bool is_wanting = false;  ///< in the scheduler's fetch ring

  static constexpr std::size_t most_notices = 64;
};

/// Lanes in a row. Each stands in at most one; entering and leaving is cheap wherever it stands.
struct LaneRing {
  Lane* first = nullptr;
  Lane* last = nullptr;

  FLYHOOK_DECL void push_back(Lane& lane);
  FLYHOOK_DECL void erase(Lane& lane);
};

}  // namespace flyhook::detail

#if defined(FLYHOOK_HEADER_ONLY)
#include <flyhook/impl/detail/decide/lane.ipp>
#endif

#endif
