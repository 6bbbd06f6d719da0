#include "catch.hpp"

#include <flyhook/detail/admin/failed_logins.hpp>

#include <chrono>
#include <string>

using namespace std::chrono_literals;
using flyhook::detail::FailedLogins;

TEST_CASE("four failures are free, then the wait doubles from 100 ms to 500 ms") {
  FailedLogins logins;
  for (int i = 0; i < 4; ++i) logins.failed("203.0.113.7", 0s);
  CHECK(logins.wait_of("203.0.113.7", 0s) == 0s);
  for (const auto wait : {100ms, 200ms, 400ms, 500ms, 500ms}) {
    logins.failed("203.0.113.7", 0s);
    CHECK(logins.wait_of("203.0.113.7", 0s) == wait);
  }
  for (int i = 0; i < 1000; ++i) logins.failed("203.0.113.7", 0s);
  CHECK(logins.wait_of("203.0.113.7", 0s) == 500ms);
}

TEST_CASE("a minute without a failure heals") {
  FailedLogins logins;
  for (int i = 0; i < 9; ++i) logins.failed("a", 0s);
  CHECK(logins.wait_of("a", 60s - 1ns) == 500ms);
  CHECK(logins.wait_of("a", 60s) == 0s);
  logins.failed("a", 60s);
  CHECK(logins.wait_of("a", 60s) == 0s);
}

TEST_CASE("clients are told apart by address, of IPv6 by the first 64 bits") {
  FailedLogins logins;
  for (int i = 0; i < 5; ++i) {
    logins.failed("203.0.113.7", 0s);
    logins.failed("2001:db8:1:2::" + std::to_string(i), 0s);
  }
  CHECK(logins.wait_of("203.0.113.8", 0s) == 0s);
  CHECK(logins.wait_of("::ffff:203.0.113.7", 0s) == 100ms);
  CHECK(logins.wait_of("2001:db8:1:2:ffff::1", 0s) == 100ms);
  CHECK(logins.wait_of("2001:db8:1:3::1", 0s) == 0s);
  CHECK(logins.wait_of("", 0s) == 0s);
}

TEST_CASE("ten thousand clients are remembered, and the one that failed longest ago is forgotten first") {
  FailedLogins logins;
  for (int i = 0; i < 5; ++i) logins.failed("oldest", 1s);
  for (int i = 0; i < 5; ++i) logins.failed("second", 2s);
  for (std::size_t i = 2; i < FailedLogins::most_peers; ++i) logins.failed("peer " + std::to_string(i), 3s);
  CHECK(logins.wait_of("oldest", 3s) == 100ms);
  logins.failed("one more", 3s);
  CHECK(logins.wait_of("oldest", 3s) == 0s);
  CHECK(logins.wait_of("second", 3s) == 100ms);
}
