#ifndef FLYHOOK_IMPL_STORE_MEMORY_IPP
#define FLYHOOK_IMPL_STORE_MEMORY_IPP

#include <flyhook/detail/store/memory_lane.hpp>
#include <flyhook/detail/store/memory_ledger.hpp>
#include <flyhook/error.hpp>
#include <flyhook/store/memory.hpp>

#include <algorithm>
#include <deque>
#include <map>
#include <mutex>
#include <unordered_map>
#include <utility>

namespace flyhook {

struct MemoryStore::State {
  State(const Retention& retention, std::size_t max_pending, std::size_t max_bytes)
      : ledger(retention, max_pending, max_bytes) {}
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    for (auto& [id, row] : subscriptions) detail::wipe_secrets(row);
  }

  std::mutex mutex{};  // protects all below
  std::string owner{};
  bool owned = false;
  std::uint64_t epoch = 0;
  detail::MemoryLedger ledger;
  std::unordered_map<SubscriptionId, detail::MemoryEndpoint> endpoints{};
  std::unordered_map<std::uint64_t, detail::MemoryLane> lanes{};
  std::deque<detail::MemoryLane*> removed_lately{};
  std::map<SubscriptionId, SubscriptionRow> subscriptions{};
  std::uint64_t next_lane = 1;
  std::uint64_t version = 0;

  bool holds(std::uint64_t claimed) const { return owned && claimed == epoch; }

  detail::MemoryLane* find_lane(std::uint64_t number) {
    const auto at = lanes.find(number);
    return at == lanes.end() ? nullptr : &at->second;
  }

  detail::MemoryLane& add_lane(std::uint64_t number, const SubscriptionId& id) {
    detail::MemoryEndpoint& endpoint = endpoints[id];
    if (endpoint.lanes++ == 0) endpoint.id = id;
    detail::MemoryLane& lane = lanes[number];
    lane.number = number;
    lane.endpoint = &endpoint;
    return lane;
  }

  /// Without a subscription a lane stays for the sake of its rows, and for a while for appends that are under way.
  void mark_removed(detail::MemoryLane& lane) {
    constexpr std::size_t keep = 1024;
    lane.removed = lane.recent = true;
    removed_lately.push_back(&lane);
    if (removed_lately.size() <= keep) return;
    detail::MemoryLane& oldest = *removed_lately.front();
    removed_lately.pop_front();
    oldest.recent = false;
    drop_lane_if_unused(oldest);
  }

  void drop_lane_if_unused(detail::MemoryLane& lane) {
    if (!lane.removed || lane.recent || lane.rows > 0) return;
    detail::MemoryEndpoint& endpoint = *lane.endpoint;
    lanes.erase(lane.number);
    if (--endpoint.lanes == 0) endpoints.erase(SubscriptionId{endpoint.id});
  }

  void prune() {
    ledger.prune();
    if (ledger.emptied().empty()) return;
    std::sort(ledger.emptied().begin(), ledger.emptied().end());
    detail::MemoryLane* before = nullptr;
    for (detail::MemoryLane* lane : ledger.emptied()) {
      if (lane != before) drop_lane_if_unused(*lane);
      before = lane;
    }
    ledger.emptied().clear();
  }

  AppendStatus append(NewEvent& event, std::span<const NewDelivery> wanted, std::span<AppendedDelivery> appended) {
    const Message& message = *event.message;
    ledger.see(message.created_at);
    auto& known = ledger.known(message.id.value);
    if (known.second.remembered) {
      return known.second.content_hash == event.content_hash ? AppendStatus::duplicate : AppendStatus::conflict;
    }
    ledger.remember(known, event.content_hash);
    const std::size_t bytes = detail::MemoryLedger::bytes_of(message);
    if (!wanted.empty() && !ledger.make_room(wanted.size(), bytes)) {
      ledger.forget_newest();
      return AppendStatus::full;
    }
    if (wanted.empty()) return AppendStatus::accepted;  // only its id is kept
    detail::MemoryEvent& stored = ledger.add_event(std::move(event.message), known, bytes, wanted.size());
    for (std::size_t i = 0; i < wanted.size(); ++i) add(stored, wanted[i], appended[i]);
    return AppendStatus::accepted;
  }

  void add(detail::MemoryEvent& event, const NewDelivery& wanted, AppendedDelivery& appended) {
    detail::MemoryLane* lane = find_lane(wanted.lane);
    if (lane == nullptr) {
      lane = &add_lane(wanted.lane, {});
      mark_removed(*lane);
    }
    detail::MemoryRow& row = ledger.add_row(event, *lane, wanted.order);
    appended.sequence = row.sequence;
    if (lane->removed) {
      appended.closed = true;
      ledger.end(row, DeliveryStatus::cancelled, "unsubscribed");
      return;
    }
    // Whether a due time has come is fetch's to say: here is no clock.
    const bool taken =
        wanted.take && holds(wanted.epoch) && row.due == detail::MemoryRow::at_once && lane->heads(row.order);
    lane->enter(row, taken);
    if (!taken) return;
    ledger.hand_out(row);
    appended.as = AppendedAs::handed_out;
  }

  /// A delivery that was handed out and still is; null: it ended, it waits, or it never was.
  detail::MemoryRow* handed_out(const Claim& claim) {
    detail::MemoryRow* row = ledger.find(claim.sequence);
    return row != nullptr && row->handed_out && row->lane->number == claim.lane ? row : nullptr;
  }

  void give_back(detail::MemoryRow& row) {
    ledger.take_back(row);
    row.lane->wait_again(row);
  }

