#include <flyhook/detail/decide/breaker.hpp>

#include "catch.hpp"

#include <chrono>

using namespace flyhook;
using namespace flyhook::detail;
using namespace std::chrono_literals;

namespace {

constexpr BreakerPolicy third_time{.consecutive_failures = 3, .cool_down = 30s};

/// One that opened at `now`.
Breaker open_breaker(std::chrono::nanoseconds now, BreakerPolicy policy = third_time) {
  Breaker breaker{policy};
  for (unsigned i = 1; i < policy.consecutive_failures; ++i) breaker.failed(now, false);
  CHECK(breaker.failed(now, false));
  return breaker;
}

/// How long the next probe is waited for after this one failed, which begins as soon as it may.
std::chrono::nanoseconds wait_after_probe(Breaker& breaker) {
  const auto now = breaker.waits_until().value();
  CHECK(breaker.may_send(now));
  CHECK(breaker.start());
  CHECK_FALSE(breaker.failed(now, true));
  return breaker.waits_until().value() - now;
}

}  // namespace

TEST_CASE("a closed breaker lets everything go, and nothing is a probe") {
  Breaker breaker{third_time};
  CHECK(breaker.may_send(0ns));
  CHECK_FALSE(breaker.is_open());
  CHECK_FALSE(breaker.is_probing());
  CHECK_FALSE(breaker.waits_until());
  CHECK_FALSE(breaker.start());
  CHECK_FALSE(breaker.is_probing());
  CHECK(breaker.may_send(0ns));
  CHECK_FALSE(breaker.succeeded());
}

TEST_CASE("so many failures in a row open it, and the last of them says so") {
  Breaker breaker{third_time};
  CHECK_FALSE(breaker.failed(1s, false));
  CHECK_FALSE(breaker.failed(2s, false));
  CHECK_FALSE(breaker.is_open());
  CHECK(breaker.may_send(2s));
  CHECK(breaker.failed(3s, false));
  CHECK(breaker.is_open());
  CHECK_FALSE(breaker.is_probing());
  CHECK(breaker.waits_until() == 33s);

  CHECK(Breaker{{.consecutive_failures = 1}}.failed(0s, false));
  Breaker usual{BreakerPolicy{}};
  for (int i = 1; i < 10; ++i) CHECK_FALSE(usual.failed(0s, false));
  CHECK(usual.failed(0s, false));
  CHECK(usual.waits_until() == 30s);
}

TEST_CASE("a success in between starts the count anew, and what counts for nothing does not") {
  Breaker breaker{third_time};
  breaker.failed(1s, false);
  breaker.failed(2s, false);
  CHECK_FALSE(breaker.succeeded());
  CHECK_FALSE(breaker.failed(3s, false));
  CHECK_FALSE(breaker.failed(4s, false));
  breaker.uncounted(5s, false);
  breaker.uncounted(5s, true);
  CHECK_FALSE(breaker.is_open());
  CHECK(breaker.failed(6s, false));
}

TEST_CASE("nothing goes before the cool-down is over, and then one probe") {
  auto breaker = open_breaker(10s);
  CHECK_FALSE(breaker.may_send(10s));
  CHECK_FALSE(breaker.may_send(40s - 1ns));
  CHECK(breaker.may_send(40s));
  CHECK(breaker.may_send(1h));
  CHECK(breaker.waits_until() == 40s);

  CHECK(breaker.start());
  CHECK(breaker.is_probing());
  CHECK(breaker.is_open());
  CHECK_FALSE(breaker.may_send(41s));
  CHECK_FALSE(breaker.may_send(1000h));
  CHECK_FALSE(breaker.waits_until());
  CHECK_FALSE(breaker.start());  // what goes all the same is no second probe
  CHECK(breaker.is_probing());
}

TEST_CASE("failures of attempts begun before it opened change nothing while it is open") {
  auto breaker = open_breaker(10s);
  for (int i = 0; i < 10; ++i) CHECK_FALSE(breaker.failed(20s, false));
  CHECK(breaker.waits_until() == 40s);
  breaker.uncounted(20s, false);
  CHECK(breaker.waits_until() == 40s);

  breaker.start();
  for (int i = 0; i < 10; ++i) CHECK_FALSE(breaker.failed(50s, false));
  breaker.uncounted(50s, false);
  CHECK(breaker.is_probing());
  CHECK(breaker.is_open());
}

TEST_CASE("each probe that fails doubles the cool-down, to five minutes") {
  auto breaker = open_breaker(0s);
  for (const auto wait : {60s, 120s, 240s, 300s, 300s, 300s}) {
    CHECK(wait_after_probe(breaker) == wait);
    CHECK(breaker.is_open());
    CHECK_FALSE(breaker.is_probing());
  }
}

