#ifndef FLYHOOK_IMPL_DETAIL_STORE_MEMORY_LEDGER_IPP
#define FLYHOOK_IMPL_DETAIL_STORE_MEMORY_LEDGER_IPP

#include <flyhook/detail/store/memory_ledger.hpp>

#include <algorithm>
#include <utility>

namespace flyhook::detail {

MemoryLedger::MemoryLedger(const Retention& retention, std::size_t max_pending, std::size_t max_bytes)
    : retention_(retention), max_pending_(max_pending), max_bytes_(max_bytes) {
  if (retention_.max_deliveries == 0) retention_.max_deliveries = 100'000;
  // Most ids are new: a bucket that is empty says so at the cost of one cache miss.
  ids_.max_load_factor(0.5f);
}

MemoryIds::value_type& MemoryLedger::known(const std::string& id) {
  while (!recent_ids_.empty() && now_ - recent_ids_.front()->second.at >= known_for) forget_oldest();
  if (spares_.empty()) return *ids_.try_emplace(id).first;
  spares_.back().key() = id;
  spares_.back().mapped() = {};
  auto [at, inserted, node] = ids_.insert(std::move(spares_.back()));
  spares_.pop_back();
  if (!inserted) spares_.push_back(std::move(node));
  return *at;
}

void MemoryLedger::remember(MemoryIds::value_type& known, std::uint64_t content_hash) {
  if (recent_ids_.size() >= known_limit) forget_oldest();
  recent_ids_.push_back(&known);
  known.second.content_hash = content_hash;
  known.second.at = now_;
  known.second.remembered = true;
}

MemoryEvent* MemoryLedger::newest_event(const std::string& id) const {
  const auto at = ids_.find(id);
  return at == ids_.end() ? nullptr : at->second.newest;
}

std::size_t MemoryLedger::bytes_of(const Message& message) {
  std::size_t bytes = message.id.value.size() + message.type.size() + message.tenant.size() + message.key.size() +
                      message.data.size() + message.trace_parent.size() + message.content_type.size();
  const auto add = [&](const Headers& headers) {
    for (const auto& [name, value] : headers) bytes += name.size() + value.size();
  };
  add(message.headers);
  if (const auto& recipient = message.recipient) {
    bytes += recipient->target.url.size() + recipient->target.secret.size() + recipient->tested.value.size();
    add(recipient->target.headers);
  }
  return bytes;
}

bool MemoryLedger::make_room(std::size_t deliveries, std::size_t bytes) {
  if (pending_ == 0) {
    while (bytes_ + bytes > max_bytes_ && shrink()) {
    }
    return true;
  }
  if (deliveries > max_pending_ || pending_ > max_pending_ - deliveries) return false;
  if (bytes > max_bytes_ || bytes_ - finished_bytes_ > max_bytes_ - bytes) return false;
  while (bytes_ + bytes > max_bytes_ && shrink()) {
  }
  return true;
}

MemoryEvent& MemoryLedger::add_event(std::shared_ptr<const Message> message, MemoryIds::value_type& known,
                                     std::size_t bytes, std::size_t count) {
  const MemoryPlace place = events_.take();
  MemoryEvent& event = events_[place];
  event = {};
  event.place = place;
  event.message = std::move(message);
  event.known = &known;
  event.older_of_id = known.second.newest;
  event.group = event.first = next_sequence_;
  // All at once: the first row may be final before the second is there.
  event.count = event.exist = event.open = static_cast<std::uint32_t>(count);
  event.bytes = bytes;
  known.second.newest = &event;
  bytes_ += bytes;
  return event;
}

MemoryEvent& MemoryLedger::add_kin(MemoryEvent& event, std::shared_ptr<const Message> message, std::size_t bytes) {
  MemoryEvent& kin = add_event(std::move(message), *event.known, bytes, 1);
  kin.group = event.group;
  kin.has_kin = event.has_kin = true;
  return kin;
}

bool MemoryLedger::has_row_in(const MemoryEvent& event, const MemoryLane& lane, std::size_t& budget) {
  for (const MemoryEvent* kin = event.known->second.newest; kin != nullptr; kin = kin->older_of_id) {
    budget -= std::min<std::size_t>(budget, kin->count);
    if (kin->group != event.group) continue;
    for (std::uint64_t sequence = kin->first; sequence < kin->first + kin->count; ++sequence) {
      const MemoryPlace row = find(sequence);
      if (row != 0 && rows_[row].lane == lane.place) return true;
    }
    if (kin->past_lanes == nullptr) continue;
    if (std::find(kin->past_lanes->begin(), kin->past_lanes->end(), lane.number) != kin->past_lanes->end()) return true;
  }
  return false;
}

bool MemoryLedger::is_first_of_group(const MemoryEvent& event) {
  for (const MemoryEvent* kin = event.older_of_id; kin != nullptr; kin = kin->older_of_id) {
    if (kin->group == event.group && kin->has_body) return false;
  }
  return true;
}

void MemoryLedger::erase(MemoryEvent& event) {
  drop_body(event);
  for (std::uint64_t sequence = event.first; sequence < event.first + event.count; ++sequence) {
    const MemoryPlace at = find(sequence);
    if (at == 0) continue;
    MemoryRow& row = rows_[at];
    const auto size = row.log.size();
    row.log.drop_response_bodies();
    bytes_ -= size - row.log.size();
    if (is_final(row.status)) finished_bytes_ -= size - row.log.size();
  }
}

MemoryPlace MemoryLedger::add_row(MemoryEvent& event, MemoryLane& lane, const NewDelivery& wanted) {
  const MemoryPlace at = rows_.take();
  pages_.add(next_sequence_, at);
  MemoryRow& row = rows_[at];
  row = MemoryRow{};
  row.sequence = next_sequence_++;
  row.due = wanted.due.value_or(MemoryRow::at_once);
  row.lane = lane.place;
  row.event = event.place;
  lane.endpoint->rows.push(rows_, at);
  ++lane.existing;
  ++pending_;
  return at;
}

MemoryPlace MemoryLedger::before(const MemoryEndpoint& endpoint, std::uint64_t sequence) {
  const MemoryPlace exact = find(sequence);
  if (exact != 0 && lane_of(rows_[exact]).endpoint == &endpoint) return rows_[exact].in_endpoint.older;
  MemoryPlace high = endpoint.rows.last;
  MemoryPlace low = endpoint.rows.first;
  while (high != 0 && rows_[high].sequence >= sequence && rows_[low].sequence < sequence) {
    high = rows_[high].in_endpoint.older;
    low = rows_[low].in_endpoint.newer;
  }
  return high == 0 || rows_[high].sequence < sequence ? high : rows_[low].in_endpoint.older;
}

MemoryPlace MemoryLedger::after(const MemoryEndpoint& endpoint, std::uint64_t sequence) {
  if (sequence == 0) return endpoint.rows.first;
  const MemoryPlace exact = find(sequence);
  return exact != 0 && lane_of(rows_[exact]).endpoint == &endpoint ? rows_[exact].in_endpoint.newer : after(sequence);
}

void MemoryLedger::prefetch(std::span<const MemoryPlace> rows) const {
  for (const MemoryPlace at : rows) memory_prefetch(&events_[rows_[at].event]);
  for (const MemoryPlace at : rows) memory_prefetch(events_[rows_[at].event].message.get());
}

void MemoryLedger::hand_out(MemoryPlace at) {
  rows_[at].handed_out = true;
  handed_out_.push(rows_, at);
}

void MemoryLedger::take_back(MemoryPlace at) {
  rows_[at].handed_out = false;
  handed_out_.unlink(rows_, at);
}

void MemoryLedger::add_attempt(MemoryRow& row, const Attempt& attempt) {
  const auto size = row.log.size();
  row.log.add(attempt, event_of(row).has_body);  // without: it was erased
  bytes_ += row.log.size() - size;
}

void MemoryLedger::end(MemoryPlace at, DeliveryStatus status, std::string_view reason) {
  MemoryRow& row = rows_[at];
  const auto size = row.log.size();
  row.log.add_reason(reason);
  bytes_ += row.log.size() - size;
  finished_bytes_ += row.log.size();
  row.status = status;
  row.due = now_;
  row.finished = ++finish_number_;
  finished_queue(status).push(rows_, at);
  ++finished_;
  --pending_;
  MemoryEvent& event = event_of(row);
  if (--event.open > 0) return;
  finished_bytes_ += event.bytes;
  if (!event.has_body) return;
  event.body_after = nullptr;
  event.body_before = last_body_;
  (last_body_ == nullptr ? first_body_ : last_body_->body_after) = &event;
  last_body_ = &event;
}

bool MemoryLedger::reopen(MemoryPlace at) {
  MemoryRow& row = rows_[at];
  MemoryEvent& event = event_of(row);
  const std::size_t bytes = row.log.size() + (event.open == 0 ? event.bytes : 0);
  if (pending_ > 0 && (pending_ >= max_pending_ || bytes_ - finished_bytes_ + bytes > max_bytes_)) return false;
  finished_queue(row.status).unlink(rows_, at);
  --finished_;
  finished_bytes_ -= bytes;
  ++pending_;
  if (event.open++ == 0) unlist_body(event);
  const auto size = row.log.size();
  row.log.drop_reason();
  bytes_ -= size - row.log.size();
  row.status = DeliveryStatus::pending;
  row.due = MemoryRow::at_once;
  row.in_lane = {};
  row.steps = row.deferrals = 0;
  return true;
}

void MemoryLedger::prune() {
  while (finished_ > retention_.max_deliveries) drop_oldest();
  for (int budget = 256; budget > 0; --budget) {
    if (outlived(delivered_.first, retention_.delivered)) {
      drop_first(delivered_);
    } else if (outlived(dead_.first, retention_.dead)) {
      drop_first(dead_);
    } else {
      return;
    }
  }
}

bool MemoryLedger::outlived(MemoryPlace at, std::chrono::hours keep) const {
  if (at == 0) return false;
  const TimePoint due = rows_[at].due;
  // In hours, since `keep` may be more than a TimePoint holds.
  return due <= now_ && std::chrono::duration_cast<std::chrono::hours>(now_ - due) >= keep;
}

bool MemoryLedger::shrink() {
  if (first_body_ == nullptr) return drop_oldest();
  drop_body(*first_body_);
  return true;
}

void MemoryLedger::drop_body(MemoryEvent& event) {
  if (!event.has_body) return;
  if (event.open == 0) unlist_body(event);
  event.has_body = false;
  auto rest = std::make_shared<Message>();
  rest->id = event.message->id;
  rest->type = event.message->type;
  rest->tenant = event.message->tenant;
  rest->created_at = event.message->created_at;
  if (const auto& recipient = event.message->recipient)
    rest->recipient = std::make_shared<Recipient>(Recipient{{}, recipient->tested});
  const auto bytes = bytes_of(*rest);
  bytes_ -= event.bytes - bytes;
  if (event.open == 0) finished_bytes_ -= event.bytes - bytes;
  event.bytes = bytes;
  event.message = std::move(rest);
}

bool MemoryLedger::drop_oldest() {
  if (delivered_.first == 0 && dead_.first == 0) return false;
  const bool delivered =
      dead_.first == 0 || (delivered_.first != 0 && rows_[delivered_.first].finished < rows_[dead_.first].finished);
  drop_first(delivered ? delivered_ : dead_);
  return true;
}

void MemoryLedger::drop_first(MemoryQueue& queue) {
  const MemoryPlace at = queue.first;
  MemoryRow& row = rows_[at];
  queue.unlink(rows_, at);
  --finished_;
  bytes_ -= row.log.size();
  finished_bytes_ -= row.log.size();
  MemoryLane& lane = lane_of(row);
  lane.endpoint->rows.unlink(rows_, at);
  pages_.remove(row.sequence);
  if (--lane.existing == 0 && (lane.removed || is_direct(lane.number))) emptied_.push_back(&lane);
  MemoryEvent& event = event_of(row);
  if (event.count > 1 || event.has_kin) past_lanes_of(event).push_back(lane.number);
  if (--event.exist == 0) drop_event(event);
  row.log = {};
  rows_.put(at);
}

void MemoryLedger::drop_event(MemoryEvent& event) {
  if (event.has_body) unlist_body(event);
  bytes_ -= event.bytes;
  finished_bytes_ -= event.bytes;
  MemoryEvent** link = &event.known->second.newest;
  while (*link != &event) link = &(*link)->older_of_id;
  *link = event.older_of_id;
  if (event.has_kin) {
    MemoryEvent* kin = event.known->second.newest;
    while (kin != nullptr && kin->group != event.group) kin = kin->older_of_id;
    if (kin != nullptr && event.past_lanes != nullptr) {
      auto& past = past_lanes_of(*kin);
      past.insert(past.end(), event.past_lanes->begin(), event.past_lanes->end());
    }
  }
  event.past_lanes.reset();
  forget_if_unused(*event.known);
  event.message.reset();
  events_.put(event.place);
}

void MemoryLedger::unlist_body(MemoryEvent& event) {
  (event.body_before == nullptr ? first_body_ : event.body_before->body_after) = event.body_after;
  (event.body_after == nullptr ? last_body_ : event.body_after->body_before) = event.body_before;
  event.body_before = event.body_after = nullptr;
}

std::vector<std::uint64_t>& MemoryLedger::past_lanes_of(MemoryEvent& event) {
  if (event.past_lanes == nullptr) event.past_lanes = std::make_unique<std::vector<std::uint64_t>>();
  return *event.past_lanes;
}

MemoryLane& MemoryLedger::add_lane(std::uint64_t number, MemoryEndpoint& endpoint) {
  const MemoryPlace place = lanes_.take();
  MemoryLane& lane = lanes_[place];
  lane.rows = &rows_;
  lane.endpoint = &endpoint;
  lane.number = number;
  lane.place = place;
  return lane;
}

void MemoryLedger::drop_lane(MemoryLane& lane) {
  const MemoryPlace place = lane.place;
  lane = {};
  lanes_.put(place);
}

void MemoryLedger::forget_newest() {
  auto& known = *recent_ids_.back();
  recent_ids_.pop_back();
  known.second.remembered = false;
  forget_if_unused(known);
}

void MemoryLedger::forget_oldest() {
  auto& known = *recent_ids_.front();
  recent_ids_.pop_front();
  known.second.remembered = false;
  forget_if_unused(known);
}

void MemoryLedger::forget_if_unused(MemoryIds::value_type& known) {
  if (known.second.remembered || known.second.newest != nullptr) return;
  auto node = ids_.extract(known.first);
  if (spares_.size() < 256) spares_.push_back(std::move(node));
}

}  // namespace flyhook::detail

#endif
