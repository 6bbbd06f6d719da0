#include "catch.hpp"
#include "contract/engine_session.hpp"

#include <flyhook/error.hpp>

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

// Deliveries and endpoints that end otherwise than by their schedule: 410 and endpoints that failed for too long, cancel,
// replay, erase.

using namespace flyhook;
using contract::EngineSession;
using contract::exact_waits;
using contract::with;
using namespace std::chrono_literals;

namespace {

using Names = std::vector<std::string>;

std::vector<DeliveryRecord> rows_of(EngineSession& session, DeliveryStatus status) {
  DeliveryQuery query;
  query.status = status;
  return session.publisher->deliveries(query);
}

}  // namespace

// Disabled
// ------------------------------------------------------------------------------------------------------------------

TEST_CASE("410 disables: the delivery and what waits are dead, nothing more is made, and it is told once") {
  EngineSession session{contract::each_steady_store(), with(exact_waits({0s, 3600s}))};
  session.subscribe("one");
  session.transport->answer(500).answer(410).answer(200);
  session.publish("order.paid", 1);
  session.settle();
  session.publish("order.paid", 2);
  session.settle();
  const auto subscription = session.publisher->subscription({"one"});
  REQUIRE(subscription);
  CHECK_FALSE(subscription->enabled);
  CHECK(subscription->disabled_reason == "answered 410");
  CHECK(session.recorder->health() == Names{"disabled one: answered 410"});
  session.publish("order.paid", 3);
  session.pass(4000s, 100s);
  CHECK(session.transport->requests().size() == 2);
  const auto dead = session.recorder->dead();
  REQUIRE(dead.size() == 2);
  CHECK(dead[0].reason == "answered 410");
  CHECK(dead[1].reason == "disabled: answered 410");
  CHECK(session.publisher->stats().dead == 2);
  CHECK(session.publisher->stats().pending == 0);
}

TEST_CASE("several requests that are answered 410 disable once, and what is enabled again is sent to") {
  EngineSession session{contract::each_steady_store()};
  session.subscribe("one");
  session.transport->answer_after(1s, 410).answer_after(2s, 410).answer(200);
  session.publish("order.paid", 1);
  session.publish("order.paid", 2);
  session.settle();
  REQUIRE(session.transport->requests().size() == 2);
  session.pass(3s);
  CHECK(session.recorder->health() == Names{"disabled one: answered 410"});
  CHECK(session.publisher->enable({"one"}));
  session.publish("order.paid", 3);
  session.settle();
  CHECK(session.recorder->delivered().size() == 1);
}

TEST_CASE("a 410 that comes after its subscription was disabled does not outlast that") {
  EngineSession session{contract::each_steady_store()};
  session.subscribe("one");
  session.transport->answer_after(1s, 410).answer(200);
  session.publish("order.paid", 1);
  session.settle();
  session.publisher->update({"one"}, {.enabled = false});
  session.pass(2s);
  CHECK(session.publisher->enable({"one"}));
  session.publish("order.paid", 2);
  session.settle();
  CHECK(session.recorder->delivered().size() == 1);
}

TEST_CASE("what is enabled again gets what is published from then on") {
  EngineSession session{contract::each_steady_store()};
  session.subscribe("one");
  session.transport->answer(410).answer(200);
  session.publish("order.paid", 1);
  session.settle();
  CHECK(session.publisher->enable({"one"}));
  CHECK_FALSE(session.publisher->enable({"none"}));
  CHECK(session.publisher->subscription({"one"})->enabled);
  CHECK(session.publisher->subscription({"one"})->disabled_reason.empty());
  session.publish("order.paid", 2);
  session.settle();
  CHECK(session.recorder->delivered().size() == 1);
}

TEST_CASE("an endpoint without a success for disable_after is said to fail at half of it, and disabled then") {
  auto options = with(exact_waits({0s}));
  options.breaker.consecutive_failures = 1'000'000;
  options.disable_after = 20h;
  EngineSession session{contract::each_steady_store(), options};
  session.subscribe("one");
  session.transport->answer(500);
  for (int hour = 0; hour < 25; ++hour) {
    session.publish("order.paid", hour);
    session.settle();
    if (hour == 9) CHECK(session.recorder->health().empty());
    if (hour == 10) CHECK(session.recorder->health() == Names{"failing one: no delivery has succeeded for 10 h"});
    if (hour == 19) CHECK(session.publisher->subscription({"one"})->enabled);
    session.clock->advance(1h);
  }
  CHECK(session.recorder->health() ==
        Names{"failing one: no delivery has succeeded for 10 h", "disabled one: no delivery succeeded for 20 h"});
  CHECK_FALSE(session.publisher->subscription({"one"})->enabled);
  CHECK(session.publisher->subscription({"one"})->disabled_reason == "no delivery succeeded for 20 h");
  CHECK(session.transport->requests().size() == 21);
}

