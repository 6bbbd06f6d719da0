#include "catch.hpp"
#include "contract/engine_session.hpp"

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

// A failed delivery's way: when it is tried again, when it is given up, and what is recorded of it.

using namespace flyhook;
using contract::EngineSession;
using contract::exact_waits;
using contract::with;
using namespace std::chrono_literals;

namespace {

using Times = std::vector<std::chrono::nanoseconds>;

}  // namespace

TEST_CASE("a failed delivery is tried again by the schedule until it arrives") {
  EngineSession session{contract::each_steady_store(), with(exact_waits({0s, 5s, 300s, 1800s}))};
  session.subscribe("one");
  session.transport->answer(500).fail_with("connect: refused").answer(204);
  session.publish();
  session.pass(400s);
  CHECK(session.transport->sent_at() == Times{0s, 5s, 305s});

  const auto delivered = session.recorder->delivered();
  REQUIRE(delivered.size() == 1);
  CHECK(session.recorder->dead().empty());
  const auto rows = session.publisher->deliveries();
  REQUIRE(rows.size() == 1);
  REQUIRE(rows[0].attempts.size() == 3);
  CHECK(rows[0].attempts[0].status == 500);
  CHECK(rows[0].attempts[1].error == "connect: refused");
  CHECK(rows[0].attempts[2].status == 204);
  for (const auto& attempt : rows[0].attempts) CHECK(attempt.trigger == AttemptTrigger::schedule);
  CHECK(session.publisher->stats().attempts == 3);
  CHECK(session.publisher->stats().failed_attempts == 2);
  CHECK(session.publisher->stats().delivered == 1);
}

TEST_CASE("out of attempts a delivery is dead, listed with all of them, and told once") {
  EngineSession session{contract::each_steady_store(), with(exact_waits({0s, 1s, 2s}))};
  session.subscribe("one");
  session.transport->answer(500);
  session.publish();
  session.pass(10s);
  CHECK(session.transport->sent_at() == Times{0s, 1s, 3s});
  const auto attempted = session.recorder->attempted();
  REQUIRE(attempted.size() == 3);
  for (std::size_t i = 0; i < 3; ++i) CHECK(attempted[i].attempt_count == i + 1);
  const auto dead = session.recorder->dead();
  REQUIRE(dead.size() == 1);
  CHECK(dead[0].reason == "answered 500");
  const auto rows = session.publisher->deliveries();
  REQUIRE(rows.size() == 1);
  CHECK(rows[0].status == DeliveryStatus::dead);
  CHECK(rows[0].attempts.size() == 3);
  CHECK(rows[0].attempt_count == 3);
  CHECK(session.publisher->stats().dead == 1);
  CHECK(session.publisher->stats().pending == 0);
}

TEST_CASE("while it waits it is pending, with the time of its next attempt") {
  EngineSession session{contract::each_steady_store(), with(exact_waits({0s, 60s}))};
  session.subscribe("one");
  session.transport->answer(500);
  session.publish();
  session.settle();
  const auto rows = session.publisher->deliveries();
  REQUIRE(rows.size() == 1);
  CHECK(rows[0].status == DeliveryStatus::pending);
  REQUIRE(rows[0].next_attempt_at);
  CHECK(*rows[0].next_attempt_at == session.clock->now() + 60s);
  CHECK(session.publisher->stats().pending == 1);
  CHECK_FALSE(session.publisher->drain(0ms));
}

TEST_CASE("on every store a failing delivery makes as many attempts as its schedule has steps") {
  auto options = with(exact_waits({0s, 1s, 1s, 1s}));
  options.breaker = {.consecutive_failures = 1'000'000, .cool_down = 1ms};
  EngineSession session{contract::each_store(), options};
  session.subscribe("one");
  session.transport->answer(500);
  for (int i = 0; i < 20; ++i) session.publish("order.paid", i);
  session.pass(12h, 60s);  // where slots come and go, each take-over asks with one request first
  CHECK(session.transport->requests().size() == 80);
  CHECK(session.recorder->dead().size() == 20);
}

