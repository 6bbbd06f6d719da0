#include <flyhook/detail/decide/health.hpp>

#include "catch.hpp"

#include <chrono>
#include <cstdint>

using namespace flyhook::detail;
using namespace std::chrono_literals;

namespace {

constexpr std::chrono::seconds five_days = 120h;

/// `count` failures an hour apart, the last at `last`, of deliveries 1 and 2 in turn. The changes but `none` must not come.
void fail_quietly(Health& health, int count, std::chrono::nanoseconds last,
                  std::chrono::seconds disable_after = five_days) {
  for (int i = count - 1; i >= 0; --i)
    CHECK(health.failed(last - i * 1h, static_cast<std::uint64_t>(i % 2 + 1), disable_after) == HealthChange::none);
}

/// Failures every 20 h from 0 h to 100 h, `failing` among them.
Health failing_health() {
  Health health;
  for (const auto at : {0h, 20h, 40h}) CHECK(health.failed(at, 1, five_days) == HealthChange::none);
  CHECK(health.failed(60h, 2, five_days) == HealthChange::failing);
  for (const auto at : {80h, 100h}) CHECK(health.failed(at, 1, five_days) == HealthChange::none);
  return health;
}

/// The same, and disabled at 120 h.
Health disabled_health() {
  auto health = failing_health();
  for (int i = 0; i < 3; ++i) CHECK(health.failed(110h, 3, five_days) == HealthChange::none);
  CHECK(health.failed(120h, 3, five_days) == HealthChange::disabled);
  return health;
}

}  // namespace

TEST_CASE("an endpoint that nothing is known of is well") {
  Health health;
  CHECK_FALSE(health.is_failing());
  CHECK(health.failing_since() == 0ns);
  CHECK(health.succeeded() == HealthChange::none);
}

TEST_CASE("failing is reported once, when half the time has passed since the first failure") {
  Health health;
  CHECK(health.failed(1h, 1, five_days) == HealthChange::none);
  CHECK(health.failing_since() == 1h);
  CHECK(health.failed(31h, 1, five_days) == HealthChange::none);
  CHECK(health.failed(61h - 1ns, 1, five_days) == HealthChange::none);
  CHECK_FALSE(health.is_failing());
  CHECK(health.failed(61h, 1, five_days) == HealthChange::failing);  // few, and of one delivery
  CHECK(health.is_failing());
  CHECK(health.failed(61h, 1, five_days) == HealthChange::none);
  CHECK(health.failed(62h, 2, five_days) == HealthChange::none);
  CHECK(health.is_failing());
  CHECK(health.failing_since() == 1h);
}

TEST_CASE("half of an odd time is not rounded") {
  Health health;
  CHECK(health.failed(0s, 1, 3s) == HealthChange::none);
  CHECK(health.failed(1500ms - 1ns, 1, 3s) == HealthChange::none);
  CHECK(health.failed(1500ms, 1, 3s) == HealthChange::failing);
}

TEST_CASE("an endpoint is disabled after the whole time, and not an instant before") {
  SECTION("at it") {
    auto health = failing_health();
    fail_quietly(health, 5, 120h - 1ns);
    CHECK(health.failed(120h, 1, five_days) == HealthChange::disabled);
    CHECK(health.is_failing());
    CHECK(health.failing_since() == 0ns);
  }
  SECTION("counted from the first failure, whenever that was") {
    Health health;
    fail_quietly(health, 9, 1008h);  // from 1000 h on
    CHECK(health.failed(1040h, 1, five_days) == HealthChange::none);
    CHECK(health.failed(1070h, 1, five_days) == HealthChange::failing);
    CHECK(health.failed(1100h, 1, five_days) == HealthChange::none);
    CHECK(health.failed(1120h - 1ns, 1, five_days) == HealthChange::none);
    CHECK(health.failed(1120h, 1, five_days) == HealthChange::disabled);
  }
}

TEST_CASE("ten failures are needed to disable") {
  auto health = failing_health();  // 6
  CHECK(health.failed(121h, 1, five_days) == HealthChange::none);
  CHECK(health.failed(122h, 1, five_days) == HealthChange::none);
  CHECK(health.failed(123h, 1, five_days) == HealthChange::none);
  CHECK(health.failed(124h, 1, five_days) == HealthChange::disabled);
}

TEST_CASE("failures of two deliveries are needed to disable") {
  Health health;
  for (const auto at : {0h, 30h}) CHECK(health.failed(at, 7, five_days) == HealthChange::none);
  CHECK(health.failed(60h, 7, five_days) == HealthChange::failing);
  for (int hour = 90; hour < 200; hour += 5) CHECK(health.failed(hour * 1h, 7, five_days) == HealthChange::none);
  CHECK(health.failed(200h, 8, five_days) == HealthChange::disabled);
}

TEST_CASE("the second delivery may have been any of them, not the last") {
  Health health;
  for (const std::uint64_t sequence : {7u, 8u}) health.failed(0h, sequence, five_days);
  for (const auto at : {30h, 60h, 90h}) health.failed(at, 7, five_days);
  fail_quietly(health, 4, 119h);
  CHECK(health.failed(120h, 7, five_days) == HealthChange::disabled);
}

