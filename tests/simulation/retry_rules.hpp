#ifndef FLYHOOK_TESTS_SIMULATION_RETRY_RULES_HPP
#define FLYHOOK_TESTS_SIMULATION_RETRY_RULES_HPP

#include <flyhook/clock.hpp>
#include <flyhook/delivery.hpp>
#include <flyhook/retry_policy.hpp>

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>

// What has to come after a delivery's last answer: DESIGN section 5 said once more, without the engine's code.

namespace simulation {

/// How one attempt ended.
struct Answered {
  int status = 0;
  std::string error{};
  std::optional<std::string> retry_after{};
  flyhook::TimePoint wall{};           ///< when
  std::chrono::nanoseconds stored{0};  ///< when, in stored time

  bool is_success() const { return status >= 200 && status <= 299; }
  bool is_cancelled() const { return status == 0 && error.rfind("cancelled", 0) == 0; }
  bool is_timeout() const { return status == 0 && error.rfind("timeout", 0) == 0; }
  bool is_pushback() const { return status == 429 || status == 503; }

  /// What a Retry-After asks for, bounded by `cap`.
  std::optional<std::chrono::nanoseconds> asked_wait(std::chrono::seconds cap) const;
};

/// A request was made: its name had resolved.
bool was_sent(const flyhook::Attempt& attempt);

/// How far a delivery is in its schedule.
struct Account {
  std::size_t steps = 0;
  unsigned holds = 0;
};

struct Limits {
  flyhook::TimePoint created{};
  std::optional<flyhook::TimePoint> expires{};
};

struct Expected {
  flyhook::DeliveryStatus status = flyhook::DeliveryStatus::pending;
  bool may_be_too_old = false;                      ///< it may as well be dead, or be so without exception: `is_too_old`
  bool is_too_old = false;                          ///< the next attempt would come after max_age
  std::chrono::nanoseconds earliest{0}, latest{0};  ///< of a pending one: the wait, from the answer on
};

/// After `answer`. Counts it in `account`.
Expected expected_after(const flyhook::RetryPolicy& policy, Account& account, const Answered& answer, const Limits& limits);

/// The wait as short and as long as jitter may make it.
std::chrono::nanoseconds spread(std::chrono::nanoseconds wait, double share);

}  // namespace simulation

#endif