  void finish(detail::MemoryRow& row, const Outcome& outcome) {
    detail::MemoryLane& lane = *row.lane;
    ledger.take_back(row);
    if (outcome.attempt) {
      ledger.see(outcome.attempt->at);
      ledger.add_attempt(row, *outcome.attempt);
    }
    if (is_final(outcome.status)) {
      lane.leave(row);
      ledger.end(row, outcome.status, outcome.reason);
    } else {
      row.due = outcome.next_attempt_at.value_or(detail::MemoryRow::at_once);
      lane.wait_again(row);
    }
  }

  static DeliveryRecord record_of(const detail::MemoryRow& row) {
    DeliveryRecord record;
    record.id = {detail::delivery_text(row.sequence)};
    record.event_id = row.event->message->id;
    record.subscription_id = row.lane->endpoint->id;
    record.event_type = row.event->message->type;
    record.status = row.status;
    record.created_at = row.event->message->created_at;
    record.attempts.reserve(row.attempts);
    detail::MemoryLog::read(row.log, record);
    if (!is_final(row.status) && row.due != detail::MemoryRow::at_once) record.next_attempt_at = row.due;
    return record;
  }

  /// Walks rows by falling sequence below `from`, at most `budget` of them. True: it came to the end, or the page is full.
  bool list(const DeliveryQuery& query, std::size_t limit, std::uint64_t& from, std::size_t budget,
            std::vector<DeliveryRecord>& page) {
    const auto endpoint = query.subscription_id ? endpoints.find(*query.subscription_id) : endpoints.end();
    if (query.subscription_id && endpoint == endpoints.end()) return true;
    const detail::MemoryEvent* event = query.event_id ? ledger.newest_event(query.event_id->value) : nullptr;
    if (query.event_id && event == nullptr) return true;
    for (; budget > 0; --budget) {
      const detail::MemoryRow* row = nullptr;
      if (query.event_id) {
        while (event != nullptr && event->first >= from) event = event->older_of_id;
        if (event == nullptr) return true;
        from = std::min(from, event->first + event->count) - 1;
        row = ledger.find(from);
      } else {
        row = query.subscription_id ? ledger.before(endpoint->second, from) : ledger.before(from);
        if (row == nullptr) return true;
        from = row->sequence;
      }
      if (row == nullptr || (query.subscription_id && row->lane->endpoint != &endpoint->second) ||
          (query.status && row->status != *query.status) ||
          (!query.tenant.empty() && row->event->message->tenant != query.tenant)) {
        continue;
      }
      page.push_back(record_of(*row));
      if (page.size() == limit) return true;
    }
    return false;
  }
};

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
      if (lane.waiting == 0) continue;
      answer.lanes.push_back({number, lane.has_due(now) ? std::nullopt : lane.next_due(now)});
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
  while (detail::MemoryRow* row = state_->ledger.any_handed_out()) state_->give_back(*row);
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
                                      std::span{result.deliveries}.subspan(event.first, event.count));
    if (result.events[i] == AppendStatus::full) break;
  }
  state_->prune();
  return result;
}

std::vector<LaneFetched> MemoryStore::fetch(std::span<const LaneWant> wants, TimePoint now) {
  std::vector<LaneFetched> answers(wants.size());
  const std::lock_guard lock{state_->mutex};
  for (std::size_t i = 0; i < wants.size(); ++i) {
    LaneFetched& answer = answers[i];
    answer.owned = state_->holds(wants[i].epoch);
    detail::MemoryLane* lane = answer.owned ? state_->find_lane(wants[i].lane) : nullptr;
    if (lane == nullptr) continue;
    answer.deliveries.reserve(std::min(wants[i].room, lane->waiting));
    while (answer.deliveries.size() < wants[i].room) {
      detail::MemoryRow* row = lane->next(now);
      if (row == nullptr) break;
      state_->ledger.hand_out(*row);
      answer.deliveries.push_back({row->sequence, row->event->message, row->attempts, row->event->count});
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
    if (detail::MemoryRow* row = state_->handed_out(claim)) state_->give_back(*row);
  }
}

std::vector<FinishStatus> MemoryStore::finish(std::span<const Outcome> outcomes) {
  std::vector<FinishStatus> statuses(outcomes.size(), FinishStatus::stale);
  const std::lock_guard lock{state_->mutex};
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    if (!state_->holds(outcomes[i].claim.epoch)) continue;
    statuses[i] = FinishStatus::done;
    if (detail::MemoryRow* row = state_->handed_out(outcomes[i].claim)) state_->finish(*row, outcomes[i]);
  }
  state_->prune();
  return statuses;
}

Closed MemoryStore::close(const CloseRequest& request) {
  if (!is_final(request.status)) throw Error{ErrorCode::invalid, "status", "is not a final one"};
  const std::lock_guard lock{state_->mutex};
  Closed closed;
  detail::MemoryLane* lane = state_->find_lane(request.lane);
  if (lane == nullptr) return closed;
  while (closed.count < request.limit) {
    detail::MemoryRow* row = lane->next(TimePoint::max());
    if (row != nullptr) {
      lane->leave(*row);
    } else {
      row = lane->next_held_back();
      if (row == nullptr) break;
    }
    state_->ledger.end(*row, request.status, request.reason);
    ++closed.count;
  }
  closed.more = lane->waiting > 0;
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
      if (from > state_->ledger.next_sequence() || (cursor && from == state_->ledger.next_sequence())) {
        throw Error{ErrorCode::invalid, "cursor", "is the id of no delivery of this store"};
      }
    }
    complete = state_->list(query, limit, from, rows_per_lock, page);
  }
  return page;
}

}  // namespace flyhook

#endif
