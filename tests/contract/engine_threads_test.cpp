#include "catch.hpp"
#include "contract/engine_session.hpp"

#include <flyhook/error.hpp>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <future>
#include <set>
#include <thread>

using namespace flyhook;
using contract::Recorder;
using contract::StoreUnderTest;
using namespace std::chrono_literals;

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

/// Closed until opened, for whoever comes by.
class Gate {
 public:
  void open() {
    const std::lock_guard lock{mutex_};
    is_open_ = true;
    condition_.notify_all();
  }
  void pass() {
    std::unique_lock lock{mutex_};
    ++waiting_;
    condition_.wait_for(lock, 20s, [&] { return is_open_; });
  }
  int waiting() {
    const std::lock_guard lock{mutex_};
    return waiting_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable condition_;
  bool is_open_ = false;
  int waiting_ = 0;
};

/// A blocking transport whose requests to URLs that hold "hang" end by cancel_all only.
class SomeHang : public Transport {
 public:
  void send(HttpRequest request, Completion done) override {
    if (request.url.find("hang") != std::string::npos) {
      std::unique_lock lock{mutex_};
      ++hanging_;
      condition_.wait(lock, [&] { return cancelled_; });
      lock.unlock();
      return done({0, "cancelled: by the test", {}, {}});
    }
    ++answered_;
    done({200, {}, {}, {}});
  }
  TransportTraits traits() const noexcept override { return {}; }
  void cancel_all() noexcept override {
    const std::lock_guard lock{mutex_};
    cancelled_ = true;
    condition_.notify_all();
  }
  int hanging() {
    const std::lock_guard lock{mutex_};
    return hanging_;
  }
  int answered() const { return answered_; }

 private:
  std::mutex mutex_;
  std::condition_variable condition_;
  bool cancelled_ = false;
  int hanging_ = 0;
  std::atomic<int> answered_{0};
};

Subscription to(const std::string& name, std::vector<std::string> events = {"*"}) {
  return {.url = "http://127.0.0.1/" + name, .events = std::move(events), .secret = contract::secret, .id = {name}};
}

Options on(const StoreUnderTest& store, std::size_t threads) {
  return {.threads = threads,
          .shutdown_timeout = 0ms,
          .retry = RetryPolicy::none(),
          .breaker = {.consecutive_failures = 1'000'000, .cool_down = 1ms},
          .url_policy = contract::internal,
          .store = store.make()};
}

}  // namespace

TEST_CASE("events of many threads all arrive, once, and each thread's in its order") {
  const auto transport = std::make_shared<RecordingTransport>();
  Publisher publisher{transport, on(contract::each_exact_store(), 8)};
  auto subscription = to("one");
  subscription.max_in_flight = 1;
  publisher.subscribe(subscription);
  constexpr int threads = 4, each = 500;
  std::vector<std::thread> publishing;
  for (int t = 0; t < threads; ++t)
    publishing.emplace_back([&, t] {
      for (int i = 0; i < each; ++i)
        if (!publisher.publish(Event{"a.b", {t, i}, {}, {}})) std::abort();
    });
  for (auto& thread : publishing) thread.join();
  REQUIRE(publisher.drain(20s));
  std::vector<int> next(threads, 0);
  std::set<std::string> ids;
  for (const auto& request : transport->requests()) {
    const auto data = nlohmann::json::parse(*request.body)["data"];
    CHECK(data[1].get<int>() == next[data[0].get<std::size_t>()]++);
    ids.insert(*find_header(request.headers, "webhook-id"));
  }
  CHECK(next == std::vector<int>(threads, each));
  CHECK(ids.size() == threads * each);
  CHECK(publisher.stats().delivered == threads * each);
}

