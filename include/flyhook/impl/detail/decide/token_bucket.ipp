#ifndef FLYHOOK_IMPL_DETAIL_DECIDE_TOKEN_BUCKET_IPP
#define FLYHOOK_IMPL_DETAIL_DECIDE_TOKEN_BUCKET_IPP

#include <flyhook/detail/decide/token_bucket.hpp>

#include <algorithm>
#include <cmath>

namespace flyhook::detail {

TokenBucket::TokenBucket(const RateLimit& limit, std::chrono::nanoseconds now, bool full) : since_(now) {
  measure(limit);
  if (!full) missing_ = slack_ + token_;
}

bool TokenBucket::may_take(std::chrono::nanoseconds now) const {
  return missing_at(now) <= slack_;
}

void TokenBucket::take(std::chrono::nanoseconds now) {
  missing_ = std::min(missing_at(now) + token_, Wide{1} << 127);
  since_ = std::max(since_, now);
}

void TokenBucket::give_back(std::chrono::nanoseconds now) {
  missing_ = missing_at(now);
  since_ = std::max(since_, now);
  missing_ -= std::min(missing_, token_);
}

std::chrono::nanoseconds TokenBucket::next_at(std::chrono::nanoseconds now) const {
  using std::chrono::nanoseconds;
  if (may_take(now)) return now;
  if (nanosecond_ == 0) return nanoseconds::max();
  const Wide wait = (missing_ - slack_ - 1) / nanosecond_ + 1;
  const auto most = nanoseconds::max() - std::max(since_, nanoseconds{0});
  if (wait > static_cast<Wide>(most.count())) return nanoseconds::max();
  return since_ + nanoseconds{static_cast<std::int64_t>(wait)};
}

bool TokenBucket::is_full(std::chrono::nanoseconds now) const {
  return missing_at(now) == 0;
}

void TokenBucket::set(const RateLimit& limit, std::chrono::nanoseconds now) {
  missing_ = missing_at(now);
  since_ = std::max(since_, now);
  const bool had_limit = token_ != 0;
  const int former_shift = token_shift_;
  measure(limit);
  if (!had_limit || token_ == 0) {
    missing_ = 0;
    return;
  }
  // The same number of tokens; a part of a unit counts as a whole one.
  const Wide most = slack_ + token_;
  const int shift = token_shift_ - former_shift;
  if (shift >= 0)
    missing_ = missing_ <= (most >> shift) ? missing_ << shift : most;
  else if (missing_ > 0)
    missing_ = std::min(most, ((missing_ - 1) >> -shift) + 1);
}

void TokenBucket::measure(const RateLimit& limit) {
  token_ = slack_ = nanosecond_ = 0;
  token_shift_ = 0;
  if (!(limit.per_second > 0)) return;

  // per_second = rate × 2^(exponent - 53), with rate of 53 bits: a nanosecond brings rate, a token costs 10^9 × 2^(53 -
  // exponent).
  int exponent = 0;
  nanosecond_ = static_cast<std::uint64_t>(std::ldexp(std::frexp(limit.per_second, &exponent), 53));
  token_shift_ = std::clamp(53 - exponent, 0, 90);
  token_ = Wide{1'000'000'000} << token_shift_;
  // Beyond either end one of the two loses bits: a token takes more than 8,000 years, or comes in no time.
  const int excess = exponent - 53 + token_shift_;
  if (excess < 0)
    nanosecond_ = excess > -53 ? nanosecond_ >> -excess : 0;
  else
    nanosecond_ = excess < 75 ? nanosecond_ << excess : ~Wide{0};

  // In the same way; burst - 1 is 0 or at least 2^-52, so that it is not shifted out.
  const auto more = static_cast<std::uint64_t>(std::ldexp(std::frexp(limit.burst - 1, &exponent), 53));
  const Wide product = Wide{more} * 1'000'000'000;
  const int shift = exponent - 53 + token_shift_;
  if (shift < 0)
    slack_ = product >> -shift;
  else
    slack_ = shift <= 43 ? product << shift : Wide{1} << 126;
}

TokenBucket::Wide TokenBucket::missing_at(std::chrono::nanoseconds now) const {
  if (now <= since_) return missing_;
  const auto elapsed = static_cast<Wide>(now.count()) - static_cast<Wide>(since_.count());
  Wide brought = 0;
  if (__builtin_mul_overflow(elapsed, nanosecond_, &brought)) return 0;
  return missing_ > brought ? missing_ - brought : 0;
}

}  // namespace flyhook::detail

#endif
