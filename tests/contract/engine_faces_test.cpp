#include "catch.hpp"
#include "contract/engine_session.hpp"

#include <flyhook/detail/run/engine.hpp>
#include <flyhook/error.hpp>
#include <flyhook/store/memory.hpp>

#include <atomic>
#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <thread>
#include <utility>

// What the library's faces ask of the engine: one delivery of the log, whose it is, a subscription that must be a new one,
// and whether it is stopped.

using namespace flyhook;
using contract::EngineSession;
using namespace std::chrono_literals;

namespace {

/// An engine without the publisher over it, as the faces of the library see it.
class BareEngine {
 public:
  explicit BareEngine(const contract::StoreUnderTest& store) {
    Options options;
    options.threads = 0;
    options.url_policy = contract::internal;
    options.retry = RetryPolicy::none();
    options.transport = transport;
    options.store = store.make();
    options.clock = clock;
    engine = detail::Engine::start(std::move(options));
  }
  BareEngine(const BareEngine&) = delete;
  BareEngine& operator=(const BareEngine&) = delete;
  ~BareEngine() { engine->stop(0ms); }

  /// To the URL of no subscription, so that each event has one delivery.
  EventId send(const std::string& tenant) {
    auto event = std::make_unique<detail::TypedEvent<Event>>(Event{"order.paid", 1, tenant, {}});
    event->recipient = detail::recipient_of(Target{.url = "http://127.0.0.1/callback"});
    return engine->publish(std::move(event)).id;
  }
  DeliveryId delivery_of(const EventId& event) {
    DeliveryQuery query;
    query.event_id = event;
    return engine->deliveries(query).at(0).id;
  }

  std::shared_ptr<ManualClock> clock = std::make_shared<ManualClock>();
  std::shared_ptr<RecordingTransport> transport = std::make_shared<RecordingTransport>(clock);
  std::shared_ptr<detail::Engine> engine{};
};

Subscription named(const std::string& id, const std::string& tenant = {}) {
  Subscription subscription;
  subscription.url = "http://127.0.0.1/" + id;
  subscription.tenant = tenant;
  subscription.id = {id};
  return subscription;
}

}  // namespace

// The log ---------------------------------------------------------------------------------------------------------------

TEST_CASE("a delivery is found by its id, with every attempt, the oldest and the newest one too") {
  EngineSession session{contract::each_steady_store(), contract::with(contract::exact_waits({0s, 5s}))};
  session.subscribe("one");
  session.transport->answer(500);
  for (int i = 0; i < 5; ++i) session.publish();
  session.pass(10s);
  const auto all = session.publisher->deliveries();
  REQUIRE(all.size() == 5);
  for (const auto& each : all) {
    const auto found = session.publisher->delivery(each.id);
    REQUIRE(found);
    CHECK(found->id == each.id);
    CHECK(found->event_id == each.event_id);
    CHECK(found->status == DeliveryStatus::dead);
    CHECK(found->attempts.size() == 2);
    CHECK(found->attempt_count == 2);
  }
}

TEST_CASE("what is no delivery's id is not found, however it looks") {
  EngineSession session{contract::each_store()};
  const auto newest = [&] { return detail::delivery_sequence(session.publisher->deliveries().at(0).id.value).value(); };
  CHECK_FALSE(session.publisher->delivery({detail::delivery_text(1)}));
  session.subscribe("one");
  session.publish();
  session.settle();
  CHECK(session.publisher->delivery({detail::delivery_text(newest())}));
  for (const auto& id : {detail::delivery_text(newest() + 1), detail::delivery_text(newest() + 2), detail::delivery_text(0),
                         detail::delivery_text(~std::uint64_t{0}), detail::delivery_text(~std::uint64_t{0} - 1),
                         std::string{}, std::string{"dlv_"}, std::string{"nonsense"}, std::string{"dlv_ZZZZZZZZZZZZZ"}}) {
    CAPTURE(id);
    CHECK_FALSE(session.publisher->delivery({id}));
  }
}

