#include "catch.hpp"
#include "contract/engine_session.hpp"

#include <flyhook/error.hpp>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

// Why an event went where it went.

using namespace flyhook;
using contract::EngineSession;
using contract::exact_waits;
using contract::with;
using namespace std::chrono_literals;

namespace {

/// "id: reason", for each subscription.
std::vector<std::string> reasons(EngineSession& session, const EventId& event) {
  std::vector<std::string> all;
  for (const auto& each : session.publisher->explain(event)) all.push_back(each.subscription_id.value + ": " + each.reason);
  return all;
}

Explanation only(EngineSession& session, const EventId& event) {
  const auto all = session.publisher->explain(event);
  REQUIRE(all.size() == 1);
  return all[0];
}

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("explain says of each subscription of the tenant why it did or did not get an event") {
  EngineSession session{contract::each_steady_store()};
  session.subscribe("a-gets-it");
  session.subscribe("b-other-type", {"invoice.*"});
  session.subscribe("c-filter");
  SubscriptionPatch patch;
  patch.filter = R"({"/n": 2})";
  session.publisher->update({"c-filter"}, patch);
  session.subscribe("d-disabled");
  patch = {};
  patch.enabled = false;
  session.publisher->update({"d-disabled"}, patch);
  Subscription other;
  other.url = "http://127.0.0.1/other";
  other.tenant = "other";
  other.id = {"e-other-tenant"};
  session.publisher->subscribe(other);
  const auto event = session.publish("order.paid", {{"n", 1}}).id;
  session.settle();
  session.clock->advance(1s);
  session.subscribe("f-late");
  CHECK(reasons(session, event) == Texts{"a-gets-it: delivered after 1 attempt: answered 200",
                                         "b-other-type: none of its patterns matches \"order.paid\"",
                                         "c-filter: its filter does not let the event pass", "d-disabled: it is disabled",
                                         "f-late: it was subscribed after the event was published"});
  const auto all = session.publisher->explain(event);
  CHECK(all[0].matched);
  REQUIRE(all[0].delivery_id);
  CHECK(all[0].delivery_id == session.publisher->deliveries().at(0).id);
  CHECK_FALSE(all[1].matched);
  CHECK_FALSE(all[2].matched);
  CHECK(all[3].matched);
  CHECK_FALSE(all[3].delivery_id);
  CHECK(all[4].matched);
}

TEST_CASE("an event that matched nothing is explained, until it is erased or a thousand later ones have come") {
  EngineSession session{contract::each_steady_store()};
  session.subscribe("one", {"invoice.*"});
  const auto first = session.publish().id;
  const auto second = session.publish().id;
  CHECK(reasons(session, first) == Texts{"one: none of its patterns matches \"order.paid\""});
  session.publisher->erase(first);
  CHECK_THROWS_AS(session.publisher->explain(first), Error);
  for (int i = 0; i < 1'000; ++i) session.publish();
  session.settle();
  CHECK_THROWS_AS(session.publisher->explain(second), Error);
}

TEST_CASE("explain of an event that nobody knows is not found") {
  EngineSession session{contract::each_store()};
  try {
    session.publisher->explain({"nobody"});
    FAIL("it was found");
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::not_found);
    CHECK(std::string{error.what()}.find("nobody") != std::string::npos);
  }
}

TEST_CASE("explain says what a delivery waits for") {
  EngineSession session{contract::each_steady_store(), with(exact_waits({0s, 600s}), {2, 3'600'000ms})};
  session.subscribe("one");
  SECTION("a retry") {
    session.transport->answer(500);
    const auto event = session.publish().id;
    session.settle();
    const auto explained = only(session, event);
    CHECK(explained.reason == "waits after 1 attempt: answered 500; its next attempt is for later");
    CHECK(explained.next_attempt_at == session.clock->now() + 600s);
  }
  SECTION("deliver_at") {
    PublishOptions options;
    options.deliver_at = session.clock->now() + 60s;
    const auto event = session.publish("order.paid", 1, options).id;
    session.settle();
    CHECK(only(session, event).reason == "waits without an attempt; its first attempt is for later");
  }
  SECTION("a resume") {
    session.publisher->pause({"one"});
    const auto event = session.publish().id;
    session.settle();
    CHECK(only(session, event).reason == "waits without an attempt; the subscription is paused");
  }
  SECTION("Retry-After") {
    session.transport->answer(503, {{"retry-after", "3600"}});
    session.publish();
    session.settle();
    const auto event = session.publish().id;
    session.settle();
    CHECK(only(session, event).reason == "waits without an attempt; the endpoint asked to be left alone (Retry-After)");
    CHECK(only(session, event).next_attempt_at > session.clock->now() + 3500s);
  }
  SECTION("an endpoint that fails") {
    session.transport->answer(500);
    session.publish();
    session.publish();
    session.settle();
    const auto event = session.publish().id;
    session.settle();
    CHECK(only(session, event).reason ==
          "waits without an attempt; the endpoint has failed too often in a row and is tried now and then");
  }
  SECTION("an earlier one") {
    SubscriptionPatch patch;
    patch.ordering = Ordering::strict;
    session.publisher->update({"one"}, patch);
    session.transport->answer(500);
    session.publish();
    session.settle();
    const auto event = session.publish().id;
    session.settle();
    CHECK(only(session, event).reason == "waits without an attempt; an earlier one in its order has not ended");
  }
  SECTION("the rate limit") {
    SubscriptionPatch patch;
    patch.rate_limit = RateLimit{0.01, 1};
    session.publisher->update({"one"}, patch);
    session.publish();
    session.settle();
    const auto event = session.publish().id;
    session.settle();
    CHECK(only(session, event).reason == "waits without an attempt; the subscription's rate_limit holds it back");
  }
  SECTION("an answer") {
    session.transport->hang();
    const auto event = session.publish().id;
    session.publisher->settle(0ms);
    CHECK(only(session, event).reason == "attempt 1 is under way");
  }
}

TEST_CASE("explain says how a delivery ended") {
  EngineSession session{contract::each_steady_store()};
  session.subscribe("one");
  session.transport->fail_with("timeout: no answer");
  const auto dead = session.publish().id;
  session.settle();
  CHECK(only(session, dead).reason.starts_with("dead ("));
  CHECK(only(session, dead).reason.ends_with(") after 1 attempt: timeout: no answer"));
  session.publisher->pause({"one"});
  const auto cancelled = session.publish().id;
  session.settle();
  session.publisher->cancel(cancelled);
  CHECK(only(session, cancelled).reason == "cancelled (cancelled) without an attempt");
  session.publisher->unsubscribe({"one"});
  CHECK(only(session, dead).subscription_id == SubscriptionId{"one"});
}

TEST_CASE("of an event that was sent, explain says what became of it and speaks of no subscription") {
  EngineSession session{contract::each_steady_store()};
  session.subscribe("one");
  Target target;
  target.url = "http://127.0.0.1/callback";
  const auto sent = session.publisher->send(target, {"order.paid", 1, {}, {}}).id;
  CHECK(only(session, sent).reason == "waits without an attempt; it is next to be sent");
  session.settle();
  CHECK(reasons(session, sent) == Texts{": delivered after 1 attempt: answered 200"});
  const auto test = session.publisher->send_test({"one"});
  session.settle();
  CHECK(reasons(session, test) == Texts{"one: delivered after 1 attempt: answered 200"});
  session.publisher->erase(test);
  CHECK(reasons(session, test) == Texts{"one: delivered after 1 attempt: answered 200"});
}
