#ifndef FLYHOOK_DETAIL_DECIDE_BREAKER_HPP
#define FLYHOOK_DETAIL_DECIDE_BREAKER_HPP

#include <flyhook/breaker.hpp>
#include <flyhook/detail/config.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <ratio>

// Whether an endpoint that keeps failing is called at all. A machine: the lane tells it how attempts begin and end, and
// asks it before the next one.
//
//             consecutive_failures                     cool-down is over
//   closed ──────────────────────────► open, waiting ────────────────────► open, probing
//     ▲                                    ▲   the probe failed: twice the cool-down │
//     │                                    └─────────────────────────────────────────┤
//     └──────────────────────────── any success ─────────────────────────────────────┘

namespace flyhook::detail {

class Breaker {
 public:
  /// The policy has passed check_options.
  FLYHOOK_DECL explicit Breaker(const BreakerPolicy& policy);

  /// It is closed, or its cool-down is over and no probe is under way.
  FLYHOOK_DECL bool may_send(std::chrono::nanoseconds now) const;

  /// An attempt begins. True: it is the probe, which whoever reports its end must say.
  FLYHOOK_DECL bool start();

  /// An attempt succeeded, whenever it began: closes. True: it was open.
  FLYHOOK_DECL bool succeeded();

  /// An attempt failed. Closed, it counts. The probe's failure begins a cool-down twice as long as the last, 5 min at most
  /// (or the policy's own, if that is longer). Any other failure of an attempt begun before it opened says nothing new.
  /// True: it was closed and is open now.
  FLYHOOK_DECL bool failed(std::chrono::nanoseconds now, bool was_probe);

  /// An attempt ended without a verdict on the endpoint: cancelled, or put off by a Retry-After of 429 or 503. After a
  /// probe that ended so the next one may follow at once; what holds it back is the lane's business.
  FLYHOOK_DECL void uncounted(std::chrono::nanoseconds now, bool was_probe);

  /// What was known of the endpoint is another process's: one attempt finds out, at once. Should it fail, the cool-down
  /// that follows is the one that was due, so the policy's where there was none yet.
  FLYHOOK_DECL void half_open(std::chrono::nanoseconds now);

  /// From opening until a success.
  bool is_open() const { return is_open_; }
  bool is_probing() const { return is_probing_; }

  /// It knows nothing that a new one would not.
  bool is_pristine() const { return !is_open_ && failures_ == 0; }

  /// When the next probe may go: in the past if it may already. nullopt: closed, or a probe is under way.
  FLYHOOK_DECL std::optional<std::chrono::nanoseconds> waits_until() const;

 private:
  using Wait = std::chrono::duration<std::uint32_t, std::milli>;  // 49 days; a policy's cool-down is at most one

  static constexpr Wait longest_cool_down{300'000};  // unless the policy's own is longer

  FLYHOOK_DECL void cool_down_from(std::chrono::nanoseconds now);

  std::uint32_t most_failures_;
  std::uint32_t failures_ = 0;  // in a row, while closed
  Wait first_cool_down_;
  Wait next_cool_down_;
  std::chrono::nanoseconds probe_at_{0};  // while open
  bool is_open_ = false;
  bool is_probing_ = false;
};

}  // namespace flyhook::detail

#if defined(FLYHOOK_HEADER_ONLY)
#include <flyhook/impl/detail/decide/breaker.ipp>
#endif

#endif
