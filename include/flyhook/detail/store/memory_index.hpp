#ifndef FLYHOOK_DETAIL_STORE_MEMORY_INDEX_HPP
#define FLYHOOK_DETAIL_STORE_MEMORY_INDEX_HPP

#include <flyhook/clock.hpp>
#include <flyhook/detail/config.hpp>
#include <flyhook/detail/store/memory_rows.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

// What MemoryStore finds by a number: rows by due time or by sequence, pages by theirs. A B+-tree of three levels.
//
//   branches ── branch ── branch            each with the lowest key that it may hold, as has each leaf
//      │
//    leaves ── leaf ── leaf (64 at most)
//      │
//    entries: number, place (64 at most, 12 bytes each, in a buffer of their own that grows and shrinks)
//
// A step costs three binary searches and a move within one leaf, however many there are. What rises all the time, or goes
// from the front, leaves full leaves and moves nothing. Leaves are not merged: one that lost most of its entries is small.

namespace flyhook::detail {

/// Rows with the same number stand by sequence: where that may be, `alike` is where they are.
class MemoryIndex {
 public:
  struct Entry {
    std::int64_t number = 0;
    MemoryPlace place = 0;
  };

  static std::int64_t number_of(TimePoint due) { return due.time_since_epoch().count(); }
  static std::int64_t number_of(std::uint64_t sequence) { return static_cast<std::int64_t>(sequence); }

  bool empty() const { return size_ == 0; }

  /// It is not empty.
  Entry front() const { return branches_.front().leaves.front().at(0); }

  /// The one so many behind the front; none: it is too far from it.
  FLYHOOK_DECL std::optional<Entry> ahead(std::size_t count) const;

  /// The first with that number or a higher one.
  FLYHOOK_DECL std::optional<Entry> at_or_after(std::int64_t number) const;

  /// The last with that number or a lower one.
  FLYHOOK_DECL std::optional<Entry> at_or_before(std::int64_t number) const;

  FLYHOOK_DECL void insert(Entry entry, const MemoryRows* alike = nullptr);

  /// Removes an entry that is there.
  FLYHOOK_DECL void erase(Entry entry, const MemoryRows* alike = nullptr);

 private:
  static constexpr std::size_t most_leaves = 64;
  static constexpr std::uint16_t most_entries = 64, fewest_entries = 4;

  struct Key {
    std::int64_t number = 0;
    std::uint64_t sequence = 0;
    friend bool operator<(const Key& a, const Key& b) {
      return a.number != b.number ? a.number < b.number : a.sequence < b.sequence;
    }
  };
  struct Packed {
    std::uint32_t low = 0, high = 0;
    MemoryPlace place = 0;
  };
  struct Leaf {
    Key lowest{};
    std::unique_ptr<Packed[]> entries{};
    std::uint16_t first = 0, count = 0, room = 0;

    Entry at(std::size_t index) const {
      const Packed& packed = entries[first + index];
      return {static_cast<std::int64_t>(std::uint64_t{packed.high} << 32 | packed.low), packed.place};
    }
    FLYHOOK_DECL std::size_t find(const Key& key, const MemoryRows* alike) const;
    FLYHOOK_DECL void insert(std::size_t index, Entry entry);
    FLYHOOK_DECL void erase(std::size_t index);
    FLYHOOK_DECL void resize(std::uint16_t wanted);
  };
  struct Branch {
    Key lowest{};
    std::vector<Leaf> leaves{};
  };
  struct Spot {
    std::size_t branch = 0, leaf = 0, entry = 0;
  };

  static Key key_of(Entry entry, const MemoryRows* alike) {
    return {entry.number, alike == nullptr ? 0 : (*alike)[entry.place].sequence};
  }
  template <class Part>
  static std::size_t part_of(const std::vector<Part>& parts, const Key& key);
  /// Where the first entry stands, or would, that is not before the key, in the leaf that may hold the key.
  FLYHOOK_DECL Spot find(const Key& key, const MemoryRows* alike) const;
  FLYHOOK_DECL void split(Spot& spot, const Key& key, const MemoryRows* alike);

  std::vector<Branch> branches_{};
  std::size_t size_ = 0;
};

}  // namespace flyhook::detail

#if defined(FLYHOOK_HEADER_ONLY)
#include <flyhook/impl/detail/store/memory_index.ipp>
#endif

#endif
