#ifndef FLYHOOK_IMPL_DETAIL_STORE_MEMORY_LEDGER_IPP
#define FLYHOOK_IMPL_DETAIL_STORE_MEMORY_LEDGER_IPP

#include <flyhook/detail/store/memory_ledger.hpp>

#include <algorithm>
#include <cstring>
#include <utility>

namespace flyhook::detail {

template <class T>
void MemoryLog::put(std::string& log, T value) {
  char bytes[sizeof(T)];
  std::memcpy(bytes, &value, sizeof(T));
  log.append(bytes, sizeof(T));
}

void MemoryLog::put_text(std::string& log, std::string_view text) {
  put(log, static_cast<std::uint32_t>(text.size()));
  log.append(text);
}

template <class T>
T MemoryLog::get(std::string_view& rest) {
  T value;
  std::memcpy(&value, rest.data(), sizeof(T));
  rest.remove_prefix(sizeof(T));
  return value;
}

std::string MemoryLog::get_text(std::string_view& rest) {
  const auto size = get<std::uint32_t>(rest);
  std::string text{rest.substr(0, size)};
  rest.remove_prefix(size);
  return text;
}

void MemoryLog::add(std::string& log, const Attempt& attempt) {
  log.push_back(attempt_tag);
  put(log, attempt.at.time_since_epoch().count());
  put(log, attempt.duration.count());
  put(log, attempt.status);
  put(log, attempt.trigger);
  put_text(log, attempt.error);
  put_text(log, attempt.response_body);
  put_text(log, attempt.url);
}

void MemoryLog::add_reason(std::string& log, std::string_view reason) {
  if (reason.empty()) return;
  log.push_back(reason_tag);
  put_text(log, reason);
}

void MemoryLog::read(std::string_view log, DeliveryRecord& into) {
  while (!log.empty()) {
    const char tag = log.front();
    log.remove_prefix(1);
    if (tag == reason_tag) {
      into.reason = get_text(log);
      continue;
    }
    Attempt& attempt = into.attempts.emplace_back();
    attempt.at = TimePoint{TimePoint::duration{get<TimePoint::rep>(log)}};
    attempt.duration = std::chrono::microseconds{get<std::chrono::microseconds::rep>(log)};
    attempt.status = get<int>(log);
    attempt.trigger = get<AttemptTrigger>(log);
    attempt.error = get_text(log);
    attempt.response_body = get_text(log);
    attempt.url = get_text(log);
  }
}

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

const MemoryEvent* MemoryLedger::newest_event(const std::string& id) const {
  const auto at = ids_.find(id);
  return at == ids_.end() ? nullptr : at->second.newest;
}

std::size_t MemoryLedger::bytes_of(const Message& message) {
  std::size_t bytes = message.id.value.size() + message.type.size() + message.tenant.size() + message.key.size() +
                      message.data.size() + message.trace_parent.size() + message.content_type.size();
  for (const auto& [name, value] : message.headers) bytes += name.size() + value.size();
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
  event.first = next_sequence_;
  // All at once: the first row may be final before the second is there.
  event.count = event.exist = event.open = static_cast<std::uint32_t>(count);
  event.bytes = bytes;
  known.second.newest = &event;
  bytes_ += bytes;
  return event;
}

MemoryRow& MemoryLedger::add_row(MemoryEvent& event, MemoryLane& lane, std::uint64_t order) {
  const std::uint64_t sequence = next_sequence_;
  if (newest_page_ == nullptr || newest_page_->first != sequence / page_size) {
    newest_page_ = &*pages_.try_emplace(pages_.end(), sequence / page_size);
  }
  MemoryRow& row = rows_.take();
  row.sequence = sequence;
  row.order = order;
  row.due = event.message->deliver_at.value_or(MemoryRow::at_once);
  row.lane = &lane;
  row.event = &event;
  row.attempts = 0;
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

void MemoryLedger::hand_out(MemoryRow& row) {
  row.handed_out = true;
  row.handed_before = nullptr;
  row.handed_after = handed_out_;
  if (handed_out_ != nullptr) handed_out_->handed_before = &row;
  handed_out_ = &row;
}

void MemoryLedger::take_back(MemoryRow& row) {
  row.handed_out = false;
  (row.handed_before == nullptr ? handed_out_ : row.handed_before->handed_after) = row.handed_after;
  if (row.handed_after != nullptr) row.handed_after->handed_before = row.handed_before;
  row.handed_before = row.handed_after = nullptr;
}

void MemoryLedger::add_attempt(MemoryRow& row, const Attempt& attempt) {
  const auto size = row.log.size();
  MemoryLog::add(row.log, attempt);
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
  MemoryList<MemoryRow>& list = status == DeliveryStatus::delivered ? delivered_ : dead_;
  (list.last == nullptr ? list.first : list.last->next) = &row;
  list.last = &row;
  ++finished_;
  --pending_;
  MemoryEvent& event = *row.event;
  if (--event.open > 0) return;
  finished_bytes_ += event.bytes;
  event.body_before = bodies_.last;
  (bodies_.last == nullptr ? bodies_.first : bodies_.last->body_after) = &event;
  bodies_.last = &event;
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
  MemoryEvent& event = *bodies_.first;
  unlist_body(event);
  auto rest = std::make_shared<Message>();
  rest->id = event.message->id;
  rest->type = event.message->type;
  rest->tenant = event.message->tenant;
  rest->created_at = event.message->created_at;
  const auto bytes = bytes_of(*rest);
  bytes_ -= event.bytes - bytes;
  finished_bytes_ -= event.bytes - bytes;
  event.bytes = bytes;
  event.message = std::move(rest);
  return true;
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
  list.first = row.next;
  if (list.first == nullptr) list.last = nullptr;
  --finished_;
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
  if (--lane.rows == 0 && lane.removed) emptied_.push_back(&lane);
  if (--row.event->exist == 0) drop_event(*row.event);
  row.next = row.older = row.newer = nullptr;
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
  forget_if_unused(*event.known);
  event.message.reset();
  events_.put(event);
}

void MemoryLedger::unlist_body(MemoryEvent& event) {
  event.has_body = false;
  (event.body_before == nullptr ? bodies_.first : event.body_before->body_after) = event.body_after;
  (event.body_after == nullptr ? bodies_.last : event.body_after->body_before) = event.body_before;
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
