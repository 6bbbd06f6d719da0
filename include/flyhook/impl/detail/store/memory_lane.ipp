#ifndef FLYHOOK_IMPL_DETAIL_STORE_MEMORY_LANE_IPP
#define FLYHOOK_IMPL_DETAIL_STORE_MEMORY_LANE_IPP

#include <flyhook/detail/store/memory_lane.hpp>

namespace flyhook::detail {

void MemoryLane::enter(MemoryPlace at, std::uint64_t order, bool taken) {
  MemoryRow& row = (*rows)[at];
  row.out_of_line = unfinished.last != 0 && (*rows)[unfinished.last].sequence > row.sequence;
  if (!row.out_of_line) {
    unfinished.push(*rows, at);
    if (first_waiting == 0) first_waiting = at;
  }
  if (!taken) ++waiting;
  if (order != 0) {
    auto [known, first] = chains.try_emplace(order, 0);
    if (first) {
      known->second = rows->chains.take();
      rows->chains[known->second] = {order, at, {}};
    }
    row.chain = known->second;
    if (!first) {
      rows->chains[row.chain].held_back.push(*rows, at);
      return;
    }
  }
  if (!taken) enqueue(at);
}

void MemoryLane::wait_again(MemoryPlace at) {
  ++waiting;
  const MemoryRow& row = (*rows)[at];
  if (!row.out_of_line && (first_waiting == 0 || row.sequence < (*rows)[first_waiting].sequence)) first_waiting = at;
  enqueue(at);
}

MemoryPlace MemoryLane::next(TimePoint now) {
  MemoryPlace best = fresh.first;
  const auto is_older = [&](MemoryPlace at) { return best == 0 || (*rows)[at].sequence < (*rows)[best].sequence; };
  if (!ready.empty() && is_older(ready.front().place)) best = ready.front().place;
  if (!later.empty() && later.front().number <= MemoryIndex::number_of(now) && is_older(later.front().place)) {
    best = later.front().place;
  }
  if (best == 0) return 0;
  dequeue(best);
  --waiting;
  return best;
}

bool MemoryLane::has_due(TimePoint now) const {
  return fresh.first != 0 || !ready.empty() || (!later.empty() && later.front().number <= MemoryIndex::number_of(now));
}

std::optional<TimePoint> MemoryLane::next_due(TimePoint now) const {
  if (later.empty() || now == TimePoint::max()) return std::nullopt;
  const auto next = later.at_or_after(MemoryIndex::number_of(now) + 1);
  if (!next) return std::nullopt;
  return TimePoint{TimePoint::duration{next->number}};
}

void MemoryLane::leave(MemoryPlace at) {
  unlist(at);
  MemoryRow& row = (*rows)[at];
  if (row.chain == 0) return;
  MemoryChain& chain = rows->chains[row.chain];
  if (const MemoryPlace successor = chain.held_back.first; successor != 0) {
    chain.held_back.unlink(*rows, successor);
    chain.head = successor;
    enqueue(successor);
  } else {
    chains.erase(chain.order);
    rows->chains.put(row.chain);
  }
  row.chain = 0;
}

MemoryPlace MemoryLane::oldest() {
  while (first_waiting != 0 && (*rows)[first_waiting].handed_out) first_waiting = (*rows)[first_waiting].in_lane.newer;
  if (out_of_line.empty()) return first_waiting;
  const MemoryPlace other = out_of_line.front().place;
  return first_waiting == 0 || (*rows)[other].sequence < (*rows)[first_waiting].sequence ? other : first_waiting;
}

void MemoryLane::remove(MemoryPlace at) {
  --waiting;
  MemoryRow& row = (*rows)[at];
  if (row.chain == 0 || rows->chains[row.chain].head == at) {
    dequeue(at);
    leave(at);
    return;
  }
  rows->chains[row.chain].held_back.unlink(*rows, at);
  row.chain = 0;
  unlist(at);
}

void MemoryLane::enqueue(MemoryPlace at) {
  MemoryRow& row = (*rows)[at];
  if (row.out_of_line) out_of_line.insert({MemoryIndex::number_of(row.sequence), at});
  if (row.due != MemoryRow::at_once) {
    later.insert({MemoryIndex::number_of(row.due), at}, rows);
  } else if (fresh.last == 0 || (*rows)[fresh.last].sequence < row.sequence) {
    fresh.push(*rows, at);
  } else {
    row.in_ready = true;
    ready.insert({MemoryIndex::number_of(row.sequence), at});
  }
}

void MemoryLane::dequeue(MemoryPlace at) {
  MemoryRow& row = (*rows)[at];
  if (row.out_of_line) out_of_line.erase({MemoryIndex::number_of(row.sequence), at});
  if (row.due != MemoryRow::at_once) {
    later.erase({MemoryIndex::number_of(row.due), at}, rows);
  } else if (row.in_ready) {
    row.in_ready = false;
    ready.erase({MemoryIndex::number_of(row.sequence), at});
  } else {
    fresh.unlink(*rows, at);
  }
}

void MemoryLane::unlist(MemoryPlace at) {
  MemoryRow& row = (*rows)[at];
  if (!row.out_of_line) {
    if (first_waiting == at) first_waiting = row.in_lane.newer;
    unfinished.unlink(*rows, at);
  }
  row.out_of_line = false;
}

}  // namespace flyhook::detail

#endif
