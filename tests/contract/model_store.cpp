#include "contract/model_store.hpp"

#include <flyhook/error.hpp>

#include <algorithm>
#include <utility>

using namespace flyhook;

namespace contract {

std::uint32_t ModelStore::slot_of_lane(std::uint64_t number) const {
  return is_direct(number) ? static_cast<std::uint32_t>(number % slot_count) : slot_of(lanes_.at(number).subscription);
}

bool ModelStore::holds(std::uint64_t lane, std::uint64_t epoch) const {
  const auto at = lanes_.find(lane);
  if (at == lanes_.end()) return true;
  const SlotState& slot = slots_[slot_of_lane(lane)];
  return slot.held && slot.epoch == epoch;
}

Ownership ModelStore::acquire(const std::string& owner, TimePoint now) {
  return acquire_some(owner, now, slot_count);
}

Ownership ModelStore::acquire_some(const std::string& owner, TimePoint now, std::size_t most) {
  const std::lock_guard lock{mutex_};
  Ownership answer;
  std::set<std::uint32_t> fresh;
  for (std::uint32_t index = 0; index < slot_count; ++index) {
    SlotState& slot = slots_[index];
    if (!slot.held && fresh.size() < most) {
      slot = {owner, true, slot.epoch + 1};
      fresh.insert(index);
    }
    if (slot.held && slot.owner == owner) answer.slots.push_back({index, slot.epoch});
  }
  for (auto& [number, lane] : lanes_) {
    if (!fresh.contains(slot_of_lane(number))) continue;
    const auto waiting = eligible(lane);
    if (waiting.empty()) continue;
    LaneWork work{.lane = number};
    bool due = false;
    for (const Row* row : waiting) {
      due = due || !row->due || *row->due <= now;
      if (row->due && (!work.next_due || *row->due < *work.next_due)) work.next_due = row->due;
    }
    if (due) work.next_due.reset();
    answer.lanes.push_back(work);
  }
  if (answer.slots.empty()) answer.again = std::chrono::seconds{1};
  return answer;
}

std::size_t ModelStore::free_slots() {
  const std::lock_guard lock{mutex_};
  return static_cast<std::size_t>(std::count_if(slots_.begin(), slots_.end(), [](const SlotState& s) { return !s.held; }));
}

void ModelStore::free(std::uint32_t index) {
  slots_[index].held = false;
  for (const auto& [number, lane] : lanes_) {
    if (slot_of_lane(number) != index) continue;
    const auto open = lane.open;
    for (const auto sequence : open) {
      if (rows_.at(sequence).handed_out) wait_again(rows_.at(sequence));
    }
  }
}

void ModelStore::lose(std::uint32_t slot) {
  const std::lock_guard lock{mutex_};
  if (slots_[slot].held) free(slot);
}

void ModelStore::release(const std::string& owner) {
  const std::lock_guard lock{mutex_};
  for (std::uint32_t index = 0; index < slot_count; ++index) {
    if (slots_[index].held && slots_[index].owner == owner) free(index);
  }
}

std::vector<ModelStore::Row*> ModelStore::eligible(Lane& lane) {
  std::vector<Row*> rows;
  std::set<std::uint64_t> orders;
  for (const auto sequence : lane.open) {
    Row& row = rows_.at(sequence);
    const bool held_back = row.order != 0 && !orders.insert(row.order).second;
    if (!held_back && !row.handed_out) rows.push_back(&row);
  }
  return rows;
}

std::vector<ModelStore::Row*> ModelStore::waiting_in(std::uint64_t lane) {
  std::vector<Row*> rows;
  for (const auto sequence : lanes_.at(lane).open) {
    if (!rows_.at(sequence).handed_out) rows.push_back(&rows_.at(sequence));
  }
  return rows;
}

DeliveryRecord ModelStore::record_of(const Row& row) const {
  return {{detail::delivery_text(row.sequence)},
          row.message->id,
          lanes_.at(row.lane).subscription,
          row.message->type,
          row.status,
          row.attempts,
          row.message->created_at,
          is_final(row.status) ? std::nullopt : row.due,
          row.reason};
}

void ModelStore::end(Row& row, DeliveryStatus status, const std::string& reason) {
  row.status = status;
  row.reason = reason;
  row.handed_out = false;
  lanes_[row.lane].open.erase(row.sequence);
  --pending_;
}

AppendResult ModelStore::append(AppendBatch batch) {
  const std::lock_guard lock{mutex_};
  AppendResult result;
  result.events.resize(batch.events.size(), AppendStatus::full);
  result.deliveries.resize(batch.deliveries.size());
  for (std::size_t i = 0; i < batch.events.size(); ++i) {
    const NewEvent& event = batch.events[i];
    const auto known = ids_.find(event.message->id.value);
    if (known != ids_.end()) {
      result.events[i] = known->second == event.content_hash ? AppendStatus::duplicate : AppendStatus::conflict;
      continue;
    }
    if (event.count > 0 && pending_ > 0 && pending_ + event.count > max_pending_) break;
    ids_[event.message->id.value] = event.content_hash;
    result.events[i] = AppendStatus::accepted;
    for (std::size_t d = event.first; d < event.first + event.count; ++d) {
      const NewDelivery& wanted = batch.deliveries[d];
      result.deliveries[d] = make(event.message, event.count, wanted);
      if (result.deliveries[d].closed) continue;
      if (batch.max_waiting_per_lane == 0) continue;
      const auto waiting = waiting_in(wanted.lane);
      if (waiting.size() <= batch.max_waiting_per_lane) continue;
      end(*waiting.front(), DeliveryStatus::dead, "overflow");
      result.overflowed.push_back(record_of(*waiting.front()));
    }
  }
  return result;
}

AppendedDelivery ModelStore::make(std::shared_ptr<const Message> message, std::size_t fan_out, const NewDelivery& wanted) {
  if (!lanes_.contains(wanted.lane)) {
    const bool has_recipient = is_direct(wanted.lane) && message->recipient != nullptr;
    lanes_[wanted.lane].removed = !has_recipient;
    if (has_recipient) lanes_[wanted.lane].subscription = message->recipient->tested;
  }
  Lane& lane = lanes_[wanted.lane];
  Row& row = rows_[next_sequence_];
  row.sequence = next_sequence_++;
  row.lane = wanted.lane;
  row.order = wanted.order;
  row.due = wanted.due;
  row.message = std::move(message);
  row.fan_out = static_cast<std::uint32_t>(fan_out);
  lane.open.insert(row.sequence);
  ++pending_;
  if (lane.removed) {
    end(row, DeliveryStatus::cancelled, "unsubscribed");
    return {row.sequence, AppendedAs::waiting, true};
  }
  if (!wanted.take || row.due || !holds(wanted.lane, wanted.epoch)) return {row.sequence};
  const auto heads = eligible(lane);
  row.handed_out = std::find(heads.begin(), heads.end(), &row) != heads.end();
  return {row.sequence, row.handed_out ? AppendedAs::handed_out : AppendedAs::waiting};
}

std::vector<LaneFetched> ModelStore::fetch(std::span<const LaneWant> wants, TimePoint now) {
  const std::lock_guard lock{mutex_};
  std::vector<LaneFetched> answers;
  for (const LaneWant& want : wants) {
    LaneFetched& answer = answers.emplace_back();
    answer.owned = holds(want.lane, want.epoch);
    const auto at = lanes_.find(want.lane);
    if (!answer.owned || at == lanes_.end()) continue;
    // Among those that never waited for a time, the oldest first; among the others, the one that is due longest. Of the
    // two, the older delivery.
    std::vector<Row*> plain, timed;
    for (Row* row : eligible(at->second)) {
      if (!row->due) {
        plain.push_back(row);
      } else if (*row->due <= now) {
        timed.push_back(row);
      } else if (!answer.next_due || *row->due < *answer.next_due) {
        answer.next_due = row->due;
      }
    }
    std::stable_sort(timed.begin(), timed.end(), [](const Row* a, const Row* b) { return *a->due < *b->due; });
    std::size_t p = 0, t = 0;
    while (answer.deliveries.size() < want.room && p + t < plain.size() + timed.size()) {
      const bool from_timed = p == plain.size() || (t < timed.size() && timed[t]->sequence < plain[p]->sequence);
      Row& row = from_timed ? *timed[t++] : *plain[p++];
      row.handed_out = true;
      answer.deliveries.push_back({row.sequence, row.message, static_cast<std::uint32_t>(row.attempts.size()), row.fan_out,
                                   row.steps, row.deferrals});
    }
    answer.more = p + t < plain.size() + timed.size();
  }
  return answers;
}

ModelStore::Row* ModelStore::handed_out(const Claim& claim) {
  const auto at = rows_.find(claim.sequence);
  return at != rows_.end() && at->second.lane == claim.lane && at->second.handed_out ? &at->second : nullptr;
}

void ModelStore::give_back(std::span<const Claim> claims) {
  const std::lock_guard lock{mutex_};
  for (const Claim& claim : claims) {
    Row* row = handed_out(claim);
    if (row != nullptr && holds(claim.lane, claim.epoch)) wait_again(*row);
  }
}

std::vector<FinishStatus> ModelStore::finish(std::span<const Outcome> outcomes) {
  const std::lock_guard lock{mutex_};
  std::vector<FinishStatus> statuses;
  for (const Outcome& outcome : outcomes) {
    statuses.push_back(holds(outcome.claim.lane, outcome.claim.epoch) ? FinishStatus::done : FinishStatus::stale);
    Row* row = handed_out(outcome.claim);
    if (row == nullptr || statuses.back() == FinishStatus::stale) continue;
    if (outcome.attempt) row->attempts.push_back(*outcome.attempt);
    if (outcome.attempt && row->erased) row->attempts.back().response_body.clear();
    if (is_final(outcome.status)) {
      end(*row, outcome.status, outcome.reason);
    } else {
      row->due = outcome.next_attempt_at;
      row->steps = outcome.steps;
      row->deferrals = outcome.deferrals;
      wait_again(*row);
    }
  }
  return statuses;
}

Closed ModelStore::close(const CloseRequest& request) {
  const std::lock_guard lock{mutex_};
  Closed closed;
  std::vector<Row*> rows;
  for (const auto& [number, lane] : lanes_) {
    if (number != request.lane && (request.lane != 0 || request.event.value.empty())) continue;
    for (Row* row : waiting_in(number)) {
      if (request.event.value.empty() || row->message->id == request.event) rows.push_back(row);
    }
  }
  for (Row* row : rows) {
    if (closed.count == request.limit) {
      closed.more = true;
      break;
    }
    end(*row, request.status, request.reason);
    ++closed.count;
    if (closed.lanes.empty() || closed.lanes.back() != row->lane) closed.lanes.push_back(row->lane);
    if (request.list) closed.records.push_back(record_of(*row));
  }
  return closed;
}

std::size_t ModelStore::pending() {
  const std::lock_guard lock{mutex_};
  return pending_;
}

std::vector<SubscriptionRow> ModelStore::subscriptions() {
  const std::lock_guard lock{mutex_};
  std::vector<SubscriptionRow> rows;
  for (const auto& [id, row] : subscriptions_) rows.push_back(row);
  return rows;
}

PutResult ModelStore::put(const SubscriptionRow& row, std::uint64_t expected) {
  const std::lock_guard lock{mutex_};
  const auto& id = row.subscription.id;
  const auto at = subscriptions_.find(id);
  const SubscriptionRow stored = at == subscriptions_.end() ? SubscriptionRow{} : at->second;
  if (stored.version != expected) return {false, stored.lane, stored.version};
  SubscriptionRow next = row;
  next.lane = expected == 0 ? next_lane_++ : stored.lane;
  next.version = ++version_;
  subscriptions_[id] = next;
  lanes_[next.lane].subscription = id;
  return {true, next.lane, next.version};
}

std::optional<std::uint64_t> ModelStore::remove(const SubscriptionId& id) {
  const std::lock_guard lock{mutex_};
  const auto at = subscriptions_.find(id);
  if (at == subscriptions_.end()) return std::nullopt;
  lanes_[at->second.lane].removed = true;
  subscriptions_.erase(at);
  return ++version_;
}

}  // namespace contract