TEST_CASE("an endpoint that recovers in between is told of, and starts anew") {
  auto options = with(exact_waits({0s}));
  options.breaker.consecutive_failures = 1'000'000;
  options.disable_after = 20h;
  EngineSession session{contract::each_steady_store(), options};
  session.subscribe("one");
  for (int i = 0; i < 12; ++i) session.transport->answer(500);
  session.transport->answer(200).answer(500);
  for (int hour = 0; hour < 30; ++hour) {
    session.publish("order.paid", hour);
    session.settle();
    session.clock->advance(1h);
  }
  CHECK(session.recorder->health() == Names{"failing one: no delivery has succeeded for 10 h", "recovered one",
                                            "failing one: no delivery has succeeded for 10 h"});
  CHECK(session.publisher->subscription({"one"})->enabled);
}

TEST_CASE("a failure that is recorded after a later success is known disables nobody") {
  auto options = with(exact_waits({0s}));
  options.breaker.consecutive_failures = 1'000'000;
  options.disable_after = 20h;
  EngineSession session{contract::each_steady_store(), options};
  session.subscribe("one");
  for (int i = 0; i < 20; ++i) session.transport->answer(500);
  session.transport->answer_after(1s, 500).answer_after(2s, 200);
  for (int hour = 0; hour < 20; ++hour) {
    session.publish("order.paid", hour);
    session.settle();
    session.clock->advance(1h);
  }
  for (int i = 0; i < 2; ++i) session.publish("order.paid", i);
  session.publisher->settle(0ms);
  session.clock->advance(2s);  // both are answered before either is in the store
  session.settle();
  CHECK(session.recorder->health() == Names{"failing one: no delivery has succeeded for 10 h", "recovered one"});
  CHECK(session.publisher->subscription({"one"})->enabled);
}

// Cancel
// ----------------------------------------------------------------------------------------------------------------------

TEST_CASE("cancel ends what waits for a retry, of that event alone") {
  EngineSession session{contract::each_store(), with(exact_waits({0s, 100s}))};
  session.subscribe("one");
  session.subscribe("two");
  session.transport->answer(500);
  const auto event = session.publish("order.paid", 1);
  session.publish("order.paid", 2);
  session.settle();
  CHECK(session.publisher->cancel(event.id) == 2);
  CHECK(session.publisher->cancel(event.id) == 0);
  CHECK(session.publisher->cancel({"msg_unknown"}) == 0);
  CHECK(rows_of(session, DeliveryStatus::cancelled).size() == 2);
  CHECK(session.publisher->stats().cancelled == 2);
  session.pass(200s, 10s);
  CHECK(session.transport->requests().size() == 6);
}

TEST_CASE("cancel reaches what was published a moment ago, and what waits in a lane") {
  EngineSession session{contract::each_steady_store()};
  session.publisher->subscribe({.url = "http://127.0.0.1/one", .max_in_flight = 1, .id = {"one"}});
  session.transport->answer_after(10s, 200);
  session.publish("order.paid", 1);
  session.publisher->settle(0ms);
  const auto in_lane = session.publish("order.paid", 2);
  session.publisher->settle(0ms);
  const auto fresh = session.publish("order.paid", 3);
  CHECK(session.publisher->cancel(fresh.id) == 1);
  CHECK(session.publisher->cancel(in_lane.id) == 1);
  session.pass(60s);
  CHECK(session.transport->requests().size() == 1);
  CHECK(session.recorder->delivered().size() == 1);
  CHECK(rows_of(session, DeliveryStatus::cancelled).size() == 2);
}

