#ifndef FLYHOOK_DETAIL_DECIDE_CONCURRENCY_HPP
#define FLYHOOK_DETAIL_DECIDE_CONCURRENCY_HPP

#include <flyhook/detail/config.hpp>

#include <cstddef>

// How many requests at a time an endpoint bears: fewer at once when it says that it has too many, more again one by one
// (additive increase, multiplicative decrease). A machine: told how attempts ended, asked before the next.

namespace flyhook::detail {

class Concurrency {
 public:
  /// `most`, which is at least 1, is where it begins.
  explicit Concurrency(std::size_t most) : most_(most), limit_(most) {}

  /// A 429, 502, 503 or 504, or no answer in time: half of it, at least 1.
  FLYHOOK_DECL void overloaded();

  /// One more, up to the most.
  FLYHOOK_DECL void succeeded();

  /// Changed settings. A limit that nothing holds down goes with them at once; one that was halved stays and grows as it
  /// would have.
  FLYHOOK_DECL void set_most(std::size_t most);

  /// Nothing holds it down.
  bool is_full() const { return limit_ == most_; }

  /// From 1 to the most.
  std::size_t limit() const { return limit_; }

 private:
  std::size_t most_, limit_;
};

}  // namespace flyhook::detail

#if defined(FLYHOOK_HEADER_ONLY)
#include <flyhook/impl/detail/decide/concurrency.ipp>
#endif

#endif
