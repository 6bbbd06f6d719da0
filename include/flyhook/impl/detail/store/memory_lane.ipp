#ifndef FLYHOOK_IMPL_DETAIL_STORE_MEMORY_LANE_IPP
#define FLYHOOK_IMPL_DETAIL_STORE_MEMORY_LANE_IPP

#include <flyhook/detail/store/memory_lane.hpp>

#include <algorithm>

namespace flyhook::detail {

void MemoryLane::enter(MemoryRow& row, bool taken) {
  if (!taken) ++waiting;
  if (row.order != 0) {
    auto [at, first] = chains.try_emplace(row.order, Chain{&row, &row});
    if (!first) {
      at->second.tail->next = &row;
      at->second.tail = &row;
      return;
    }
  }
  if (!taken) enqueue(row);
}

void MemoryLane::wait_again(MemoryRow& row) {
  ++waiting;
  enqueue(row);
}

MemoryRow* MemoryLane::next(TimePoint now) {
  MemoryRow* best = fresh_first;
  if (!ready.empty() && (best == nullptr || ready.front()->sequence < best->sequence)) best = ready.front();
  if (!later.empty() && later.begin()->due <= now && (best == nullptr || later.begin()->row->sequence < best->sequence)) {
    best = later.begin()->row;
    later.erase(later.begin());
  } else if (best == nullptr) {
    return nullptr;
  } else if (best == fresh_first) {
    fresh_first = best->next;
    if (fresh_first == nullptr) fresh_last = nullptr;
    best->next = nullptr;
  } else {
    std::pop_heap(ready.begin(), ready.end(), younger);
    ready.pop_back();
    if (ready.empty() && ready.capacity() > 1024) std::vector<MemoryRow*>{}.swap(ready);
  }
  --waiting;
  return best;
}

bool MemoryLane::has_due(TimePoint now) const {
  return fresh_first != nullptr || !ready.empty() || (!later.empty() && later.begin()->due <= now);
}

std::optional<TimePoint> MemoryLane::next_due(TimePoint now) const {
  if (later.empty()) return std::nullopt;
  const auto at = later.upper_bound({now, ~std::uint64_t{0}});
  return at == later.end() ? std::nullopt : std::optional<TimePoint>{at->due};
}

void MemoryLane::leave(MemoryRow& row) {
  if (row.order == 0) return;
  const auto at = chains.find(row.order);
  MemoryRow* successor = row.next;
  row.next = nullptr;
  if (successor == nullptr) {
    chains.erase(at);
  } else {
    at->second.head = successor;
    enqueue(*successor);
  }
}

MemoryRow* MemoryLane::next_held_back() {
  for (auto& [order, chain] : chains) {
    if (!chain.head->handed_out || chain.head->next == nullptr) continue;
    MemoryRow* row = chain.head->next;
    chain.head->next = row->next;
    if (row->next == nullptr) chain.tail = chain.head;
    row->next = nullptr;
    --waiting;
    return row;
  }
  return nullptr;
}

void MemoryLane::enqueue(MemoryRow& row) {
  if (row.due != MemoryRow::at_once) {
    later.insert({row.due, row.sequence, &row});
  } else if (row.order == 0 && (fresh_last == nullptr || fresh_last->sequence < row.sequence)) {
    (fresh_last == nullptr ? fresh_first : fresh_last->next) = &row;
    fresh_last = &row;
  } else {
    // A chain's head keeps its link for the chain, so it cannot stand in the list.
    ready.push_back(&row);
    std::push_heap(ready.begin(), ready.end(), younger);
  }
}

}  // namespace flyhook::detail

#endif
