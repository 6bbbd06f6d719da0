#include <flyhook/detail/decide/outcome.hpp>

#include "catch.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

using namespace flyhook;
using namespace flyhook::detail;
using namespace std::chrono_literals;

namespace {

const TimePoint now{std::chrono::seconds{1'700'000'000}};

/// An attempt under a policy without jitter, unless it is given one.
struct Case {
  RetryPolicy retry = [] {
    RetryPolicy policy;
    policy.schedule = {0s, 5s, 300s};
    policy.jitter = 0;
    return policy;
  }();
  Progress progress{};
  std::uint64_t random = 0;
  TimePoint created_at = now;
  std::optional<TimePoint> expires_at{};

  Verdict judge(const HttpResponse& response) const {
    return detail::judge(response, {retry, progress, random, now, created_at, expires_at});
  }
  Verdict judge(int status, const std::string& retry_after = {}) const {
    HttpResponse response;
    response.status = status;
    if (!retry_after.empty()) response.headers = {{"Retry-After", retry_after}};
    return judge(response);
  }
};

Case last_attempt() {
  Case last;
  last.progress.steps = 2;
  return last;
}

HttpResponse failed(const std::string& error) {
  HttpResponse response;
  response.error = error;
  return response;
}

}  // namespace

TEST_CASE("2xx is delivered, and no other status is") {
  for (int status = 200; status <= 299; ++status) {
    const auto verdict = last_attempt().judge(status);
    CHECK(verdict.status == DeliveryStatus::delivered);
    CHECK(verdict.reason.empty());
    CHECK(verdict.bearing.breaker == Bearing::Breaker::success);
  }
  for (const int status : {100, 101, 199, 300, 301, 302, 307, 308, 400, 401, 404, 410, 429, 500, 503, 599, 999, -1}) {
    CAPTURE(status);
    const auto verdict = last_attempt().judge(status);
    CHECK(verdict.status == DeliveryStatus::dead);
    CHECK(verdict.reason == "answered " + std::to_string(status));
    CHECK_FALSE(verdict.wait);
    CHECK(verdict.bearing.breaker == Bearing::Breaker::failure);
  }
}

TEST_CASE("a status counts, whatever stands in error") {
  HttpResponse response = failed("cancelled: too late");
  response.status = 204;
  CHECK(last_attempt().judge(response).status == DeliveryStatus::delivered);
  response.status = 500;
  CHECK(last_attempt().judge(response).status == DeliveryStatus::dead);
}

TEST_CASE("without an answer the error is why") {
  for (const char* error : {"dns: no such host", "connect: refused", "timeout: no answer within 15000 ms",
                            "tls: certificate", "closed: mid-answer", "protocol: no status line"}) {
    const auto verdict = last_attempt().judge(failed(error));
    CHECK(verdict.status == DeliveryStatus::dead);
    CHECK(verdict.reason == error);
    CHECK(Case{}.judge(failed(error)).status == DeliveryStatus::pending);
  }
  CHECK_FALSE(last_attempt().judge(HttpResponse{}).reason.empty());
}

TEST_CASE("a cancelled attempt spends nothing and says nothing of the endpoint") {
  const auto cancelled = failed("cancelled: the transport has ended");
  CHECK(is_cancelled(cancelled));
  for (const auto& attempt : {Case{}, last_attempt()}) {
    const auto verdict = attempt.judge(cancelled);
    CHECK(verdict.status == DeliveryStatus::pending);
    CHECK_FALSE(verdict.wait);
    CHECK(verdict.progress == attempt.progress);
    CHECK(verdict.bearing.breaker == Bearing::Breaker::none);
  }
  CHECK_FALSE(is_cancelled(failed("timeout: cancelled")));
  CHECK_FALSE(is_cancelled(HttpResponse{}));
}

TEST_CASE("a failure is tried again after the schedule's next wait, until there is none") {
  Case attempt;
  for (const auto wait : {5s, 300s}) {
    const auto verdict = attempt.judge(500);
    CHECK(verdict.status == DeliveryStatus::pending);
    CHECK(verdict.reason.empty());
    CHECK(verdict.wait == wait);
    CHECK(verdict.progress.steps == attempt.progress.steps + 1);
    attempt.progress = verdict.progress;
  }
  CHECK(attempt.judge(500).status == DeliveryStatus::dead);
}

TEST_CASE("each wait is spread to both sides") {
  Case attempt;
  attempt.retry.jitter = 0.2;
  attempt.random = 0;
  CHECK(attempt.judge(500).wait == 4s);
  attempt.random = ~std::uint64_t{0};
  const auto longest = attempt.judge(500).wait.value_or(0s);
  CHECK(longest > 5999ms);
  CHECK(longest <= 6s);
}

TEST_CASE("a status to stop on ends it, and 410 does everywhere") {
  Case attempt;
  attempt.retry.stop_on = {400, 422};
  CHECK(attempt.judge(400).status == DeliveryStatus::dead);
  CHECK(attempt.judge(422, "5").status == DeliveryStatus::dead);
  CHECK(attempt.judge(404).status == DeliveryStatus::pending);
  CHECK_FALSE(attempt.judge(400).bearing.is_gone);
  const auto gone = Case{}.judge(410, "5");
  CHECK(gone.status == DeliveryStatus::dead);
  CHECK(gone.bearing.is_gone);
}

TEST_CASE("429, 502, 503, 504 and time-outs say that it was too much") {
  for (const int status : {429, 502, 503, 504}) CHECK(Case{}.judge(status).bearing.overloaded);
  for (const int status : {200, 400, 428, 430, 500, 501, 505}) CHECK_FALSE(Case{}.judge(status).bearing.overloaded);
  CHECK(Case{}.judge(failed("timeout: no answer within 15000 ms")).bearing.overloaded);
  CHECK_FALSE(Case{}.judge(failed("connect: refused")).bearing.overloaded);
}

TEST_CASE("Retry-After makes the wait longer, never shorter") {
  for (const int status : {301, 400, 429, 500, 503}) {
    CAPTURE(status);
    CHECK(Case{}.judge(status, "60").wait == 60s);
    CHECK(Case{}.judge(status, "1").wait == 5s);
    CHECK(Case{}.judge(status, "nonsense").wait == 5s);
  }
}

TEST_CASE("Retry-After counts up to the cap, and jitter is added to it, never taken away") {
  Case attempt;
  CHECK(attempt.judge(503, "99999999999").wait == 3600s);
  attempt.retry.retry_after_cap = 10s;
  CHECK(attempt.judge(503, "11").wait == 10s);
  attempt.retry.retry_after_cap = 0s;  // not asked for at all
  CHECK(attempt.judge(503, "11").wait == 5s);
  CHECK_FALSE(attempt.judge(503, "11").bearing.hold);
  CHECK(attempt.judge(503, "11").progress == Progress{1, 0});
  attempt.retry.retry_after_cap = std::chrono::seconds::max();
  CHECK(attempt.judge(503, "99999999999").wait == std::chrono::hours{24 * 366});
  attempt = {};
  attempt.retry.jitter = 0.5;
  attempt.random = 0;
  CHECK(attempt.judge(503, "100").wait == 100s);
  attempt.random = ~std::uint64_t{0};
  CHECK(attempt.judge(503, "100").wait.value_or(0s) > 149s);
}

TEST_CASE("Retry-After on 429 and 503 holds the endpoint, on others only the delivery") {
  for (const int status : {429, 503}) {
    const auto verdict = Case{}.judge(status, "60");
    CHECK(verdict.bearing.hold == 60s);
    CHECK(verdict.bearing.breaker == Bearing::Breaker::none);
    CHECK(verdict.progress == Progress{0, 1});
    CHECK(Case{}.judge(status, "1").bearing.hold == 1s);
    CHECK_FALSE(Case{}.judge(status).bearing.hold);
    CHECK(Case{}.judge(status).bearing.breaker == Bearing::Breaker::failure);
  }
  for (const int status : {200, 302, 500, 502, 504}) {
    const auto verdict = Case{}.judge(status, "60");
    CHECK_FALSE(verdict.bearing.hold);
    CHECK(verdict.bearing.breaker != Bearing::Breaker::none);
  }
  CHECK(Case{}.judge(500, "60").progress == Progress{1, 0});
}

TEST_CASE("six times a delivery is put off without spending a step, then it spends one each time") {
  Case attempt;
  for (std::uint32_t i = 1; i <= 6; ++i) {
    attempt.progress = attempt.judge(429, "60").progress;
    CHECK(attempt.progress == Progress{0, i});
  }
  attempt.progress = attempt.judge(429, "60").progress;
  CHECK(attempt.progress == Progress{1, 6});
  attempt.progress = attempt.judge(503, "60").progress;
  CHECK(attempt.progress == Progress{2, 6});
  const auto last = attempt.judge(429, "60");
  CHECK(last.status == DeliveryStatus::dead);
  CHECK(last.bearing.hold == 60s);  // the others are held all the same
}

TEST_CASE("a last attempt that is put off has another") {
  const auto verdict = last_attempt().judge(503, "60");
  CHECK(verdict.status == DeliveryStatus::pending);
  CHECK(verdict.wait == 300s);
  CHECK(verdict.progress == Progress{2, 1});
}

TEST_CASE("what would be too old at its next attempt is given up now") {
  Case attempt;
  attempt.retry.max_age = 60s;
  attempt.created_at = now - 55s;
  CHECK(attempt.judge(500).status == DeliveryStatus::pending);
  attempt.created_at = now - 56s;
  const auto verdict = attempt.judge(500);
  CHECK(verdict.status == DeliveryStatus::dead);
  CHECK(verdict.reason == "max_age: answered 500");
  CHECK(attempt.judge(200).status == DeliveryStatus::delivered);
  attempt.retry.max_age = 0s;
  CHECK(attempt.judge(500).status == DeliveryStatus::pending);
}

TEST_CASE("too old is older than the limit, if there is one") {
  RetryPolicy policy;
  CHECK_FALSE(is_too_old(policy, now - std::chrono::hours{100'000}, now));
  policy.max_age = 10s;
  CHECK_FALSE(is_too_old(policy, now - 10s, now));
  CHECK(is_too_old(policy, now - 10'001ms, now));
}

TEST_CASE("what expires before its next attempt waits no longer than that") {
  Case attempt;
  attempt.expires_at = now + 2s;
  CHECK(attempt.judge(500).wait == 2s);
  attempt.expires_at = now + 10s;
  CHECK(attempt.judge(500).wait == 5s);
  attempt.expires_at = now - 1s;
  CHECK(attempt.judge(500).wait == 0s);
}
