#include "catch.hpp"
#include "contract/engine_session.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

// Order per subscription: kept through retries, and costing those behind it nothing more than it must.

using namespace flyhook;
using contract::EngineSession;
using contract::exact_waits;
using namespace std::chrono_literals;

namespace {

struct Ordered {
  explicit Ordered(const contract::StoreUnderTest& store, Ordering ordering, RetryPolicy policy = exact_waits({0s, 5s, 5s}))
      : session(store, contract::with(std::move(policy))) {
    session.publisher->subscribe({.url = "http://127.0.0.1/one", .ordering = ordering, .id = {"one"}});
  }

  void publish(int number, const std::string& key = {}) {
    PublishOptions options;
    options.key = key;
    REQUIRE(session.publish("order.paid", number, options));
  }

  std::vector<int> sent() const {
    std::vector<int> numbers;
    for (const auto& body : session.sent_bodies()) numbers.push_back(body["data"].get<int>());
    return numbers;
  }

  EngineSession session;
};

using Numbers = std::vector<int>;

}  // namespace

TEST_CASE("in strict order one goes after the other") {
  Ordered ordered{contract::each_store(), Ordering::strict};
  for (int i = 0; i < 100; ++i) ordered.publish(i);
  ordered.session.settle();
  const auto sent = ordered.sent();
  REQUIRE(sent.size() == 100);
  for (int i = 0; i < 100; ++i) REQUIRE(sent[static_cast<std::size_t>(i)] == i);
}

TEST_CASE("in strict order never two are under way") {
  Ordered ordered{contract::each_steady_store(), Ordering::strict};
  ordered.session.transport->hang();
  for (int i = 0; i < 10; ++i) ordered.publish(i);
  ordered.session.publisher->settle(0ms);
  CHECK(ordered.session.publisher->stats().in_flight == 1);
}

TEST_CASE("in strict order a retry holds back what is behind it") {
  Ordered ordered{contract::each_steady_store(), Ordering::strict};
  ordered.session.transport->answer(500).answer(500).answer(200);
  for (int i = 0; i < 3; ++i) ordered.publish(i);
  ordered.session.settle();
  CHECK(ordered.sent() == Numbers{0});
  ordered.session.pass(5s);
  CHECK(ordered.sent() == Numbers{0, 0});
  ordered.session.pass(5s);
  CHECK(ordered.sent() == Numbers{0, 0, 0, 1, 2});
}

TEST_CASE("the dead hold nothing back") {
  Ordered ordered{contract::each_steady_store(), Ordering::strict, RetryPolicy::none()};
  ordered.session.transport->answer(500).answer(200);
  for (int i = 0; i < 3; ++i) ordered.publish(i);
  ordered.session.settle();
  CHECK(ordered.sent() == Numbers{0, 1, 2});
}

TEST_CASE("per key, a failing key holds back its own and no other, and events without a key go as they come") {
  Ordered ordered{contract::each_steady_store(), Ordering::per_key};
  ordered.session.transport->answer(500).answer(200);
  ordered.publish(1, "a");
  ordered.session.settle();
  ordered.publish(2, "a");
  ordered.publish(3, "b");
  ordered.publish(4);
  ordered.publish(5, "b");
  ordered.session.settle();
  CHECK(ordered.sent() == Numbers{1, 3, 4, 5});
  ordered.session.pass(5s);
  CHECK(ordered.sent() == Numbers{1, 3, 4, 5, 1, 2});
}

TEST_CASE("a key that fails for five hours with 100,000 behind it leaves another as it was, and then all go in order") {
  // MemoryStore alone: the model looks through all that waits.
  Ordered ordered{contract::stores_under_test().front(), Ordering::per_key, exact_waits({0s, 1h, 1h, 1h, 1h, 1h})};
  auto& transport = *ordered.session.transport;
  constexpr int waiting = 100'000;
  transport.answer(500);
  ordered.publish(0, "a");
  ordered.session.settle();
  for (int i = 1; i < waiting; ++i) {
    ordered.publish(i, "a");
    if (i % 10'000 == 0) ordered.session.settle();
  }
  ordered.session.settle();
  for (int hour = 1; hour <= 5; ++hour) {
    const auto before = transport.requests().size();
    CHECK(before == 2 * static_cast<std::size_t>(hour) - 1);  // a's attempts and b's events, each hour one
    transport.answer(200);
    const auto now = ordered.session.clock->elapsed();
    ordered.publish(-hour, "b");
    ordered.session.settle();
    REQUIRE(transport.requests().size() == before + 1);
    CHECK(ordered.sent().back() == -hour);
    CHECK(transport.sent_at().back() == now);
    transport.answer(hour == 5 ? 200 : 500);
    ordered.session.clock->advance(1h);
    ordered.session.publisher->settle(0ms);
  }
  ordered.session.settle();
  auto sent = ordered.sent();
  CHECK(std::erase_if(sent, [](int number) { return number < 0; }) == 5);
  REQUIRE(sent.size() == waiting + 5);
  for (int i = 0; i < 6; ++i) CHECK(sent[static_cast<std::size_t>(i)] == 0);
  CHECK(std::is_sorted(sent.begin(), sent.end()));
}

TEST_CASE("order survives a pause") {
  Ordered ordered{contract::each_steady_store(), Ordering::strict};
  ordered.session.publisher->pause({"one"});
  for (int i = 0; i < 10; ++i) ordered.publish(i);
  ordered.session.settle();
  CHECK(ordered.sent().empty());
  ordered.session.publisher->resume({"one"});
  ordered.session.settle();
  CHECK(ordered.sent() == Numbers{0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
}

TEST_CASE("a delivery that waits for its time holds back what is behind it") {
  Ordered ordered{contract::each_steady_store(), Ordering::strict};
  PublishOptions later;
  later.deliver_at = ordered.session.clock->now() + 10s;
  ordered.session.publish("order.paid", 0, later);
  ordered.publish(1);
  ordered.session.settle();
  CHECK(ordered.sent().empty());
  ordered.session.pass(10s);
  CHECK(ordered.sent() == Numbers{0, 1});
}

TEST_CASE("what waits in strict order is sent in it, though the order was given up") {
  Ordered ordered{contract::each_steady_store(), Ordering::strict};
  ordered.session.transport->answer_after(10s, 200).answer(200);
  for (int i = 0; i < 3; ++i) ordered.publish(i);
  ordered.session.publisher->settle(0ms);
  ordered.session.publisher->update({"one"}, {.ordering = Ordering::none});
  ordered.session.pass(10s);
  CHECK(ordered.sent() == Numbers{0, 1, 2});
}
