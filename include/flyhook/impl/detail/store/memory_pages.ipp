#ifndef FLYHOOK_IMPL_DETAIL_STORE_MEMORY_PAGES_IPP
#define FLYHOOK_IMPL_DETAIL_STORE_MEMORY_PAGES_IPP

#include <flyhook/detail/store/memory_pages.hpp>

namespace flyhook::detail {

void MemoryPages::add(std::uint64_t sequence, MemoryPlace row) {
  const std::int64_t number = number_of(sequence);
  if (newest_.number != number) {
    newest_ = {number, pages_.take()};
    pages_[newest_.place].used = 0;
    index_.insert(newest_);
  }
  Page& page = pages_[newest_.place];
  page.rows[sequence % page_size] = row;
  ++page.used;
}

void MemoryPages::remove(std::uint64_t sequence) {
  const MemoryIndex::Entry entry{number_of(sequence), page_of(sequence)};
  Page& page = pages_[entry.place];
  page.rows[sequence % page_size] = 0;
  if (--page.used > 0) return;
  if (newest_.number == entry.number) newest_ = {-1, 0};
  index_.erase(entry);
  pages_.put(entry.place);
}

MemoryPlace MemoryPages::find(std::uint64_t sequence) const {
  const MemoryPlace page = page_of(sequence);
  return page == 0 ? 0 : pages_[page].rows[sequence % page_size];
}

MemoryPlace MemoryPages::page_of(std::uint64_t sequence) const {
  const std::int64_t number = number_of(sequence);
  if (newest_.number == number) return newest_.place;
  const auto entry = index_.at_or_after(number);
  return entry && entry->number == number ? entry->place : 0;
}

MemoryPlace MemoryPages::before(std::uint64_t sequence) const {
  auto entry = index_.at_or_before(number_of(sequence));
  std::uint64_t end = entry && entry->number == number_of(sequence) ? sequence % page_size : page_size;
  for (; entry; entry = index_.at_or_before(entry->number - 1), end = page_size) {
    const Page& page = pages_[entry->place];
    while (end > 0) {
      if (const MemoryPlace row = page.rows[--end]) return row;
    }
  }
  return 0;
}

MemoryPlace MemoryPages::after(std::uint64_t sequence) const {
  auto entry = index_.at_or_after(number_of(sequence + 1));
  std::uint64_t at = entry && entry->number == number_of(sequence + 1) ? (sequence + 1) % page_size : 0;
  for (; entry; entry = index_.at_or_after(entry->number + 1), at = 0) {
    const Page& page = pages_[entry->place];
    for (; at < page_size; ++at) {
      if (const MemoryPlace row = page.rows[at]) return row;
    }
  }
  return 0;
}

}  // namespace flyhook::detail

#endif
