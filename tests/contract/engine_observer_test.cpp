#include "catch.hpp"
#include "contract/engine_session.hpp"

#include <algorithm>
#include <atomic>
#include <thread>

using namespace flyhook;
using contract::EngineSession;
using contract::Recorder;
using namespace std::chrono_literals;

// What a slow observer may hold up: its own subscription and the thread that it runs on, and nothing else.

namespace {

/// Waits until `done` holds, at most 20 s.
template <class Done>
bool eventually(Done done) {
  const auto deadline = std::chrono::steady_clock::now() + 20s;
  while (!done()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

Options on(std::shared_ptr<Recorder> recorder, std::size_t threads) {
  return {.threads = threads,
          .shutdown_timeout = 0ms,
          .url_policy = contract::internal,
          .store = contract::each_store().make(),
          .observer = recorder};
}

void subscribe(PublisherBase& publisher, const std::string& name, std::vector<std::string> events) {
  publisher.subscribe(
      {.url = "http://127.0.0.1/" + name, .events = std::move(events), .secret = contract::secret, .id = {name}});
}

}  // namespace

TEST_CASE("while an observer runs, its thread has nothing else in hand") {
  EngineSession session{contract::each_store(), {}, {.blocking = true, .max_in_flight = 1}};
  std::size_t most_in_flight = 0;
  session.recorder->when_attempted = [&](const DeliveryRecord&) {
    most_in_flight = std::max(most_in_flight, session.publisher->stats().in_flight);
  };
  for (const char* name : {"a", "b", "c"}) session.subscribe(name);
  for (int i = 0; i < 5; ++i) session.publish();
  session.settle();
  CHECK(session.recorder->delivered().size() == 15);
  CHECK(most_in_flight == 0);
}

TEST_CASE("a slow observer keeps no other subscription's outcomes waiting") {
  std::atomic<bool> is_over{false};
  auto recorder = std::make_shared<Recorder>();
  recorder->when_attempted = [&](const DeliveryRecord& delivery) {
    if (delivery.subscription_id.value == "slow") is_over.wait(false);
  };
  Publisher publisher{std::make_shared<RecordingTransport>(), on(recorder, 4)};
  subscribe(publisher, "slow", {"*"});
  for (int i = 0; i < 20; ++i) subscribe(publisher, "s" + std::to_string(i), {"*"});
  for (int i = 0; i < 100; ++i) publisher.publish(Event{"a", i, {}, {}});
  CHECK(eventually([&] { return recorder->delivered().size() == 2'000; }));
  is_over = true;
  is_over.notify_all();
  CHECK(publisher.drain(20s));
}

TEST_CASE("the watch calls no observer of outcomes, so that slow ones on every thread stop no intake") {
  // One endpoint hangs on one thread; the other thread's observer does.
  class OneHangs : public Transport {
   public:
    void send(HttpRequest request, Completion done) override {
      if (request.url.ends_with("hang")) {
        ++hanging;
        is_over.wait(false);
      }
      done({200, {}, {}, {}});
    }
    TransportTraits traits() const noexcept override { return {}; }
    void cancel_all() noexcept override {
      is_over = true;
      is_over.notify_all();
    }
    std::atomic<bool> is_over{false};
    std::atomic<int> hanging{0};
  };
  std::atomic<bool> is_over{false};
  std::atomic<int> waiting{0};
  auto recorder = std::make_shared<Recorder>();
  recorder->when_attempted = [&](const DeliveryRecord&) {
    ++waiting;
    is_over.wait(false);
  };
  const auto transport = std::make_shared<OneHangs>();
  Publisher publisher{transport, on(recorder, 2)};
  subscribe(publisher, "hang", {"hang"});
  for (int i = 0; i < 10; ++i) subscribe(publisher, "s" + std::to_string(i), {"quick"});
  publisher.publish(Event{"hang", 0, {}, {}});
  REQUIRE(eventually([&] { return transport->hanging == 1; }));
  publisher.publish(Event{"quick", 0, {}, {}});
  REQUIRE(eventually([&] { return waiting > 0; }));
  for (int i = 0; i < 1'000; ++i) REQUIRE(publisher.publish(Event{"quick", i, {}, {}}));
  CHECK(eventually([&] { return publisher.stats().queued == 0; }));
  CHECK(waiting == 1);
  is_over = true;
  is_over.notify_all();
}

TEST_CASE("observers hear of one subscription's outcomes one after the other, in their order") {
  std::atomic<int> running{0}, overlaps{0};
  auto recorder = std::make_shared<Recorder>();
  recorder->when_attempted = [&](const DeliveryRecord&) {
    if (running++ > 0) ++overlaps;
    std::this_thread::yield();
    --running;
  };
  Publisher publisher{std::make_shared<RecordingTransport>(),
                      {.threads = 4,
                       .shutdown_timeout = 0ms,
                       .url_policy = contract::internal,
                       .store = contract::each_exact_store().make(),
                       .observer = recorder}};
  publisher.subscribe({.url = "http://127.0.0.1/one", .max_in_flight = 1});
  for (int i = 0; i < 500; ++i) publisher.publish(Event{"a", i, {}, {}});
  REQUIRE(publisher.drain(20s));
  REQUIRE(eventually([&] { return recorder->delivered().size() == 500; }));
  CHECK(overlaps == 0);
  const auto delivered = recorder->delivered();
  CHECK(std::is_sorted(delivered.begin(), delivered.end(),
                       [](const auto& a, const auto& b) { return a.id.value < b.id.value; }));
}
