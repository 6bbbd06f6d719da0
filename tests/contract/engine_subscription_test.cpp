#include "catch.hpp"
#include "contract/engine_session.hpp"

#include <flyhook/error.hpp>

#include <algorithm>

using namespace flyhook;
using contract::EngineSession;
using namespace std::chrono_literals;

TEST_CASE("a subscription gets what is published after it, and nothing published before") {
  EngineSession session{contract::each_store()};
  session.publish("order.created");
  session.settle();
  session.subscribe("one");
  session.publish("order.paid");
  session.settle();
  REQUIRE(session.sent_bodies().size() == 1);
  CHECK(session.sent_bodies()[0]["type"] == "order.paid");
}

TEST_CASE("while paused deliveries wait; resumed they are sent, the oldest first") {
  EngineSession session{contract::each_store()};
  const auto id = session.subscribe("one");
  CHECK(session.publisher->pause(id));
  CHECK(session.publisher->subscription(id)->paused);
  for (int i = 0; i < 5; ++i) session.publish("order.paid", i);
  session.settle();
  CHECK(session.sent_to().empty());
  CHECK(session.publisher->stats().pending == 5);
  CHECK_FALSE(session.publisher->drain(10s));  // at once: nothing of it can become due
  CHECK(session.publisher->resume(id));
  session.settle();
  const auto bodies = session.sent_bodies();
  REQUIRE(bodies.size() == 5);
  for (int i = 0; i < 5; ++i) CHECK(bodies[static_cast<std::size_t>(i)]["data"] == i);
  CHECK(session.publisher->drain(10s));
}

TEST_CASE("pausing returns what was claimed and not sent") {
  EngineSession session{contract::each_store(), {.max_in_flight_per_endpoint = 1}};
  const auto id = session.subscribe("one");
  session.transport->answer_after(1s, 200);
  for (int i = 0; i < 10; ++i) session.publish("order.paid", i);
  session.settle();
  session.publisher->pause(id);
  session.settle();
  const auto sent = session.sent_to().size();
  session.clock->advance(60s);
  session.settle();
  CHECK(session.sent_to().size() == sent);
  session.publisher->resume(id);
  for (int i = 0; i < 20; ++i) {
    session.settle();
    session.clock->advance(1s);
  }
  CHECK(session.recorder->delivered().size() == 10);
  CHECK(session.sent_to().size() == 10);
}

TEST_CASE("unsubscribing cancels what waits and lets what is under way end as it ends") {
  EngineSession session{contract::each_store(), {.max_in_flight_per_endpoint = 2}};
  const auto id = session.subscribe("one");
  session.transport->answer_after(30s, 200);
  for (int i = 0; i < 10; ++i) session.publish();
  session.settle();
  const auto sent = session.sent_to().size();
  CHECK(session.publisher->unsubscribe(id));
  CHECK_FALSE(session.publisher->unsubscribe(id));
  CHECK_FALSE(session.publisher->subscription(id));
  session.settle();
  session.clock->advance(60s);
  session.settle();
  session.publish();
  session.settle();
  CHECK(session.sent_to().size() == sent);
  const auto stats = session.publisher->stats();
  CHECK(stats.delivered + stats.dead + stats.cancelled == 10);
  CHECK(stats.cancelled == 10 - sent);
  CHECK(stats.pending == 0);
  CHECK(session.publisher->deliveries({.status = DeliveryStatus::cancelled}).size() == 10 - sent);
  CHECK(session.publisher->drain(1s));
}

TEST_CASE("disabling makes what waits dead, and makes no more; enabling makes new ones again") {
  EngineSession session{contract::each_store()};
  const auto id = session.subscribe("one");
  session.publisher->pause(id);
  session.publish();
  session.settle();
  CHECK(session.publisher->update(id, {.enabled = false, .paused = false}));
  session.settle();
  session.publish();
  session.settle();
  CHECK(session.sent_to().empty());
  REQUIRE(session.publisher->deliveries().size() == 1);
  CHECK(session.publisher->deliveries()[0].status == DeliveryStatus::dead);
  CHECK(session.publisher->deliveries()[0].reason == "disabled");
  CHECK(session.publisher->stats().dead == 1);
  session.publisher->update(id, {.enabled = true});
  session.publish();
  session.settle();
  CHECK(session.sent_to().size() == 1);
}

TEST_CASE("an update counts for what is sent after it") {
  EngineSession session{contract::each_store()};
  const auto id = session.subscribe("old", {"order.*"});
  session.publish("order.paid");
  session.settle();
  CHECK(session.publisher->update(id, {.url = "http://127.0.0.1/new", .events = std::vector<std::string>{"user.*"}}));
  session.publish("order.paid");
  session.publish("user.created");
  session.settle();
  CHECK(session.sent_to() == std::vector<std::string>{"old", "new"});
  CHECK_FALSE(session.publisher->update({"nobody"}, {.url = "http://127.0.0.1/"}));
}

TEST_CASE("subscribing with a known id updates in place and keeps what is not the caller's to say") {
  EngineSession session{contract::each_store()};
  const auto id = session.subscribe("one");
  session.publisher->pause(id);
  session.publish();
  session.settle();
  const auto created = session.publisher->subscription(id)->created_at;
  session.clock->advance(1h);
  CHECK(session.publisher->subscribe({.url = "http://127.0.0.1/two", .description = "new", .id = id}) == id);
  const auto now = session.publisher->subscription(id);
  CHECK(now->url == "http://127.0.0.1/two");
  CHECK(now->description == "new");
  CHECK(now->paused);
  CHECK(now->created_at == created);
  CHECK(session.publisher->reveal_secret(id) == contract::secret);  // an empty one keeps it
  session.publisher->resume(id);
  session.settle();
  CHECK(session.sent_to() == std::vector<std::string>{"two"});
  CHECK(session.publisher->subscriptions().size() == 1);
}

