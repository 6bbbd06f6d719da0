#ifndef FLYHOOK_DETAIL_STORE_MEMORY_LEDGER_HPP
#define FLYHOOK_DETAIL_STORE_MEMORY_LEDGER_HPP

#include <flyhook/clock.hpp>
#include <flyhook/delivery.hpp>
#include <flyhook/detail/config.hpp>
#include <flyhook/detail/store/memory_lane.hpp>
#include <flyhook/detail/store/memory_pages.hpp>
#include <flyhook/detail/store/memory_rows.hpp>
#include <flyhook/message.hpp>
#include <flyhook/options.hpp>
#include <flyhook/store.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

// What MemoryStore remembers: rows by sequence, events, known ids, and which of it goes when room is short. Plain state
// under the store's mutex. Every call does work in proportion to what it adds; what goes was added before.

namespace flyhook::detail {

struct MemoryEvent;

/// What is known of an event's id.
struct MemoryKnown {
  std::uint64_t content_hash = 0;
  TimePoint at{};
  MemoryEvent* newest = nullptr;  // of the stored events with this id: after 24 h there may be a second
  bool remembered = false;        // a repeat is recognised
};
using MemoryIds = std::unordered_map<std::string, MemoryKnown>;

/// An event that has rows.
struct MemoryEvent {
  std::shared_ptr<const Message> message{};
  MemoryIds::value_type* known = nullptr;
  MemoryEvent* older_of_id = nullptr;
  MemoryEvent* body_before = nullptr;  // the list of finished events that still have their body
  MemoryEvent* body_after = nullptr;
  std::uint64_t group = 0;  // `first` of the event that was appended: add() makes a further one of the same group
  std::uint64_t first = 0;  // its rows have the sequences from here on
  std::size_t bytes = 0;
  std::unique_ptr<std::vector<std::uint64_t>> past_lanes{};  // of rows that were dropped; null: of none
  std::uint32_t count = 0;                                   // so many rows it was appended with
  std::uint32_t exist = 0;                                   // of which these have not been dropped,
  std::uint32_t open = 0;                                    // and these are not final
  MemoryPlace place = 0;                                     // its own
  bool has_body = true;
  bool has_kin = false;  // there may be further ones of the group

  MemoryPlace& free_link() { return place; }
};

class MemoryLedger {
 public:
  static constexpr std::size_t known_limit = 100'000;
  static constexpr std::chrono::hours known_for{24};

  FLYHOOK_DECL MemoryLedger(const Retention& retention, std::size_t max_pending, std::size_t max_bytes);

  std::size_t pending() const { return pending_; }
  std::uint64_t next_sequence() const { return next_sequence_; }
  void see(TimePoint now) { now_ = now; }

  // Ids --------------------------------------------------------------------------------------------------------------

  /// What is known of an id. What is not `remembered` lasts only until the next call of anything but remember().
  FLYHOOK_DECL MemoryIds::value_type& known(const std::string& id);
  FLYHOOK_DECL void remember(MemoryIds::value_type& known, std::uint64_t content_hash);
  /// Undoes the latest remember().
  FLYHOOK_DECL void forget_newest();

  bool knows(const std::string& id) const { return ids_.find(id) != ids_.end(); }

  /// The newest event with that id; the others follow by `older_of_id`. Null: none is stored.
  FLYHOOK_DECL MemoryEvent* newest_event(const std::string& id) const;

  // Events and rows --------------------------------------------------------------------------------------------------

  FLYHOOK_DECL static std::size_t bytes_of(const Message& message);

  /// Makes room for an event. False: there is none, even without anything that is finished.
  FLYHOOK_DECL bool make_room(std::size_t deliveries, std::size_t bytes);

  FLYHOOK_DECL MemoryEvent& add_event(std::shared_ptr<const Message> message, MemoryIds::value_type& known,
                                      std::size_t bytes, std::size_t count);

  /// A further event of the group of `event`, with that message and one row to come.
  FLYHOOK_DECL MemoryEvent& add_kin(MemoryEvent& event, std::shared_ptr<const Message> message, std::size_t bytes);

  /// True if the event's group has, or had, a row in the lane; `budget` falls by what was looked at.
  FLYHOOK_DECL bool has_row_in(const MemoryEvent& event, const MemoryLane& lane, std::size_t& budget);

  /// True if no older event of its group has a body.
  FLYHOOK_DECL static bool is_first_of_group(const MemoryEvent& event);

  /// Removes the body of an event and the response bodies of its rows.
  FLYHOOK_DECL void erase(MemoryEvent& event);

  MemoryRow& row(MemoryPlace row) { return rows_[row]; }
  MemoryEvent& event_of(const MemoryRow& row) { return events_[row.event]; }
  MemoryLane& lane_of(const MemoryRow& row) { return lanes_[row.lane]; }

