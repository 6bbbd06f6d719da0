#include <flyhook/detail/decide/retry.hpp>

#include "catch.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <set>

using namespace flyhook::detail;
using namespace std::chrono_literals;
using std::chrono::nanoseconds;

namespace {

constexpr auto largest = std::numeric_limits<std::uint64_t>::max();
constexpr std::uint64_t middle = std::uint64_t{1} << 63;
constexpr std::array<std::uint64_t, 5> some_bits{0, 1, middle, 0xFEDC'BA98'7654'3210, largest};

}  // namespace

TEST_CASE("a delivery begins before the first step") {
  CHECK(Progress{}.steps == 0);
  CHECK(Progress{}.deferrals == 0);
}

TEST_CASE("jitter spreads a wait evenly to both sides") {
  CHECK(jittered(100s, 0.2, 0) == 80s);
  CHECK(jittered(100s, 0.2, middle / 2) == 90s);
  CHECK(jittered(100s, 0.2, middle) == 100s);
  CHECK(jittered(100s, 0.2, middle + middle / 2) == 110s);
  CHECK(jittered(100s, 0.2, largest) == 120s);
  CHECK(jittered(100s, 1, 0) == 0s);
  CHECK(jittered(100s, 1, largest) == 200s);
  CHECK(jittered(100s, 0.5, middle / 4) == 62'500ms);
}

TEST_CASE("upwards it never shortens a wait") {
  CHECK(jittered_up(100s, 0.2, 0) == 100s);
  CHECK(jittered_up(100s, 0.2, middle / 2) == 105s);
  CHECK(jittered_up(100s, 0.2, middle) == 110s);
  CHECK(jittered_up(100s, 0.2, largest) == 120s);
  CHECK(jittered_up(100s, 1, largest) == 200s);
  CHECK(jittered_up(100s, 0.5, middle + middle / 2) == 137'500ms);
}

TEST_CASE("without jitter a wait stays as it is, to the nanosecond") {
  for (const auto wait : {0ns, 1ns, nanoseconds{(std::int64_t{1} << 60) + 1}, nanoseconds::max() - 1ns, nanoseconds::max()})
    for (const auto bits : some_bits) {
      CHECK(jittered(wait, 0, bits) == wait);
      CHECK(jittered_up(wait, 0, bits) == wait);
    }
}

TEST_CASE("a wait is never negative and never overflows") {
  for (const auto bits : some_bits) {
    for (const auto wait : {0ns, -1ns, nanoseconds::min()}) {
      CHECK(jittered(wait, 1, bits) == 0ns);
      CHECK(jittered_up(wait, 1, bits) == 0ns);
    }
    for (const auto wait : {1ns, nanoseconds{(std::int64_t{1} << 53) + 1}, nanoseconds::max() / 2, nanoseconds::max()}) {
      CHECK(jittered(wait, 1, bits) >= 0ns);
      CHECK(jittered_up(wait, 1, bits) >= wait);
    }
  }
  CHECK(jittered(nanoseconds::max(), 1, 0) == 0ns);
  CHECK(jittered(nanoseconds{(std::int64_t{1} << 62) + 1}, 1, 0) == 0ns);  // rounded down as a double
  CHECK(jittered(nanoseconds::max(), 0.2, largest) == nanoseconds::max());
  CHECK(jittered_up(nanoseconds::max() - 1ns, 1, largest) == nanoseconds::max());
  CHECK(jittered_up(nanoseconds::max() - 1s, 0.5, largest) == nanoseconds::max());
  CHECK(jittered_up(nanoseconds{std::int64_t{1} << 62}, 1, largest) == nanoseconds::max());
  CHECK(jittered_up(nanoseconds{std::int64_t{1} << 62}, 0.5, largest) == nanoseconds{3 * (std::int64_t{1} << 61)});
}

TEST_CASE("jittered waits fill the whole spread, and stay in it") {
  std::array<int, 10> both{}, up{};
  for (std::uint64_t i = 0; i < 10'000; ++i) {
    const auto bits = attempt_hash(7, i, 1);
    const auto of_both = jittered(1'000'000ns, 0.2, bits), of_up = jittered_up(1'000'000ns, 0.2, bits);
    REQUIRE((of_both >= 800'000ns && of_both <= 1'200'000ns));
    REQUIRE((of_up >= 1'000'000ns && of_up <= 1'200'000ns));
    ++both.at(static_cast<std::size_t>(std::min<std::int64_t>(9, (of_both - 800'000ns) / 40'000ns)));
    ++up.at(static_cast<std::size_t>(std::min<std::int64_t>(9, (of_up - 1'000'000ns) / 20'000ns)));
  }
  for (const auto count : both) CHECK((count > 850 && count < 1150));
  for (const auto count : up) CHECK((count > 850 && count < 1150));
}

TEST_CASE("an attempt has the same bits for ever") {
  CHECK(attempt_hash(0, 0, 0) == 0x2382'75BC'38FC'BE91);
  CHECK(attempt_hash(1, 2, 3) == 0xD073'4750'FDE3'62B3);
  CHECK(attempt_hash(largest, largest, std::numeric_limits<std::uint32_t>::max()) == 0x21F4'668C'29F8'9BED);
  CHECK(attempt_hash(0x1234'5678'9ABC'DEF0, 1'000'000'007, 10) == 0xF4EE'B0D0'40CF'E32C);
}

TEST_CASE("neighbouring attempts have bits of nothing in common") {
  std::set<std::uint64_t> all;
  for (std::uint64_t seed = 0; seed < 10; ++seed)
    for (std::uint64_t sequence = 0; sequence < 100; ++sequence)
      for (std::uint32_t attempt = 0; attempt < 10; ++attempt) all.insert(attempt_hash(seed, sequence, attempt));
  CHECK(all.size() == 10'000);

  int of_seed = 0, of_sequence = 0, of_attempt = 0;
  for (int bit = 0; bit < 64; ++bit) {
    const std::uint64_t change = std::uint64_t{1} << bit;
    of_seed += std::popcount(attempt_hash(5, 6, 7) ^ attempt_hash(5 ^ change, 6, 7));
    of_sequence += std::popcount(attempt_hash(5, 6, 7) ^ attempt_hash(5, 6 ^ change, 7));
    if (bit < 32)
      of_attempt += 2 * std::popcount(attempt_hash(5, 6, 7) ^ attempt_hash(5, 6, 7 ^ static_cast<std::uint32_t>(change)));
  }
  for (const int changed : {of_seed, of_sequence, of_attempt}) CHECK((changed > 28 * 64 && changed < 36 * 64));
}
