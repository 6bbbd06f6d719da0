#ifndef FLYHOOK_TESTS_SIMULATION_LEDGER_HPP
#define FLYHOOK_TESTS_SIMULATION_LEDGER_HPP

#include "simulation/exercised.hpp"
#include "simulation/lane_rules.hpp"
#include "simulation/retry_rules.hpp"

#include <flyhook/store.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

// What is true, as seen at the store's port and at the transport's: plain facts, which the oracle writes and judges by.

namespace simulation {

/// What a subscription asked for from some change of the registry on.
struct Asked {
  std::uint64_t since = 0;  ///< the registry's change
  bool matches_at_all = false;
  std::vector<std::string> patterns{};
  std::string tenant{};
  std::optional<int> at_least{};  ///< its filter: {"/n": {"$gte": ...}}
  flyhook::Ordering ordering = flyhook::Ordering::none;
};

/// One lane: a subscription from its first put to its removal.
struct LaneFacts {
  std::uint64_t number = 0;
  flyhook::Subscription subscription{};
  std::uint32_t slot = 0;
  bool is_removed = false;
  bool is_direct =
      false;  ///< of no subscription: what is sent to one origin, or tests of the one that `subscription` names
  bool is_test = false;
  std::vector<Asked> asked{};  ///< oldest first

  std::size_t max_in_flight = 0;  ///< in force now
  std::size_t capacity = 0;       ///< of the window, the largest that it ever had
  bool was_closed = false;        ///< what was handed out before may still be on its way back
  std::size_t waiting = 0, handed_out = 0, under_way = 0;
  std::size_t loose = 0;                                           ///< waiting for no time and out of order
  std::set<std::pair<flyhook::TimePoint, std::uint64_t>> timed{};  ///< waiting for a time, by sequence
  std::map<std::uint64_t, std::set<std::uint64_t>> ordered{};      ///< by order number, sequences that have not ended
  std::map<std::string, std::uint64_t> order_of{};                 ///< by key; the number of each
  std::uint64_t strict_order = 0;
  bool was_sent_to = false;  ///< since the last settle
  LaneRules rules{};
  std::shared_ptr<const flyhook::RetryPolicy> policy{};
  std::chrono::nanoseconds policy_since{0};
  bool is_known = false;         ///< the engine has it in memory
  bool is_told_failing = false;  ///< and of no recovery since

  struct Notice {
    std::uint64_t sequence = 0;
    flyhook::DeliveryStatus status{};
    bool has_attempt = false;
  };
  std::deque<Notice> notices{};  ///< what observers have to be told next, in this order
  bool half_told = false;        ///< on_attempt of the first one came
  std::set<std::uint64_t>
      overflowed{};  ///< what they have to be told at any time: it was not this lane's outcome that did it

  bool is_open() const { return !is_removed && subscription.enabled && !subscription.paused; }
};

struct EventFacts {
  std::string id{};
  std::string type{}, tenant{}, key{};
  std::string target{}, tested{};  ///< the one URL that it was sent to, or the subscription that it tests
  int n = 0;
  std::uint64_t published_at_change = 0;  ///< of the registry, at the oldest publish that is open
  std::chrono::nanoseconds published_at{0};
  std::uint64_t number = 0;  ///< of that publish; 0: its id is its own, and it may have been published more than once
  flyhook::TimePoint created{};
  std::optional<flyhook::TimePoint> deliver_at{}, expires_at{};
  bool was_cancelled = false, is_erased = false;  ///< somebody asked for it
  std::uint32_t open = 0;                         ///< publishes that were accepted and whose fate is not known
  bool is_appended = false;
  std::vector<std::uint64_t> deliveries{};

  bool is_direct() const { return !target.empty() || !tested.empty(); }
};

enum class Place { waiting, handed_out, ended };

struct DeliveryFacts {
  std::uint64_t sequence = 0, lane = 0, order = 0;
  std::uint32_t event = 0;
  Place place = Place::waiting;
  flyhook::DeliveryStatus status = flyhook::DeliveryStatus::pending;
  std::string reason{};
  std::optional<flyhook::TimePoint> due{};               ///< in stored time
  std::chrono::nanoseconds due_elapsed{0};               ///< by the clock that decides delays, when it was set
  std::shared_ptr<const flyhook::RetryPolicy> policy{};  ///< of the attempt under way
  Account account{};
  bool is_cancelled = false;  ///< cancel has returned: it must not be sent any more
  bool claim_lost = false;    ///< its slot was lost while it was handed out: it may come again
  bool is_replayed = false;
  bool is_untold = false;  ///< it ended together with others, and only their number was told, or nobody knows
  bool waited_behind = false;
  std::uint32_t under_way = 0;
  bool was_delivered = false;       ///< an endpoint answered 2xx
  std::optional<Answered> last{};   ///< of the claim that is open
  std::vector<Answered> answers{};  ///< of attempts that the store has
  std::uint32_t told_delivered = 0, told_dead = 0, told_attempts = 0;
};

struct Ledger {
  Exercised exercised{};
  std::uint64_t changes = 0;  ///< of the registry
  std::unordered_map<std::uint64_t, LaneFacts> lanes{};
  std::unordered_map<std::string, std::uint64_t> lane_of{};  ///< of subscriptions that exist
  std::vector<EventFacts> events{};
  std::unordered_map<std::string, std::uint32_t> event_of{};
  std::vector<DeliveryFacts> deliveries{DeliveryFacts{}};   ///< by sequence, from 1 on
  std::array<std::uint64_t, flyhook::slot_count> epochs{};  ///< that the engine was told; 0: not its
  std::unordered_set<const flyhook::Message*> repeats{};    ///< whose append was answered `unknown`
  std::unordered_map<const flyhook::Message*, std::uint32_t> unheard_closed{};

  std::uint64_t publishes = 0, last_appended = 0;  ///< numbers of publishes
  std::size_t open_publishes = 0;                  ///< accepted, not yet appended, dropped or known
  std::size_t not_ended = 0;
  std::size_t under_way = 0;

  // What Stats has to say once nothing is under way.
  std::uint64_t accepted = 0, rejected = 0, duplicates = 0, perhaps_duplicates = 0, dropped = 0, attempts = 0,
                failed_attempts = 0, delivered = 0, dead = 0, cancelled = 0, perhaps_cancelled = 0, expired = 0,
                callback_errors = 0;
};

}  // namespace simulation

#endif
