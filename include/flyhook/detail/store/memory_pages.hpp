#ifndef FLYHOOK_DETAIL_STORE_MEMORY_PAGES_HPP
#define FLYHOOK_DETAIL_STORE_MEMORY_PAGES_HPP

#include <flyhook/detail/config.hpp>
#include <flyhook/detail/store/memory_index.hpp>
#include <flyhook/detail/store/memory_rows.hpp>

#include <array>
#include <cstddef>
#include <cstdint>

// MemoryStore's rows by sequence. In order, so that a page of the history starts anywhere; in pages, so that holes cost
// little and order costs nothing.

namespace flyhook::detail {

class MemoryPages {
 public:
  /// The sequence is above all that came before.
  FLYHOOK_DECL void add(std::uint64_t sequence, MemoryPlace row);

  /// A row that is there.
  FLYHOOK_DECL void remove(std::uint64_t sequence);

  /// 0: there is none, here and below.
  FLYHOOK_DECL MemoryPlace find(std::uint64_t sequence) const;

  /// The youngest row older than `sequence`.
  FLYHOOK_DECL MemoryPlace before(std::uint64_t sequence) const;

  /// The oldest row younger than `sequence`.
  FLYHOOK_DECL MemoryPlace after(std::uint64_t sequence) const;

 private:
  static constexpr std::uint64_t page_size = 64;
  struct Page {
    std::array<MemoryPlace, page_size> rows{};
    std::uint32_t used = 0;

    MemoryPlace& free_link() { return used; }
  };

  static std::int64_t number_of(std::uint64_t sequence) { return static_cast<std::int64_t>(sequence / page_size); }
  FLYHOOK_DECL MemoryPlace page_of(std::uint64_t sequence) const;

  MemoryPool<Page, 32> pages_{};
  MemoryIndex index_{};
  MemoryIndex::Entry newest_{-1, 0};  // most of what is looked for
};

}  // namespace flyhook::detail

#if defined(FLYHOOK_HEADER_ONLY)
#include <flyhook/impl/detail/store/memory_pages.ipp>
#endif

#endif
