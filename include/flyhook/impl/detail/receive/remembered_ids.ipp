#ifndef FLYHOOK_IMPL_DETAIL_RECEIVE_REMEMBERED_IDS_IPP
#define FLYHOOK_IMPL_DETAIL_RECEIVE_REMEMBERED_IDS_IPP

#include <flyhook/detail/receive/remembered_ids.hpp>

#include <algorithm>
#include <cstring>
#include <utility>

namespace flyhook::detail {

std::uint32_t RememberedIds::hash_of(const Digest& digest) {
  std::uint32_t hash = 0;
  std::memcpy(&hash, digest.data(), sizeof hash);
  return hash;
}

bool RememberedIds::contains(const Digest& digest) const {
  if (table_.empty()) return false;
  const auto hash = hash_of(digest);
  const auto last = table_.size() - 1;
  for (auto at = hash & last; table_[at].place != 0; at = (at + 1) & last)
    if (table_[at].hash == hash && ring_[table_[at].place - 1].digest == digest) return true;
  return false;
}

void RememberedIds::add(const Digest& digest, std::chrono::nanoseconds now) {
  if (most_ == 0) return;
  if (size_ == most_) forget_oldest();
  if (size_ == ring_.size()) grow();
  const auto place = (oldest_ + size_) % ring_.size();
  const auto newest = size_ == 0 ? now : ring_[(place + ring_.size() - 1) % ring_.size()].at;
  ring_[place] = {digest, std::max(now, newest)};
  ++size_;
  insert(static_cast<std::uint32_t>(place));
}

void RememberedIds::forget_old(std::chrono::nanoseconds now) {
  while (size_ != 0 && now - ring_[oldest_].at >= longest_) forget_oldest();
}

void RememberedIds::forget_oldest() {
  const auto last = table_.size() - 1;
  auto free = hash_of(ring_[oldest_].digest) & last;
  while (table_[free].place != oldest_ + 1) free = (free + 1) & last;
  // What was pushed on by it moves back, so that a search still ends at the first free slot (Knuth 6.4, algorithm R).
  for (auto at = (free + 1) & last; table_[at].place != 0; at = (at + 1) & last) {
    const auto wanted = table_[at].hash & last;
    if (((at - wanted) & last) < ((at - free) & last)) continue;
    table_[free] = table_[at];
    free = at;
  }
  table_[free] = {};
  oldest_ = (oldest_ + 1) % ring_.size();
  --size_;
}

void RememberedIds::grow() {
  constexpr std::size_t first = 64;
  std::vector<Entry> ring(std::min(most_, std::max(first, 2 * ring_.size())));
  for (std::size_t i = 0; i < size_; ++i) ring[i] = ring_[(oldest_ + i) % ring_.size()];
  std::size_t slots = 2;
  while (slots < 2 * ring.size()) slots *= 2;
  std::vector<Slot> table(slots);
  ring_ = std::move(ring);
  table_ = std::move(table);
  oldest_ = 0;
  for (std::size_t i = 0; i < size_; ++i) insert(static_cast<std::uint32_t>(i));
}

void RememberedIds::insert(std::uint32_t place) {
  const auto hash = hash_of(ring_[place].digest);
  const auto last = table_.size() - 1;
  auto at = hash & last;
  while (table_[at].place != 0) at = (at + 1) & last;
  table_[at] = {place + 1, hash};
}

}  // namespace flyhook::detail

#endif