TEST_CASE("cancel lets what is under way end, and does not try it again") {
  EngineSession session{contract::each_steady_store(), with(exact_waits({0s, 1s}))};
  session.subscribe("one");
  session.transport->answer_after(10s, 500);
  const auto event = session.publish();
  session.publisher->settle(0ms);
  CHECK(session.publisher->cancel(event.id) == 0);
  session.pass(60s);
  CHECK(session.transport->requests().size() == 1);
  const auto rows = rows_of(session, DeliveryStatus::cancelled);
  REQUIRE(rows.size() == 1);
  CHECK(rows[0].attempts.size() == 1);
  CHECK(session.publisher->stats().cancelled == 1);
}

TEST_CASE("in strict order a cancelled event holds nothing back") {
  EngineSession session{contract::each_steady_store(), with(exact_waits({0s, 3600s}))};
  session.publisher->subscribe({.url = "http://127.0.0.1/one", .ordering = Ordering::strict, .id = {"one"}});
  session.transport->answer(500).answer(200);
  const auto first = session.publish("order.paid", 1);
  session.publish("order.paid", 2);
  session.settle();
  CHECK(session.publisher->cancel(first.id) == 1);
  session.settle();
  CHECK(session.recorder->delivered().size() == 1);
}

// Replay and erase
// --------------------------------------------------------------------------------------------------------------

TEST_CASE("a dead delivery is replayed with the same id and a new schedule") {
  EngineSession session{contract::each_steady_store(), with(exact_waits({0s, 1s}))};
  session.subscribe("one");
  session.transport->answer(500);
  session.publish();
  session.pass(5s);
  auto rows = rows_of(session, DeliveryStatus::dead);
  REQUIRE(rows.size() == 1);
  CHECK(session.publisher->replay(rows[0].id));
  CHECK_FALSE(session.publisher->replay(rows[0].id));  // it has not ended
  session.pass(5s);
  rows = rows_of(session, DeliveryStatus::dead);
  REQUIRE(rows.size() == 1);
  REQUIRE(rows[0].attempts.size() == 4);
  CHECK(rows[0].attempts[1].trigger == AttemptTrigger::schedule);
  CHECK(rows[0].attempts[2].trigger == AttemptTrigger::replay);
  CHECK(rows[0].attempts[3].trigger == AttemptTrigger::schedule);
  const auto requests = session.transport->requests();
  for (const auto& request : requests)
    CHECK(*find_header(request.headers, "webhook-id") == *find_header(requests[0].headers, "webhook-id"));
}

TEST_CASE("a delivered one may be replayed, what is unknown or gone may not") {
  EngineSession session{contract::each_store()};
  session.subscribe("one");
  session.publish();
  session.settle();
  const auto rows = rows_of(session, DeliveryStatus::delivered);
  REQUIRE(rows.size() == 1);
  CHECK(session.publisher->replay(rows[0].id));
  session.settle();
  CHECK(session.transport->requests().size() == 2);
  CHECK(session.recorder->delivered().size() == 2);
  CHECK_FALSE(session.publisher->replay({"dlv_0000000000999"}));
  CHECK_FALSE(session.publisher->replay({"nonsense"}));
  session.publisher->unsubscribe({"one"});
  CHECK_FALSE(session.publisher->replay(rows[0].id));
}

TEST_CASE("what is erased is listed without its payload's traces, and cannot be replayed") {
  EngineSession session{contract::each_store(), with(exact_waits({0s, 100s}))};
  session.subscribe("one");
  session.subscribe("two");
  session.transport->answer(200, {}, "thanks, Ada Lovelace").answer(500, {}, "sorry, Ada Lovelace");
  const auto event = session.publish("user.created", {{"name", "Ada Lovelace"}});
  session.settle();
  CHECK(session.publisher->erase(event.id));
  CHECK_FALSE(session.publisher->erase({"msg_unknown"}));
  session.pass(200s, 10s);
  CHECK(session.transport->requests().size() == 2);
  const auto rows = session.publisher->deliveries();
  REQUIRE(rows.size() == 2);
  for (const auto& row : rows) {
    REQUIRE(row.attempts.size() == 1);
    CHECK(row.attempts[0].response_body.empty());
    CHECK_FALSE(session.publisher->replay(row.id));
  }
}

// Recover
// ---------------------------------------------------------------------------------------------------------------------