TEST_CASE("endpoints that hang on every thread stop neither the intake nor publish") {
  const auto transport = std::make_shared<SomeHang>();
  Publisher publisher{transport, on(contract::each_store(), 3)};
  for (int i = 0; i < 3; ++i) {
    auto subscription = to("hang" + std::to_string(i), {"hang"});
    subscription.max_in_flight = 1;
    publisher.subscribe(subscription);
  }
  publisher.subscribe(to("late", {"late"}));
  publisher.publish(Event{"hang", 1, {}, {}});
  REQUIRE(eventually([&] { return transport->hanging() == 3; }));
  for (int i = 0; i < 1000; ++i) REQUIRE(publisher.publish(Event{"late", i, {}, {}}));
  CHECK(eventually([&] { return publisher.stats().queued == 0; }));
  CHECK(publisher.stats().pending == 1000);
  CHECK(transport->answered() == 0);
}

TEST_CASE("the pool grows when a delivery waits for a thread, and no further than it may") {
  const auto transport = std::make_shared<SomeHang>();
  Publisher publisher{transport, on(contract::each_store(), 6)};
  for (int i = 0; i < 3; ++i) publisher.subscribe(to("hang" + std::to_string(i), {"hang"}));
  publisher.subscribe(to("quick", {"quick"}));
  CHECK(publisher.stats().threads == 1);
  publisher.publish(Event{"hang", 1, {}, {}});
  REQUIRE(eventually([&] { return transport->hanging() == 3; }));
  publisher.publish(Event{"quick", 1, {}, {}});
  CHECK(eventually([&] { return transport->answered() == 1; }));
  for (int i = 0; i < 50; ++i) publisher.publish(Event{"hang", 1, {}, {}});
  REQUIRE(eventually([&] { return transport->hanging() == 6; }));
  CHECK(publisher.stats().threads == 6);
}

TEST_CASE("a publisher with hung requests goes within its shutdown_timeout and half a second") {
  const auto transport = std::make_shared<SomeHang>();
  auto recorder = std::make_shared<Recorder>();
  auto options = on(contract::each_store(), 64);
  options.observer = recorder;
  options.shutdown_timeout = 100ms;
  std::chrono::steady_clock::time_point began;
  {
    Publisher publisher{transport, options};
    for (int i = 0; i < 64; ++i) publisher.subscribe(to("hang" + std::to_string(i)));
    publisher.publish(Event{"a", 1, {}, {}});
    REQUIRE(eventually([&] { return transport->hanging() == 60; }));  // four slots are left for those that answer
    began = std::chrono::steady_clock::now();
  }
  CHECK(std::chrono::steady_clock::now() - began < 600ms + 5s);  // joining 64 threads takes a loaded machine a while
  CHECK(recorder->dropped().size() == 1);
  CHECK(recorder->attempted().empty());  // a cancelled attempt spends nothing
}

TEST_CASE("a publisher whose resolver sleeps goes at once, and its look-up takes no thread") {
  const auto asleep = std::make_shared<Gate>();  // shared with the resolver's thread, which may be left behind
  const auto transport = std::make_shared<SomeHang>();
  auto options = on(contract::each_store(), 1);
  options.connect_timeout = 50ms;  // what subscribe waits for the look-up
  options.resolver = [asleep](const std::string& host) -> std::vector<std::string> {
    if (host == "slow.example") asleep->pass();
    return {"127.0.0.1"};
  };
  {
    Publisher publisher{transport, options};
    publisher.subscribe({.url = "http://slow.example/", .events = {"slow"}});
    publisher.subscribe({.url = "http://quick.example/", .events = {"quick"}});
    publisher.publish(Event{"slow", 1, {}, {}});
    REQUIRE(eventually([&] { return asleep->waiting() == 1; }));
    publisher.publish(Event{"quick", 1, {}, {}});
    CHECK(eventually([&] { return transport->answered() == 1; }));
    const auto began = std::chrono::steady_clock::now();
    publisher.stop(0ms);
    CHECK(std::chrono::steady_clock::now() - began < 500ms + 1s);
  }
  asleep->open();
}

