#ifndef FLYHOOK_DETAIL_STORE_MEMORY_LANE_HPP
#define FLYHOOK_DETAIL_STORE_MEMORY_LANE_HPP

#include <flyhook/clock.hpp>
#include <flyhook/detail/config.hpp>
#include <flyhook/detail/store/memory_index.hpp>
#include <flyhook/detail/store/memory_rows.hpp>
#include <flyhook/id.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <unordered_map>

// The queue of one lane over MemoryStore's rows. Plain state under the store's mutex; no step looks at more than the rows
// that it hands out or ends, however many wait.
//
//   fresh   at once, in the order of appending ─ a list, by sequence ──┐
//   ready   at once, but out of that order ───── an index, by sequence ┼──► next(now): of the three heads that are due the
//   later   with a due time ──────────────────── an index, by due time ┘    one with the lowest sequence
//   chains  order number ► its oldest unfinished row (in one of the three, or handed out) ► the rows held back behind it
//
// What may end first, the oldest, is the first in `unfinished` that is not handed out: all these rows by sequence, whatever
// they wait for. Those that were finished and opened again stand in `out_of_line` while they wait.

namespace flyhook::detail {

/// All rows of one subscription id, which may have had several lanes in turn.
struct MemoryEndpoint {
  MemoryList<&MemoryRow::in_endpoint> rows{};
  std::size_t lanes = 0;
  SubscriptionId id{};
};

struct MemoryLane {
  MemoryRows* rows = nullptr;  // where its rows are
  MemoryEndpoint* endpoint = nullptr;
  std::uint64_t number = 0;
  std::size_t waiting = 0;   // neither final nor handed out, held back ones included
  std::size_t existing = 0;  // rows, final ones included
  MemoryPlace place = 0;     // its own
  bool removed = false;
  bool recent = false;  // removed lately: kept for appends that are under way
  MemoryList<&MemoryRow::in_lane> unfinished{};
  MemoryPlace first_waiting = 0;  // of `unfinished` no row waits before it; 0: none waits at all
  MemoryQueue fresh{};
  MemoryIndex ready{};
  MemoryIndex later{};
  MemoryIndex out_of_line{};
  std::unordered_map<std::uint64_t, MemoryPlace> chains{};

  MemoryPlace& free_link() { return place; }

  /// True if a row of that order number may be handed out at once.
  bool heads(std::uint64_t order) const { return order == 0 || chains.find(order) == chains.end(); }

  /// Takes in a new row, or one that was opened again; `taken`: it is handed out at once, which heads() allowed.
  FLYHOOK_DECL void enter(MemoryPlace row, std::uint64_t order, bool taken);

  /// Takes back a row that was handed out.
  FLYHOOK_DECL void wait_again(MemoryPlace row);

  /// The next row that is due, out of the queue and to be handed out; 0: none.
  FLYHOOK_DECL MemoryPlace next(TimePoint now);

  FLYHOOK_DECL bool has_due(TimePoint now) const;

  FLYHOOK_DECL std::optional<TimePoint> next_due(TimePoint now) const;

  /// A row that was handed out has ended: what it held back is next.
  FLYHOOK_DECL void leave(MemoryPlace row);

  /// Of all that wait, held back or not, the row with the lowest sequence; 0: none.
  FLYHOOK_DECL MemoryPlace oldest();

  /// Takes out a row that waits, wherever it stands.
  FLYHOOK_DECL void remove(MemoryPlace row);

 private:
  FLYHOOK_DECL void enqueue(MemoryPlace row);
  FLYHOOK_DECL void dequeue(MemoryPlace row);
  FLYHOOK_DECL void unlist(MemoryPlace row);
};

}  // namespace flyhook::detail

#if defined(FLYHOOK_HEADER_ONLY)
#include <flyhook/impl/detail/store/memory_lane.ipp>
#endif

#endif
