#ifndef FLYHOOK_TESTS_SIMULATION_LANE_RULES_HPP
#define FLYHOOK_TESTS_SIMULATION_LANE_RULES_HPP

#include "simulation/features.hpp"
#include "simulation/retry_rules.hpp"

#include <flyhook/breaker.hpp>
#include <flyhook/rate_limit.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

// What may be sent to one subscription now: rate, hold, breaker and concurrency, from the answers that it gave. Upper
// bounds: an engine may send less, never more. Attempts that never reach the transport (a name that does not resolve) are
// not seen here: where there were some, the breaker is not judged until the next success.

namespace simulation {

class LaneRules {
 public:
  using Time = std::chrono::nanoseconds;

  void set_rate(const flyhook::RateLimit& rate, Time now) {
    if (rate == rate_) return;
    refill(now);
    // What is missing stays missing, though not more than there can be. Without a limit nothing was.
    for (double* tokens : {&tokens_, &least_tokens_})
      *tokens = rate_.per_second > 0 ? std::max(0.0, rate.burst - (rate_.burst - *tokens)) : rate.burst;
    rate_ = rate;
    filled_ = now;
  }

  void set_limit(std::size_t limit) {
    limit_ = most_ == 0 || limit_ == most_ ? limit : std::min(limit_, limit);
    most_ = limit;
  }

  /// Another URL, or enabled again: what was known of it holds no longer.
  void forget(Time now) {
    hold_until_ = hold_latest_ = Time{-1};
    limit_ = most_;
    close(now);
    for (auto& each : under_way_) each.is_probe = false;
    first_failure_ = Time{-1};
    failed_ = 0;
    fast_ = slow_ = 0;
  }

  /// Its slot is new to the engine.
  void take_over(Time now) {
    refill(now);
    tokens_ = least_tokens_ = 0;
    is_open_ = true;
    is_probing_ = false;
    probe_at_ = now;
    if (!under_way_.empty()) is_blind_ = true;  // whose probe the next failure is, is not ours to know
  }

  /// A name did not resolve: attempts may fail that are not seen here.
  void could_not_resolve(Time now) {
    if (now + std::chrono::seconds{10} <= blind_until_) return;
    is_blind_ = true;
    blind_until_ = now + std::chrono::seconds{10};  // so long the look-up holds
  }

  /// Why a request must not be sent now; empty: it may.
  std::string objection(const Features& features, Time now) {
    refill(now);
    if (features.rate_limit && rate_.per_second > 0 && tokens_ < 1 - 1e-6) return "the rate limit is exceeded";
    if (features.retries && now < hold_until_) return "a Retry-After holds the lane";
    if (features.concurrency && under_way_.size() >= limit_) return "more requests are under way than answers have earned";
    if (features.breaker && is_open_ && !is_blind_ && now < probe_at_) return "the breaker is open";
    if (features.breaker && is_open_ && !is_blind_ && is_probing_) return "the breaker lets one probe through at a time";
    return {};
  }

  void sent(std::uint64_t number, Time now) {
    refill(now);
    tokens_ -= 1;
    least_tokens_ -= 1;
    const bool is_probe = is_open_ && !is_probing_;
    is_probing_ = is_open_;
    under_way_.push_back({number, now, is_probe});
  }

  /// `counts`: the URL is the one that was asked.
  void answered(std::uint64_t number, const Answered& answer, const flyhook::RetryPolicy& policy,
                const flyhook::BreakerPolicy& breaker, bool counts, Time now) {
    const auto at =
        std::find_if(under_way_.begin(), under_way_.end(), [&](const auto& each) { return each.number == number; });
    const bool is_probe = at->is_probe;
    const auto took = now - at->since;
    if (took > std::chrono::milliseconds{400}) fast_ = 0;
    under_way_.erase(at);
    const auto uncounted = [&] {
      if (!is_probe || !is_probing_) return;
      is_probing_ = false;
      probe_at_ = now;
    };
    if (!counts || answer.is_cancelled()) return uncounted();
    const auto asked = answer.asked_wait(policy.retry_after_cap);
    if (!answer.is_pushback() || !asked) slow_ = took > std::chrono::seconds{1} ? slow_ + 1 : 0;
    if (answer.is_success()) {
      limit_ = std::min(most_, limit_ + 1);
      first_failure_ = Time{-1};
      failed_ = 0;
      ++fast_;
      return close(now);
    }
    const bool halves = answer.status == 429 || (answer.status >= 502 && answer.status <= 504) || answer.is_timeout();
    if (halves) limit_ = std::max<std::size_t>(1, limit_ / 2);
    note_failure(now);
    if (answer.is_pushback() && asked) {
      hold_until_ = std::max(hold_until_, now + *asked);
      hold_latest_ = std::max(hold_latest_, now + spread(*asked, policy.jitter));
      return uncounted();
    }
    if (is_open_) {
      if (is_probe && is_probing_) cool_down(breaker, now);
    } else if (++failures_ >= breaker.consecutive_failures) {
      cool_down(breaker, now);
    }
  }

