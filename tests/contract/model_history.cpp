#include "contract/model_store.hpp"

#include <flyhook/error.hpp>

#include <algorithm>
#include <utility>

using namespace flyhook;

// The model's log: listing it, and making deliveries of what it holds.

namespace contract {

namespace {

bool within(TimePoint at, TimePoint since, const std::optional<TimePoint>& until) {
  return at >= since && (!until || at < *until);
}

}  // namespace

std::vector<DeliveryRecord> ModelStore::deliveries(const DeliveryQuery& query) {
  const std::lock_guard lock{mutex_};
  auto end_of_page = rows_.end();
  if (!query.cursor.empty()) {
    const auto sequence = detail::delivery_sequence(query.cursor).value_or(0);
    if (sequence == 0 || sequence > next_sequence_)
      throw Error{ErrorCode::invalid, "cursor", "is not the id of a delivery"};
    end_of_page = rows_.lower_bound(sequence);
  }
  const std::size_t limit = std::clamp<std::size_t>(query.limit, 1, 1000);
  std::vector<DeliveryRecord> page;
  while (end_of_page != rows_.begin() && page.size() < limit) {
    const Row& row = (--end_of_page)->second;
    const SubscriptionId& subscription = lanes_.at(row.lane).subscription;
    if ((query.subscription_id && *query.subscription_id != subscription) ||
        (query.event_id && *query.event_id != row.message->id) || (query.status && *query.status != row.status) ||
        (!query.tenant.empty() && query.tenant != row.message->tenant) ||
        (query.without_tenant && !row.message->tenant.empty())) {
      continue;
    }
    page.push_back(record_of(row));
  }
  return page;
}

void ModelStore::wait_again(Row& row) {
  row.handed_out = false;
  if (row.erased) end(row, DeliveryStatus::cancelled, "erased");
}

ReopenStatus ModelStore::reopen(Row& row) {
  if (!is_final(row.status)) return ReopenStatus::not_final;
  if (lanes_.at(row.lane).removed) return ReopenStatus::gone;
  if (row.erased) return ReopenStatus::no_payload;
  if (pending_ > 0 && pending_ >= max_pending_) return ReopenStatus::full;
  row.status = DeliveryStatus::pending;
  row.due.reset();
  row.reason.clear();
  row.order = 0;
  row.steps = row.deferrals = 0;
  lanes_.at(row.lane).open.insert(row.sequence);
  ++pending_;
  return ReopenStatus::done;
}

std::shared_ptr<const Message> ModelStore::event(const EventId& id) {
  const std::lock_guard lock{mutex_};
  const auto found =
      std::find_if(rows_.rbegin(), rows_.rend(), [&](const auto& entry) { return entry.second.message->id == id; });
  return found == rows_.rend() ? nullptr : found->second.message;
}

Reopened ModelStore::reopen(std::uint64_t sequence) {
  const std::lock_guard lock{mutex_};
  const auto at = rows_.find(sequence);
  if (at == rows_.end()) return {ReopenStatus::not_found, 0};
  return {reopen(at->second), at->second.lane};
}

Recovered ModelStore::recover(const RecoverQuery& query) {
  const std::lock_guard lock{mutex_};
  Recovered answer;
  answer.after = query.after;
  const auto lane = lanes_.find(query.lane);
  if (lane == lanes_.end() || lane->second.removed) return answer;
  for (auto at = rows_.upper_bound(query.after); at != rows_.end(); ++at) {
    Row& row = at->second;
    if (row.lane == query.lane && row.status == DeliveryStatus::dead && !row.erased &&
        within(row.message->created_at, query.since, query.until)) {
      answer.more = answer.count == std::max<std::size_t>(query.limit, 1);
      answer.full = !answer.more && !query.dry_run && reopen(row) == ReopenStatus::full;
      if (answer.more || answer.full) return answer;
      ++answer.count;
    }
    answer.after = row.sequence;
  }
  return answer;
}

bool ModelStore::has_delivery(const EventId& event, std::uint64_t lane) const {
  return std::any_of(rows_.begin(), rows_.end(),
                     [&](const auto& entry) { return entry.second.lane == lane && entry.second.message->id == event; });
}

Missed ModelStore::missed(const MissedQuery& query) {
  const std::lock_guard lock{mutex_};
  Missed answer;
  answer.after = query.after;
  const auto lane = lanes_.find(query.lane);
  if (lane == lanes_.end() || lane->second.removed) return answer;
  std::set<EventId> seen;
  for (const auto& [sequence, row] : rows_) {
    // An event stands where its first delivery does.
    if (!seen.insert(row.message->id).second || sequence <= query.after) continue;
    if (!row.erased && row.message->recipient == nullptr && row.message->tenant == query.tenant &&
        within(row.message->created_at, query.since, query.until) && !has_delivery(row.message->id, query.lane)) {
      answer.more = answer.events.size() == std::max<std::size_t>(query.limit, 1);
      if (answer.more) return answer;
      answer.events.push_back({sequence, row.message});
    }
    answer.after = sequence;
  }
  return answer;
}

std::optional<AppendedDelivery> ModelStore::add(std::uint64_t position, const NewDelivery& delivery) {
  const std::lock_guard lock{mutex_};
  const auto lane = lanes_.find(delivery.lane);
  const auto at = rows_.find(position);
  if (lane == lanes_.end() || lane->second.removed || at == rows_.end() || at->second.erased ||
      has_delivery(at->second.message->id, delivery.lane) || (pending_ > 0 && pending_ >= max_pending_)) {
    return std::nullopt;
  }
  return make(at->second.message, 1, delivery);
}

bool ModelStore::erase(const EventId& id) {
  const std::lock_guard lock{mutex_};
  if (!ids_.contains(id.value)) return false;
  for (auto& [sequence, row] : rows_) {
    if (row.message->id != id) continue;
    row.erased = true;
    auto rest = std::make_shared<Message>();
    rest->id = id;
    rest->type = row.message->type;
    rest->tenant = row.message->tenant;
    rest->created_at = row.message->created_at;
    if (const auto& recipient = row.message->recipient) {
      rest->recipient = std::make_shared<Recipient>(Recipient{{}, recipient->tested});
    }
    row.message = std::move(rest);
    for (Attempt& attempt : row.attempts) attempt.response_body.clear();
    if (!is_final(row.status) && !row.handed_out) end(row, DeliveryStatus::cancelled, "erased");
  }
  return true;
}

}  // namespace contract
