#include "simulation/retry_rules.hpp"

#include <algorithm>

using namespace flyhook;

namespace simulation {

std::optional<std::chrono::nanoseconds> Answered::asked_wait(std::chrono::seconds cap) const {
  if (!retry_after || cap.count() == 0) return std::nullopt;
  const auto asked = parse_retry_after(*retry_after, wall);
  if (!asked) return std::nullopt;
  return std::chrono::nanoseconds{std::min(*asked, cap)};
}

bool was_sent(const Attempt& attempt) {
  return attempt.error.rfind("dns", 0) != 0 && attempt.error.rfind("refused_address", 0) != 0;
}

std::chrono::nanoseconds spread(std::chrono::nanoseconds wait, double share) {
  return std::chrono::nanoseconds{static_cast<std::int64_t>(static_cast<double>(wait.count()) * (1 + share))};
}

Expected expected_after(const RetryPolicy& policy, Account& account, const Answered& answer, const Limits& limits) {
  constexpr unsigned most_holds = 6;
  Expected expected;
  if (answer.is_cancelled()) return expected;
  if (answer.is_success()) return {DeliveryStatus::delivered};
  const auto stops = std::find(policy.stop_on.begin(), policy.stop_on.end(), answer.status) != policy.stop_on.end();
  if (answer.status == 410 || stops) return {DeliveryStatus::dead};

  const auto asked = answer.asked_wait(policy.retry_after_cap);
  const bool is_hold = asked && answer.is_pushback() && account.holds < most_holds;
  const auto next = account.steps + 1;
  if (is_hold) {
    ++account.holds;
  } else if (++account.steps >= policy.schedule.size()) {
    return {DeliveryStatus::dead};
  }

  const std::chrono::nanoseconds wait = policy.schedule[std::min(next, policy.schedule.size() - 1)];
  expected.earliest = spread(wait, -policy.jitter);
  expected.latest = spread(wait, policy.jitter);
  if (asked) {
    expected.earliest = std::max(expected.earliest, *asked);
    expected.latest = std::max(expected.latest, spread(*asked, policy.jitter));
  }
  constexpr std::chrono::microseconds slack{2};
  if (policy.max_age.count() > 0) {
    const auto left = limits.created + policy.max_age - answer.wall;
    expected.may_be_too_old = expected.latest > left - slack;
    expected.is_too_old = expected.earliest > left + slack;
  }
  if (limits.expires) {
    const auto left = std::max<std::chrono::nanoseconds>(*limits.expires - answer.wall, std::chrono::nanoseconds{0});
    expected.earliest = std::min(expected.earliest, left);
    expected.latest = std::min(expected.latest, left);
  }
  return expected;
}

}  // namespace simulation