TEST_CASE("five minutes are reached from any cool-down, and a longer one stays as it is") {
  auto shortest = open_breaker(0s, {.consecutive_failures = 1, .cool_down = 1ms});
  CHECK(shortest.waits_until() == 1ms);
  auto wait = 1ms;
  while (wait < 300s / 2) {
    wait *= 2;
    CHECK(wait_after_probe(shortest) == wait);
  }
  for (int i = 0; i < 100; ++i) CHECK(wait_after_probe(shortest) == 300s);

  for (const std::chrono::milliseconds cool_down :
       {std::chrono::milliseconds{5min}, 5min + 1ms, std::chrono::milliseconds{24h}}) {
    auto breaker = open_breaker(0s, {.consecutive_failures = 1, .cool_down = cool_down});
    CHECK(breaker.waits_until() == cool_down);
    for (int i = 0; i < 10; ++i) CHECK(wait_after_probe(breaker) == cool_down);
  }
}

TEST_CASE("any success closes it, and the next time it opens the cool-down is the first one again") {
  SECTION("the probe's") {
    auto breaker = open_breaker(0s);
    CHECK(wait_after_probe(breaker) == 60s);
    CHECK(breaker.start());
    CHECK(breaker.succeeded());
    CHECK_FALSE(breaker.is_open());
    CHECK_FALSE(breaker.is_probing());
    CHECK_FALSE(breaker.waits_until());
    CHECK(breaker.may_send(0s));
    CHECK_FALSE(breaker.start());

    CHECK_FALSE(breaker.failed(1h, false));
    CHECK_FALSE(breaker.failed(1h, false));
    CHECK(breaker.failed(1h, false));
    CHECK(breaker.waits_until() == 1h + 30s);
    CHECK(wait_after_probe(breaker) == 60s);
  }
  SECTION("one of an attempt begun before it opened, while it waits") {
    auto breaker = open_breaker(0s);
    CHECK(breaker.succeeded());
    CHECK(breaker.may_send(1s));
    CHECK_FALSE(breaker.succeeded());
  }
  SECTION("one of an attempt begun before it opened, while a probe is under way") {
    auto breaker = open_breaker(0s);
    breaker.start();
    CHECK(breaker.succeeded());
    CHECK_FALSE(breaker.is_probing());
    CHECK(breaker.may_send(30s));
    // The probe's end is then one like any other.
    CHECK_FALSE(breaker.failed(31s, true));
    CHECK_FALSE(breaker.failed(31s, false));
    CHECK(breaker.failed(31s, true));
    CHECK(breaker.waits_until() == 61s);
    // And once it is open, an old probe that fails is not the one that is waited for.
    CHECK_FALSE(breaker.failed(40s, true));
    breaker.uncounted(40s, true);
    CHECK(breaker.waits_until() == 61s);
  }
}

TEST_CASE("a probe that ended without a verdict leaves the next one due at once, after the same cool-down") {
  auto breaker = open_breaker(0s);
  breaker.start();
  breaker.uncounted(35s, true);
  CHECK(breaker.is_open());
  CHECK_FALSE(breaker.is_probing());
  CHECK(breaker.waits_until() == 35s);
  CHECK(breaker.may_send(35s));
  CHECK(wait_after_probe(breaker) == 60s);
}

TEST_CASE("half open, one attempt goes at once") {
  SECTION("after a lane that was new here") {
    Breaker breaker{third_time};
    breaker.half_open(7s);
    CHECK(breaker.is_open());
    CHECK(breaker.waits_until() == 7s);
    CHECK_FALSE(breaker.may_send(7s - 1ns));
    CHECK(breaker.may_send(7s));
    CHECK(breaker.start());
    CHECK_FALSE(breaker.may_send(8s));
    SECTION("a failure opens it for the policy's cool-down: there was none to double") {
      CHECK_FALSE(breaker.failed(8s, true));
      CHECK(breaker.waits_until() == 38s);
      CHECK(wait_after_probe(breaker) == 60s);
    }
    SECTION("a success closes it") {
      CHECK(breaker.succeeded());
      CHECK(breaker.may_send(8s));
    }
  }
  SECTION("after one that waited, with the cool-down that was next") {
    auto breaker = open_breaker(0s);
    breaker.half_open(10s);
    CHECK(breaker.waits_until() == 10s);
    CHECK(wait_after_probe(breaker) == 60s);
  }
  SECTION("and the probe of before is another's") {
    auto breaker = open_breaker(0s);
    breaker.start();
    breaker.half_open(40s);
    CHECK_FALSE(breaker.is_probing());
    CHECK(breaker.may_send(40s));
    CHECK(breaker.start());
    CHECK_FALSE(breaker.may_send(41s));
  }
}

TEST_CASE("a lane's breaker is small") {
  CHECK(sizeof(Breaker) <= 32);
}
