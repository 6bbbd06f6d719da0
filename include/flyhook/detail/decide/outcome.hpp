#ifndef FLYHOOK_DETAIL_DECIDE_OUTCOME_HPP
#define FLYHOOK_DETAIL_DECIDE_OUTCOME_HPP

#include <flyhook/clock.hpp>
#include <flyhook/delivery.hpp>
#include <flyhook/detail/config.hpp>
#include <flyhook/detail/decide/retry.hpp>
#include <flyhook/http.hpp>
#include <flyhook/retry_policy.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

// The judge: what an answer means for its delivery, and what it says of the endpoint.

namespace flyhook::detail {

/// The attempt that was answered.
struct Judged {
  const RetryPolicy& retry;
  Progress progress{};       ///< before it
  std::uint64_t random = 0;  ///< for the jitter, this attempt's own
  TimePoint now{};           ///< by the wall clock, when the answer was there
  TimePoint created_at{};    ///< of the delivery's event
  std::optional<TimePoint> expires_at{};
};

/// What an attempt says of its endpoint.
struct Bearing {
  enum class Breaker { success, failure, none };

  Breaker breaker = Breaker::none;
  bool overloaded = false;                         ///< send less at a time
  bool is_gone = false;                            ///< 410: send nothing any more
  std::optional<std::chrono::nanoseconds> hold{};  ///< send nothing for so long
};

struct Verdict {
  DeliveryStatus status = DeliveryStatus::dead;
  std::string reason{};                            ///< of a dead delivery
  std::optional<std::chrono::nanoseconds> wait{};  ///< pending: until its next attempt; none: cancelled, nothing was spent
  Progress progress{};                             ///< after it
  Bearing bearing{};
};

/// 2xx is delivered. Anything else, a redirect too, is a failed attempt: tried again as the policy says, and the wait is no
/// shorter than the endpoint's Retry-After.
FLYHOOK_DECL Verdict judge(const HttpResponse& response, const Judged& attempt);

/// True for an answer that a cancelled exchange completes with.
FLYHOOK_DECL bool is_cancelled(const HttpResponse& response);

/// Too old by the policy: it is given up, without an attempt if need be.
FLYHOOK_DECL bool is_too_old(const RetryPolicy& retry, TimePoint created_at, TimePoint now);

}  // namespace flyhook::detail

#if defined(FLYHOOK_HEADER_ONLY)
#include <flyhook/impl/detail/decide/outcome.ipp>
#endif

#endif
