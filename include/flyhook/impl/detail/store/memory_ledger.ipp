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
  MemoryEvent& event = events_.take();
  event = {};
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
      const MemoryRow* row = find(sequence);
      if (row != nullptr && row->lane == &lane) return true;
    }
    if (std::find(kin->past_lanes.begin(), kin->past_lanes.end(), lane.number) != kin->past_lanes.end()) return true;
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
    MemoryRow* row = find(sequence);
    if (row == nullptr) continue;
    const auto size = row->log.size();
    MemoryLog::drop_response_bodies(row->log);
    bytes_ -= size - row->log.size();
    if (is_final(row->status)) finished_bytes_ -= size - row->log.size();
  }
}

MemoryRow& MemoryLedger::add_row(MemoryEvent& event, MemoryLane& lane, const NewDelivery& wanted) {
  const std::uint64_t sequence = next_sequence_;
  if (newest_page_ == nullptr || newest_page_->first != sequence / page_size) {
    newest_page_ = &*pages_.try_emplace(pages_.end(), sequence / page_size);
  }
  MemoryRow& row = rows_.take();
  row.sequence = sequence;
  row.order = wanted.order;
  row.due = wanted.due.value_or(MemoryRow::at_once);
  row.lane = &lane;
  row.event = &event;
  row.attempts = row.steps = row.deferrals = 0;
  row.status = DeliveryStatus::pending;
  newest_page_->second.rows[sequence % page_size] = &row;
  ++newest_page_->second.used;
  MemoryEndpoint& endpoint = *lane.endpoint;
  row.older = endpoint.newest;
  (endpoint.newest == nullptr ? endpoint.oldest : endpoint.newest->newer) = &row;
  endpoint.newest = &row;
  ++lane.rows;
  ++pending_;
  ++next_sequence_;
  return row;
}

MemoryRow* MemoryLedger::find(std::uint64_t sequence) {
  if (newest_page_ != nullptr && newest_page_->first == sequence / page_size) {
    return newest_page_->second.rows[sequence % page_size];
  }
  const auto page = pages_.find(sequence / page_size);
  return page == pages_.end() ? nullptr : page->second.rows[sequence % page_size];
}

MemoryRow* MemoryLedger::before(std::uint64_t sequence) {
  auto page = pages_.lower_bound(sequence / page_size);
  std::uint64_t end = sequence % page_size;
  if (page == pages_.end() || page->first != sequence / page_size) end = 0;
  for (;;) {
    while (end > 0) {
      if (MemoryRow* row = page->second.rows[--end]) return row;
    }
    if (page == pages_.begin()) return nullptr;
    --page;
    end = page_size;
  }
}

MemoryRow* MemoryLedger::before(const MemoryEndpoint& endpoint, std::uint64_t sequence) {
  const MemoryRow* exact = find(sequence);
  if (exact != nullptr && exact->lane->endpoint == &endpoint) return exact->older;
  MemoryRow* high = endpoint.newest;
  MemoryRow* low = endpoint.oldest;
  while (high != nullptr && high->sequence >= sequence && low->sequence < sequence) {
    high = high->older;
    low = low->newer;
  }
  return high == nullptr || high->sequence < sequence ? high : low->older;
}

MemoryRow* MemoryLedger::after(std::uint64_t sequence) {
  std::uint64_t at = (sequence + 1) % page_size;
  auto page = pages_.lower_bound((sequence + 1) / page_size);
  if (page != pages_.end() && page->first != (sequence + 1) / page_size) at = 0;
  for (; page != pages_.end(); ++page, at = 0) {
    for (; at < page_size; ++at) {
      if (MemoryRow* row = page->second.rows[at]) return row;
    }
  }
  return nullptr;
}

MemoryRow* MemoryLedger::after(const MemoryEndpoint& endpoint, std::uint64_t sequence) {
  if (sequence == 0) return endpoint.oldest;
  const MemoryRow* exact = find(sequence);
  return exact != nullptr && exact->lane->endpoint == &endpoint ? exact->newer : after(sequence);
}

void MemoryLedger::hand_out(MemoryRow& row) {
  row.handed_out = true;
  row.previous = nullptr;
  row.handed_next = handed_out_;
  if (handed_out_ != nullptr) handed_out_->previous = &row;
  handed_out_ = &row;
}

void MemoryLedger::take_back(MemoryRow& row) {
  row.handed_out = false;
  (row.previous == nullptr ? handed_out_ : row.previous->handed_next) = row.handed_next;
  if (row.handed_next != nullptr) row.handed_next->previous = row.previous;
  row.previous = row.handed_next = nullptr;
}

void MemoryLedger::add_attempt(MemoryRow& row, const Attempt& attempt) {
  const auto size = row.log.size();
  if (row.event->has_body) {
    MemoryLog::add(row.log, attempt);
  } else {  // erased
    Attempt rest = attempt;
    rest.response_body.clear();
    MemoryLog::add(row.log, rest);
  }
  ++row.attempts;
  bytes_ += row.log.size() - size;
}

