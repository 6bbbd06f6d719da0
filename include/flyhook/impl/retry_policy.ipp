#ifndef FLYHOOK_IMPL_RETRY_POLICY_IPP
#define FLYHOOK_IMPL_RETRY_POLICY_IPP

#include <flyhook/retry_policy.hpp>

namespace flyhook {

RetryPolicy RetryPolicy::none() {
  RetryPolicy policy;
  policy.schedule.assign(1, std::chrono::milliseconds{0});
  return policy;
}

}  // namespace flyhook

#endif
