#ifndef FLYHOOK_IMPL_STORE_MEMORY_IPP
#define FLYHOOK_IMPL_STORE_MEMORY_IPP

#include <flyhook/error.hpp>
#include <flyhook/impl/store/memory/history.ipp>
#include <flyhook/impl/store/memory/state.ipp>
#include <flyhook/store/memory.hpp>

#include <algorithm>
#include <array>
#include <mutex>
#include <utility>

namespace flyhook {

MemoryStore::MemoryStore(Retention retention, std::size_t max_pending, std::size_t max_bytes)
    : state_(std::make_unique<State>(retention, max_pending, max_bytes)) {}

MemoryStore::~MemoryStore() = default;

StoreTraits MemoryStore::traits() const noexcept {
  return {.durable = false};
}

Ownership MemoryStore::acquire(const std::string& owner, TimePoint now) {
  const std::lock_guard lock{state_->mutex};
  Ownership answer;
  if (state_->owned && state_->owner != owner) {
    answer.again = std::chrono::seconds{1};
    return answer;
  }
  answer.slots.reserve(slot_count);
  if (!state_->owned) {
    for (const auto& [number, lane] : state_->lanes) {
      if (lane->waiting == 0) continue;
      answer.lanes.push_back({number, lane->has_due(now) ? std::nullopt : lane->next_due(now)});
    }
    state_->owner = owner;
    state_->owned = true;
    ++state_->epoch;
  }
  for (std::uint32_t index = 0; index < slot_count; ++index) answer.slots.push_back({index, state_->epoch});
  return answer;
}

void MemoryStore::release(const std::string& owner) {
  const std::lock_guard lock{state_->mutex};
  if (!state_->owned || state_->owner != owner) return;
  while (const detail::MemoryPlace row = state_->ledger.any_handed_out()) state_->give_back(row);
  state_->owned = false;
}

AppendResult MemoryStore::append(AppendBatch batch) {
  AppendResult result;
  for (const NewEvent& event : batch.events) {
    if (event.message == nullptr) throw Error{ErrorCode::invalid, "message", "is missing"};
    if (event.first > batch.deliveries.size() || event.count > batch.deliveries.size() - event.first) {
      throw Error{ErrorCode::invalid, "deliveries", "has fewer entries than the batch's events name"};
    }
  }
  result.events.resize(batch.events.size(), AppendStatus::full);
  result.deliveries.resize(batch.deliveries.size());
  const std::lock_guard lock{state_->mutex};
  for (std::size_t i = 0; i < batch.events.size(); ++i) {
    NewEvent& event = batch.events[i];
    result.events[i] = state_->append(event, std::span{batch.deliveries}.subspan(event.first, event.count),
                                      std::span{result.deliveries}.subspan(event.first, event.count),
                                      batch.max_waiting_per_lane, result.overflowed);
    if (result.events[i] == AppendStatus::full) break;
  }
  state_->prune();
  return result;
}

std::vector<LaneFetched> MemoryStore::fetch(std::span<const LaneWant> wants, TimePoint now) {
  std::vector<LaneFetched> answers(wants.size());
  const std::lock_guard lock{state_->mutex};
  for (std::size_t i = 0, prefetched = 0; i < wants.size(); ++i) {
    if (i == prefetched) prefetched += state_->prefetch(wants.subspan(i), now);
    LaneFetched& answer = answers[i];
    answer.owned = state_->holds(wants[i].epoch);
    detail::MemoryLane* lane = answer.owned ? state_->find_lane(wants[i].lane) : nullptr;
    if (lane == nullptr) continue;
    answer.deliveries.reserve(std::min(wants[i].room, lane->waiting));
    while (answer.deliveries.size() < wants[i].room) {
      const detail::MemoryPlace at = lane->next(now);
      if (at == 0) break;
      state_->ledger.hand_out(at);
      const detail::MemoryRow& row = state_->ledger.row(at);
      const detail::MemoryEvent& event = state_->ledger.event_of(row);
      answer.deliveries.push_back({row.sequence, event.message, row.log.attempts(), event.count, row.steps, row.deferrals});
    }
    answer.more = lane->has_due(now);
    answer.next_due = lane->next_due(now);
  }
  return answers;
}

void MemoryStore::give_back(std::span<const Claim> claims) {
  const std::lock_guard lock{state_->mutex};
  for (const Claim& claim : claims) {
    if (!state_->holds(claim.epoch)) continue;
    const detail::MemoryPlace row = state_->handed_out(claim, state_->ledger.find(claim.sequence));
    if (row != 0) state_->give_back(row);
  }
}

std::vector<FinishStatus> MemoryStore::finish(std::span<const Outcome> outcomes) {
  std::vector<FinishStatus> statuses(outcomes.size(), FinishStatus::stale);
  const std::lock_guard lock{state_->mutex};
  std::array<detail::MemoryPlace, 64> rows{};
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    if (i % rows.size() == 0) state_->find(outcomes.subspan(i), rows);
    if (!state_->holds(outcomes[i].claim.epoch)) continue;
    statuses[i] = FinishStatus::done;
    const detail::MemoryPlace row = state_->handed_out(outcomes[i].claim, rows[i % rows.size()]);
    if (row != 0) state_->finish(row, outcomes[i]);
  }
  state_->prune();
  return statuses;
}

