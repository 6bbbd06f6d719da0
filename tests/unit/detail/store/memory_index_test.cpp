#include <flyhook/detail/store/memory_index.hpp>

#include "catch.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <random>
#include <set>
#include <vector>

using namespace flyhook::detail;

// MemoryIndex beside a std::set, which is what it is in less memory.

namespace {

struct Known {
  std::int64_t number = 0;
  std::uint64_t sequence = 0;
  MemoryPlace place = 0;
  friend bool operator<(const Known& a, const Known& b) {
    return a.number != b.number ? a.number < b.number : a.sequence < b.sequence;
  }
};

class Both {
 public:
  void insert(std::int64_t number) {
    const MemoryPlace place = rows_.take();
    // No two are the same, and they do not rise.
    rows_[place].sequence = (++inserted_ * 7'919) % 1'000'003;
    known_.insert({number, rows_[place].sequence, place});
    index_.insert({number, place}, &rows_);
  }
  void erase_front() { erase(known_.begin()); }
  void erase_nth(std::size_t nth) { erase(std::next(known_.begin(), static_cast<std::ptrdiff_t>(nth))); }
  /// About there.
  void erase_near(std::int64_t number) {
    auto at = known_.lower_bound({number, 0, 0});
    if (at == known_.end()) at = known_.begin();
    erase(at);
  }

  bool front_is_right() const {
    if (known_.empty() || index_.empty()) return known_.empty() == index_.empty();
    return is(index_.front(), *known_.begin());
  }
  bool is_right_at(std::int64_t number) const {
    const auto above = known_.lower_bound({number, 0, 0});
    const auto after = index_.at_or_after(number);
    if (after.has_value() != (above != known_.end())) return false;
    if (after && !is(*after, *above)) return false;
    auto below = known_.upper_bound({number, std::numeric_limits<std::uint64_t>::max(), 0});
    const auto before = index_.at_or_before(number);
    if (before.has_value() != (below != known_.begin())) return false;
    return !before || is(*before, *--below);
  }
  bool is_right_ahead(std::size_t count) const {
    const auto ahead = index_.ahead(count);
    if (count >= known_.size()) return !ahead;
    return !ahead || is(*ahead, *std::next(known_.begin(), static_cast<std::ptrdiff_t>(count)));
  }
  /// All of it in order; it is empty then.
  bool drains_in_order() {
    while (!known_.empty()) {
      if (!front_is_right()) return false;
      erase_front();
    }
    return index_.empty() && !index_.at_or_after(std::numeric_limits<std::int64_t>::min()) && !index_.ahead(0);
  }
  std::size_t size() const { return known_.size(); }

 private:
  static bool is(const MemoryIndex::Entry& entry, const Known& known) {
    return entry.number == known.number && entry.place == known.place;
  }
  void erase(std::set<Known>::iterator at) {
    index_.erase({at->number, at->place}, &rows_);
    rows_.put(at->place);
    known_.erase(at);
  }

  MemoryRows rows_{};
  std::set<Known> known_{};
  MemoryIndex index_{};
  std::uint64_t inserted_ = 0;
};

}  // namespace

TEST_CASE("an index holds what was put into it in order, one entry more or less at every boundary of its parts") {
  const std::size_t count = GENERATE(1u, 2u, 4u, 5u, 16u, 17u, 63u, 64u, 65u, 127u, 128u, 129u, 4'095u, 4'096u, 4'097u);
  const int order = GENERATE(0, 1, 2);  // rising, falling, neither
  CAPTURE(count, order);
  Both both;
  for (std::size_t i = 0; i < count; ++i) {
    const auto number = static_cast<std::int64_t>(i);
    both.insert(order == 0 ? number * 3 : order == 1 ? number * -3 : (number * 7'919 % 10'007) * 3);
  }
  const auto around = static_cast<std::int64_t>(3 * count);
  for (std::int64_t number = -around - 2; number < around + 2; number += std::max<std::int64_t>(1, around / 500)) {
    REQUIRE(both.is_right_at(number));
  }
  for (std::size_t i = 0; i < 200; ++i) REQUIRE(both.is_right_ahead(i));
  CHECK(both.drains_in_order());
  both.insert(1);
  CHECK(both.drains_in_order());
}

TEST_CASE("an index is in order after any mixture of steps") {
  const int spread = GENERATE(3, 1'000, 1'000'000'000);  // among three numbers nearly all are alike
  const int removals = GENERATE(0, 1, 2);                // from the front, anywhere, both
  CAPTURE(spread, removals);
  std::mt19937_64 random{20'240'101};
  Both both;
  const auto number = [&] { return static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(spread)) - spread / 2; };
  bool right = true;
  for (int phase = 0; phase < 6; ++phase) {
    const unsigned growing = phase % 2 == 0 ? 70 : 30;  // in a hundred
    for (int i = 0; i < 12'000 && right; ++i) {
      if (both.size() == 0 || random() % 100 < growing) {
        both.insert(number());
      } else if (removals == 0 || (removals == 2 && random() % 2 == 0)) {
        both.erase_front();
      } else {
        both.erase_near(number());
      }
      right = both.front_is_right() && both.is_right_at(number());
    }
    REQUIRE(right);
  }
  CHECK(both.drains_in_order());
}

TEST_CASE("an index that lost nearly all of it, here and there, keeps the rest in order") {
  std::mt19937_64 random{7};
  Both both;
  for (int i = 0; i < 20'000; ++i) both.insert(static_cast<std::int64_t>(random() % 1'000'000));
  for (int i = 0; i < 19'900; ++i)
    both.erase_nth(i % 50 == 0 ? random() % both.size() : random() % std::min<std::size_t>(both.size(), 300));
  for (int i = 0; i < 200; ++i) REQUIRE(both.is_right_at(static_cast<std::int64_t>(random() % 1'000'000)));
  for (int i = 0; i < 5'000; ++i) both.insert(static_cast<std::int64_t>(random() % 1'000'000));
  CHECK(both.drains_in_order());
}

TEST_CASE("an index takes the highest and the lowest number there is") {
  constexpr auto lowest = std::numeric_limits<std::int64_t>::min(), highest = std::numeric_limits<std::int64_t>::max();
  Both both;
  for (int i = 0; i < 100; ++i) {
    both.insert(highest);
    both.insert(lowest);
    both.insert(-1);
    both.insert(1);
  }
  for (const auto number : {lowest, lowest + 1, std::int64_t{-1}, std::int64_t{0}, std::int64_t{1}, highest - 1, highest}) {
    CHECK(both.is_right_at(number));
  }
  CHECK(both.drains_in_order());
}
