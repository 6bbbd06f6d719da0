#ifndef FLYHOOK_DETAIL_DECIDE_TOKEN_BUCKET_HPP
#define FLYHOOK_DETAIL_DECIDE_TOKEN_BUCKET_HPP

#include <flyhook/detail/config.hpp>
#include <flyhook/rate_limit.hpp>

#include <chrono>
#include <cstdint>

// How soon an endpoint with a rate limit may be called again. A machine: asked before each attempt and told of it. In any
// span of time at most burst + span × per_second tokens are taken. Whoever takes each one when it comes gets no fewer,
// however many; with a burst of 1, where there is no room for the rest of a nanosecond, less than one later each time.

namespace flyhook::detail {

/// It keeps what is missing until it is full (the generic cell rate algorithm), without rounding: per_second is a number
/// of 53 bits times a power of two, so there is a unit of which a nanosecond brings a whole number and a token costs one.
class TokenBucket {
 public:
  /// The limit has passed check_subscription. Not full: it is empty, the first token is there after 1 / per_second. A burst
  /// that takes more than 2^43 s to come back counts as that.
  FLYHOOK_DECL explicit TokenBucket(const RateLimit& limit, std::chrono::nanoseconds now, bool full = true);

  FLYHOOK_DECL bool may_take(std::chrono::nanoseconds now) const;

  /// may_take(now) was true. If it was not, the token is owed.
  FLYHOOK_DECL void take(std::chrono::nanoseconds now);

  /// What was taken was not used after all.
  FLYHOOK_DECL void give_back(std::chrono::nanoseconds now);

  /// The earliest time, now or later, at which may_take holds; nanoseconds::max(): beyond what they can say.
  FLYHOOK_DECL std::chrono::nanoseconds next_at(std::chrono::nanoseconds now) const;

  /// No token is missing.
  FLYHOOK_DECL bool is_full(std::chrono::nanoseconds now) const;

  /// From now on another limit. The tokens that are missing stay missing, though not more than there can be; they come
  /// back at the new rate. Where there was no limit none is missing.
  FLYHOOK_DECL void set(const RateLimit& limit, std::chrono::nanoseconds now);

 private:
  __extension__ using Wide = unsigned __int128;  // GCC and Clang, on 64 bits

  FLYHOOK_DECL void measure(const RateLimit& limit);
  FLYHOOK_DECL Wide missing_at(std::chrono::nanoseconds now) const;

  Wide missing_ = 0;     // at since_; at most 2^127
  Wide slack_ = 0;       // may be missing when a token is taken: burst - 1 of them; at most 2^126
  Wide token_ = 0;       // what one costs: 10^9 << token_shift_, at most 2^120; 0: no limit
  Wide nanosecond_ = 0;  // what one brings; 0: nothing in all the time there is
  std::chrono::nanoseconds since_;
  int token_shift_ = 0;
};

}  // namespace flyhook::detail

#if defined(FLYHOOK_HEADER_ONLY)
#include <flyhook/impl/detail/decide/token_bucket.ipp>
#endif

#endif
