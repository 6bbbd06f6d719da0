#include <flyhook/detail/decide/token_bucket.hpp>

#include "catch.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <utility>

using namespace flyhook;
using namespace flyhook::detail;
using namespace std::chrono_literals;
using std::chrono::nanoseconds;

namespace {

__extension__ using Wide = unsigned __int128;

constexpr auto never = nanoseconds::max();

/// How many may be taken at `now`, up to `most`; they are.
int taken_at(TokenBucket& bucket, nanoseconds now, int most = 1000) {
  int taken = 0;
  while (taken < most && bucket.may_take(now)) {
    bucket.take(now);
    ++taken;
  }
  return taken;
}

/// k / per_second, rounded up to a nanosecond, of the exact number that the double is.
nanoseconds exact_time_of(double per_second, std::uint64_t k) {
  int exponent = 0;
  auto rate = static_cast<std::uint64_t>(std::ldexp(std::frexp(per_second, &exponent), 53));
  const Wide tokens = Wide{k} * 1'000'000'000 << (53 - exponent);
  return nanoseconds{static_cast<std::int64_t>((tokens + rate - 1) / rate)};
}

}  // namespace

TEST_CASE("without a limit a token may always be taken") {
  TokenBucket bucket{{}, 5s};
  CHECK(taken_at(bucket, 5s) == 1000);
  CHECK(bucket.next_at(6s) == 6s);
  TokenBucket empty{{.per_second = 0, .burst = 3}, 5s, false};
  CHECK(taken_at(empty, 5s) == 1000);
}