TEST_CASE("a delivery that is gone from the log is not found, and not taken for an older one") {
  auto options = contract::with(RetryPolicy::none());
  Retention retention;
  retention.max_deliveries = 3;
  contract::StoreUnderTest store;
  store.make_bounded = [&](std::size_t) { return std::make_unique<MemoryStore>(retention); };
  EngineSession session{store, options};
  session.subscribe("paused");  // first, so that what stays is the older one
  session.publisher->pause({"paused"});
  session.subscribe("one");
  session.publish();
  session.settle();
  const auto first = session.publisher->deliveries();
  REQUIRE(first.size() == 2);
  for (int i = 0; i < 5; ++i) {
    session.publish();
    session.settle();
  }
  CHECK(first[0].subscription_id == SubscriptionId{"one"});
  CHECK_FALSE(session.publisher->delivery(first[0].id));
  CHECK(session.publisher->delivery(first[1].id)->status == DeliveryStatus::pending);
}

TEST_CASE("one that is under way says so") {
  EngineSession session{contract::each_steady_store()};
  session.subscribe("one");
  session.transport->answer_after(10s, 200);
  session.publish();
  session.publisher->settle(0ms);
  const auto id = session.publisher->deliveries().at(0).id;
  CHECK(session.publisher->delivery(id)->status == DeliveryStatus::in_flight);
  session.clock->advance(10s);
  session.settle();
  CHECK(session.publisher->delivery(id)->status == DeliveryStatus::delivered);
}

TEST_CASE("a delivery is found for whose it is and nobody else, and for what else is asked of it") {
  BareEngine bare{contract::each_store()};
  auto& engine = *bare.engine;
  const auto norths = bare.send("north"), souths = bare.send("south"), nobodys = bare.send("");
  while (!engine.settle(0ms)) bare.clock->advance(100ms);
  DeliveryQuery north, none, both;
  north.tenant = "north";
  none.without_tenant = true;
  both.tenant = "north";
  both.without_tenant = true;
  for (const auto& event : {norths, souths, nobodys}) {
    const auto id = bare.delivery_of(event);
    CHECK(engine.delivery(id)->event_id == event);
    CHECK(engine.delivery(id, north).has_value() == (event == norths));
    CHECK(engine.delivery(id, none).has_value() == (event == nobodys));
    DeliveryQuery also = north;
    also.event_id = norths;
    also.status = DeliveryStatus::delivered;
    also.subscription_id = SubscriptionId{};
    CHECK(engine.delivery(id, also).has_value() == (event == norths));
    CHECK_THROWS_AS(engine.delivery(id, both), Error);
  }
  const auto id = bare.delivery_of(norths);
  const auto finds = [&](auto change) {
    DeliveryQuery also;
    change(also);
    return engine.delivery(id, also).has_value();
  };
  CHECK_FALSE(finds([&](DeliveryQuery& also) { also.event_id = souths; }));
  CHECK_FALSE(finds([](DeliveryQuery& also) { also.subscription_id = SubscriptionId{"other"}; }));
  CHECK_FALSE(finds([](DeliveryQuery& also) { also.status = DeliveryStatus::dead; }));
}

TEST_CASE("the log is listed of events without a tenant alone, and not of a tenant at the same time") {
  EngineSession session{contract::each_store()};
  session.publisher->subscribe({.url = "http://127.0.0.1/north", .tenant = "north"});
  session.publisher->subscribe({.url = "http://127.0.0.1/none"});
  const auto ours = session.publisher->publish(Event{"order.paid", 1, {}, {}});
  session.publisher->publish(Event{"order.paid", 2, "north", {}});
  session.settle();
  DeliveryQuery query;
  CHECK(session.publisher->deliveries(query).size() == 2);
  query.without_tenant = true;
  REQUIRE(session.publisher->deliveries(query).size() == 1);
  CHECK(session.publisher->deliveries(query)[0].event_id == ours.id);
  query.tenant = "north";
  try {
    session.publisher->deliveries(query);
    FAIL("was taken");
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::invalid);
    CHECK(error.field() == "without_tenant");
  }
}