TEST_CASE("an id of another tenant is a conflict and changes nothing") {
  EngineSession session{contract::each_store()};
  session.publisher->subscribe({.url = "http://127.0.0.1/a", .tenant = "a", .id = {"x"}});
  try {
    session.publisher->subscribe({.url = "http://127.0.0.1/b", .tenant = "b", .id = {"x"}});
    FAIL("was accepted");
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::conflict);
    CHECK(error.field() == "id");
  }
  CHECK(session.publisher->subscription({"x"})->url == "http://127.0.0.1/a");
}

TEST_CASE("secrets and credentials read back masked, and a masked one given is refused") {
  EngineSession session{contract::each_store()};
  Subscription subscription{.url = "http://127.0.0.1/a", .secret = contract::secret, .id = {"x"}};
  subscription.headers = {{"Authorization", "Bearer abc"}, {"X-Api-Key", "k"}, {"x-colour", "red"}};
  session.publisher->subscribe(subscription);
  auto shown = *session.publisher->subscription({"x"});
  CHECK(shown.secret.find(contract::secret.substr(6)) == std::string::npos);
  CHECK(*find_header(shown.headers, "authorization") == "********");
  CHECK(*find_header(shown.headers, "x-api-key") == "********");
  CHECK(*find_header(shown.headers, "x-colour") == "red");
  CHECK_THROWS_AS(session.publisher->subscribe(shown), Error);
  shown.secret.clear();
  CHECK_THROWS_AS(session.publisher->subscribe(shown), Error);
  CHECK(session.publisher->reveal_secret({"x"}) == contract::secret);
  CHECK_FALSE(session.publisher->reveal_secret({"nobody"}));
}

TEST_CASE("a subscription without a secret gets one") {
  EngineSession session{contract::each_store()};
  const auto id = session.publisher->subscribe({.url = "http://127.0.0.1/a"});
  CHECK(id.value.starts_with("sub_"));
  CHECK(session.publisher->reveal_secret(id)->starts_with("whsec_"));
}

TEST_CASE("tenants share nothing") {
  EngineSession session{contract::each_store()};
  session.publisher->subscribe({.url = "http://127.0.0.1/a", .tenant = "a"});
  session.publisher->subscribe({.url = "http://127.0.0.1/b", .tenant = "b"});
  session.publisher->subscribe({.url = "http://127.0.0.1/none"});
  session.publisher->publish(Event{"x", 1, "a", {}});
  session.settle();
  CHECK(session.sent_to() == std::vector<std::string>{"a"});
  session.publish("x");
  session.settle();
  CHECK(session.sent_to() == std::vector<std::string>{"a", "none"});
  session.publish("x", 1, {.tenant = "b"});
  session.settle();
  CHECK(session.sent_to() == std::vector<std::string>{"a", "none", "b"});
  CHECK(session.publisher->deliveries({.tenant = "a"}).size() == 1);
}

TEST_CASE("subscriptions are listed in pages by tenant and type") {
  EngineSession session{contract::each_store()};
  for (int i = 0; i < 25; ++i)
    session.publisher->subscribe({.url = "http://127.0.0.1/a",
                                  .events = {i % 2 == 0 ? "order.*" : "user.*"},
                                  .tenant = i < 20 ? "t" : "u",
                                  .id = {"s" + std::to_string(100 + i)}});
  std::vector<std::string> seen;
  SubscriptionQuery query{.tenant = "t", .event_type = "order.paid", .limit = 3};
  for (auto page = session.publisher->subscriptions(query); !page.empty(); page = session.publisher->subscriptions(query)) {
    CHECK(page.size() <= 3);
    for (const auto& subscription : page) seen.push_back(subscription.id.value);
    query.cursor = page.back().id.value;
  }
  CHECK(seen.size() == 10);
  CHECK(std::is_sorted(seen.begin(), seen.end()));
}

TEST_CASE("a tenant has at most as many subscriptions as it may") {
  EngineSession session{contract::each_store(), {.max_subscriptions_per_tenant = 2}};
  session.subscribe("a");
  session.subscribe("b");
  session.subscribe("b");  // an update is no new one
  try {
    session.subscribe("c");
    FAIL("was accepted");
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::conflict);
    CHECK(error.field() == "tenant");
  }
  session.publisher->subscribe({.url = "http://127.0.0.1/a", .tenant = "other"});
  session.publisher->unsubscribe({"a"});
  session.subscribe("c");
  CHECK(session.publisher->subscriptions({.tenant = ""}).size() == 2);
}

TEST_CASE("with a catalogue, unknown types and patterns that match none are refused") {
  EngineSession session{contract::each_store(), {.event_types = {{.name = "order.paid"}, {.name = "user.created"}}}};
  session.subscribe("one", {"order.*"});
  CHECK_THROWS_AS(session.subscribe("two", {"invoice.*"}), Error);
  session.subscribe("tests", {"webhook.test", "flyhook.*"});
  CHECK(session.publish("order.paid"));
  const auto refused = session.publish("order.shipped");
  CHECK(refused.status == PublishStatus::invalid);
  CHECK(refused.reason.find("order.shipped") != std::string::npos);
  REQUIRE(session.publisher->event_types().size() == 2);
  CHECK(session.publisher->event_types()[0].name == "order.paid");
}