TEST_CASE("a full bucket gives its burst at once, and then one token after another") {
  TokenBucket bucket{{.per_second = 2, .burst = 3}, 10s};
  CHECK(bucket.next_at(10s) == 10s);
  CHECK(taken_at(bucket, 10s) == 3);
  CHECK(bucket.next_at(10s) == 10'500ms);
  CHECK(bucket.next_at(10'300ms) == 10'500ms);
  CHECK(bucket.next_at(10'500ms) == 10'500ms);
  CHECK(bucket.next_at(11s) == 11s);
  CHECK_FALSE(bucket.may_take(10'500ms - 1ns));
  CHECK(taken_at(bucket, 10'500ms) == 1);
  CHECK(taken_at(bucket, 11'750ms) == 2);
  CHECK(bucket.next_at(11'750ms) == 12s);
  CHECK(taken_at(bucket, 1h) == 3);
}

TEST_CASE("an empty bucket has its first token after the time that one takes") {
  for (const double burst : {1., 2.5, 100.}) {
    TokenBucket bucket{{.per_second = 4, .burst = burst}, 10s, false};
    CHECK(bucket.next_at(10s) == 10'250ms);
    CHECK_FALSE(bucket.may_take(10'250ms - 1ns));
    CHECK(taken_at(bucket, 10'250ms) == 1);
    CHECK(taken_at(bucket, 1h) == static_cast<int>(burst));
  }
}

TEST_CASE("a burst need not be a whole number") {
  TokenBucket bucket{{.per_second = 1, .burst = 2.75}, 0s};
  CHECK(taken_at(bucket, 0s) == 2);
  CHECK(bucket.next_at(0s) == 250ms);
  bucket.take(250ms);
  CHECK(bucket.next_at(250ms) == 1250ms);
  CHECK(taken_at(bucket, 2s) == 1);
  CHECK(bucket.next_at(2s) == 2250ms);

  TokenBucket nearly_two{{.per_second = 1, .burst = std::nextafter(2., 0.)}, 0s};
  CHECK(taken_at(nearly_two, 0s) == 1);
  CHECK(nearly_two.next_at(0s) == 1ns);
  TokenBucket hardly_more{{.per_second = 1, .burst = std::nextafter(1., 2.)}, 0s};
  CHECK(taken_at(hardly_more, 0s) == 1);
  CHECK(hardly_more.next_at(0s) == 1s);
}

TEST_CASE("over millions of takes the time of each is exact") {
  const auto check = [](double per_second, std::uint64_t takes) {
    CAPTURE(per_second);
    TokenBucket bucket{{.per_second = per_second, .burst = 2}, 0s};
    CHECK(taken_at(bucket, 0s) == 2);
    nanoseconds now{0};
    std::uint64_t wrong = 0;
    for (std::uint64_t k = 1; k < takes; ++k) {
      const auto next = bucket.next_at(now);
      wrong += next != exact_time_of(per_second, k) || bucket.may_take(next - 1ns) || !bucket.may_take(next);
      bucket.take(next);
      now = next;
    }
    CHECK(wrong == 0);
  };
  for (const double per_second : {1., 3., 7., 0.1, 1 / 3., 1e6, 999'983.5, std::acos(-1.), std::nextafter(3., 4.)})
    check(per_second, 300'000);
  check(3, 3'000'000);
  check(1e-6, 9'000);  // 285 years
}

TEST_CASE("with a burst of one no two takes are closer than the time of a token, rounded up") {
  for (const double per_second : {1., 3., 1e6, 999'983.5, 1e-6}) {
    CAPTURE(per_second);
    const auto distance = exact_time_of(per_second, 1);
    TokenBucket bucket{{.per_second = per_second}, 0s};
    bucket.take(0s);
    int wrong = 0;
    for (int k = 1; k < 9'000; ++k) {
      wrong += bucket.next_at((k - 1) * distance) != k * distance;
      bucket.take(k * distance);
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE("more tokens than one nanosecond has come at once") {
  TokenBucket bucket{{.per_second = 2.5e9, .burst = 5}, 0s};
  CHECK(taken_at(bucket, 0ns) == 5);
  CHECK(bucket.next_at(0ns) == 1ns);
  CHECK(taken_at(bucket, 1ns) == 2);
  CHECK(taken_at(bucket, 2ns) == 3);
  CHECK(taken_at(bucket, 3ns) == 2);
}

TEST_CASE("in no span are more taken than the burst and what the span brings, whenever it is asked") {
  std::mt19937_64 random{20240501};
  for (int round = 0; round < 60; ++round) {
    const double per_second = std::ldexp(std::uniform_real_distribution<>{1, 2}(random), round % 40 - 20);
    const double burst = round % 3 == 0 ? 1 : std::uniform_real_distribution<>{1, 20}(random);
    TokenBucket bucket{{.per_second = per_second, .burst = burst}, 0s, round % 2 == 0};
    CAPTURE(per_second, burst);
    // The least of (takes so far - what came so far) in all beginnings of a span; with the next take it must not exceed
    // the burst.
    long double least = 0, worst = 0;
    nanoseconds now{0};
    std::int64_t takes = 0;
    std::exponential_distribution<> pause{per_second / 1e9};
    for (int i = 0; i < 3000; ++i) {
      now += nanoseconds{std::llround(std::min(pause(random), 1e15))};
      if (i % 5 == 0) now = bucket.next_at(now);
      if (!bucket.may_take(now)) continue;
      const auto balance = static_cast<long double>(takes) - static_cast<long double>(per_second) * now.count() / 1e9L;
      least = takes == 0 ? balance : std::min(least, balance);
      bucket.take(now);
      ++takes;
      worst = std::max(worst, balance + 1 - least);
    }
    CHECK(takes > 1000);
    CHECK(worst <= static_cast<long double>(burst) + 1e-9L);
  }
}

TEST_CASE("a time before the last one brings nothing and loses nothing") {
  TokenBucket bucket{{.per_second = 1, .burst = 2}, 10s};
  CHECK(bucket.may_take(5s));
  bucket.take(20s);
  bucket.take(20s);
  CHECK_FALSE(bucket.may_take(10s));
  CHECK(bucket.next_at(10s) == 21s);
  bucket.take(21s);
  bucket.take(10s);  // owed
  CHECK(bucket.next_at(10s) == 23s);
  bucket.set({.per_second = 1, .burst = 2}, 10s);
  CHECK(bucket.next_at(21s) == 22s);

  TokenBucket early{{.per_second = 1}, -10s};
  early.take(-10s);
  CHECK(early.next_at(-10s) == -9s);
  CHECK(early.may_take(5s));
}

TEST_CASE("a token that was taken though none was there is owed") {
  TokenBucket bucket{{.per_second = 1}, 0s};
  for (int i = 0; i < 4; ++i) bucket.take(0s);
  CHECK(bucket.next_at(0s) == 4s);
  CHECK_FALSE(bucket.may_take(4s - 1ns));
  CHECK(bucket.may_take(4s));
}

TEST_CASE("a token that is given back is there as if it had never been taken") {
  TokenBucket bucket{{.per_second = 2, .burst = 3}, 0s};
  CHECK(taken_at(bucket, 0s) == 3);
  bucket.give_back(0s);
  CHECK(taken_at(bucket, 0s) == 1);
  bucket.give_back(100ms);
  CHECK(taken_at(bucket, 100ms) == 1);
  CHECK(bucket.next_at(100ms) == 500ms);
  bucket.take(10s);
  bucket.give_back(20s);  // long full again
  CHECK(bucket.is_full(20s));
  CHECK(taken_at(bucket, 20s) == 3);
  TokenBucket unlimited{{}, 0s};
  unlimited.give_back(0s);
  CHECK(unlimited.may_take(0s));
}

TEST_CASE("a time beyond what nanoseconds can say is never") {
  TokenBucket bucket{{.per_second = 1}, never - 1s};
  bucket.take(never - 1s);
  CHECK(bucket.next_at(never - 1s) == never);
  CHECK(bucket.may_take(never));
  CHECK_FALSE(bucket.may_take(never - 1ns));
  bucket.take(never - 1s);
  CHECK(bucket.next_at(never - 1s) == never);
  CHECK_FALSE(bucket.may_take(never));

  TokenBucket slow{{.per_second = 1e-9}, 0s};
  for (int i = 0; i < 9; ++i) slow.take(0s);
  CHECK(slow.next_at(0s) == exact_time_of(1e-9, 9));
  slow.take(0s);
  CHECK(slow.next_at(0s) == never);
}

TEST_CASE("no rate and no burst is too small or too large") {
  using limits = std::numeric_limits<double>;
  for (const double per_second : {limits::denorm_min(), limits::min(), 1e-300, 1e-30, 1e-15, 1e-11}) {
    CAPTURE(per_second);
    TokenBucket bucket{{.per_second = per_second, .burst = 3}, 0s};
    CHECK(taken_at(bucket, 0s) == 3);
    CHECK(bucket.next_at(0s) == never);
    CHECK_FALSE(bucket.may_take(never));
    for (int i = 0; i < 1000; ++i) bucket.take(1s);
    CHECK(bucket.next_at(1s) == never);
  }
  for (const double per_second : {1e18, 1e25, 1e30, 1e39, 1e300, limits::max()}) {
    CAPTURE(per_second);
    TokenBucket bucket{{.per_second = per_second, .burst = 2}, 5ns};
    CHECK(taken_at(bucket, 5ns) == 2);
    CHECK(bucket.next_at(5ns) == 6ns);
    CHECK(taken_at(bucket, 6ns) == 2);
    CHECK(taken_at(bucket, never) == 2);
  }
  for (const double per_second : {limits::denorm_min(), 1e-6, 1., 1e6, limits::max()})
    for (const double burst : {1e18, 1e100, limits::max()}) {
      CAPTURE(per_second, burst);
      TokenBucket bucket{{.per_second = per_second, .burst = burst}, 0s};
      CHECK(taken_at(bucket, 0s, 60) == 60);
      TokenBucket empty{{.per_second = per_second, .burst = burst}, 0s, false};
      CHECK(empty.next_at(0s) == TokenBucket{{.per_second = per_second}, 0s, false}.next_at(0s));
    }
  TokenBucket slow{{.per_second = 1e-6, .burst = 1e7}, 0s};
  CHECK(taken_at(slow, 0s, 20'000'000) == 10'000'000);
}

TEST_CASE("at rates of no use the numbers still hold") {
  // 2^-52 of a token is missing: at 1e-12 and at 1e-13 a second (where bits of the rate are lost) that is this long.
  for (const auto& [per_second, wait] : {std::pair{1e-11, 22.2045}, {1e-12, 222.045}, {1e-13, 2220.45}}) {
    TokenBucket bucket{{.per_second = per_second, .burst = std::nextafter(2., 0.)}, 0s};
    bucket.take(0s);
    CHECK(static_cast<double>(bucket.next_at(0s).count()) == Approx(wait * 1e3).epsilon(1e-4));
  }
  // 10^8 and 10^9 tokens in a nanosecond, of which all but three are then no longer room for.
  for (const double tokens : {1e8, 1e9}) {
    const double burst = 1e12;
    TokenBucket bucket{{.per_second = tokens * 1e9, .burst = burst}, 0s, false};
    bucket.set({.per_second = 1e-6, .burst = 1e7}, 0s);
    CHECK(taken_at(bucket, 0s) == 0);
    TokenBucket other{{.per_second = tokens * 1e9, .burst = 3 * tokens}, 0s, false};
    other.set({.per_second = 1, .burst = 2 * tokens + 3}, 1ns);
    CHECK(taken_at(other, 1ns) == 3);
  }
}

TEST_CASE("changed settings: what was taken counts on") {
  SECTION("a larger burst has room for the rest") {
    TokenBucket bucket{{.per_second = 1, .burst = 5}, 0s};
    for (int i = 0; i < 3; ++i) bucket.take(0s);
    bucket.set({.per_second = 1, .burst = 10}, 0s);
    CHECK(taken_at(bucket, 0s) == 7);
  }
  SECTION("a smaller one has less left, and is empty at most") {
    TokenBucket bucket{{.per_second = 1, .burst = 100}, 0s};
    for (int i = 0; i < 3; ++i) bucket.take(0s);
    bucket.set({.per_second = 1, .burst = 5}, 0s);
    CHECK(taken_at(bucket, 0s) == 2);
    bucket.set({.per_second = 0.01, .burst = 2}, 0s);
    CHECK(bucket.next_at(0s) == 100s);
    bucket.set({.per_second = 1000, .burst = 1}, 0s);
    CHECK(bucket.next_at(0s) == 1ms);
  }
  SECTION("what is missing comes back at the new rate, from then on") {
    TokenBucket bucket{{.per_second = 1}, 0s};
    bucket.take(0s);
    bucket.set({.per_second = 2}, 500ms);  // half a token
    CHECK(bucket.next_at(500ms) == 750ms);
    bucket.set({.per_second = 0.125}, 625ms);  // a quarter
    CHECK(bucket.next_at(625ms) == 2625ms);
    bucket.set({.per_second = 1e6}, 1625ms);  // an eighth
    CHECK(bucket.next_at(1625ms) == 1625ms + 125ns);
    CHECK(taken_at(bucket, 2s) == 1);
  }
  SECTION("the same again changes nothing") {
    TokenBucket bucket{{.per_second = 3, .burst = 2}, 0s};
    bucket.take(0s);
    bucket.take(0s);
    for (int i = 1; i < 100; ++i) bucket.set({.per_second = 3, .burst = 2}, i * 1ms);
    CHECK(bucket.next_at(100ms) == 333'333'334ns);
  }
  SECTION("a full bucket stays full") {
    TokenBucket bucket{{.per_second = 3, .burst = 2}, 0s};
    bucket.set({.per_second = 1e7, .burst = 4}, 1s);
    CHECK(taken_at(bucket, 1s) == 4);
    bucket.set({.per_second = 1e-3, .burst = 6}, 2s);
    CHECK(taken_at(bucket, 2s) == 6);
  }
  SECTION("part of the smallest part of a token counts as a whole one") {
    TokenBucket bucket{{.per_second = std::nextafter(3., 4.)}, 0s};
    bucket.take(0s);
    CHECK(bucket.next_at(0s) == 333'333'334ns);
    bucket.set({.per_second = 1e16}, 333'333'333ns);
    CHECK(bucket.next_at(333'333'333ns) == 333'333'334ns);
  }
  SECTION("a limit where there was none begins full, and none where there was one lets all go") {
    TokenBucket bucket{{}, 0s};
    for (int i = 0; i < 10; ++i) bucket.take(0s);
    bucket.set({.per_second = 1, .burst = 2}, 1s);
    CHECK(taken_at(bucket, 1s) == 2);
    bucket.set({}, 1s);
    CHECK(taken_at(bucket, 1s) == 1000);
    bucket.set({.per_second = 1, .burst = 2}, 1s);
    CHECK(taken_at(bucket, 1s) == 2);
  }
}