void MemoryLedger::end(MemoryRow& row, DeliveryStatus status, std::string_view reason) {
  const auto size = row.log.size();
  MemoryLog::add_reason(row.log, reason);
  bytes_ += row.log.size() - size;
  finished_bytes_ += row.log.size();
  row.status = status;
  row.due = now_;
  row.order = ++finish_number_;
  row.next = nullptr;
  MemoryList<MemoryRow>& list = finished_list(status);
  row.previous = list.last;
  (list.last == nullptr ? list.first : list.last->next) = &row;
  list.last = &row;
  ++finished_;
  --pending_;
  MemoryEvent& event = *row.event;
  if (--event.open > 0) return;
  finished_bytes_ += event.bytes;
  if (!event.has_body) return;
  event.body_after = nullptr;
  event.body_before = bodies_.last;
  (bodies_.last == nullptr ? bodies_.first : bodies_.last->body_after) = &event;
  bodies_.last = &event;
}

bool MemoryLedger::reopen(MemoryRow& row) {
  MemoryEvent& event = *row.event;
  const std::size_t bytes = row.log.size() + (event.open == 0 ? event.bytes : 0);
  if (pending_ > 0 && (pending_ >= max_pending_ || bytes_ - finished_bytes_ + bytes > max_bytes_)) return false;
  unlist(row);
  finished_bytes_ -= bytes;
  ++pending_;
  if (event.open++ == 0) unlist_body(event);
  const auto size = row.log.size();
  MemoryLog::drop_reason(row.log);
  bytes_ -= size - row.log.size();
  row.status = DeliveryStatus::pending;
  row.due = MemoryRow::at_once;
  row.order = 0;
  row.steps = row.deferrals = 0;
  return true;
}

void MemoryLedger::unlist(MemoryRow& row) {
  MemoryList<MemoryRow>& list = finished_list(row.status);
  (row.previous == nullptr ? list.first : row.previous->next) = row.next;
  (row.next == nullptr ? list.last : row.next->previous) = row.previous;
  row.next = row.previous = nullptr;
  --finished_;
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

bool MemoryLedger::outlived(const MemoryRow* row, std::chrono::hours keep) const {
  // In hours, since `keep` may be more than a TimePoint holds.
  return row != nullptr && row->due <= now_ && std::chrono::duration_cast<std::chrono::hours>(now_ - row->due) >= keep;
}

bool MemoryLedger::shrink() {
  if (bodies_.first == nullptr) return drop_oldest();
  drop_body(*bodies_.first);
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
  if (delivered_.first == nullptr && dead_.first == nullptr) return false;
  const bool delivered =
      dead_.first == nullptr || (delivered_.first != nullptr && delivered_.first->order < dead_.first->order);
  drop_first(delivered ? delivered_ : dead_);
  return true;
}

void MemoryLedger::drop_first(MemoryList<MemoryRow>& list) {
  MemoryRow& row = *list.first;
  unlist(row);
  bytes_ -= row.log.size();
  finished_bytes_ -= row.log.size();
  MemoryLane& lane = *row.lane;
  (row.newer == nullptr ? lane.endpoint->newest : row.newer->older) = row.older;
  (row.older == nullptr ? lane.endpoint->oldest : row.older->newer) = row.newer;
  const auto page = pages_.find(row.sequence / page_size);
  page->second.rows[row.sequence % page_size] = nullptr;
  if (--page->second.used == 0) {
    if (newest_page_ == &*page) newest_page_ = nullptr;
    pages_.erase(page);
  }
  if (--lane.rows == 0 && (lane.removed || is_direct(lane.number))) emptied_.push_back(&lane);
  MemoryEvent& event = *row.event;
  if (event.count > 1 || event.has_kin) event.past_lanes.push_back(lane.number);
  if (--event.exist == 0) drop_event(event);
  row.older = row.newer = nullptr;
  // A small buffer serves the next row; one that held long answers would be kept for nothing.
  if (row.log.capacity() > 256) {
    std::string{}.swap(row.log);
  } else {
    row.log.clear();
  }
  rows_.put(row);
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
    if (kin != nullptr) kin->past_lanes.insert(kin->past_lanes.end(), event.past_lanes.begin(), event.past_lanes.end());
  }
  std::vector<std::uint64_t>{}.swap(event.past_lanes);
  forget_if_unused(*event.known);
  event.message.reset();
  events_.put(event);
}

void MemoryLedger::unlist_body(MemoryEvent& event) {
  (event.body_before == nullptr ? bodies_.first : event.body_before->body_after) = event.body_after;
  (event.body_after == nullptr ? bodies_.last : event.body_after->body_before) = event.body_before;
  event.body_before = event.body_after = nullptr;
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
