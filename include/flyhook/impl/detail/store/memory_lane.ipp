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
      Chain& chain = at->second;
      if (chain.tail == chain.head && chain.head->handed_out) held_back.insert(&row);
      chain.tail->next = &row;
      row.previous = chain.tail;
      chain.tail = &row;
      return;
    }
  }
  if (!taken) enqueue(row);
}

void MemoryLane::wait_again(MemoryRow& row) {
  ++waiting;
  if (row.order != 0 && row.next != nullptr) held_back.erase(row.next);
  enqueue(row);
}

MemoryRow* MemoryLane::next(TimePoint now) {
  MemoryRow* best = fresh_first;
  if (!ready.empty() && (best == nullptr || (*ready.begin())->sequence < best->sequence)) best = *ready.begin();
  if (!later.empty() && later.begin()->due <= now && (best == nullptr || later.begin()->sequence < best->sequence)) {
    best = later.begin()->row;
  }
  if (best == nullptr) return nullptr;
  dequeue(*best);
  if (best->order != 0 && best->next != nullptr) held_back.insert(best->next);
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
    held_back.erase(successor);
    successor->previous = nullptr;
    at->second.head = successor;
    enqueue(*successor);
  }
}

MemoryRow* MemoryLane::oldest() const {
  MemoryRow* found = fresh_first;
  for (const MemoryBySequence* set : {&ready, &timed, &held_back}) {
    if (!set->empty() && (found == nullptr || (*set->begin())->sequence < found->sequence)) found = *set->begin();
  }
  return found;
}

void MemoryLane::remove(MemoryRow& row) {
  --waiting;
  const auto at = row.order == 0 ? chains.end() : chains.find(row.order);
  if (at == chains.end() || at->second.head == &row) {
    dequeue(row);
    leave(row);
    return;
  }
  if (held_back.erase(&row) != 0 && row.next != nullptr) held_back.insert(row.next);
  row.previous->next = row.next;
  (row.next == nullptr ? at->second.tail : row.next->previous) = row.previous;
  row.next = row.previous = nullptr;
}

void MemoryLane::enqueue(MemoryRow& row) {
  if (row.due != MemoryRow::at_once) {
    later.insert({row.due, row.sequence, &row});
    timed.insert(&row);
  } else if (row.order == 0 && (fresh_last == nullptr || fresh_last->sequence < row.sequence)) {
    (fresh_last == nullptr ? fresh_first : fresh_last->next) = &row;
    row.previous = fresh_last;
    fresh_last = &row;
  } else {
    // A chain's head keeps its link for the chain, so it cannot stand in the list.
    ready.insert(&row);
  }
}

void MemoryLane::dequeue(MemoryRow& row) {
  if (row.due != MemoryRow::at_once) {
    later.erase({row.due, row.sequence, &row});
    timed.erase(&row);
  } else if (ready.empty() || ready.erase(&row) == 0) {
    (row.previous == nullptr ? fresh_first : row.previous->next) = row.next;
    (row.next == nullptr ? fresh_last : row.next->previous) = row.previous;
    row.next = row.previous = nullptr;
  }
}

}  // namespace flyhook::detail

#endif
