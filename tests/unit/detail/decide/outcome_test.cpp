#include <flyhook/detail/decide/outcome.hpp>

#include "catch.hpp"

#include <string>

using namespace flyhook;
using detail::is_cancelled;
using detail::judge;

TEST_CASE("2xx is delivered, and no other status is") {
  for (int status = 200; status <= 299; ++status) {
    CHECK(judge({.status = status}).status == DeliveryStatus::delivered);
    CHECK(judge({.status = status}).reason.empty());
  }
  for (const int status : {100, 101, 199, 300, 301, 302, 307, 308, 400, 401, 404, 410, 429, 500, 503, 599, 999, -1}) {
    CAPTURE(status);
    const auto verdict = judge({.status = status});
    CHECK(verdict.status == DeliveryStatus::dead);
    CHECK(verdict.reason == "answered " + std::to_string(status));
  }
}

TEST_CASE("a status counts, whatever stands in error") {
  CHECK(judge({.status = 204, .error = "cancelled: too late"}).status == DeliveryStatus::delivered);
  CHECK(judge({.status = 500, .error = "cancelled: too late"}).status == DeliveryStatus::dead);
}

TEST_CASE("without an answer a delivery is dead, and the error is why") {
  for (const char* error : {"dns: no such host", "connect: refused", "timeout: no answer within 15000 ms",
                            "tls: certificate", "closed: mid-answer", "protocol: no status line"}) {
    const auto verdict = judge({.error = error});
    CHECK(verdict.status == DeliveryStatus::dead);
    CHECK(verdict.reason == error);
  }
  const auto silent = judge({});
  CHECK(silent.status == DeliveryStatus::dead);
  CHECK_FALSE(silent.reason.empty());
}

TEST_CASE("a cancelled attempt does not count") {
  const HttpResponse cancelled{.error = "cancelled: the transport has ended"};
  CHECK(is_cancelled(cancelled));
  CHECK(judge(cancelled).status == DeliveryStatus::pending);
  CHECK(judge(cancelled).reason.empty());
  CHECK_FALSE(is_cancelled({.status = 200, .error = "cancelled: too late"}));
  CHECK_FALSE(is_cancelled({.error = "timeout: cancelled"}));
  CHECK_FALSE(is_cancelled({}));
}
