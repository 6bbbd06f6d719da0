#include "catch.hpp"
#include "contract/engine_session.hpp"

#include <flyhook/signing.hpp>
#include <flyhook/verifier.hpp>

#include <algorithm>
#include <functional>
#include <map>

using namespace flyhook;
using contract::EngineSession;
using namespace std::chrono_literals;
using Names = std::vector<std::string>;

namespace {

/// Does something while it is encoded.
struct Busy {
  static constexpr std::string_view event_type = "busy";
  std::function<void()> encode{};
};

}  // namespace

template <>
struct flyhook::EventTraits<Busy> {
  static constexpr std::string_view type = Busy::event_type;
  static void serialize(const Busy& event, std::string& out) {
    event.encode();
    out = "1";
  }
};

TEST_CASE("an event reaches every subscription whose pattern it matches, and no other") {
  EngineSession session{contract::each_store()};
  session.subscribe("all", {"*"});
  session.subscribe("orders", {"order.*"});
  session.subscribe("paid", {"order.paid", "order.*", "invoice.paid"});
  session.subscribe("users", {"user.*"});
  REQUIRE(session.publish("order.paid"));
  session.settle();
  auto names = session.sent_to();
  std::sort(names.begin(), names.end());
  CHECK(names == Names{"all", "orders", "paid"});
  CHECK(session.recorder->delivered().size() == 3);
}

TEST_CASE("events of one thread arrive in the order in which they were published") {
  EngineSession session{contract::each_store()};
  session.subscribe("one");
  for (int i = 0; i < 600; ++i) REQUIRE(session.publish("order.paid", i));
  session.settle();
  const auto bodies = session.sent_bodies();
  REQUIRE(bodies.size() == 600);
  for (int i = 0; i < 600; ++i) REQUIRE(bodies[static_cast<std::size_t>(i)]["data"] == i);
}

TEST_CASE("how many events are appended at once is a matter of the engine's clock, so that a manual one decides it") {
  EngineSession session{contract::each_exact_store()};
  session.subscribe("one");
  Publisher<Busy> busy{*session.publisher};
  std::vector<std::size_t> appended;
  const auto encode = [&] {
    const auto stats = session.publisher->stats();
    appended.push_back(stats.pending + stats.in_flight + stats.delivered);
    session.clock->advance(1ms);
  };
  for (int i = 0; i < 8; ++i) REQUIRE(busy.publish({encode}));
  session.settle();
  // The clock is looked at after every fourth event, and a batch lasts 1 ms.
  CHECK(appended == std::vector<std::size_t>{0, 0, 0, 0, 4, 4, 4, 4});
}

TEST_CASE("a request carries the event, signed for its receiver") {
  EngineSession session{contract::each_store(),
                        {.user_agent = "shop/1", .headers = {{"x-env", "test"}, {"x-from", "options"}}}};
  Subscription subscription{.url = "http://127.0.0.1:8080/hooks?x=1#part", .secret = contract::secret};
  subscription.headers = {{"X-From", "subscription"}, {"authorization", "Bearer abc"}};
  session.publisher->subscribe(subscription);
  PublishOptions options;
  options.trace_parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  options.headers = {{"AUTHORIZATION", "Bearer of the event"}};
  const auto published = session.publish("order.paid", {{"cents", 4200}}, options);
  session.settle();

  const auto requests = session.transport->requests();
  REQUIRE(requests.size() == 1);
  const auto& request = requests.front();
  CHECK(request.url == "http://127.0.0.1:8080/hooks?x=1#part");
  CHECK(request.addresses == Names{"127.0.0.1"});
  CHECK(*request.body == R"({"type":"order.paid","timestamp":"2024-01-01T00:00:00.000000Z","data":{"cents":4200}})");
  std::map<std::string, std::string> headers;
  for (const auto& [name, value] : request.headers) {
    std::string lower = name;
    std::transform(lower.begin(), lower.end(), lower.begin(), detail::ascii_lower);
    REQUIRE(headers.emplace(lower, value).second);  // none twice
  }
  CHECK(headers["content-type"] == "application/json");
  CHECK(headers["webhook-id"] == published.id.value);
  CHECK(headers["webhook-timestamp"] == "1704067200");
  CHECK(headers["webhook-signature"] == sign(contract::secret, published.id.value, 1704067200, *request.body));
  CHECK(headers["user-agent"] == "shop/1");
  CHECK(headers["traceparent"] == options.trace_parent);
  CHECK(headers["x-env"] == "test");
  CHECK(headers["x-from"] == "subscription");
  CHECK(headers["authorization"] == "Bearer of the event");
  const Verifier verifier{{.secrets = {contract::secret}, .now = [] { return 1704067200; }}};
  CHECK(verifier.verify(request.headers, *request.body).ok);
}

