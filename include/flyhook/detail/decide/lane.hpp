#ifndef FLYHOOK_DETAIL_DECIDE_LANE_HPP
#define FLYHOOK_DETAIL_DECIDE_LANE_HPP

#include <flyhook/detail/config.hpp>
#include <flyhook/detail/decide/registry.hpp>
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
};

/// Addresses of a host, and until when they may be connected to.
struct Resolved {
  std::string host{};  ///< whose they are; empty: anybody's
  std::vector<std::string> addresses{};
  std::string error{};  ///< why there are none
  std::chrono::nanoseconds refresh_at{0}, expires_at{0};
};

class Lane {
 public:
  Lane(std::uint64_t its_number, EndpointPtr its_endpoint) : number(its_number), endpoint(std::move(its_endpoint)) {}

  /// Room in the window: twice the in-flight limit and at least 64, less what is claimed and not yet settled.
  FLYHOOK_DECL std::size_t room() const;

  /// A delivery may be claimed while it is appended: the store is known to hold none that waits before it.
  FLYHOOK_DECL bool may_take() const;

  /// Something may be sent now.
  FLYHOOK_DECL bool is_ready() const;

  /// The store has more, and the window is half empty.
  FLYHOOK_DECL bool wants_fetch() const;

  /// Nothing to remember: the lane can be forgotten and made anew.
  FLYHOOK_DECL bool is_idle() const;

  /// Neither paused nor disabled nor unsubscribed, and its slot is ours.
  bool is_open() const {
    return owned && endpoint != nullptr && endpoint->subscription.enabled && !endpoint->subscription.paused;
  }

  std::uint64_t number;
  EndpointPtr endpoint;     ///< null: unsubscribed
  std::uint64_t epoch = 0;  ///< of its slot, valid while `owned`
  bool owned = false;

  std::deque<Claimed> window{};            ///< to be sent, oldest first
  std::size_t taking = 0;                  ///< being appended and claimed
  std::vector<std::uint64_t> in_flight{};  ///< their sequences
  std::size_t unsettled = 0;               ///< judged, not yet in the store
  bool more = false;                       ///< the store may hold due deliveries that wait
  bool fetching = false;
  std::optional<std::chrono::nanoseconds> due{};  ///< when the store's next waiting delivery is due, in engine time

  std::shared_ptr<const Resolved> resolved{};
  std::optional<std::chrono::nanoseconds> resolving{};  ///< a look-up is under way, and counts as failed from then on

  std::size_t late_failures = 0;  ///< so many attempts share the look-up that came too late

  std::size_t notices = 0;    ///< observer calls that wait or run
  std::uint64_t changed = 0;  ///< the scheduler's generation when its subscription last changed
  bool is_queued = false;     ///< in the scheduler's ready ring
  bool is_wanting = false;    ///< in the scheduler's fetch ring

  static constexpr std::size_t most_notices = 64;
};

}  // namespace flyhook::detail

#if defined(FLYHOOK_HEADER_ONLY)
#include <flyhook/impl/detail/decide/lane.ipp>
#endif

#endif
