#ifndef FLYHOOK_DETAIL_STORE_MEMORY_ROWS_HPP
#define FLYHOOK_DETAIL_STORE_MEMORY_ROWS_HPP

#include <flyhook/clock.hpp>
#include <flyhook/delivery.hpp>
#include <flyhook/detail/store/memory_log.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <vector>

// MemoryStore's deliveries and how they are kept: in slabs, each named by 32 bits, and linked into lists by such names.
// What a million of them cost is decided here: 64 bytes each, one cache line.

namespace flyhook::detail {

/// Has a cache line brought that is needed soon. GCC and Clang.
inline void memory_prefetch(const void* at) {
  __builtin_prefetch(at);
  __asm__ volatile("");  // without it GCC drops calls of functions that do nothing else
}

/// Names a row, or what else is in a pool, by where it stands there; 0: none.
using MemoryPlace = std::uint32_t;

/// Objects that are used again: a million deliveries cost the allocations of those alive at a time. One that is free keeps
/// the next free one's place in its free_link().
template <class T, std::size_t slab_size = 256>
class MemoryPool {
 public:
  T& operator[](MemoryPlace place) { return slabs_[place / slab_size][place % slab_size]; }
  const T& operator[](MemoryPlace place) const { return slabs_[place / slab_size][place % slab_size]; }

  /// One that is free, as it was put.
  MemoryPlace take() {
    if (free_ == 0) add_slab();
    const MemoryPlace place = free_;
    free_ = (*this)[place].free_link();
    return place;
  }
  void put(MemoryPlace place) {
    (*this)[place].free_link() = free_;
    free_ = place;
  }

 private:
  void add_slab() {
    constexpr std::size_t most_slabs = (std::size_t{1} << 32) / slab_size;
    if (slabs_.size() == most_slabs) throw std::bad_alloc{};
    slabs_.push_back(std::make_unique<T[]>(slab_size));
    const auto first = static_cast<MemoryPlace>((slabs_.size() - 1) * slab_size);
    for (auto place = static_cast<MemoryPlace>(first + slab_size); place-- > first;) {
      if (place != 0) put(place);
    }
  }

  std::vector<std::unique_ptr<T[]>> slabs_{};
  MemoryPlace free_ = 0;
};

struct MemoryLinks {
  MemoryPlace older = 0, newer = 0;
};

/// A delivery. It is in three lists at a time, and its links serve one list after the other.
struct alignas(64) MemoryRow {
  static constexpr TimePoint at_once = TimePoint::min();

  std::uint64_t sequence = 0;
  TimePoint due = at_once;  // once final, when it was finished
  union {
    MemoryLinks in_lane{};   // what its lane has not finished
    std::uint64_t finished;  // once final, the number of its finishing
  };
  MemoryLog log{};
  MemoryLinks in_queue{};     // its lane's `fresh`, its chain, all that is handed out or, once final, what is finished
  MemoryLinks in_endpoint{};  // all rows of its subscription
  MemoryPlace lane = 0;
  MemoryPlace event = 0;
  MemoryPlace chain = 0;    // 0: it has no order number, or is final
  std::uint16_t steps = 0;  // Outcome's, at most what there is room for
  std::uint8_t deferrals = 0;
  DeliveryStatus status : 4 = DeliveryStatus::pending;
  bool handed_out : 1 = false;
  bool in_ready : 1 = false;
  bool out_of_line : 1 = false;  // it would stand in the midst of what its lane has not finished, and does not

  MemoryPlace& free_link() { return in_queue.newer; }
};
static_assert(sizeof(void*) != 8 || sizeof(MemoryRow) == 64);

/// Rows linked by one pair of their links.
template <MemoryLinks MemoryRow::*links>
struct MemoryList {
  MemoryPlace first = 0, last = 0;

  template <class Rows>
  void push(Rows& rows, MemoryPlace place) {
    rows[place].*links = {last, 0};
    (last == 0 ? first : (rows[last].*links).newer) = place;
    last = place;
  }
  template <class Rows>
  void unlink(Rows& rows, MemoryPlace place) {
    MemoryLinks& own = rows[place].*links;
    (own.older == 0 ? first : (rows[own.older].*links).newer) = own.newer;
    (own.newer == 0 ? last : (rows[own.newer].*links).older) = own.older;
    own = {};
  }
};
using MemoryQueue = MemoryList<&MemoryRow::in_queue>;

/// Of a lane's rows with one order number, the oldest unfinished one and those that it holds back.
struct MemoryChain {
  std::uint64_t order = 0;
  MemoryPlace head = 0;
  MemoryQueue held_back{};

  MemoryPlace& free_link() { return head; }
};

struct MemoryRows : MemoryPool<MemoryRow> {
  MemoryPool<MemoryChain, 64> chains{};
};

}  // namespace flyhook::detail

#endif