TEST_CASE("a slow observer holds up its own subscription and its thread") {
  Gate gate;
  const auto transport = std::make_shared<RecordingTransport>();
  auto recorder = std::make_shared<Recorder>();
  recorder->when_attempted = [&](const DeliveryRecord& delivery) {
    if (delivery.subscription_id.value == "slow") gate.pass();
  };
  auto options = on(contract::each_store(), 2);
  options.observer = recorder;
  Publisher publisher{transport, options};
  publisher.subscribe(to("slow", {"slow"}));
  publisher.subscribe(to("quick", {"quick"}));
  publisher.publish(Event{"slow", 1, {}, {}});
  REQUIRE(eventually([&] { return gate.waiting() == 1; }));
  for (int i = 0; i < 100; ++i) publisher.publish(Event{"quick", 1, {}, {}});
  CHECK(eventually([&] { return recorder->delivered().size() == 100; }));
  for (int i = 0; i < 300; ++i) publisher.publish(Event{"slow", 1, {}, {}});
  CHECK(eventually([&] { return publisher.stats().queued == 0; }));
  CHECK(gate.waiting() == 1);  // one call at a time for one subscription
  gate.open();
  CHECK(publisher.drain(20s));
  CHECK(eventually([&] { return recorder->delivered().size() == 401; }));
}

