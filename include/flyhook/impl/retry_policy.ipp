#ifndef FLYHOOK_IMPL_RETRY_POLICY_IPP
#define FLYHOOK_IMPL_RETRY_POLICY_IPP

#include <flyhook/error.hpp>
#include <flyhook/retry_policy.hpp>

#include <flyhook/impl/retry_policy/retry_after.ipp>

#include <cmath>
#include <string>

namespace flyhook {

std::vector<std::chrono::milliseconds> RetryPolicy::default_schedule() {
  using namespace std::chrono;
  return {0s, 5s, 5min, 30min, 2h, 5h, 10h, 14h, 20h, 24h};
}

RetryPolicy RetryPolicy::none() {
  RetryPolicy policy;
  policy.schedule.assign(1, std::chrono::milliseconds{0});
  return policy;
}

RetryPolicy RetryPolicy::exponential(std::chrono::milliseconds first, double factor, std::chrono::milliseconds cap,
                                     unsigned attempts) {
  using std::chrono::milliseconds;
  if (first < milliseconds{0}) throw Error{ErrorCode::invalid, "first", std::to_string(first.count()) + " ms is negative"};
  if (!std::isfinite(factor) || factor < 1)
    throw Error{ErrorCode::invalid, "factor", std::to_string(factor) + " is not a finite number of at least 1"};
  if (cap < first) throw Error{ErrorCode::invalid, "cap", std::to_string(cap.count()) + " ms is less than the first wait"};
  if (attempts == 0 || attempts > 1000)
    throw Error{ErrorCode::invalid, "attempts", std::to_string(attempts) + " is outside 1 to 1,000"};

  RetryPolicy policy = none();
  auto exact = static_cast<double>(first.count());
  for (milliseconds wait = first; policy.schedule.size() < attempts;) {
    policy.schedule.push_back(wait);
    exact *= factor;
    // Compared as double first: beyond the cap, or infinite, it may be no number of milliseconds.
    wait = exact < static_cast<double>(cap.count()) ? milliseconds{std::llround(exact)} : cap;
  }
  return policy;
}

}  // namespace flyhook

#endif
