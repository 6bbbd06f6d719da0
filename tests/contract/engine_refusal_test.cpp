#include "catch.hpp"
#include "contract/engine_session.hpp"

#include <flyhook/error.hpp>

#include <stdexcept>

using namespace flyhook;
using contract::EngineSession;
using namespace std::chrono_literals;

namespace {

/// The field of the Error that the subscription is refused with.
std::string refused_field(EngineSession& session, Subscription subscription) {
  if (subscription.url.empty()) subscription.url = "http://127.0.0.1/";
  try {
    session.publisher->subscribe(subscription);
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::invalid);
    CHECK(std::string{error.what()}.starts_with(error.field() + ": "));
    return error.field();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("a subscription that cannot work is refused with the field's name, and nothing is stored") {
  EngineSession session{contract::each_store()};
  for (const char* url :
       {"relative", "/path", "//host/", "ftp://host/", "http:/host", "http:///x", "https://u:p@host/", "http://host:0/",
        "http://host:99999/", "http://ho st/", "http://host/\r\nx", "http://[::1/", "http://1.2.3.4.5/"})
    CHECK(refused_field(session, {.url = url}) == "url");
  CHECK_THROWS_AS(session.publisher->subscribe({.url = ""}), Error);
  CHECK_THROWS_AS(session.publisher->subscribe({.url = std::string("http://h/\0", 10)}), Error);
  for (const char* pattern : {"", "*.paid", "order*", "order.**", "order.", "a b"})
    CHECK(refused_field(session, {.events = {pattern}}) == "events");
  CHECK(refused_field(session, {.events = {}}) == "events");
  for (const auto& header : Headers{{"", "v"},
                                    {"a b", "v"},
                                    {"a\r\nb", "v"},
                                    {"a", "v\r\nx: y"},
                                    {"a", std::string("v\0", 2)},
                                    {"a", "v\n"},
                                    {"Host", "x"},
                                    {"content-length", "1"},
                                    {"Content-Type", "x"},
                                    {"user-agent", "x"},
                                    {"traceparent", "x"},
                                    {"transfer-encoding", "chunked"},
                                    {"connection", "close"},
                                    {"webhook-id", "x"},
                                    {"Webhook-Anything", "x"},
                                    {"ce-id", "x"}})
    CHECK(refused_field(session, {.headers = {header}}) == "headers");
  for (const char* secret : {"abc", "whsec_", "whsec_%%%%", "whsec_c2hvcnQ=", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS"})
    CHECK(refused_field(session, {.secret = secret}) == "secret");
  for (const char* filter : {"[]", "{", R"({"a":1})", R"({"/a":{"$huh":1}})"})
    CHECK(refused_field(session, {.filter = filter}) == "filter");
  CHECK(refused_field(session, {.encoding = static_cast<Encoding>(4)}) == "encoding");
  CHECK(refused_field(session, {.max_in_flight = 0}) == "max_in_flight");
  CHECK(refused_field(session, {.timeout = 0ms}) == "timeout");
  CHECK(refused_field(session, {.timeout = 2h}) == "timeout");
  CHECK(refused_field(session, {.rate_limit = {.per_second = -1}}) == "rate_limit");
  CHECK(refused_field(session, {.rate_limit = {.per_second = 5, .burst = 0.5}}) == "rate_limit");
  CHECK(refused_field(session, {.ordering = static_cast<Ordering>(3)}) == "ordering");
  CHECK(refused_field(session, {.retry = RetryPolicy{.schedule = {}}}) == "retry");
  CHECK(refused_field(session, {.retry = RetryPolicy{.jitter = 1.5}}) == "retry");
  CHECK(refused_field(session, {.id = {"a.b"}}) == "id");
  CHECK(refused_field(session, {.id = {std::string(65, 'a')}}) == "id");
  CHECK(session.publisher->subscriptions().empty());
}

TEST_CASE("an update that is refused changes nothing") {
  EngineSession session{contract::each_store()};
  const auto id = session.subscribe("one");
  CHECK_THROWS_AS(session.publisher->update(id, {.url = "http://127.0.0.1/new", .events = std::vector<std::string>{"a b"}}),
                  Error);
  CHECK(session.publisher->subscription(id)->url == "http://127.0.0.1/one");
}

TEST_CASE("publish refuses what costs no encoding to see, and queues nothing") {
  EngineSession session{contract::each_store()};
  const auto reason = [&](const std::string& type, PublishOptions options = {}) {
    const auto result = session.publish(type, 1, std::move(options));
    CHECK(result.status == PublishStatus::invalid);
    CHECK_FALSE(result);
    CHECK(result.id.value.empty());
    return result.reason.substr(0, result.reason.find(':'));
  };
  for (const char* type : {"", "order.", ".order", "order..paid", "order paid", "order.*", "b\xC3\xBCro", "order\n"})
    CHECK(reason(type) == "type");
  CHECK(reason(std::string(129, 'a')) == "type");
  CHECK(reason("a", {.id = "a.b"}) == "id");
  CHECK(reason("a", {.id = std::string(65, 'a')}) == "id");
  CHECK(reason("a", {.headers = {{"a", "b\r\nc"}}}) == "headers");
  CHECK(reason("a", {.headers = {{"host", "b"}}}) == "headers");
  CHECK(reason("a", {.trace_parent = "00-xyz"}) == "trace_parent");
  CHECK(reason("a", {.trace_parent = "00-00000000000000000000000000000000-b7ad6b7169203331-01"}) == "trace_parent");
  CHECK(reason("a", {.tenant = std::string(2000, 't')}) == "tenant");
  CHECK(session.publisher->stats().queued == 0);
  CHECK(session.publisher->stats().rejected == 16);
  CHECK(session.publisher->stats().published == 0);
}

TEST_CASE("a payload over the limit is dropped and reported") {
  EngineSession session{contract::each_store(), {.max_payload_bytes = 100}};
  session.subscribe("one");
  const auto large = session.publish("a", std::string(99, 'x'));
  const auto fits = session.publish("a", std::string(98, 'x'));
  CHECK(large);
  CHECK(fits);
  session.settle();
  CHECK(session.sent_to().size() == 1);
  REQUIRE(session.recorder->dropped().size() == 1);
  CHECK(session.recorder->dropped()[0].first == large.id.value);
  CHECK(session.recorder->dropped()[0].second.starts_with("too_large"));
  CHECK(session.publisher->stats().dropped == 1);
}

TEST_CASE("an event that does not encode is dropped and reported, and the publisher lives on") {
  EngineSession session{contract::each_store()};
  session.subscribe("one");
  session.publish("a", "not UTF-8: \xFF");
  session.publish("a", "fine");
  session.settle();
  REQUIRE(session.recorder->dropped().size() == 1);
  CHECK(session.recorder->dropped()[0].second.starts_with("encoding: "));
  REQUIRE(session.sent_bodies().size() == 1);
  CHECK(session.sent_bodies()[0]["data"] == "fine");
}

TEST_CASE("a full queue refuses, or makes room by dropping the oldest") {
  SECTION("reject") {
    EngineSession session{contract::each_store(), {.queue_capacity = 3}};
    session.subscribe("one");
    for (int i = 0; i < 3; ++i) CHECK(session.publish("a", i));
    const auto refused = session.publish("a", 3);
    CHECK(refused.status == PublishStatus::queue_full);
    CHECK(session.publisher->stats().rejected == 1);
    session.settle();
    CHECK(session.publish("a", 4));
    session.settle();
    CHECK(session.sent_to().size() == 4);
  }
  SECTION("reject, by bytes") {
    EngineSession session{contract::each_store(), {.queue_bytes = 2500}};
    CHECK(session.publish());  // 1 KiB each, before any was encoded
    CHECK(session.publish());
    CHECK(session.publish().status == PublishStatus::queue_full);
  }
  SECTION("drop_oldest") {
    EngineSession session{contract::each_store(), {.queue_capacity = 3, .overflow = Overflow::drop_oldest}};
    session.subscribe("one");
    const auto first = session.publish("a", 0);
    for (int i = 1; i < 4; ++i) CHECK(session.publish("a", i));
    session.settle();
    const auto bodies = session.sent_bodies();
    REQUIRE(bodies.size() == 3);
    CHECK(bodies[0]["data"] == 1);
    REQUIRE(session.recorder->dropped().size() == 1);
    CHECK(session.recorder->dropped()[0] == std::pair<std::string, std::string>{first.id.value, "overflow"});
    CHECK(session.publisher->stats().dropped == 1);
  }
  SECTION("drop_oldest, with nobody to take the events for long") {
    EngineSession session{contract::each_store(), {.queue_capacity = 3, .overflow = Overflow::drop_oldest}};
    for (int i = 0; i < 10; ++i) CHECK(session.publish("a", i));
    session.settle();
    CHECK(session.recorder->dropped().size() == 3);
    REQUIRE(session.recorder->errors().size() == 1);
    CHECK(session.recorder->errors()[0] == "4 more events were dropped: overflow");
    CHECK(session.publisher->stats().dropped == 7);
  }
}

TEST_CASE("after stop publish says so, and what was pending is reported") {
  EngineSession session{contract::each_store()};
  session.subscribe("one");
  session.publisher->pause({"one"});
  const auto pending = session.publish();
  session.settle();
  const auto queued = session.publish();
  session.publisher->stop(0ms);
  CHECK(session.publish().status == PublishStatus::stopped);
  session.publisher->stop(0ms);  // again: nothing
  std::vector<std::string> reported;
  for (const auto& [id, reason] : session.recorder->dropped()) {
    CHECK(reason == "shutdown");
    reported.push_back(id);
  }
  CHECK(std::count(reported.begin(), reported.end(), pending.id.value) == 1);
  CHECK(std::count(reported.begin(), reported.end(), queued.id.value) == 1);
  CHECK(session.publisher->stats().dropped == 2);
  CHECK(session.publisher->stats().queued == 0);
}

TEST_CASE("from inside an observer the publisher may be used, but for what would wait for itself") {
  const auto& store = contract::each_store();
  auto recorder = std::make_shared<contract::Recorder>();
  EngineSession session{store};
  session.subscribe("one");
  int calls = 0;
  session.recorder->when_attempted = [&](const DeliveryRecord& delivery) {
    if (++calls > 1) return;
    session.subscribe("two");
    session.publish("order.second");
    session.publisher->deliveries();
    session.publisher->stats();
    CHECK_THROWS_AS(session.publisher->drain(1s), Error);
    CHECK_THROWS_AS(session.publisher->stop(1s), Error);
    CHECK_THROWS_AS(session.publisher->settle(), Error);
    session.publisher->unsubscribe(delivery.subscription_id);
    throw std::runtime_error{"an observer that throws"};
  };
  session.publish("order.first");
  session.settle();
  CHECK(session.publisher->stats().callback_errors == 1);
  const auto sent = session.sent_to();
  CHECK(std::count(sent.begin(), sent.end(), "two") == 1);
  session.publish("order.third");
  session.settle();
  CHECK(session.sent_to().back() == "two");
}

TEST_CASE("options out of range are refused by name") {
  const auto& store = contract::each_store();
  const auto field = [&](Options options) {
    try {
      EngineSession session{store, options};
    } catch (const Error& error) {
      return error.field();
    }
    return std::string{"accepted"};
  };
  CHECK(field({.queue_capacity = 0}) == "queue_capacity");
  CHECK(field({.queue_bytes = 0}) == "queue_bytes");
  CHECK(field({.max_payload_bytes = 0}) == "max_payload_bytes");
  CHECK(field({.timeout = 0ms}) == "timeout");
  CHECK(field({.connect_timeout = -1ms}) == "connect_timeout");
  CHECK(field({.retry = RetryPolicy{.schedule = {}}}) == "retry");
  CHECK(field({.retry = RetryPolicy{.jitter = -0.5}}) == "retry");
  CHECK(field({.retry = RetryPolicy{.schedule = {0ms, 1s}, .jitter = 0.5}}) == "accepted");
  CHECK(field({.breaker = {.consecutive_failures = 0}}) == "breaker");
  CHECK(field({.breaker = {.consecutive_failures = 3}}) == "accepted");
  CHECK(field({.max_in_flight_per_endpoint = 0}) == "max_in_flight_per_endpoint");
  CHECK(field({.disable_after = -1s}) == "disable_after");
  CHECK(field({.disable_after = 1s}) == "accepted");
  CHECK(field({.encoding = static_cast<Encoding>(-1)}) == "encoding");
  CHECK(field({.encoding = Encoding::cloudevents_structured}) == "accepted");
  for (const char* source : {"", "a b", "/caf\xC3\xA9", "/a\n", "/a%", "/a%4", "/a%4g", "#a#b", "a\"b", "a<b>", "a\\b"})
    CHECK(field({.source = source}) == "source");
  for (const char* source :
       {"/", "urn:shop:1", "//h/a?b#c", "http://[::1]:80/", "/caf%C3%A9", "a", "#", "%20", "!$&'()*+,;=@"})
    CHECK(field({.source = source}) == "accepted");
  CHECK(field({.user_agent = "a\r\nb"}) == "user_agent");
  CHECK(field({.headers = {{"host", "x"}}}) == "headers");
  CHECK(field({.role = Role::publish}) == "role");
  CHECK(field({.max_pending_per_endpoint = 0}) == "max_pending_per_endpoint");
  CHECK(field({.event_types = {{.name = "a b"}}}) == "event_types");
  CHECK(field({.url_policy = {.allow = {"127.0.0.0/8"}}}) == "accepted");
}

TEST_CASE("a transport serves one engine") {
  const auto transport = std::make_shared<RecordingTransport>();
  Publisher first{transport, {.threads = 0}};
  CHECK_THROWS_AS((Publisher{transport, {.threads = 0}}), Error);
  CHECK_THROWS_AS((Publisher{std::shared_ptr<RecordingTransport>{}}), Error);
}
