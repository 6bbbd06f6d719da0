#include "catch.hpp"
#include "contract/engine_session.hpp"

#include <flyhook/error.hpp>
#include <flyhook/http.hpp>
#include <flyhook/store/memory.hpp>
#include <flyhook/verifier.hpp>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

// Events that go to one URL, and tests of one subscription.

using namespace flyhook;
using contract::EngineSession;
using contract::exact_waits;
using contract::secret;
using contract::with;
using namespace std::chrono_literals;

namespace {

using Names = std::vector<std::string>;

Event paid() {
  return {"order.paid", {{"n", 1}}, {}, {}};
}

Target to(const std::string& name, const std::string& host = "127.0.0.1") {
  Target target;
  target.url = "http://" + host + "/" + name;
  return target;
}

bool verifies(const HttpRequest& request, const std::string& with_secret) {
  VerifierOptions options;
  options.secrets = {with_secret};
  options.now = [&] { return std::stoll(*find_header(request.headers, "webhook-timestamp")); };
  return Verifier{options}.verify(request.headers, *request.body).ok;
}

std::vector<DeliveryRecord> rows(EngineSession& session, const EventId& event) {
  DeliveryQuery query;
  query.event_id = event;
  return session.publisher->deliveries(query);
}

/// A policy that opens a breaker with the second failure in a row, for an hour.
constexpr BreakerPolicy second_failure{2, 3'600'000ms};

}  // namespace

// Send ------------------------------------------------------------------------------------------------------------------

TEST_CASE("what is sent goes to its URL alone, with its own secret and headers") {
  EngineSession session{contract::each_store()};
  session.subscribe("everything");
  auto target = to("callback");
  target.secret = secret;
  target.headers = {{"x-order", "7"}};
  const auto sent = session.publisher->send(target, paid());
  REQUIRE(sent);
  session.settle();
  CHECK(session.sent_to() == Names{"callback"});
  const auto request = session.transport->requests().at(0);
  CHECK(verifies(request, secret));
  CHECK(*find_header(request.headers, "webhook-id") == sent.id.value);
  CHECK(*find_header(request.headers, "x-order") == "7");
  CHECK(nlohmann::json::parse(*request.body).at("type") == "order.paid");
  const auto record = rows(session, sent.id).at(0);
  CHECK(record.status == DeliveryStatus::delivered);
  CHECK(record.subscription_id == SubscriptionId{});
  CHECK(record.attempts.at(0).url == target.url);
  CHECK(session.recorder->delivered().size() == 1);
  CHECK(session.publisher->stats().delivered == 1);
}

TEST_CASE("without a secret it is not signed, and each delivery of one origin has its own") {
  EngineSession session{contract::each_steady_store()};
  auto signed_one = to("signed");
  signed_one.secret = secret;
  session.publisher->send(to("plain"), paid());
  session.publisher->send(signed_one, paid());
  session.settle();
  const auto requests = session.transport->requests();
  REQUIRE(requests.size() == 2);
  CHECK(find_header(requests[0].headers, "webhook-signature") == nullptr);
  CHECK(find_header(requests[0].headers, "webhook-id") != nullptr);
  CHECK(verifies(requests[1], secret));
}

TEST_CASE("a target that can't be called is invalid, and names what is wrong") {
  EngineSession session{contract::each_store()};
  const auto refused = [&](Target target, const std::string& field) {
    const auto result = session.publisher->send(std::move(target), paid());
    CAPTURE(result.reason);
    CHECK(result.status == PublishStatus::invalid);
    CHECK(result.reason.starts_with(field));
  };
  refused({}, "url");
  refused({.url = "ftp://127.0.0.1/"}, "url");
  refused({.url = "http://10.0.0.1/"}, "url");
  auto target = to("x");
  target.secret = "whsec_short";
  refused(target, "secret");
  target = to("x");
  target.headers = {{"host", "example.com"}};
  refused(target, "headers");
  target = to("x");
  target.retry = exact_waits({});
  refused(target, "retry");
  CHECK(session.publisher->stats().rejected == 6);
  CHECK(session.publisher->send(to("x"), {"no type", {}, {}, {}}).status == PublishStatus::invalid);
  session.settle();
  CHECK(session.transport->requests().empty());
}

