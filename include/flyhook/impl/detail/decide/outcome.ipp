#ifndef FLYHOOK_IMPL_DETAIL_DECIDE_OUTCOME_IPP
#define FLYHOOK_IMPL_DETAIL_DECIDE_OUTCOME_IPP

#include <flyhook/detail/decide/outcome.hpp>

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace flyhook::detail {

// A delivery is put off by Retry-After this often before it costs a step of the schedule.
inline constexpr std::uint32_t most_deferrals = 6;

// Whatever the cap: what is added to a time must fit it.
inline constexpr std::chrono::seconds longest_hold = std::chrono::hours{24 * 366};

FLYHOOK_DECL Bearing bearing_of(const HttpResponse& response);
FLYHOOK_DECL std::optional<std::chrono::nanoseconds> asked_wait(const HttpResponse& response, const Judged& attempt);
FLYHOOK_DECL void schedule_next(Verdict& verdict, const HttpResponse& response, const Judged& attempt);

bool is_cancelled(const HttpResponse& response) {
  return response.status == 0 && std::string_view{response.error}.starts_with("cancelled");
}

bool is_too_old(const RetryPolicy& retry, TimePoint created_at, TimePoint now) {
  const auto age = now - created_at;
  const auto seconds = std::chrono::floor<std::chrono::seconds>(age);  // the longest limit does not fit nanoseconds
  return retry.max_age.count() > 0 && (seconds > retry.max_age || (seconds == retry.max_age && age > seconds));
}

Bearing bearing_of(const HttpResponse& response) {
  Bearing bearing;
  if (is_cancelled(response)) return bearing;
  const int status = response.status;
  const bool is_success = status >= 200 && status <= 299;
  bearing.breaker = is_success ? Bearing::Breaker::success : Bearing::Breaker::failure;
  bearing.overloaded = status == 429 || (status >= 502 && status <= 504) ||
                       (status == 0 && std::string_view{response.error}.starts_with("timeout"));
  bearing.is_gone = status == 410;
  return bearing;
}

/// What its Retry-After asks for, bounded and spread upwards.
std::optional<std::chrono::nanoseconds> asked_wait(const HttpResponse& response, const Judged& attempt) {
  if (response.status == 0 || attempt.retry.retry_after_cap.count() == 0) return std::nullopt;
  const std::string* value = find_header(response.headers, "retry-after");
  if (value == nullptr) return std::nullopt;
  const auto asked = parse_retry_after(*value, attempt.now);
  if (!asked) return std::nullopt;
  const auto bounded = std::min({*asked, attempt.retry.retry_after_cap, longest_hold});
  return jittered_up(bounded, attempt.retry.jitter, attempt.random);
}

/// The delivery's next attempt, if it has one.
void schedule_next(Verdict& verdict, const HttpResponse& response, const Judged& attempt) {
  const auto& schedule = attempt.retry.schedule;
  const auto asked = asked_wait(response, attempt);
  const bool holds = asked && (response.status == 429 || response.status == 503);
  if (holds) {
    verdict.bearing.hold = asked;
    verdict.bearing.breaker = Bearing::Breaker::none;
  }
  const auto& stop_on = attempt.retry.stop_on;
  if (verdict.bearing.is_gone || std::find(stop_on.begin(), stop_on.end(), response.status) != stop_on.end()) return;

  const bool is_deferred = holds && attempt.progress.deferrals < most_deferrals;
  const std::size_t next = attempt.progress.steps + std::size_t{1};
  if (next >= schedule.size() && !is_deferred) return;
  ++(is_deferred ? verdict.progress.deferrals : verdict.progress.steps);

  std::chrono::nanoseconds wait =
      jittered(schedule[std::min(next, schedule.size() - 1)], attempt.retry.jitter, attempt.random);
  if (asked) wait = std::max(wait, *asked);
  const auto then = attempt.now + std::chrono::duration_cast<TimePoint::duration>(wait);
  if (is_too_old(attempt.retry, attempt.created_at, then)) {
    verdict.reason = "max_age: " + verdict.reason;
    return;
  }
  // It ends on time, not when it would have been tried again.
  if (attempt.expires_at && then > *attempt.expires_at) wait = std::max(*attempt.expires_at - attempt.now, {});
  verdict.status = DeliveryStatus::pending;
  verdict.reason.clear();
  verdict.wait = wait;
}

Verdict judge(const HttpResponse& response, const Judged& attempt) {
  Verdict verdict;
  verdict.progress = attempt.progress;
  verdict.bearing = bearing_of(response);
  switch (verdict.bearing.breaker) {
    case Bearing::Breaker::none: verdict.status = DeliveryStatus::pending; return verdict;
    case Bearing::Breaker::success: verdict.status = DeliveryStatus::delivered; return verdict;
    case Bearing::Breaker::failure: break;
  }
  if (response.status != 0) {
    verdict.reason = "answered " + std::to_string(response.status);
  } else {
    verdict.reason = response.error.empty() ? "the transport gave neither a status nor an error" : response.error;
  }
  schedule_next(verdict, response, attempt);
  return verdict;
}

}  // namespace flyhook::detail

#endif
