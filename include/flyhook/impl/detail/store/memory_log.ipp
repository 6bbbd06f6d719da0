#ifndef FLYHOOK_IMPL_DETAIL_STORE_MEMORY_LOG_IPP
#define FLYHOOK_IMPL_DETAIL_STORE_MEMORY_LOG_IPP

#include <flyhook/clock.hpp>
#include <flyhook/detail/store/memory_log.hpp>

#include <chrono>
#include <cstring>
#include <new>
#include <utility>

namespace flyhook::detail {

MemoryLog::Head MemoryLog::head() const {
  Head head;
  if (bytes_ != nullptr) std::memcpy(&head, bytes_.get(), sizeof(Head));
  return head;
}

char* MemoryLog::grow(std::size_t bytes, std::uint32_t attempts) {
  Head head = this->head();
  const std::size_t before = head.size;
  void* grown = std::realloc(bytes_.get(), sizeof(Head) + before + bytes);
  if (grown == nullptr) throw std::bad_alloc{};
  static_cast<void>(bytes_.release());
  bytes_.reset(static_cast<char*>(grown));
  head.size += static_cast<std::uint32_t>(bytes);
  head.attempts += attempts;
  std::memcpy(bytes_.get(), &head, sizeof(Head));
  return bytes_.get() + sizeof(Head) + before;
}

template <class T>
void MemoryLog::put(char*& at, T value) {
  std::memcpy(at, &value, sizeof(T));
  at += sizeof(T);
}

void MemoryLog::put_text(char*& at, std::string_view text) {
  put(at, static_cast<std::uint32_t>(text.size()));
  if (!text.empty()) std::memcpy(at, text.data(), text.size());
  at += text.size();
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

void MemoryLog::add(const Attempt& attempt, bool with_response_body) {
  const std::string_view body = with_response_body ? std::string_view{attempt.response_body} : std::string_view{};
  const std::size_t fixed = sizeof(attempt_tag) + sizeof(TimePoint::rep) + sizeof(std::chrono::microseconds::rep) +
                            sizeof(attempt.status) + sizeof(attempt.trigger) + 3 * sizeof(std::uint32_t);
  char* at = grow(fixed + attempt.error.size() + body.size() + attempt.url.size(), 1);
  put(at, attempt_tag);
  put(at, attempt.at.time_since_epoch().count());
  put(at, attempt.duration.count());
  put(at, attempt.status);
  put(at, attempt.trigger);
  put_text(at, attempt.error);
  put_text(at, body);
  put_text(at, attempt.url);
}

void MemoryLog::add_reason(std::string_view reason) {
  if (reason.empty()) return;
  char* at = grow(sizeof(reason_tag) + sizeof(std::uint32_t) + reason.size(), 0);
  put(at, reason_tag);
  put_text(at, reason);
}

void MemoryLog::drop_reason() {
  DeliveryRecord record;
  read(record);
  if (record.reason.empty()) return;
  record.reason.clear();
  replace(record);
}

void MemoryLog::drop_response_bodies() {
  DeliveryRecord record;
  read(record);
  for (Attempt& attempt : record.attempts) attempt.response_body.clear();
  replace(record);
}

void MemoryLog::replace(const DeliveryRecord& record) {
  MemoryLog log;
  for (const Attempt& attempt : record.attempts) log.add(attempt, true);
  log.add_reason(record.reason);
  *this = std::move(log);
}

void MemoryLog::read(DeliveryRecord& into) const {
  const Head known = head();
  if (known.size == 0) return;
  std::string_view log{bytes_.get() + sizeof(Head), known.size};
  into.attempts.reserve(known.attempts);
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

}  // namespace flyhook::detail

#endif