TEST_CASE("an event is found as it was published, also one that matched nothing; no other one is") {
  BareEngine bare{contract::each_store()};
  const auto sent = bare.send("north");
  const auto unmatched =
      bare.engine->publish(std::make_unique<detail::TypedEvent<Event>>(Event{"order.paid", 1, "south", {}})).id;
  while (!bare.engine->settle(0ms)) bare.clock->advance(100ms);
  CHECK(bare.engine->find_event(sent)->tenant == "north");
  CHECK(bare.engine->find_event(unmatched)->tenant == "south");
  try {
    bare.engine->find_event({"nothing"});
    FAIL("was found");
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::not_found);
  }
}

// Subscriptions ---------------------------------------------------------------------------------------------------------

TEST_CASE("creating makes a subscription that was not there, and changes none that was, whoever it belongs to") {
  BareEngine bare{contract::each_store()};
  auto& engine = *bare.engine;
  CHECK(engine.create(named("crm", "north")) == SubscriptionId{"crm"});
  for (const char* tenant : {"north", "south", ""}) {
    auto again = named("crm", tenant);
    again.description = "another";
    try {
      engine.create(again);
      FAIL("was created");
    } catch (const Error& error) {
      CHECK(error.code() == ErrorCode::conflict);
      CHECK(error.field() == "id");
      CHECK(std::string{error.what()}.find("north") == std::string::npos);
    }
  }
  CHECK(engine.subscriptions().find({"crm"})->subscription.description.empty());
  Subscription nameless = named("");
  CHECK(engine.create(nameless).value.starts_with("sub_"));
  CHECK(engine.create(nameless).value.starts_with("sub_"));
  CHECK(engine.subscriptions().list({}).size() == 3);

  auto event = std::make_unique<detail::TypedEvent<Event>>(Event{"order.paid", 1, "north", {}});
  engine.publish(std::move(event));
  while (!engine.settle(0ms)) bare.clock->advance(100ms);
  CHECK(bare.transport->requests().size() == 1);
  CHECK(engine.unsubscribe({"crm"}));
  CHECK(engine.create(named("crm", "south")) == SubscriptionId{"crm"});
}

TEST_CASE("a change of the subscription that was seen leaves one that was made under its id since alone") {
  BareEngine bare{contract::each_store()};
  auto& engine = *bare.engine;
  engine.create(named("crm", "north"));
  const auto seen = engine.subscriptions().find({"crm"})->lane;
  SubscriptionPatch patch;
  patch.description = "mine";
  CHECK(engine.update({"crm"}, patch, seen));
  CHECK_FALSE(engine.rotate_secret({"crm"}, 0s, seen).empty());

  CHECK(engine.unsubscribe({"crm"}));
  engine.create(named("crm", "south"));
  const auto secret = engine.subscriptions().find({"crm"})->subscription.secret;
  CHECK_FALSE(engine.update({"crm"}, patch, seen));
  CHECK_THROWS_AS(engine.rotate_secret({"crm"}, 0s, seen), Error);
  CHECK(engine.subscriptions().find({"crm"})->subscription.description.empty());
  CHECK(engine.subscriptions().find({"crm"})->subscription.secret == secret);
}

TEST_CASE("of two that create the same subscription at the same time exactly one does") {
  BareEngine bare{contract::each_store()};
  auto& engine = *bare.engine;
  constexpr int rounds = 50;
  std::atomic<int> created{0}, conflicts{0}, others{0}, ready{0};
  const auto create_all = [&](const std::string& tenant) {
    for (int round = 0; round < rounds; ++round) {
      ++ready;
      while (ready.load() < 2 * (round + 1)) std::this_thread::yield();
      try {
        engine.create(named("sub-" + std::to_string(round), tenant));
        ++created;
      } catch (const Error& error) {
        ++(error.code() == ErrorCode::conflict && error.field() == "id" ? conflicts : others);
      } catch (const std::exception&) {
        ++others;
      }
    }
  };
  std::thread other{[&] { create_all("south"); }};
  create_all("north");
  other.join();
  CHECK(created == rounds);
  CHECK(conflicts == rounds);
  CHECK(others == 0);
  CHECK(engine.subscriptions().list({}).size() == rounds);
}

// Stopped ---------------------------------------------------------------------------------------------------------------

TEST_CASE("an engine says whether it was stopped") {
  BareEngine bare{contract::each_store()};
  CHECK_FALSE(bare.engine->is_stopped());
  bare.engine->stop(0ms);
  CHECK(bare.engine->is_stopped());
}
