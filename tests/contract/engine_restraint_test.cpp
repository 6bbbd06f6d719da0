#include "catch.hpp"
#include "contract/engine_session.hpp"

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

// What keeps an endpoint from being called too much: its Retry-After, the breaker, its rate limit, its limit of requests
// under way.

using namespace flyhook;
using contract::EngineSession;
using contract::exact_waits;
using contract::with;
using namespace std::chrono_literals;

namespace {

using Times = std::vector<std::chrono::nanoseconds>;
using Names = std::vector<std::string>;

/// When each request to `name` left.
Times sent_to(const EngineSession& session, const std::string& name) {
  Times times;
  const auto names = session.sent_to();
  const auto at = session.transport->sent_at();
  for (std::size_t i = 0; i < names.size(); ++i)
    if (names[i] == name) times.push_back(at[i]);
  return times;
}

}  // namespace

// Retry-After -------------------------------------------------------------------------------------------------------------

TEST_CASE("Retry-After on 429 and 503 holds everything for that endpoint, and nothing for others") {
  const int status = GENERATE(429, 503);
  EngineSession session{contract::each_steady_store(), with(exact_waits({0s, 5s}))};
  session.subscribe("one", {"one.*", "both"});
  session.subscribe("two", {"both"});
  session.transport->answer(status, {{"Retry-After", "60"}}).answer(200);
  session.publish("one.first");
  session.settle();
  session.publish("both");
  session.pass(59s);
  CHECK(sent_to(session, "one") == Times{0s});
  CHECK(sent_to(session, "two") == Times{0s});
  session.pass(1s);
  CHECK(sent_to(session, "one") == Times{0s, 60s, 60s});
}

TEST_CASE("what waits for the end of a hold says so") {
  EngineSession session{contract::each_steady_store(), with(exact_waits({0s, 5s}))};
  session.subscribe("one");
  session.transport->answer(429, {{"Retry-After", "60"}}).answer(200);
  session.publish("first");
  session.settle();
  const auto until = session.clock->now() + 60s;
  session.clock->advance(10s);
  session.publish("second");
  session.settle();
  const auto rows = session.publisher->deliveries();
  REQUIRE(rows.size() == 2);
  for (const auto& row : rows) {
    CHECK(row.status == DeliveryStatus::pending);
    CHECK(row.next_attempt_at == until);
  }
}

TEST_CASE("Retry-After on another status delays that delivery alone") {
  EngineSession session{contract::each_steady_store(), with(exact_waits({0s, 5s}))};
  session.subscribe("one");
  session.transport->answer(500, {{"Retry-After", "60"}}).answer(200);
  session.publish("first");
  session.settle();
  session.publish("second");
  session.pass(60s);
  CHECK(session.transport->sent_at() == Times{0s, 0s, 60s});
}

TEST_CASE("a delivery that is put off again and again spends no step for six times") {
  EngineSession session{contract::each_steady_store(), with(exact_waits({0s, 1s}))};
  session.subscribe("one");
  session.transport->answer(503, {{"Retry-After", "10"}});
  session.publish();
  session.pass(200s);
  // Six without a step, the seventh spends the first one, the eighth the last.
  CHECK(session.transport->sent_at() == Times{0s, 10s, 20s, 30s, 40s, 50s, 60s, 70s});
  REQUIRE(session.recorder->dead().size() == 1);
  CHECK(session.recorder->dead()[0].reason == "answered 503");
}

TEST_CASE("Retry-After opens no breaker") {
  EngineSession session{contract::each_steady_store(),
                        with(exact_waits({0s, 1s, 1s, 1s, 1s}), {.consecutive_failures = 2})};
  session.subscribe("one");
  session.transport->answer(429, {{"Retry-After", "1"}});
  session.publish();
  session.pass(10s);
  CHECK(session.transport->requests().size() == 11);  // six put off, and the five of the schedule
}

// Breaker -----------------------------------------------------------------------------------------------------------------

TEST_CASE("after so many failures in a row an endpoint is left alone, then asked once, and again after twice the time") {
  EngineSession session{contract::each_steady_store(),
                        with(RetryPolicy::none(), {.consecutive_failures = 3, .cool_down = 30s})};
  session.subscribe("one");
  session.transport->answer(500);
  for (int i = 0; i < 3; ++i) {
    session.publish("order.paid", i);
    session.settle();
  }
  for (int i = 0; i < 20; ++i) session.publish("order.paid", i);
  session.pass(29s);
  CHECK(session.transport->requests().size() == 3);
  session.pass(171s);
  CHECK(session.transport->sent_at() == Times{0s, 0s, 0s, 30s, 90s});
  session.pass(600s);
  CHECK(session.transport->sent_at() == Times{0s, 0s, 0s, 30s, 90s, 210s, 450s, 750s});  // 5 min at the most
  const auto attempted = session.recorder->attempted();
  CHECK(attempted[2].attempts[0].trigger == AttemptTrigger::schedule);
  CHECK(attempted[3].attempts[0].trigger == AttemptTrigger::probe);
  CHECK(session.publisher->stats().pending == 15);  // they wait and spend nothing
}