TEST_CASE("an asynchronous transport needs one pool thread, and keeps the stack small when it answers at once") {
  const auto transport =
      std::make_shared<RecordingTransport>(nullptr, TransportTraits{.blocking = false, .max_in_flight = 100});
  Publisher publisher{transport, on(contract::each_exact_store(), 4)};
  publisher.subscribe(to("one"));
  for (int i = 0; i < 3'000; ++i) REQUIRE(publisher.publish(Event{"a", i, {}, {}}));
  REQUIRE(publisher.drain(20s));
  CHECK(transport->requests().size() == 3'000);
  CHECK(publisher.stats().delivered == 3'000);
}

TEST_CASE("an asynchronous transport's own thread sends on") {
  const auto transport =
      std::make_shared<RecordingTransport>(nullptr, TransportTraits{.blocking = false, .max_in_flight = 4});
  transport->answer_after(100us, 200);
  Publisher publisher{transport, on(contract::each_store(), 1)};
  for (int i = 0; i < 8; ++i) publisher.subscribe(to("s" + std::to_string(i)));
  for (int i = 0; i < 100; ++i) REQUIRE(publisher.publish(Event{"a", i, {}, {}}));
  REQUIRE(publisher.drain(20s));
  CHECK(publisher.stats().delivered == 800);
}

TEST_CASE("a transport that throws, or answers twice, spoils nothing") {
  class Odd : public Transport {
   public:
    void send(HttpRequest, Completion done) override {
      switch (calls_++ % 3) {
        case 0: throw std::runtime_error{"no"};
        case 1: throw 1;
        default: done({200, {}, {}, {}}); done({500, {}, {}, {}});
      }
    }
    TransportTraits traits() const noexcept override { return {}; }
    void cancel_all() noexcept override {}

   private:
    std::atomic<int> calls_{0};
  };
  Publisher publisher{std::make_shared<Odd>(), on(contract::each_store(), 2)};
  publisher.subscribe(to("one"));
  for (int i = 0; i < 30; ++i) publisher.publish(Event{"a", i, {}, {}});
  REQUIRE(publisher.drain(20s));
  CHECK(publisher.stats().delivered == 10);
  CHECK(publisher.stats().dead == 20);
  CHECK(publisher.stats().callback_errors == 20);
}

TEST_CASE("with Overflow::block a publisher waits for room, and stop wakes it") {
  const auto& store = contract::each_store();
  const auto transport = std::make_shared<SomeHang>();
  auto options = on(store, 1);
  options.queue_capacity = 2;
  options.overflow = Overflow::block;
  Gate gate;
  auto recorder = std::make_shared<Recorder>();
  options.observer = recorder;
  struct Held {
    Gate* gate;
  };
  Publisher publisher{transport, options};
  publisher.subscribe(to("one"));
  for (int i = 0; i < 200; ++i) CHECK(publisher.publish(Event{"a", i, {}, {}}));
  CHECK(publisher.stats().published == 200);
  publisher.stop(10s);
  CHECK(publisher.publish(Event{"a", 1, {}, {}}).status == PublishStatus::stopped);
}

TEST_CASE("publishers of one engine go in any order, the last one on a thread of flyhook's too") {
  const auto& store = contract::each_store();
  auto recorder = std::make_shared<Recorder>();
  auto options = on(store, 2);
  options.observer = recorder;
  Gate destroyed;
  std::unique_ptr<Publisher<>> last;
  recorder->when_attempted = [&](const DeliveryRecord&) {
    last.reset();
    destroyed.open();
  };
  auto first = std::make_unique<Publisher<>>(std::make_shared<RecordingTransport>(), options);
  last = std::make_unique<Publisher<>>(*first);
  first->subscribe(to("one"));
  first.reset();
  last->publish(Event{"a", 1, {}, {}});
  destroyed.pass();
  CHECK(last == nullptr);
}

TEST_CASE("pool threads take no signal of the application's") {
  Publisher publisher{std::make_shared<RecordingTransport>(), on(contract::each_store(), 1)};
  publisher.subscribe(to("one"));
  publisher.publish(Event{"a", 1, {}, {}});
  REQUIRE(publisher.drain(20s));
  std::size_t others = 0;
  for (const auto& task : std::filesystem::directory_iterator{"/proc/self/task"}) {
    if (task.path().filename() == std::to_string(getpid())) continue;
    std::ifstream status{task.path() / "status"};
    for (std::string line; std::getline(status, line);)
      if (line.starts_with("SigBlk:") && ++others > 0) {
        const auto blocked = std::stoull(line.substr(8), nullptr, 16);
        for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGPIPE, SIGCHLD, SIGALRM})
          CHECK((blocked >> (signal - 1) & 1u) == 1);
      }
  }
#if !defined(__SANITIZE_THREAD__)
  CHECK(others >= 1);
#endif
}

#if !defined(__SANITIZE_THREAD__)  // which does not support fork with threads
TEST_CASE("in a forked child every member answers, and publish says stopped") {
  const auto transport = std::make_shared<SomeHang>();
  auto publisher = std::make_unique<Publisher<>>(transport, on(contract::each_store(), 2));
  publisher->subscribe(to("hang"));
  publisher->publish(Event{"a", 1, {}, {}});
  REQUIRE(eventually([&] { return transport->hanging() == 1; }));
  const pid_t child = fork();
  if (child == 0) {
    bool right = publisher->publish(Event{"a", 1, {}, {}}).status == PublishStatus::stopped;
    right = right && !publisher->drain(10s) && !publisher->settle() && !publisher->pause({"hang"});
    publisher->stop(10s);
    try {
      publisher->deliveries();
      right = false;
    } catch (const Error& error) {
      right = right && error.code() == ErrorCode::stopped;
    }
    publisher.reset();
    _exit(right ? 0 : 1);
  }
  REQUIRE(child > 0);
  int status = -1;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(status == 0);
}
#endif

TEST_CASE("with a manual clock threads wait for its time, not the machine's") {
  const auto clock = std::make_shared<ManualClock>();
  auto options = on(contract::each_store(), 2);
  options.clock = clock;
  const auto transport = std::make_shared<RecordingTransport>(clock);
  transport->answer_after(3600s, 200);
  Publisher publisher{transport, options};
  publisher.subscribe(to("one"));
  publisher.publish(Event{"a", 1, {}, {}});
  // Stores that answer `unknown` are asked again after a while of the clock's.
  REQUIRE(eventually([&] {
    clock->advance(10ms);
    return transport->requests().size() == 1;
  }));
  CHECK(publisher.stats().delivered == 0);
  REQUIRE(eventually([&] {
    clock->advance(60s);
    return publisher.stats().delivered + publisher.stats().dead == 1;
  }));
}