TEST_CASE("a subscription's encoding and timeout win over the engine's") {
  EngineSession session{contract::each_store(), {.timeout = 7s, .connect_timeout = 2s}};
  Subscription raw{.url = "http://127.0.0.1/raw", .encoding = Encoding::raw, .timeout = 3s};
  session.publisher->subscribe(raw);
  session.subscribe("standard");
  session.publish("order.paid", {{"n", 1}});
  session.settle();
  for (const auto& request : session.transport->requests()) {
    const bool is_raw = request.url.ends_with("raw");
    CHECK(*request.body ==
          (is_raw ? R"({"n":1})" : R"({"type":"order.paid","timestamp":"2024-01-01T00:00:00.000000Z","data":{"n":1}})"));
    CHECK(request.timeout == (is_raw ? 3s : 7s));
    CHECK(request.connect_timeout == 2s);
  }
}

TEST_CASE("a failed attempt is dead after its first try, and says why") {
  EngineSession session{contract::each_steady_store()};
  session.subscribe("one");
  session.transport->answer(500, {}, "oops").fail_with("connect: refused").answer(302).answer(204);
  for (int i = 0; i < 4; ++i) session.publish();
  session.settle();

  CHECK(session.sent_to().size() == 4);
  auto dead = session.publisher->deliveries({.status = DeliveryStatus::dead});
  REQUIRE(dead.size() == 3);
  std::reverse(dead.begin(), dead.end());
  CHECK(dead[0].reason == "answered 500");
  REQUIRE(dead[0].attempts.size() == 1);
  CHECK(dead[0].attempts[0].status == 500);
  CHECK(dead[0].attempts[0].response_body == "oops");
  CHECK(dead[0].attempts[0].url == "http://127.0.0.1/one");
  CHECK(dead[1].reason == "connect: refused");
  CHECK(dead[1].attempts[0].status == 0);
  CHECK(dead[1].attempts[0].error == "connect: refused");
  CHECK(dead[2].reason == "answered 302");
  CHECK(session.recorder->dead().size() == 3);
  CHECK(session.recorder->delivered().size() == 1);

  const auto stats = session.publisher->stats();
  CHECK(stats.published == 4);
  CHECK(stats.attempts == 4);
  CHECK(stats.failed_attempts == 3);
  CHECK(stats.dead == 3);
  CHECK(stats.delivered == 1);
  CHECK(stats.pending == 0);
  CHECK(stats.queued == 0);
  CHECK(stats.in_flight == 0);
}

TEST_CASE("an answer after a while is an answer, one after the timeout is none") {
  EngineSession session{contract::each_store(), {.timeout = 10s}};
  session.subscribe("one");
  session.transport->answer_after(4s, 200).answer_after(60s, 200);
  session.publish();
  session.publish();
  session.settle();
  session.clock->advance(10s);
  session.settle();
  CHECK(session.recorder->delivered().size() == 1);
  REQUIRE(session.recorder->dead().size() == 1);
  CHECK(session.recorder->dead()[0].reason.starts_with("timeout"));
  CHECK(session.recorder->dead()[0].attempts[0].duration == 10s);
}