TEST_CASE("a gap of more than 36 h starts anew, one of 36 h does not") {
  SECTION("36 h") {
    Health health;
    health.failed(1h, 1, five_days);
    health.failed(37h, 1, five_days);
    CHECK(health.failing_since() == 1h);
    CHECK(health.failed(73h, 1, five_days) == HealthChange::failing);
  }
  SECTION("a nanosecond more") {
    Health health;
    health.failed(1h, 1, five_days);
    health.failed(37h, 1, five_days);
    CHECK(health.failed(73h + 1ns, 1, five_days) == HealthChange::none);
    CHECK(health.failing_since() == 73h + 1ns);
  }
  SECTION("the count and the deliveries start anew as well") {
    Health health;
    for (int i = 0; i < 20; ++i) health.failed(0h, static_cast<std::uint64_t>(i), five_days);
    for (const auto at : {100h, 130h, 160h, 190h}) health.failed(at, 3, five_days);
    for (int i = 5; i < 15; ++i) CHECK(health.failed(220h, 3, five_days) == HealthChange::none);  // enough, of one
    CHECK(health.failed(221h, 4, five_days) == HealthChange::disabled);
  }
  SECTION("the count alone") {
    Health health;
    for (int i = 0; i < 20; ++i) health.failed(0h, 1, five_days);
    for (const auto at : {100h, 130h, 160h, 190h}) health.failed(at, 3, five_days);
    for (std::uint64_t i = 5; i < 10; ++i) CHECK(health.failed(220h, i, five_days) == HealthChange::none);
    CHECK(health.failed(220h, 3, five_days) == HealthChange::disabled);
  }
}

TEST_CASE("after a gap an endpoint is still reported as failing, and not again") {
  auto health = failing_health();
  CHECK(health.failed(200h, 1, five_days) == HealthChange::none);
  CHECK(health.is_failing());
  CHECK(health.failing_since() == 200h);
  CHECK(health.failed(230h, 1, five_days) == HealthChange::none);
  CHECK(health.failed(260h, 1, five_days) == HealthChange::none);
  CHECK(health.succeeded() == HealthChange::recovered);
}

TEST_CASE("a success starts anew, and is a recovery where failing was reported") {
  SECTION("it was not") {
    Health health;
    fail_quietly(health, 20, 59h);
    CHECK(health.succeeded() == HealthChange::none);
    CHECK(health.failing_since() == 0ns);
    CHECK(health.failed(60h, 1, five_days) == HealthChange::none);
    CHECK(health.failing_since() == 60h);
  }
  SECTION("it was") {
    auto health = failing_health();
    CHECK(health.succeeded() == HealthChange::recovered);
    CHECK_FALSE(health.is_failing());
    CHECK(health.succeeded() == HealthChange::none);
    // And it may be reported once more.
    for (const auto at : {110h, 140h}) CHECK(health.failed(at, 1, five_days) == HealthChange::none);
    CHECK(health.failed(170h, 1, five_days) == HealthChange::failing);
  }
}

TEST_CASE("once disabled nothing more is reported, until it is enabled again or something arrives") {
  auto health = disabled_health();
  for (int hour = 120; hour < 1000; hour += 7)
    CHECK(health.failed(hour * 1h, static_cast<std::uint64_t>(hour), five_days) == HealthChange::none);
  SECTION("enabled again") {
    health.reset();
    CHECK_FALSE(health.is_failing());
    CHECK(health.failing_since() == 0ns);
    CHECK(health.succeeded() == HealthChange::none);
  }
  SECTION("something arrived") {
    CHECK(health.succeeded() == HealthChange::recovered);
    CHECK_FALSE(health.is_failing());
  }
  CHECK(health.failed(1000h, 1, five_days) == HealthChange::none);
  fail_quietly(health, 9, 1030h);
  CHECK(health.failed(1060h, 2, five_days) == HealthChange::failing);
  CHECK(health.failed(1090h, 2, five_days) == HealthChange::none);
  CHECK(health.failed(1120h, 2, five_days) == HealthChange::disabled);
}

TEST_CASE("an endpoint may be disabled without having been reported as failing, and then nothing recovers") {
  Health health;
  fail_quietly(health, 9, 8h, 20h);
  CHECK(health.failed(20h, 1, 20h) == HealthChange::disabled);
  CHECK_FALSE(health.is_failing());
  CHECK(health.succeeded() == HealthChange::none);
}

TEST_CASE("a time of zero means never, and the longest there is does not overflow") {
  for (const auto disable_after : {0s, std::chrono::seconds::max()}) {
    Health health;
    for (int hour = 0; hour < 100'000; hour += 30)
      REQUIRE(health.failed(hour * 1h, static_cast<std::uint64_t>(hour), disable_after) == HealthChange::none);
    CHECK_FALSE(health.is_failing());
  }
  Health health;
  health.failed(0s, 1, 1s);
  CHECK(health.failed(500ms, 1, 1s) == HealthChange::failing);
}
