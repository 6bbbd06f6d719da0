#ifndef FLYHOOK_IMPL_STORE_MEMORY_HISTORY_IPP
#define FLYHOOK_IMPL_STORE_MEMORY_HISTORY_IPP

#include <flyhook/error.hpp>
#include <flyhook/impl/store/memory/state.ipp>
#include <flyhook/store/memory.hpp>

#include <algorithm>
#include <mutex>

// MemoryStore's log: listing it, and making deliveries of what it holds. A call looks at so many rows at a time, so that
// the way of deliveries never waits for one.

namespace flyhook {

std::vector<DeliveryRecord> MemoryStore::deliveries(const DeliveryQuery& query) {
  constexpr std::size_t most_rows = 1000, rows_per_lock = 4096;
  const std::size_t limit = std::clamp<std::size_t>(query.limit, 1, most_rows);
  std::optional<std::uint64_t> cursor;
  if (!query.cursor.empty()) {
    cursor = detail::delivery_sequence(query.cursor);
    if (!cursor || *cursor == 0) throw Error{ErrorCode::invalid, "cursor", "is not the id of a delivery"};
  }
  std::vector<DeliveryRecord> page;
  std::uint64_t from = 0;
  for (bool complete = false; !complete;) {
    // A rare status is looked for in steps, so that the way of deliveries never waits for a listing.
    const std::lock_guard lock{state_->mutex};
    if (from == 0) {
      from = cursor.value_or(state_->ledger.next_sequence());
      if (from > state_->ledger.next_sequence()) {
        throw Error{ErrorCode::invalid, "cursor", "is the id of no delivery of this store"};
      }
    }
    complete = state_->list(query, limit, from, rows_per_lock, page);
  }
  return page;
}

std::shared_ptr<const Message> MemoryStore::event(const EventId& id) {
  const std::lock_guard lock{state_->mutex};
  const detail::MemoryEvent* event = state_->ledger.newest_event(id.value);
  return event == nullptr ? nullptr : event->message;
}

Reopened MemoryStore::reopen(std::uint64_t sequence) {
  const std::lock_guard lock{state_->mutex};
  const detail::MemoryPlace row = state_->ledger.find(sequence);
  if (row == 0) return {ReopenStatus::not_found, 0};
  return {state_->reopen(row), state_->ledger.lane_of(state_->ledger.row(row)).number};
}

Recovered MemoryStore::recover(const RecoverQuery& query) {
  constexpr std::size_t rows_per_call = 4096;
  const std::size_t limit = std::max<std::size_t>(query.limit, 1);
  Recovered answer;
  answer.after = query.after;
  const std::lock_guard lock{state_->mutex};
  const detail::MemoryLane* lane = state_->find_lane(query.lane);
  if (lane == nullptr || lane->removed) return answer;
  for (std::size_t budget = rows_per_call;; --budget) {
    const detail::MemoryPlace at = state_->ledger.after(*lane->endpoint, answer.after);
    answer.more = at != 0 && (budget == 0 || answer.count == limit);
    if (at == 0 || answer.more) return answer;
    const detail::MemoryRow& row = state_->ledger.row(at);
    const detail::MemoryEvent& event = state_->ledger.event_of(row);
    if (row.lane == lane->place && row.status == DeliveryStatus::dead && event.has_body &&
        State::created_within(event, query.since, query.until)) {
      answer.full = !query.dry_run && state_->reopen(at) == ReopenStatus::full;
      if (answer.full) return answer;
      ++answer.count;
    }
    answer.after = row.sequence;
  }
}

Missed MemoryStore::missed(const MissedQuery& query) {
  const std::size_t limit = std::max<std::size_t>(query.limit, 1);
  std::size_t budget = 4096;
  Missed answer;
  answer.after = query.after;
  const std::lock_guard lock{state_->mutex};
  const detail::MemoryLane* lane = state_->find_lane(query.lane);
  if (lane == nullptr || lane->removed) return answer;
  for (;;) {
    const detail::MemoryPlace row = state_->ledger.after(answer.after);
    answer.more = row != 0 && (budget == 0 || answer.events.size() == limit);
    if (row == 0 || answer.more) return answer;
    --budget;
    const detail::MemoryEvent& event = state_->ledger.event_of(state_->ledger.row(row));
    if (event.has_body && event.message->recipient == nullptr && event.message->tenant == query.tenant &&
        State::created_within(event, query.since, query.until) && detail::MemoryLedger::is_first_of_group(event) &&
        !state_->ledger.has_row_in(event, *lane, budget)) {
      answer.events.push_back({event.first, event.message});
    }
    answer.after = event.first + event.count - 1;
  }
}

std::optional<AppendedDelivery> MemoryStore::add(std::uint64_t position, const NewDelivery& delivery) {
  const std::lock_guard lock{state_->mutex};
  const auto find = [&]() -> detail::MemoryEvent* {
    const detail::MemoryPlace row = position == 0 ? 0 : state_->ledger.after(position - 1);
    if (row == 0) return nullptr;
    detail::MemoryEvent& event = state_->ledger.event_of(state_->ledger.row(row));
    return event.first == position ? &event : nullptr;
  };
  std::size_t budget = 0;
  const detail::MemoryLane* lane = state_->find_lane(delivery.lane);
  detail::MemoryEvent* event = find();
  if (lane == nullptr || lane->removed || event == nullptr || !event->has_body ||
      state_->ledger.has_row_in(*event, *lane, budget)) {
    return std::nullopt;
  }
  const auto message = event->message;
  const auto bytes = event->bytes;
  const bool room = state_->ledger.make_room(1, bytes);
  event = find();  // it may have been what had to go
  std::optional<AppendedDelivery> added;
  if (room && event != nullptr) {
    added.emplace();
    state_->add(state_->ledger.add_kin(*event, message, bytes), delivery, *added);
  }
  state_->prune();
  return added;
}

bool MemoryStore::erase(const EventId& id) {
  const std::lock_guard lock{state_->mutex};
  if (!state_->ledger.knows(id.value)) return false;
  for (auto* event = state_->ledger.newest_event(id.value); event != nullptr; event = event->older_of_id) {
    state_->ledger.erase(*event);
  }
  CloseRequest request;
  request.event = id;
  request.reason = "erased";
  request.limit = ~std::size_t{0};
  Closed closed;
  state_->close_event(request, closed);
  state_->prune();
  return true;
}

}  // namespace flyhook

#endif