TEST_CASE("no more requests are under way to one endpoint than it may get, nor in all than there are slots") {
  EngineSession session{contract::each_store(), {.max_in_flight_per_endpoint = 3}, {.blocking = true, .max_in_flight = 5}};
  session.subscribe("a");
  session.publisher->subscribe({.url = "http://127.0.0.1/b", .max_in_flight = 1});
  session.subscribe("c");
  session.transport->hang();
  for (int i = 0; i < 10; ++i) session.publish();
  session.settle();
  auto sent = session.sent_to();
  CHECK(sent.size() == 5);
  CHECK(std::count(sent.begin(), sent.end(), "a") <= 3);
  CHECK(std::count(sent.begin(), sent.end(), "b") == 1);
  CHECK(session.publisher->stats().in_flight == 5);
  const auto under_way = session.publisher->deliveries({.status = DeliveryStatus::in_flight});
  CHECK(under_way.size() == 5);
  CHECK(session.publisher->deliveries({.status = DeliveryStatus::pending, .limit = 1000}).size() == 25);
  CHECK(session.publisher->stats().pending == 25);
}

TEST_CASE("a deep backlog of one endpoint costs another one place in the queue") {
  EngineSession session{contract::each_store(), {.max_in_flight_per_endpoint = 1}, {.blocking = true, .max_in_flight = 1}};
  session.subscribe("deep", {"deep"});
  session.subscribe("quick", {"quick"});
  for (int i = 0; i < 1000; ++i) session.publish("deep");
  session.transport->answer_after(1s, 200);
  session.settle();
  const auto before = session.sent_to().size();
  session.publish("quick");
  for (int i = 0; i < 100 && session.publisher->stats().queued > 0; ++i) {
    session.publisher->settle(0ms);
    session.clock->advance(100ms);
  }
  const auto sent_until_accepted = session.sent_to().size();
  for (int i = 0; i < 30; ++i) {
    session.publisher->settle(0ms);
    session.clock->advance(100ms);
  }
  const auto sent = session.sent_to();
  const auto quick = std::find(sent.begin(), sent.end(), "quick");
  REQUIRE(quick != sent.end());
  CHECK(static_cast<std::size_t>(quick - sent.begin()) <= std::max(before, sent_until_accepted) + 2);
}

TEST_CASE("a repeated id with the same content makes nothing, with other content it is a conflict") {
  EngineSession session{contract::each_store()};
  session.subscribe("one");
  PublishOptions options;
  options.id = "order-1";
  CHECK(session.publish("order.paid", {{"n", 1}}, options).id.value == "order-1");
  session.settle();
  CHECK(session.publish("order.paid", {{"n", 1}}, options));
  session.settle();
  CHECK(session.publish("order.paid", {{"n", 2}}, options));
  session.settle();
  CHECK(session.sent_to().size() == 1);
  CHECK(session.publisher->stats().duplicates == 1);
  CHECK(session.publisher->stats().dropped == 1);
  REQUIRE(session.recorder->dropped().size() == 1);
  CHECK(session.recorder->dropped()[0] == std::pair<std::string, std::string>{"order-1", "conflict"});
}

TEST_CASE("generated ids grow in the order of publishing") {
  EngineSession session{contract::each_store()};
  std::string last;
  for (int i = 0; i < 100; ++i) {
    const auto id = session.publish().id.value;
    CHECK(id.size() == 30);
    CHECK(id.starts_with("msg_"));
    CHECK(id > last);
    last = id;
    if (i % 10 == 0) session.clock->advance(1ms);
    if (i % 25 == 0) session.clock->jump_wall(-1h);
  }
}

TEST_CASE("one event to many subscriptions is encoded once per encoding") {
  EngineSession session{contract::each_store()};
  for (int i = 0; i < 20; ++i) session.subscribe("s" + std::to_string(i));
  session.transport->hang();  // shared while any window holds it: none lets go here
  session.publish();
  session.settle();
  const auto requests = session.transport->requests();
  REQUIRE(requests.size() == 20);
  for (const auto& request : requests) CHECK(request.body == requests.front().body);
}
