#ifndef FLYHOOK_IMPL_RETRY_POLICY_IPP
#define FLYHOOK_IMPL_RETRY_POLICY_IPP

#include <flyhook/retry_policy.hpp>

#include <flyhook/impl/retry_policy/retry_after.ipp>

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

}  // namespace flyhook

#endif
