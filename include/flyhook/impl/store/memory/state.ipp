#ifndef FLYHOOK_IMPL_STORE_MEMORY_STATE_IPP
#define FLYHOOK_IMPL_STORE_MEMORY_STATE_IPP

#include <flyhook/detail/store/memory_lane.hpp>
#include <flyhook/detail/store/memory_ledger.hpp>
#include <flyhook/store/memory.hpp>

#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <mutex>
#include <unordered_map>
#include <utility>

// What MemoryStore holds, and the steps on single rows and lanes that its verbs are made of.

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
  std::unordered_map<std::uint64_t, detail::MemoryLane*> lanes{};
  std::deque<detail::MemoryLane*> removed_lately{};
  std::map<SubscriptionId, SubscriptionRow> subscriptions{};
  std::uint64_t next_lane = 1;
  std::uint64_t version = 0;

  bool holds(std::uint64_t claimed) const { return owned && claimed == epoch; }

  detail::MemoryLane* find_lane(std::uint64_t number) {
    const auto at = lanes.find(number);
    return at == lanes.end() ? nullptr : at->second;
  }

  detail::MemoryLane& add_lane(std::uint64_t number, const SubscriptionId& id) {
    detail::MemoryEndpoint& endpoint = endpoints[id];
    if (endpoint.lanes++ == 0) endpoint.id = id;
    return *(lanes[number] = &ledger.add_lane(number, endpoint));
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
    if ((!lane.removed && !is_direct(lane.number)) || lane.recent || lane.existing > 0) return;
    detail::MemoryEndpoint& endpoint = *lane.endpoint;
    lanes.erase(lane.number);
    ledger.drop_lane(lane);
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

  AppendStatus append(NewEvent& event, std::span<const NewDelivery> wanted, std::span<AppendedDelivery> appended,
                      std::size_t max_waiting, std::vector<DeliveryRecord>& overflowed) {
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
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      detail::MemoryLane& lane = add(stored, wanted[i], appended[i]);
      if (max_waiting == 0 || appended[i].closed || lane.waiting <= max_waiting) continue;
      const detail::MemoryPlace oldest = lane.oldest();
      close(oldest, DeliveryStatus::dead, "overflow");
      overflowed.push_back(record_of(ledger.row(oldest)));
    }
    return AppendStatus::accepted;
  }

  detail::MemoryLane& add(detail::MemoryEvent& event, const NewDelivery& wanted, AppendedDelivery& appended) {
    detail::MemoryLane* lane = find_lane(wanted.lane);
    if (lane == nullptr) {
      const bool has_recipient = is_direct(wanted.lane) && event.message->recipient != nullptr;
      lane = &add_lane(wanted.lane, has_recipient ? event.message->recipient->tested : SubscriptionId{});
      if (!has_recipient) mark_removed(*lane);
    }
    const detail::MemoryPlace at = ledger.add_row(event, *lane, wanted);
    appended.sequence = ledger.row(at).sequence;
    if (lane->removed) {
      appended.closed = true;
      ledger.end(at, DeliveryStatus::cancelled, "unsubscribed");
      return *lane;
    }
    // Whether a due time has come is fetch's to say: here is no clock.
    const bool taken =
        wanted.take && holds(wanted.epoch) && ledger.row(at).due == detail::MemoryRow::at_once && lane->heads(wanted.order);
    lane->enter(at, wanted.order, taken);
    if (taken) {
      ledger.hand_out(at);
      appended.as = AppendedAs::handed_out;
    }
    return *lane;
  }

  /// The claim's delivery, found at that place, if it was handed out and still is; 0: it ended, it waits, or it never was.
  detail::MemoryPlace handed_out(const Claim& claim, detail::MemoryPlace at) {
    if (at == 0) return 0;
    const detail::MemoryRow& row = ledger.row(at);
    return row.handed_out && ledger.lane_of(row).number == claim.lane ? at : 0;
  }

  void give_back(detail::MemoryPlace at) {
    ledger.take_back(at);
    wait_again(at);
  }

  /// A row that was handed out and comes back. Without its payload it has nothing to wait for.
  void wait_again(detail::MemoryPlace at) {
    const detail::MemoryRow& row = ledger.row(at);
    if (ledger.event_of(row).has_body) {
      ledger.lane_of(row).wait_again(at);
    } else {
      ledger.lane_of(row).leave(at);
      ledger.end(at, DeliveryStatus::cancelled, "erased");
    }
  }

  /// Has brought what fetch will look at of the first wants; of how many. A row that was waiting for its time, its event
  /// and its message are three cache misses, and would come one after the other.
  std::size_t prefetch(std::span<const LaneWant> wants, TimePoint now) {
    std::array<detail::MemoryPlace, 128> rows{};
    std::size_t count = 0, done = 0;
    for (; done < wants.size() && count < rows.size(); ++done) {
      const detail::MemoryLane* lane = find_lane(wants[done].lane);
      if (lane == nullptr) continue;
      for (std::size_t i = 0; i < wants[done].room && count < rows.size(); ++i) {
        const auto next = lane->later.ahead(i);
        if (!next || next->number > detail::MemoryIndex::number_of(now)) break;
        detail::memory_prefetch(&ledger.row(next->place));
        rows[count++] = next->place;
      }
    }
    ledger.prefetch(std::span{rows}.first(count));
    return done;
  }

  /// The rows of the first outcomes, as many as there is room for; 0: there is none. All at once, for the same reason.
  void find(std::span<const Outcome> outcomes, std::span<detail::MemoryPlace> rows) {
    const std::size_t count = std::min(outcomes.size(), rows.size());
    for (std::size_t i = 0; i < count; ++i) rows[i] = ledger.find(outcomes[i].claim.sequence);
    for (std::size_t i = 0; i < count; ++i) {
      if (rows[i] != 0) detail::memory_prefetch(&ledger.row(rows[i]));
    }
  }

  void finish(detail::MemoryPlace at, const Outcome& outcome) {
    detail::MemoryRow& row = ledger.row(at);
    ledger.take_back(at);
    if (outcome.attempt) {
      ledger.see(outcome.attempt->at);
      ledger.add_attempt(row, *outcome.attempt);
    }
    if (is_final(outcome.status)) {
      ledger.lane_of(row).leave(at);
      ledger.end(at, outcome.status, outcome.reason);
    } else {
      row.due = outcome.next_attempt_at.value_or(detail::MemoryRow::at_once);
      row.steps = static_cast<std::uint16_t>(std::min<std::uint32_t>(outcome.steps, UINT16_MAX));
      row.deferrals = static_cast<std::uint8_t>(std::min<std::uint32_t>(outcome.deferrals, UINT8_MAX));
      wait_again(at);
    }
  }

  /// Ends a row that waits.
  void close(detail::MemoryPlace at, DeliveryStatus status, std::string_view reason) {
    ledger.lane_of(ledger.row(at)).remove(at);
    ledger.end(at, status, reason);
  }

  void close(detail::MemoryPlace at, const CloseRequest& request, Closed& closed) {
    close(at, request.status, request.reason);
    const detail::MemoryRow& row = ledger.row(at);
    ++closed.count;
    closed.lanes.push_back(ledger.lane_of(row).number);
    if (request.list) closed.records.push_back(record_of(row));
  }

  void close_lane(const CloseRequest& request, Closed& closed) {
    detail::MemoryLane* lane = find_lane(request.lane);
    if (lane == nullptr) return;
    while (const detail::MemoryPlace at = lane->oldest()) {
      closed.more = closed.count == request.limit;
      if (closed.more) return;
      close(at, request, closed);
      closed.lanes.resize(1);
    }
  }

  void close_event(const CloseRequest& request, Closed& closed) {
    const detail::MemoryEvent* event = ledger.newest_event(request.event.value);
    for (; event != nullptr; event = event->older_of_id) {
      for (std::uint64_t sequence = event->first; event->open > 0 && sequence < event->first + event->count; ++sequence) {
        const detail::MemoryPlace at = ledger.find(sequence);
        if (at == 0) continue;
        const detail::MemoryRow& row = ledger.row(at);
        if (is_final(row.status) || row.handed_out || (request.lane != 0 && ledger.lane_of(row).number != request.lane)) {
          continue;
        }
        closed.more = closed.count == request.limit;
        if (closed.more) return;
        close(at, request, closed);
      }
    }
  }

  ReopenStatus reopen(detail::MemoryPlace at) {
    const detail::MemoryRow& row = ledger.row(at);
    if (!is_final(row.status)) return ReopenStatus::not_final;
    if (ledger.lane_of(row).removed) return ReopenStatus::gone;
    if (!ledger.event_of(row).has_body) return ReopenStatus::no_payload;
    if (!ledger.reopen(at)) return ReopenStatus::full;
    ledger.lane_of(row).enter(at, 0, false);
    return ReopenStatus::done;
  }

  static bool created_within(const detail::MemoryEvent& event, TimePoint since, const std::optional<TimePoint>& until) {
    const TimePoint at = event.message->created_at;
    return at >= since && (!until || at < *until);
  }

  DeliveryRecord record_of(const detail::MemoryRow& row) {
    const Message& message = *ledger.event_of(row).message;
    DeliveryRecord record;
    record.id = {detail::delivery_text(row.sequence)};
    record.event_id = message.id;
    record.subscription_id = ledger.lane_of(row).endpoint->id;
    record.event_type = message.type;
    record.status = row.status;
    record.created_at = message.created_at;
    row.log.read(record);
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
      detail::MemoryPlace at = 0;
      if (query.event_id) {
        while (event != nullptr && event->first >= from) event = event->older_of_id;
        if (event == nullptr) return true;
        from = std::min(from, event->first + event->count) - 1;
        at = ledger.find(from);
        if (at == 0) continue;
      } else {
        at = query.subscription_id ? ledger.before(endpoint->second, from) : ledger.before(from);
        if (at == 0) return true;
        from = ledger.row(at).sequence;
      }
      const detail::MemoryRow& row = ledger.row(at);
      if ((query.subscription_id && ledger.lane_of(row).endpoint != &endpoint->second) ||
          (query.status && row.status != *query.status) ||
          (!query.tenant.empty() && ledger.event_of(row).message->tenant != query.tenant) ||
          (query.without_tenant && !ledger.event_of(row).message->tenant.empty())) {
        continue;
      }
      page.push_back(record_of(row));
      if (page.size() == limit) return true;
    }
    return false;
  }
};

}  // namespace flyhook

#endif
