#ifndef FLYHOOK_IMPL_DETAIL_STORE_MEMORY_INDEX_IPP
#define FLYHOOK_IMPL_DETAIL_STORE_MEMORY_INDEX_IPP

#include <flyhook/detail/store/memory_index.hpp>

#include <algorithm>
#include <iterator>
#include <limits>
#include <utility>

namespace flyhook::detail {

std::optional<MemoryIndex::Entry> MemoryIndex::at_or_after(std::int64_t number) const {
  if (empty()) return std::nullopt;
  if (const Entry first = front(); first.number >= number) return first;
  const Spot spot = find({number, 0}, nullptr);
  const auto& leaves = branches_[spot.branch].leaves;
  if (spot.entry < leaves[spot.leaf].count) return leaves[spot.leaf].at(spot.entry);
  // No leaf is empty while there are several.
  if (spot.leaf + 1 < leaves.size()) return leaves[spot.leaf + 1].at(0);
  if (spot.branch + 1 < branches_.size()) return branches_[spot.branch + 1].leaves.front().at(0);
  return std::nullopt;
}

std::optional<MemoryIndex::Entry> MemoryIndex::at_or_before(std::int64_t number) const {
  if (empty()) return std::nullopt;
  const auto last = [](const Leaf& leaf) { return leaf.at(leaf.count - std::size_t{1}); };
  if (number == std::numeric_limits<std::int64_t>::max()) return last(branches_.back().leaves.back());
  const Spot spot = find({number + 1, 0}, nullptr);
  const auto& leaves = branches_[spot.branch].leaves;
  if (spot.entry > 0) return leaves[spot.leaf].at(spot.entry - 1);
  if (spot.leaf > 0) return last(leaves[spot.leaf - 1]);
  if (spot.branch > 0) return last(branches_[spot.branch - 1].leaves.back());
  return std::nullopt;
}

std::optional<MemoryIndex::Entry> MemoryIndex::ahead(std::size_t count) const {
  if (empty()) return std::nullopt;
  for (const Leaf& leaf : branches_.front().leaves) {
    if (count < leaf.count) return leaf.at(count);
    count -= leaf.count;
  }
  return std::nullopt;
}

void MemoryIndex::insert(Entry entry, const MemoryRows* alike) {
  if (branches_.empty()) {
    Branch branch;
    branch.leaves.emplace_back();
    branches_.push_back(std::move(branch));
  }
  const Key key = key_of(entry, alike);
  Spot spot = find(key, alike);
  if (branches_[spot.branch].leaves[spot.leaf].count == most_entries) split(spot, key, alike);
  branches_[spot.branch].leaves[spot.leaf].insert(spot.entry, entry);
  ++size_;
}

void MemoryIndex::erase(Entry entry, const MemoryRows* alike) {
  Spot spot;
  if (front().place != entry.place || front().number != entry.number) spot = find(key_of(entry, alike), alike);
  auto& leaves = branches_[spot.branch].leaves;
  leaves[spot.leaf].erase(spot.entry);
  // The last leaf stays: lanes whose index has one entry now and then are the usual ones.
  if (--size_ == 0 || leaves[spot.leaf].count > 0) return;
  leaves.erase(std::next(leaves.begin(), static_cast<std::ptrdiff_t>(spot.leaf)));
  if (leaves.empty()) branches_.erase(std::next(branches_.begin(), static_cast<std::ptrdiff_t>(spot.branch)));
}

template <class Part>
std::size_t MemoryIndex::part_of(const std::vector<Part>& parts, const Key& key) {
  // What is lower than all goes to the first, whatever its lowest key.
  const auto above = std::upper_bound(std::next(parts.begin()), parts.end(), key,
                                      [](const Key& wanted, const Part& part) { return wanted < part.lowest; });
  return static_cast<std::size_t>(above - parts.begin()) - 1;
}

MemoryIndex::Spot MemoryIndex::find(const Key& key, const MemoryRows* alike) const {
  Spot spot;
  spot.branch = part_of(branches_, key);
  const auto& leaves = branches_[spot.branch].leaves;
  spot.leaf = part_of(leaves, key);
  spot.entry = leaves[spot.leaf].find(key, alike);
  return spot;
}

void MemoryIndex::split(Spot& spot, const Key& key, const MemoryRows* alike) {
  auto& leaves = branches_[spot.branch].leaves;
  Leaf& full = leaves[spot.leaf];
  const bool at_end = spot.branch + 1 == branches_.size() && spot.leaf + 1 == leaves.size() && spot.entry == full.count;
  const std::uint16_t kept = at_end ? most_entries : most_entries / 2;
  Leaf upper;
  upper.lowest = at_end ? key : key_of(full.at(kept), alike);
  upper.resize(at_end ? fewest_entries : most_entries / 2);
  if (!at_end) {
    upper.count = upper.room;
    std::copy_n(&full.entries[std::size_t{full.first} + kept], upper.count, upper.entries.get());
    full.count = kept;
    full.resize(kept);
  }
  const bool in_upper = at_end || spot.entry > kept;
  if (in_upper) {
    spot.entry -= kept;
    ++spot.leaf;
  }
  const std::size_t upper_at = in_upper ? spot.leaf : spot.leaf + 1;
  leaves.insert(std::next(leaves.begin(), static_cast<std::ptrdiff_t>(upper_at)), std::move(upper));
  if (leaves.size() <= most_leaves) return;
  const std::size_t kept_leaves = at_end ? most_leaves : most_leaves / 2;
  const auto first = std::next(leaves.begin(), static_cast<std::ptrdiff_t>(kept_leaves));
  Branch branch;
  branch.lowest = first->lowest;
  branch.leaves.assign(std::make_move_iterator(first), std::make_move_iterator(leaves.end()));
  leaves.erase(first, leaves.end());
  branches_.insert(std::next(branches_.begin(), static_cast<std::ptrdiff_t>(spot.branch) + 1), std::move(branch));
  if (spot.leaf < kept_leaves) return;
  spot.leaf -= kept_leaves;
  ++spot.branch;
}

std::size_t MemoryIndex::Leaf::find(const Key& key, const MemoryRows* alike) const {
  std::size_t low = 0, high = count;
  while (low < high) {
    const std::size_t middle = (low + high) / 2;
    const Entry entry = at(middle);
    const bool before = entry.number != key.number ? entry.number < key.number
                                                   : alike != nullptr && (*alike)[entry.place].sequence < key.sequence;
    (before ? low : high) = before ? middle + 1 : middle;
  }
  return low;
}

void MemoryIndex::Leaf::insert(std::size_t index, Entry entry) {
  if (count == room) {
    // Half as much again would cost little more time and waste a third of it.
    const int wanted = room < 16 ? std::max<int>(2 * room, fewest_entries) : std::min<int>(room + 16, most_entries);
    resize(static_cast<std::uint16_t>(wanted));
  }
  Packed* begin = entries.get() + first;
  if (first > 0 && (index < count / 2u || first + count == room)) {
    std::copy(begin, begin + index, begin - 1);
    --first;
    --begin;
  } else {
    std::copy_backward(begin + index, begin + count, begin + count + 1);
  }
  const auto number = static_cast<std::uint64_t>(entry.number);
  begin[index] = {static_cast<std::uint32_t>(number), static_cast<std::uint32_t>(number >> 32), entry.place};
  ++count;
}

void MemoryIndex::Leaf::erase(std::size_t index) {
  Packed* begin = entries.get() + first;
  if (index < count / 2u) {
    std::copy_backward(begin, begin + index, begin + index + 1);
    ++first;
  } else {
    std::copy(begin + index + 1, begin + count, begin + index);
  }
  --count;
  if (room > fewest_entries && count <= room / 4) resize(static_cast<std::uint16_t>(room / 2));
}

void MemoryIndex::Leaf::resize(std::uint16_t wanted) {
  auto resized = std::make_unique<Packed[]>(wanted);
  if (count > 0) std::copy_n(entries.get() + first, count, resized.get());
  entries = std::move(resized);
  first = 0;
  room = wanted;
}

}  // namespace flyhook::detail

#endif
