#ifndef FLYHOOK_IMPL_DETAIL_STORE_MEMORY_LOG_IPP
#define FLYHOOK_IMPL_DETAIL_STORE_MEMORY_LOG_IPP

#include <flyhook/clock.hpp>
#include <flyhook/detail/store/memory_log.hpp>

#include <chrono>
#include <cstdint>
#include <cstring>

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

void MemoryLog::drop_reason(std::string& log) {
  DeliveryRecord record;
  read(log, record);
  log.clear();
  for (const Attempt& attempt : record.attempts) add(log, attempt);
}

void MemoryLog::drop_response_bodies(std::string& log) {
  DeliveryRecord record;
  read(log, record);
  log.clear();
  for (Attempt& attempt : record.attempts) {
    attempt.response_body.clear();
    add(log, attempt);
  }
  add_reason(log, record.reason);
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

}  // namespace flyhook::detail

#endif