  FLYHOOK_DECL MemoryPlace add_row(MemoryEvent& event, MemoryLane& lane, const NewDelivery& wanted);

  MemoryPlace find(std::uint64_t sequence) const { return pages_.find(sequence); }

  /// The youngest row older than `sequence`.
  MemoryPlace before(std::uint64_t sequence) const { return pages_.before(sequence); }

  /// The youngest row of a subscription older than `sequence`. Usually `sequence` is a row's of it; where that row is
  /// gone, the search comes from both ends.
  FLYHOOK_DECL MemoryPlace before(const MemoryEndpoint& endpoint, std::uint64_t sequence);

  /// The oldest row younger than `sequence`.
  MemoryPlace after(std::uint64_t sequence) const { return pages_.after(sequence); }

  /// The oldest row of a subscription younger than `sequence`; a row of another, if that of `sequence` is not of it.
  FLYHOOK_DECL MemoryPlace after(const MemoryEndpoint& endpoint, std::uint64_t sequence);

  /// Has the events and messages of rows brought.
  FLYHOOK_DECL void prefetch(std::span<const MemoryPlace> rows) const;

  FLYHOOK_DECL void hand_out(MemoryPlace row);

  FLYHOOK_DECL void take_back(MemoryPlace row);

  MemoryPlace any_handed_out() const { return handed_out_.first; }

  FLYHOOK_DECL void add_attempt(MemoryRow& row, const Attempt& attempt);

  /// Ends a row that is in no queue.
  FLYHOOK_DECL void end(MemoryPlace row, DeliveryStatus status, std::string_view reason);

  /// Undoes end(): the row is in no queue yet, due at once, and has no order number. False: there is no room.
  FLYHOOK_DECL bool reopen(MemoryPlace row);

  /// Drops what retention no longer covers. By age at most some rows a call, so that a clock that leaps stalls nobody.
  FLYHOOK_DECL void prune();

  // Lanes ------------------------------------------------------------------------------------------------------------

  FLYHOOK_DECL MemoryLane& add_lane(std::uint64_t number, MemoryEndpoint& endpoint);

  /// A lane without rows.
  FLYHOOK_DECL void drop_lane(MemoryLane& lane);

  /// Lanes that lost their last row since the last call: the store decides whether they go.
  std::vector<MemoryLane*>& emptied() { return emptied_; }

 private:
  FLYHOOK_DECL bool outlived(MemoryPlace row, std::chrono::hours keep) const;

  /// Lets go of one finished body, or else of one finished row. False: nothing is finished.
  FLYHOOK_DECL bool shrink();

  MemoryQueue& finished_queue(DeliveryStatus status) { return status == DeliveryStatus::delivered ? delivered_ : dead_; }

  FLYHOOK_DECL bool drop_oldest();

  FLYHOOK_DECL void drop_first(MemoryQueue& queue);

  FLYHOOK_DECL void drop_event(MemoryEvent& event);

  FLYHOOK_DECL static std::vector<std::uint64_t>& past_lanes_of(MemoryEvent& event);

  FLYHOOK_DECL void drop_body(MemoryEvent& event);

  FLYHOOK_DECL void unlist_body(MemoryEvent& event);

  FLYHOOK_DECL void forget_oldest();

  FLYHOOK_DECL void forget_if_unused(MemoryIds::value_type& known);

  Retention retention_;
  const std::size_t max_pending_;
  const std::size_t max_bytes_;
  TimePoint now_{};

  MemoryRows rows_{};
  MemoryPool<MemoryEvent> events_{};
  MemoryPool<MemoryLane, 16> lanes_{};
  MemoryPages pages_{};
  std::uint64_t next_sequence_ = 1;

  MemoryIds ids_{};
  std::deque<MemoryIds::value_type*> recent_ids_{};
  std::vector<MemoryIds::node_type> spares_{};  // what was forgotten last serves the next ids

  MemoryQueue handed_out_{};
  MemoryQueue delivered_{}, dead_{};   // in the order in which they were finished
  MemoryEvent* first_body_ = nullptr;  // finished events with a body, in that order
  MemoryEvent* last_body_ = nullptr;
  std::uint64_t finish_number_ = 0;
  std::size_t pending_ = 0, finished_ = 0;
  std::size_t bytes_ = 0;           // of messages and logs
  std::size_t finished_bytes_ = 0;  // of which these may go
  std::vector<MemoryLane*> emptied_{};
};

}  // namespace flyhook::detail

#if defined(FLYHOOK_HEADER_ONLY)
#include <flyhook/impl/detail/store/memory_ledger.ipp>
#endif

#endif