TEST_CASE("waits are spread by the jitter, each within its bounds and not all alike") {
  auto policy = exact_waits({0s, 1000s});
  policy.jitter = 0.2;
  auto options = with(policy);
  options.breaker.consecutive_failures = 100;
  EngineSession session{contract::each_steady_store(), options};
  session.subscribe("one");
  session.transport->answer(500);
  for (int i = 0; i < 8; ++i) session.publish("order.paid", i);
  session.pass(1300s, 10s);
  auto at = session.transport->sent_at();
  REQUIRE(at.size() == 16);
  at.erase(at.begin(), at.begin() + 8);
  for (const auto time : at) {
    CHECK(time >= 800s);
    CHECK(time <= 1210s);
  }
  CHECK(at.back() - at.front() > 50s);
}

TEST_CASE("a subscription's own policy wins over the publisher's") {
  EngineSession session{contract::each_steady_store(), with(exact_waits({0s, 1s, 1s}))};
  session.publisher->subscribe({.url = "http://127.0.0.1/one", .retry = RetryPolicy::none(), .id = {"one"}});
  session.subscribe("two");
  session.transport->answer(500);
  session.publish();
  session.pass(5s);
  CHECK(session.transport->requests().size() == 4);
}

TEST_CASE("a status to stop on is the last attempt") {
  auto policy = exact_waits({0s, 1s, 1s});
  policy.stop_on = {400};
  EngineSession session{contract::each_steady_store(), with(policy)};
  session.subscribe("one");
  session.transport->answer(500).answer(400);
  session.publish();
  session.pass(5s);
  CHECK(session.transport->requests().size() == 2);
  REQUIRE(session.recorder->dead().size() == 1);
  CHECK(session.recorder->dead()[0].reason == "answered 400");
}

TEST_CASE("a first wait that is not 0 is kept as well") {
  EngineSession session{contract::each_steady_store(), with(exact_waits({10s, 5s}))};
  session.subscribe("one");
  session.transport->answer(500).answer(200);
  session.publish();
  session.pass(20s);
  CHECK(session.transport->sent_at() == Times{10s, 15s});
}

TEST_CASE("max_age gives up what is older, sent or not") {
  auto policy = exact_waits({0s, 40s, 40s, 40s});
  policy.max_age = 100s;
  EngineSession session{contract::each_steady_store(), with(policy)};
  session.subscribe("one");
  session.transport->answer(500);
  session.publish();
  session.pass(200s);
  CHECK(session.transport->sent_at() == Times{0s, 40s, 80s});
  REQUIRE(session.recorder->dead().size() == 1);
  CHECK(session.recorder->dead()[0].reason == "max_age: answered 500");

  session.publisher->pause({"one"});
  session.publish();
  session.pass(101s);
  session.publisher->resume({"one"});
  session.settle();
  CHECK(session.transport->requests().size() == 3);
  REQUIRE(session.recorder->dead().size() == 2);
  CHECK(session.recorder->dead()[1].reason == "max_age");
  CHECK(session.recorder->dead()[1].attempts.empty());
}

TEST_CASE("deliver_at is when the first attempt is made") {
  EngineSession session{contract::each_steady_store()};
  session.subscribe("one");
  PublishOptions options;
  options.deliver_at = session.clock->now() + 1h;
  session.publish("order.paid", 1, options);
  session.publish("order.paid", 2);
  session.pass(59min, 1min);
  CHECK(session.transport->sent_at() == Times{0s});
  const auto rows = session.publisher->deliveries({.status = DeliveryStatus::pending});
  REQUIRE(rows.size() == 1);
  CHECK(rows[0].next_attempt_at == options.deliver_at);
  session.pass(1min);
  CHECK(session.transport->sent_at() == Times{0s, 3600s});
}