Closed MemoryStore::close(const CloseRequest& request) {
  if (!is_final(request.status)) throw Error{ErrorCode::invalid, "status", "is not a final one"};
  const std::lock_guard lock{state_->mutex};
  Closed closed;
  if (request.event.value.empty()) {
    state_->close_lane(request, closed);
  } else {
    state_->close_event(request, closed);
  }
  std::sort(closed.lanes.begin(), closed.lanes.end());
  closed.lanes.erase(std::unique(closed.lanes.begin(), closed.lanes.end()), closed.lanes.end());
  state_->prune();
  return closed;
}

std::size_t MemoryStore::pending() {
  const std::lock_guard lock{state_->mutex};
  return state_->ledger.pending();
}

std::vector<SubscriptionRow> MemoryStore::subscriptions() {
  const std::lock_guard lock{state_->mutex};
  std::vector<SubscriptionRow> rows;
  rows.reserve(state_->subscriptions.size());
  for (const auto& [id, row] : state_->subscriptions) rows.push_back(row);
  return rows;
}

PutResult MemoryStore::put(const SubscriptionRow& row, std::uint64_t expected) {
  const auto& id = row.subscription.id;
  const std::lock_guard lock{state_->mutex};
  const auto at = state_->subscriptions.find(id);
  if (at == state_->subscriptions.end()) {
    if (expected != 0) return {};
    auto& stored = state_->subscriptions.emplace(id, row).first->second;
    stored.lane = state_->next_lane;
    stored.version = state_->version + 1;
    state_->add_lane(stored.lane, id);
    ++state_->next_lane;
    ++state_->version;
    return {true, stored.lane, stored.version};
  }
  SubscriptionRow& stored = at->second;
  if (stored.version != expected) return {false, stored.lane, stored.version};
  SubscriptionRow next = row;
  next.lane = stored.lane;
  next.version = state_->version + 1;
  detail::wipe_secrets(stored);
  stored = std::move(next);
  ++state_->version;
  return {true, stored.lane, stored.version};
}

std::optional<std::uint64_t> MemoryStore::remove(const SubscriptionId& id) {
  const std::lock_guard lock{state_->mutex};
  const auto at = state_->subscriptions.find(id);
  if (at == state_->subscriptions.end()) return std::nullopt;
  state_->mark_removed(*state_->find_lane(at->second.lane));
  detail::wipe_secrets(at->second);
  state_->subscriptions.erase(at);
  return ++state_->version;
}

History& MemoryStore::history() {
  return *this;
}

}  // namespace flyhook

#endif