TEST_CASE("one success closes the breaker, and everything that waited goes") {
  EngineSession session{contract::each_steady_store(),
                        with(RetryPolicy::none(), {.consecutive_failures = 2, .cool_down = 10s})};
  session.subscribe("one");
  session.transport->answer(500).answer(500).answer(200);
  for (int i = 0; i < 2; ++i) {
    session.publish();
    session.settle();
  }
  for (int i = 0; i < 20; ++i) session.publish("order.paid", i);
  session.pass(9s);
  CHECK(session.transport->requests().size() == 2);
  session.pass(1s);
  CHECK(session.transport->requests().size() == 22);
}

TEST_CASE("the breaker of one endpoint is no other's, not even at the same origin") {
  EngineSession session{contract::each_steady_store(),
                        with(RetryPolicy::none(), {.consecutive_failures = 1, .cool_down = 1h})};
  session.subscribe("one", {"one"});
  session.subscribe("two", {"two"});
  session.transport->answer(500).answer(200);
  session.publish("one");
  session.settle();
  for (int i = 0; i < 10; ++i) {
    session.publish("one");
    session.publish("two");
  }
  session.settle();
  CHECK(sent_to(session, "one").size() == 1);
  CHECK(sent_to(session, "two").size() == 10);
}

TEST_CASE("without anything due there is no probe: the next event is it") {
  EngineSession session{contract::each_steady_store(),
                        with(RetryPolicy::none(), {.consecutive_failures = 1, .cool_down = 10s})};
  session.subscribe("one");
  session.transport->answer(500);
  session.publish();
  session.pass(60s);
  CHECK(session.transport->requests().size() == 1);
  session.publish();
  session.settle();
  CHECK(session.transport->sent_at() == Times{0s, 60s});
}

TEST_CASE("another URL is another endpoint: its breaker is closed") {
  EngineSession session{contract::each_steady_store(),
                        with(RetryPolicy::none(), {.consecutive_failures = 1, .cool_down = 1h})};
  session.subscribe("one");
  session.transport->answer(500).answer(200);
  session.publish();
  session.settle();
  session.publish();
  session.settle();
  CHECK(session.transport->requests().size() == 1);
  session.publisher->update({"one"}, {.url = "http://127.0.0.1/moved"});
  session.settle();
  CHECK(session.sent_to() == Names{"one", "moved"});
}

// Rate --------------------------------------------------------------------------------------------------------------------

TEST_CASE("a rate limit is kept, with its burst, and one endpoint's is no other's") {
  EngineSession session{contract::each_steady_store()};
  session.publisher->subscribe(
      {.url = "http://127.0.0.1/slow", .rate_limit = {.per_second = 2, .burst = 3}, .max_in_flight = 100, .id = {"slow"}});
  session.subscribe("fast");
  for (int i = 0; i < 9; ++i) session.publish("order.paid", i);
  session.pass(5s, 100ms);
  CHECK(sent_to(session, "slow") == Times{0s, 0s, 0s, 500ms, 1s, 1500ms, 2s, 2500ms, 3s});
  CHECK(sent_to(session, "fast") == Times(9, 0s));
}

TEST_CASE("a rate limit holds for retries, too") {
  EngineSession session{contract::each_steady_store(), with(exact_waits({0s, 1s}))};
  session.publisher->subscribe(
      {.url = "http://127.0.0.1/one", .rate_limit = {.per_second = 0.1}, .max_in_flight = 100, .id = {"one"}});
  session.transport->answer(500);
  for (int i = 0; i < 2; ++i) session.publish("order.paid", i);
  session.pass(60s);
  CHECK(session.transport->sent_at() == Times{0s, 10s, 20s, 30s});
}

TEST_CASE("what expires unsent takes nothing of the rate limit") {
  EngineSession session{contract::each_steady_store()};
  session.publisher->subscribe(
      {.url = "http://127.0.0.1/one", .rate_limit = {.per_second = 0.1}, .id = {"one"}, .paused = true});
  for (int i = 0; i < 5; ++i) session.publish("order.paid", i, {.expires_at = session.clock->now() + 1s});
  session.publish("order.paid", 5);
  session.pass(5s);
  session.publisher->resume({"one"});
  session.settle();
  CHECK(session.publisher->stats().expired == 5);
  CHECK(session.transport->sent_at() == Times{5s});
}

// Concurrency
// ---------------------------------------------------------------------------------------------------------------

TEST_CASE("an endpoint that is overloaded gets half as many requests at a time, and one more after each success") {
  TransportTraits asynchronous;
  asynchronous.blocking = false;
  EngineSession session{contract::each_steady_store(), {}, asynchronous};
  session.subscribe("one");
  const auto under_way = [&] { return session.publisher->stats().in_flight; };
  session.transport->answer_after(1s, 503).answer_after(10s, 200);
  for (int i = 0; i < 100; ++i) session.publish("order.paid", i);
  session.publisher->settle(0ms);
  CHECK(under_way() == 8);
  session.clock->advance(1s);
  session.publisher->settle(0ms);
  CHECK(under_way() == 7);  // 4 are allowed, and these are on their way
  session.clock->advance(9s);
  session.publisher->settle(0ms);
  CHECK(under_way() == 8);  // seven successes
}