TEST_CASE("a target's retry policy is its own; dead, its delivery can be replayed") {
  EngineSession session{contract::each_steady_store()};
  session.transport->answer(500).answer(500).answer(200);
  auto target = to("callback");
  target.retry = exact_waits({0s, 60s});
  const auto sent = session.publisher->send(target, paid());
  session.pass(61s, 10s);
  CHECK(session.transport->sent_at().size() == 2);
  const auto record = rows(session, sent.id).at(0);
  CHECK(record.status == DeliveryStatus::dead);
  CHECK(session.recorder->dead().size() == 1);
  CHECK(session.publisher->replay(record.id));
  session.settle();
  CHECK(rows(session, sent.id).at(0).status == DeliveryStatus::delivered);
}

TEST_CASE("what a tenant sends to one origin shares its breaker; another origin or tenant does not") {
  EngineSession session{contract::each_steady_store(), with(exact_waits({0s, 1s, 1s, 1s}), second_failure)};
  session.transport->answer(500).answer(500).answer(200);
  session.publisher->send(to("a"), paid());
  session.pass(5s);
  CHECK(session.sent_to() == Names{"a", "a"});
  session.publisher->send(to("b"), paid());
  session.settle();
  CHECK(session.transport->requests().size() == 2);
  PublishOptions north;
  north.tenant = "north";
  session.publisher->send(to("c", "127.0.0.1:81"), paid());
  session.publisher->send(to("d"), paid(), north);
  session.settle();
  CHECK(session.sent_to() == Names{"a", "a", "c", "d"});
}

TEST_CASE("410 ends a delivery that was sent, and nothing is disabled") {
  EngineSession session{contract::each_store()};
  session.transport->answer(410).answer(200);
  const auto first = session.publisher->send(to("a"), paid());
  session.settle();
  CHECK(rows(session, first.id).at(0).status == DeliveryStatus::dead);
  session.publisher->send(to("b"), paid());
  session.settle();
  CHECK(session.sent_to() == Names{"a", "b"});
  CHECK(session.recorder->health().empty());
}

TEST_CASE("the same id to another URL is a conflict, to the same one a repeat") {
  EngineSession session{contract::each_steady_store()};
  PublishOptions options;
  options.id = "order-1";
  session.publisher->send(to("a"), paid(), options);
  session.publisher->send(to("a"), paid(), options);
  session.publisher->send(to("b"), paid(), options);
  session.settle();
  CHECK(session.sent_to() == Names{"a"});
  CHECK(session.publisher->stats().duplicates == 1);
  REQUIRE(session.recorder->dropped().size() == 1);
  CHECK(session.recorder->dropped()[0].second == "conflict");
}

TEST_CASE("what was sent can be cancelled, erased, deferred and expire like any event") {
  EngineSession session{contract::each_steady_store()};
  PublishOptions options;
  options.deliver_at = session.clock->now() + 10s;
  const auto later = session.publisher->send(to("later"), paid(), options);
  const auto cancelled = session.publisher->send(to("cancelled"), paid(), options);
  const auto erased = session.publisher->send(to("erased"), paid(), options);
  options.expires_at = session.clock->now() + 11s;
  session.settle();
  CHECK(session.publisher->cancel(cancelled.id) == 1);
  CHECK(session.publisher->erase(erased.id));
  session.pass(9s);
  CHECK(session.sent_to().empty());
  session.pass(2s);
  CHECK(session.sent_to() == Names{"later"});
  CHECK(rows(session, later.id).at(0).status == DeliveryStatus::delivered);
  CHECK(rows(session, cancelled.id).at(0).status == DeliveryStatus::cancelled);
  CHECK(rows(session, erased.id).at(0).status == DeliveryStatus::cancelled);
}