TEST_CASE("deliver_at in the past is now") {
  EngineSession session{contract::each_steady_store()};
  session.subscribe("one");
  PublishOptions options;
  for (const auto past : {session.clock->now() - 1h, TimePoint{}, TimePoint::min()}) {
    options.deliver_at = past;
    session.publish("order.paid", 1, options);
  }
  session.settle();
  CHECK(session.transport->sent_at() == Times{0s, 0s, 0s});
}

TEST_CASE("what is not delivered by expires_at expires then, in the middle of its schedule too") {
  EngineSession session{contract::each_steady_store(), with(exact_waits({0s, 5s, 1000s}))};
  session.subscribe("one");
  session.transport->answer(500);
  PublishOptions options;
  options.expires_at = session.clock->now() + 20s;
  session.publish("order.paid", 1, options);
  session.pass(19s);
  CHECK(session.publisher->stats().pending == 1);
  session.pass(1s);
  CHECK(session.transport->sent_at() == Times{0s, 5s});
  const auto rows = session.publisher->deliveries();
  REQUIRE(rows.size() == 1);
  CHECK(rows[0].status == DeliveryStatus::expired);
  CHECK(rows[0].attempts.size() == 2);
  CHECK(session.publisher->stats().expired == 1);
  CHECK(session.publisher->stats().dead == 0);
  CHECK(session.recorder->dead().empty());
}

TEST_CASE("what expires before its first attempt expires then, and not when it would have been sent") {
  EngineSession session{contract::each_steady_store(), with(exact_waits({60s}))};
  session.subscribe("one");
  session.publish("order.paid", 1, {.expires_at = session.clock->now() + 20s});
  session.pass(20s);
  CHECK(session.publisher->stats().expired == 1);
  CHECK(session.transport->requests().empty());
}

TEST_CASE("times that make no sense are invalid") {
  EngineSession session{contract::each_steady_store()};
  const auto now = session.clock->now();
  CHECK(session.publish("a", 1, {.expires_at = now}).status == PublishStatus::invalid);
  CHECK(session.publish("a", 1, {.expires_at = now}).reason.substr(0, 10) == "expires_at");
  CHECK(session.publish("a", 1, {.deliver_at = now + 2s, .expires_at = now + 2s}).reason.substr(0, 10) == "deliver_at");
  CHECK(session.publish("a", 1, {.deliver_at = now + 1s, .expires_at = now + 2s}));
}

TEST_CASE("a jump of the wall clock moves no delay") {
  EngineSession session{contract::each_steady_store(), with(exact_waits({0s, 60s, 60s}))};
  session.subscribe("one");
  session.transport->answer(500);
  session.publish();
  session.settle();
  session.clock->jump_wall(1h);
  session.pass(60s);
  session.clock->jump_wall(-2h);
  session.pass(60s);
  CHECK(session.transport->sent_at() == Times{0s, 60s, 120s});
}

TEST_CASE("an attempt that shutdown cancels spends nothing") {
  auto options = with(exact_waits({0s, 1s}));
  options.threads = 0;
  options.shutdown_timeout = 0ms;
  options.url_policy = contract::internal;
  options.store = contract::each_steady_store().make();
  const auto clock = std::make_shared<ManualClock>();
  options.clock = clock;
  {
    const auto transport = std::make_shared<RecordingTransport>(clock);
    transport->hang();
    Publisher publisher{transport, options};
    publisher.subscribe({.url = "http://127.0.0.1/one"});
    publisher.publish(Event{"order.paid", 1, {}, {}});
    publisher.settle(0ms);
    CHECK(publisher.stats().in_flight == 1);
  }
  const auto transport = std::make_shared<RecordingTransport>(clock);
  transport->answer(500);
  Publisher publisher{transport, options};
  for (int i = 0; i < 200; ++i) {  // a take-over begins with one request, and the breaker is open after that
    publisher.settle(0ms);
    clock->advance(1s);
  }
  CHECK(transport->requests().size() == 2);
  const auto rows = publisher.deliveries();
  REQUIRE(rows.size() == 1);
  CHECK(rows[0].status == DeliveryStatus::dead);
  CHECK(rows[0].attempts.size() == 2);
}
