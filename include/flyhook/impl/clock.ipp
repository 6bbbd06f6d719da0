#ifndef FLYHOOK_IMPL_CLOCK_IPP
#define FLYHOOK_IMPL_CLOCK_IPP

#include <flyhook/clock.hpp>

#include <algorithm>
#include <ctime>

namespace flyhook {

namespace detail {

class SystemClock : public Clock {
 public:
  TimePoint now() const noexcept override { return std::chrono::system_clock::now(); }

  std::chrono::nanoseconds elapsed() const noexcept override {
#if defined(CLOCK_BOOTTIME)
    // Leases and delays go on while a laptop sleeps; CLOCK_MONOTONIC would stand still.
    timespec at{};
    if (clock_gettime(CLOCK_BOOTTIME, &at) == 0)
      return std::chrono::seconds{at.tv_sec} + std::chrono::nanoseconds{at.tv_nsec};
#endif
    return std::chrono::steady_clock::now().time_since_epoch();
  }

  void wait_until(std::unique_lock<std::mutex>& lock, std::condition_variable& condition,
                  std::chrono::nanoseconds deadline) override {
    // A year at most: far deadlines would overflow the addition inside wait_for.
    const auto left = std::min<std::chrono::nanoseconds>(deadline - elapsed(), std::chrono::hours{8760});
    if (left > std::chrono::nanoseconds::zero()) condition.wait_for(lock, left);
  }
};

}  // namespace detail

std::shared_ptr<Clock> system_clock() {
  return std::make_shared<detail::SystemClock>();
}

}  // namespace flyhook

#endif