  /// An attempt that was not seen here: its name did not resolve.
  void attempted_unseen(Time now) {
    refill(now);
    least_tokens_ -= 1;
    note_failure(now);
  }

  void note_failure(Time now) {
    if (first_failure_ < Time{0} || now - last_failure_ > std::chrono::hours{36}) {
      first_failure_ = now;
      failed_ = 0;
    }
    last_failure_ = now;
    ++failed_;
  }

  /// Whether so long a row of failures disables: a bound from below.
  bool may_be_disabled(Time now, std::chrono::seconds after) const {
    return after.count() > 0 && first_failure_ >= Time{0} && now - first_failure_ >= Time{after} && failed_ >= 10;
  }
  /// Whether it may be called failing.
  bool may_be_failing(Time now, std::chrono::seconds after) const {
    return after.count() > 0 && first_failure_ >= Time{0} && now - first_failure_ >= Time{after} / 2;
  }

  /// Something may keep it from sending.
  bool holds_back(Time now) {
    refill(now);
    const bool has_credit = rate_.per_second <= 0 || least_tokens_ >= 1 + 1e-6;
    return now < hold_latest_ || is_blind_ || under_way_.size() >= limit_ || !has_credit ||
           (is_open_ && (is_probing_ || now < probe_at_));
  }

  /// It answered fast lately, and has nothing under way.
  bool is_healthy() const { return fast_ >= 16 && under_way_.empty(); }
  bool has_answered_fast() const { return fast_ >= 16; }
  /// So often that it is known to be fast whatever was before.
  bool is_surely_fast() const { return fast_ >= 32 && under_way_.empty(); }

  /// So often that it is known to be slow.
  bool is_surely_slow() const { return slow_ >= 8; }

  // What the next request is up against.
  bool is_limited() const { return rate_.per_second > 0; }
  bool is_last_token() const { return is_limited() && tokens_ < 2; }
  bool is_lowered() const { return limit_ < most_; }
  bool is_open() const { return is_open_; }
  bool was_held() const { return hold_until_ >= Time{0}; }

  /// When it may be sent to again, if that is a time to come.
  Time next_at(Time now) const {
    Time next = Time::max();
    const auto at = [&](Time when) {
      if (when > now) next = std::min(next, when);
    };
    at(hold_until_);
    at(hold_latest_);
    if (is_open_) at(probe_at_);
    if (rate_.per_second > 0) at(now + std::chrono::nanoseconds{static_cast<std::int64_t>(1e9 / rate_.per_second) + 1});
    return next;
  }

 private:
  struct Request {
    std::uint64_t number = 0;
    Time since{0};
    bool is_probe = false;
  };

  void refill(Time now) {
    if (rate_.per_second <= 0) return;
    const std::chrono::duration<double> passed = now - filled_;
    for (double* tokens : {&tokens_, &least_tokens_})
      *tokens = std::min(rate_.burst, *tokens + passed.count() * rate_.per_second);
    filled_ = now;
  }

  void close(Time now) {
    failures_ = 0;
    next_cool_down_ = Time{0};
    is_open_ = is_probing_ = false;
    is_blind_ = now < blind_until_;
  }

  void cool_down(const flyhook::BreakerPolicy& breaker, Time now) {
    constexpr Time most = std::chrono::minutes{5};
    if (next_cool_down_.count() == 0) next_cool_down_ = breaker.cool_down;
    is_open_ = true;
    is_probing_ = false;
    probe_at_ = now + next_cool_down_;
    next_cool_down_ = std::min(2 * next_cool_down_, std::max<Time>(most, breaker.cool_down));
  }

  flyhook::RateLimit rate_{};
  double tokens_ = 1;        // at most
  double least_tokens_ = 1;  // at least: attempts that are not seen here have taken theirs
  Time filled_{0};
  Time hold_until_{-1}, hold_latest_{-1};
  std::size_t most_ = 0, limit_ = 1;
  unsigned failures_ = 0;
  Time next_cool_down_{0};  // 0: the policy's
  Time probe_at_{0};
  bool is_open_ = false, is_probing_ = false;
  bool is_blind_ = false;
  Time blind_until_{0};
  std::vector<Request> under_way_{};
  Time first_failure_{-1}, last_failure_{0};
  std::size_t failed_ = 0;
  std::size_t fast_ = 0;  // quick successes in a row
  std::size_t slow_ = 0;  // answers in a row that took long
};

}  // namespace simulation

#endif
