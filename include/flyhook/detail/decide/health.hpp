#ifndef FLYHOOK_DETAIL_DECIDE_HEALTH_HPP
#define FLYHOOK_DETAIL_DECIDE_HEALTH_HPP

#include <flyhook/detail/config.hpp>

#include <chrono>
#include <cstdint>

// For how long an endpoint has answered nothing but failures, and what follows from it. A machine: it is told how each
// attempt that counts ended, and says when the application has to know.
//
//   first failure ── half of disable_after ──► failing ── the other half, and enough tries ──► disabled
//        ▲  ▲                                     │                                                │
//        │  └─ success: recovered ────────────────┴──────────── success, or enabled again ─────────┘
//        └─ again, if nothing was tried for 36 h: what was reported stays so

namespace flyhook::detail {

/// What to report, each once per change.
enum class HealthChange { none, failing, disabled, recovered };

class Health {
 public:
  /// An attempt of the delivery `sequence` failed. Disabled: no success since a first failure `disable_after` ago, at least
  /// 10 failed attempts of at least 2 deliveries since, no gap between them over 36 h (a longer one starts anew). Failing:
  /// half of that time, however few they are. A `disable_after` of 0: neither, ever.
  FLYHOOK_DECL HealthChange failed(std::chrono::nanoseconds now, std::uint64_t sequence,
                                   std::chrono::seconds disable_after);

  /// `recovered` if it was reported as failing, else none.
  FLYHOOK_DECL HealthChange succeeded();

  /// The application enabled it again: as if nothing had been tried.
  FLYHOOK_DECL void reset();

  /// It was reported as failing, and has neither succeeded nor been reset since.
  bool is_failing() const { return is_failing_; }

  /// It knows nothing that a new one would not.
  bool is_pristine() const { return failures_ == 0 && !is_failing_ && !is_disabled_; }

  /// The first of the failures that count; 0 if there are none.
  std::chrono::nanoseconds failing_since() const { return first_; }

 private:
  std::chrono::nanoseconds first_{0}, last_{0};  // failures of this run
  std::uint64_t first_sequence_ = 0;
  std::uint32_t failures_ = 0;  // of this run; 0: there is none
  bool of_several_deliveries_ = false;
  bool is_failing_ = false, is_disabled_ = false;  // reported
};

}  // namespace flyhook::detail

#if defined(FLYHOOK_HEADER_ONLY)
#include <flyhook/impl/detail/decide/health.ipp>
#endif

#endif
