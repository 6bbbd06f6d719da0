#ifndef FLYHOOK_DETAIL_STORE_MEMORY_LANE_HPP
#define FLYHOOK_DETAIL_STORE_MEMORY_LANE_HPP

#include <flyhook/clock.hpp>
#include <flyhook/delivery.hpp>
#include <flyhook/detail/config.hpp>
#include <flyhook/id.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>

// MemoryStore's rows and the queue of one lane over them. Plain state under the store's mutex; no step looks at more than
// the rows that it hands out or ends, however many wait.
//
//   fresh   appended, never handed out ──────── a list, by sequence ──┐
//   ready   due at once, but not in line ────── a set, by sequence ───┼──► next(now): of the three heads that are due the
//   later   with a due time ─────────────────── a set, by due time ───┘    one with the lowest sequence
//   chains  order number ► its oldest unfinished row (in one of the three, or handed out) ► the rows held back behind it
//
// What may end first, the oldest, is known without looking: `timed` has the rows of `later` by sequence, `held_back` the
// first row of each chain whose head is handed out; behind a head that waits nothing is older.

namespace flyhook::detail {

struct MemoryEvent;
struct MemoryLane;

/// A delivery. Its links serve one list after the other, so that a row costs no allocation of its own.
struct MemoryRow {
  static constexpr TimePoint at_once = TimePoint::min();

  std::uint64_t sequence = 0;
  std::uint64_t order = 0;  // NewDelivery::order; once final, the number of its finishing
  TimePoint due = at_once;  // once final, when it was finished
  MemoryLane* lane = nullptr;
  MemoryEvent* event = nullptr;
  MemoryRow* next = nullptr;      // unfinished: in `fresh` or its chain; final: in the list of finished rows
  MemoryRow* previous = nullptr;  // as `next`, but handed out: in the list of all that is handed out
  MemoryRow* handed_next = nullptr;
  MemoryRow* older = nullptr;  // the list of its subscription's rows
  MemoryRow* newer = nullptr;
  std::string log{};  // attempts and reason, encoded by MemoryLog
  std::uint32_t attempts = 0;
  std::uint32_t steps = 0, deferrals = 0;  // Outcome's
  DeliveryStatus status = DeliveryStatus::pending;
  bool handed_out = false;
};

/// All rows of one subscription id, which may have had several lanes in turn.
struct MemoryEndpoint {
  MemoryRow* oldest = nullptr;
  MemoryRow* newest = nullptr;
  std::size_t lanes = 0;
  SubscriptionId id{};
};

struct MemoryLater {
  TimePoint due{};
  std::uint64_t sequence = 0;
  MemoryRow* row = nullptr;
  friend bool operator<(const MemoryLater& a, const MemoryLater& b) {
    return a.due != b.due ? a.due < b.due : a.sequence < b.sequence;
  }
};

struct MemoryOlder {
  bool operator()(const MemoryRow* a, const MemoryRow* b) const { return a->sequence < b->sequence; }
};
using MemoryBySequence = std::set<MemoryRow*, MemoryOlder>;

struct MemoryLane {
  struct Chain {
    MemoryRow* head = nullptr;
    MemoryRow* tail = nullptr;
  };

  std::uint64_t number = 0;
  MemoryEndpoint* endpoint = nullptr;
  std::size_t waiting = 0;  // neither final nor handed out, held back ones included
  std::size_t rows = 0;     // all that exist
  bool removed = false;
  bool recent = false;  // removed lately: kept for appends that are under way
  MemoryRow* fresh_first = nullptr;
  MemoryRow* fresh_last = nullptr;
  MemoryBySequence ready{};
  std::set<MemoryLater> later{};
  MemoryBySequence timed{};
  MemoryBySequence held_back{};
  std::unordered_map<std::uint64_t, Chain> chains{};

  /// True if a row of that order number may be handed out at once.
  bool heads(std::uint64_t order) const { return order == 0 || chains.find(order) == chains.end(); }

  /// Takes in a new row; `taken`: it is handed out at once, which heads() allowed.
  FLYHOOK_DECL void enter(MemoryRow& row, bool taken);

  /// Takes back a row that was handed out.
  FLYHOOK_DECL void wait_again(MemoryRow& row);

  /// The next row that is due, out of the queue and to be handed out; null: none.
  FLYHOOK_DECL MemoryRow* next(TimePoint now);

  FLYHOOK_DECL bool has_due(TimePoint now) const;

  FLYHOOK_DECL std::optional<TimePoint> next_due(TimePoint now) const;

  /// A row that was handed out has ended: what it held back is next.
  FLYHOOK_DECL void leave(MemoryRow& row);

  /// Of all that wait, held back or not, the row with the lowest sequence; null: none.
  FLYHOOK_DECL MemoryRow* oldest() const;

  /// Takes out a row that waits, wherever it stands.
  FLYHOOK_DECL void remove(MemoryRow& row);

 private:
  FLYHOOK_DECL void enqueue(MemoryRow& row);
  FLYHOOK_DECL void dequeue(MemoryRow& row);
};

}  // namespace flyhook::detail

#if defined(FLYHOOK_HEADER_ONLY)
#include <flyhook/impl/detail/store/memory_lane.ipp>
#endif

#endif