TEST_CASE("each host is looked up for itself, and no request goes to another host's addresses") {
  Options options;
  options.resolver = [](const std::string& host) { return Names{host == "a.example" ? "127.0.0.2" : "127.0.0.3"}; };
  EngineSession session{contract::each_steady_store(), options};
  for (int i = 0; i < 3; ++i) {
    session.publisher->send(to("a", "a.example"), paid());
    session.publisher->send(to("b", "b.example"), paid());
  }
  session.settle();
  const auto requests = session.transport->requests();
  REQUIRE(requests.size() == 6);
  for (const auto& request : requests)
    CHECK(request.addresses == Names{request.url.find("a.example") != std::string::npos ? "127.0.0.2" : "127.0.0.3"});
}

TEST_CASE("an engine that takes a store over sends what another was to send") {
  const auto store = std::make_shared<MemoryStore>();
  const auto options = [&](EngineSession& session) {
    Options made;
    made.store = store;
    made.clock = session.clock;
    made.observer = session.recorder;
    made.threads = 0;
    made.shutdown_timeout = 0ms;
    made.url_policy = contract::internal;
    made.retry = exact_waits({0s, 5s});
    return made;
  };
  EngineSession session{contract::each_steady_store()};
  const auto failing = std::make_shared<RecordingTransport>(session.clock);
  failing->answer(500);
  auto first = std::make_unique<Publisher<>>(failing, options(session));
  first->send(to("callback"), paid());
  first->settle();
  first.reset();
  const auto working = std::make_shared<RecordingTransport>(session.clock);
  Publisher<> second{working, options(session)};
  session.clock->advance(6s);
  second.settle();
  REQUIRE(working->requests().size() == 1);
  CHECK(working->requests()[0].url == to("callback").url);
}

TEST_CASE("of an origin with more waiting than there may be, the oldest is dead and told") {
  Options options;
  options.max_pending_per_endpoint = 2;
  EngineSession session{contract::each_steady_store(), options};
  PublishOptions later;
  later.deliver_at = session.clock->now() + 1h;
  for (const auto* name : {"a", "b", "c"}) session.publisher->send(to(name), paid(), later);
  session.settle();
  CHECK(session.publisher->stats().dead == 1);
  REQUIRE(session.recorder->dead().size() == 1);
  CHECK(session.recorder->dead()[0].reason == "overflow");
}

// Tests -----------------------------------------------------------------------------------------------------------------

TEST_CASE("a test goes to one subscription, signed as its events are, and says that it is one") {
  EngineSession session{contract::each_store()};
  session.subscribe("one", {"order.paid"});
  session.subscribe("two");
  const auto id = session.publisher->send_test({"one"});
  session.settle();
  CHECK(session.sent_to() == Names{"one"});
  const auto request = session.transport->requests().at(0);
  CHECK(verifies(request, secret));
  const auto body = nlohmann::json::parse(*request.body);
  CHECK(body.at("type") == "webhook.test");
  CHECK(body.at("data").at("subscription_id") == "one");
  const auto record = rows(session, id).at(0);
  CHECK(record.subscription_id == SubscriptionId{"one"});
  CHECK(record.status == DeliveryStatus::delivered);
  CHECK(record.attempts.at(0).trigger == AttemptTrigger::test);
  CHECK(session.recorder->delivered().size() == 1);
  const auto stats = session.publisher->stats();
  CHECK(stats.published == 0);
  CHECK(stats.attempts == 0);
  CHECK(stats.delivered == 0);
}