TEST_CASE("recover sends the dead of a time once more, and only counts when asked to") {
  EngineSession session{contract::each_steady_store()};
  session.subscribe("one");
  session.subscribe("two");
  session.transport->answer(500);
  for (int i = 0; i < 6; ++i) {
    session.publish("order.paid", i);
    session.settle();
    session.clock->advance(1h);
  }
  const auto start = session.clock->now() - 6h;
  session.transport->answer(200);
  CHECK(session.publisher->recover({"one"}, {.since = start, .dry_run = true}) == 6);
  CHECK(session.publisher->recover({"one"}, {.since = start + 1h, .until = start + 4h, .dry_run = true}) == 3);
  CHECK(session.transport->requests().size() == 12);
  CHECK(session.publisher->recover({"one"}, {.since = start + 1h, .until = start + 4h}) == 3);
  session.settle();
  CHECK(session.recorder->delivered().size() == 3);
  CHECK(session.publisher->recover({"one"}, {.since = start}) == 3);
  session.settle();
  CHECK(session.recorder->delivered().size() == 6);
  CHECK(session.publisher->recover({"one"}, {.since = start}) == 0);
}

TEST_CASE("recover brings what an endpoint missed while it was disabled, as far as it wants it") {
  EngineSession session{contract::each_steady_store()};
  session.subscribe("one", {"order.*"});
  session.subscribe("all");
  const auto start = session.clock->now();
  session.publisher->update({"one"}, {.enabled = false});
  for (const char* type : {"order.paid", "user.created", "order.sent"}) session.publish(type);
  session.settle();
  CHECK_THROWS_AS(session.publisher->recover({"one"}, {.since = start, .include_missed = true}), Error);
  session.publisher->enable({"one"});
  CHECK(session.publisher->recover({"one"}, {.since = start}) == 0);
  CHECK(session.publisher->recover({"one"}, {.since = start, .include_missed = true, .dry_run = true}) == 2);
  CHECK(session.publisher->recover({"one"}, {.since = start, .include_missed = true}) == 2);
  session.settle();
  const auto names = session.sent_to();
  CHECK(std::count(names.begin(), names.end(), "one") == 2);
  CHECK(session.publisher->recover({"one"}, {.since = start, .include_missed = true}) == 0);
}

TEST_CASE("recover says what is wrong with a request") {
  EngineSession session{contract::each_steady_store()};
  session.subscribe("one");
  const auto now = session.clock->now();
  CHECK_THROWS_WITH(session.publisher->recover({"none"}, {}), Catch::Contains("none"));
  CHECK_THROWS_WITH(session.publisher->recover({"one"}, {.since = now, .until = now}), Catch::Contains("until"));
}

TEST_CASE("of an endpoint with too much waiting the oldest goes, dead and told") {
  Options options;
  options.max_pending_per_endpoint = 3;
  EngineSession session{contract::each_steady_store(), options};
  session.subscribe("one");
  session.publisher->pause({"one"});
  for (int i = 0; i < 5; ++i) session.publish("order.paid", i);
  session.settle();
  const auto dead = session.recorder->dead();
  REQUIRE(dead.size() == 2);
  for (const auto& record : dead) CHECK(record.reason == "overflow");
  CHECK(session.publisher->stats().dead == 2);
  CHECK(session.publisher->stats().pending == 3);
  session.publisher->resume({"one"});
  session.settle();
  REQUIRE(session.sent_bodies().size() == 3);
  CHECK(session.sent_bodies()[0]["data"] == 2);
}

TEST_CASE("a 410 of the former URL does not disable the new one") {
  EngineSession session{contract::each_steady_store()};
  session.subscribe("one");
  session.transport->answer_after(10s, 410).answer(200);
  session.publish();
  session.publisher->settle(0ms);
  session.publisher->update({"one"}, {.url = "http://127.0.0.1/moved"});
  session.pass(20s);
  CHECK(session.publisher->subscription({"one"})->enabled);
  session.publish();
  session.settle();
  CHECK(session.recorder->delivered().size() == 1);
}

TEST_CASE("of very many that end together the first thousand are told one by one, and the rest as a number") {
  EngineSession session{contract::each_steady_store()};
  session.subscribe("one");
  session.publisher->pause({"one"});
  for (int i = 0; i < 1'500; ++i) session.publish("order.paid", i);
  session.settle();
  session.publisher->update({"one"}, {.enabled = false});
  session.settle();
  CHECK(session.recorder->dead().size() == 1'000);
  CHECK(session.publisher->stats().dead == 1'500);
  CHECK(session.recorder->errors() == Names{"500 more deliveries of one subscription are dead: disabled"});
}
