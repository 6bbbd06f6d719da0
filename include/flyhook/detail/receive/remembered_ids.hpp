#ifndef FLYHOOK_DETAIL_RECEIVE_REMEMBERED_IDS_HPP
#define FLYHOOK_DETAIL_RECEIVE_REMEMBERED_IDS_HPP

#include <flyhook/detail/config.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

// The ids of the last requests that were handled, as digests: a ring in the order of time, and a table that finds them in
// it. Nothing is allocated per id, so that what one thread adds and another one removes is no memory of either.
//
//   ring    [ ... | oldest ─────────────► newest | ... ]     digest and time; 24 bytes each
//   table   [ . . 7 . 12 . . 3 . ]                           place in the ring and 32 bits of the digest; open addressing,
//                                                            at most half full

namespace flyhook::detail {

/// Not thread-safe: its owner calls it under its own lock.
class RememberedIds {
 public:
  using Digest = std::array<unsigned char, 16>;  // its bytes are as good as random

  /// At most `most` of them, at most so long.
  RememberedIds(std::size_t most, std::chrono::nanoseconds longest) : most_(most), longest_(longest) {}

  FLYHOOK_DECL bool contains(const Digest& digest) const;
  /// One that it does not contain. `now` does not go back: a smaller one counts as the greatest so far.
  FLYHOOK_DECL void add(const Digest& digest, std::chrono::nanoseconds now);
  FLYHOOK_DECL void forget_old(std::chrono::nanoseconds now);
  std::size_t size() const noexcept { return size_; }

 private:
  struct Entry {
    Digest digest{};
    std::chrono::nanoseconds at{};
  };
  struct Slot {
    std::uint32_t place = 0;  // in the ring, and 1 more; 0: free
    std::uint32_t hash = 0;
  };

  FLYHOOK_DECL static std::uint32_t hash_of(const Digest& digest);
  FLYHOOK_DECL void forget_oldest();
  FLYHOOK_DECL void grow();
  FLYHOOK_DECL void insert(std::uint32_t place);

  std::size_t most_;
  std::chrono::nanoseconds longest_;
  std::vector<Entry> ring_;
  std::size_t oldest_ = 0, size_ = 0;  // of the ring
  std::vector<Slot> table_;            // a power of two
};

}  // namespace flyhook::detail

#if defined(FLYHOOK_HEADER_ONLY)
#include <flyhook/impl/detail/receive/remembered_ids.ipp>
#endif

#endif