TEST_CASE("a test that fails is over: one attempt, and nothing counts it") {
  EngineSession session{contract::each_steady_store(), with(exact_waits({0s, 1s, 1s}), second_failure)};
  session.subscribe("one");
  session.transport->answer(500);
  for (int i = 0; i < 5; ++i) {
    const auto id = session.publisher->send_test({"one"});
    session.pass(5s);
    CHECK(rows(session, id).at(0).status == DeliveryStatus::dead);
  }
  CHECK(session.transport->requests().size() == 5);
  CHECK(session.recorder->dead().size() == 5);
  CHECK(session.publisher->stats().dead == 0);
  session.transport->answer(200);
  session.publish();
  session.settle();
  CHECK(session.transport->requests().size() == 6);
  CHECK(session.recorder->health().empty());
}

TEST_CASE("a test waits for nothing: paused, disabled, its breaker open, or left alone for a while") {
  EngineSession session{contract::each_steady_store(), with(exact_waits({0s, 1h}), second_failure)};
  session.subscribe("one");
  SECTION("paused") {
    session.publisher->pause({"one"});
  }
  SECTION("disabled") {
    SubscriptionPatch patch;
    patch.enabled = false;
    session.publisher->update({"one"}, patch);
  }
  SECTION("its breaker is open") {
    session.transport->answer(500);
    session.publish();
    session.publish();
    session.settle();
  }
  SECTION("it asked to be left alone") {
    session.transport->answer(503, {{"retry-after", "600"}});
    session.publish();
    session.settle();
  }
  SECTION("it is held to a rate") {
    SubscriptionPatch patch;
    patch.rate_limit = RateLimit{0.001, 1};
    session.publisher->update({"one"}, patch);
    session.publish();
    session.settle();
  }
  const auto before = session.transport->requests().size();
  session.transport->answer(200);
  const auto id = session.publisher->send_test({"one"});
  session.settle();
  CHECK(session.transport->requests().size() == before + 1);
  CHECK(rows(session, id).at(0).status == DeliveryStatus::delivered);
}

TEST_CASE("a test that is answered 410 disables nothing") {
  EngineSession session{contract::each_store()};
  session.subscribe("one");
  session.transport->answer(410);
  session.publisher->send_test({"one"});
  session.settle();
  CHECK(session.publisher->subscription({"one"})->enabled);
}

TEST_CASE("a test of nobody is not found, and none is taken after a stop") {
  EngineSession session{contract::each_store()};
  const auto code = [&](const char* id) {
    try {
      session.publisher->send_test({id});
      return ErrorCode::invalid;
    } catch (const Error& error) {
      return error.code();
    }
  };
  CHECK(code("nobody") == ErrorCode::not_found);
  session.subscribe("one");
  session.publisher->stop(0ms);
  CHECK(code("one") == ErrorCode::stopped);
}

TEST_CASE("a test is of the subscription as it is when it is sent, and of none that is gone") {
  EngineSession session{contract::each_steady_store()};
  session.subscribe("one");
  SubscriptionPatch patch;
  patch.max_in_flight = std::optional<std::size_t>{1};
  session.publisher->update({"one"}, patch);
  session.transport->answer_after(10s, 200).answer_after(10s, 200).answer(200);
  session.publisher->send_test({"one"});
  const auto changed = session.publisher->send_test({"one"});
  session.publisher->settle(0ms);
  REQUIRE(session.transport->requests().size() == 1);
  patch = {};
  patch.url = "http://127.0.0.1/moved";
  session.publisher->update({"one"}, patch);
  session.clock->advance(10s);
  session.publisher->settle(0ms);
  CHECK(session.sent_to() == Names{"one", "moved"});
  const auto gone = session.publisher->send_test({"one"});
  session.publisher->settle(0ms);
  session.publisher->unsubscribe({"one"});
  session.pass(20s);
  CHECK(session.transport->requests().size() == 2);
  CHECK(rows(session, changed).at(0).status == DeliveryStatus::delivered);
  CHECK(rows(session, gone).at(0).status == DeliveryStatus::cancelled);
  CHECK(rows(session, gone).at(0).reason == "unsubscribed");
}
