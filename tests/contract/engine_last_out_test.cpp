#include "catch.hpp"
#include "contract/engine_session.hpp"
#include "contract/test_store.hpp"

#include <algorithm>
#include <atomic>
#include <limits>
#include <set>
#include <stdexcept>
#include <thread>

using namespace flyhook;
using contract::Recorder;
using namespace std::chrono_literals;

// How an engine begins and ends where something is in the way: a store that throws anything out of any verb, and a last
// publisher that goes on a thread of flyhook's.

namespace {

/// Passes everything on to a store, unless it was told that a verb fails.
class Moody : public Store {
 public:
  explicit Moody(std::unique_ptr<Store> store) : store_(std::move(store)) {}

  StoreTraits traits() const noexcept override { return store_->traits(); }
  Ownership acquire(const std::string& owner, TimePoint now) override {
    ++acquires;
    fail("acquire");
    return store_->acquire(owner, now);
  }
  void release(const std::string& owner) override {
    fail("release");
    store_->release(owner);
  }
  AppendResult append(AppendBatch batch) override {
    fail("append");
    auto result = store_->append(std::move(batch));
    fail("append, once it is done");
    return result;
  }
  std::vector<LaneFetched> fetch(std::span<const LaneWant> wants, TimePoint now) override {
    fail("fetch");
    return store_->fetch(wants, now);
  }
  void give_back(std::span<const Claim> claims) override {
    fail("give_back");
    store_->give_back(claims);
  }
  std::vector<FinishStatus> finish(std::span<const Outcome> outcomes) override {
    fail("finish");
    return store_->finish(outcomes);
  }
  Closed close(const CloseRequest& request) override {
    fail("close");
    return store_->close(request);
  }
  std::size_t pending() override {
    fail("pending");
    return store_->pending();
  }
  std::vector<SubscriptionRow> subscriptions() override { return store_->subscriptions(); }
  PutResult put(const SubscriptionRow& row, std::uint64_t expected) override { return store_->put(row, expected); }
  std::optional<std::uint64_t> remove(const SubscriptionId& id) override { return store_->remove(id); }
  History& history() override { return store_->history(); }

  std::string verb{};          ///< the one that fails
  std::atomic<int> times{0};   ///< so often
  std::atomic<int> failed{0};  ///< so often it did
  std::atomic<int> acquires{0};

 private:
  void fail(const std::string& which) {
    if (which != verb || times.load() == 0) return;
    --times;
    ++failed;
    throw 7;
  }
  const std::unique_ptr<Store> store_;
};

template <class Done>
bool eventually(Done done) {
  const auto deadline = std::chrono::steady_clock::now() + 20s;
  while (!done()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

}  // namespace

TEST_CASE("whatever a store throws out of a verb is reported, and the verb is tried again") {
  const auto& under_test = contract::each_store();
  const char* const verb = GENERATE("acquire", "append", "fetch", "give_back", "finish", "close", "pending", "release");
  INFO("on " << under_test.name << ", " << verb);
  const auto store = std::make_shared<Moody>(under_test.make());
  const auto clock = std::make_shared<ManualClock>();
  const auto recorder = std::make_shared<Recorder>();
  const auto transport = std::make_shared<RecordingTransport>(clock);
  Options options{.threads = 0, .shutdown_timeout = 0ms, .max_in_flight_per_endpoint = 1, .url_policy = contract::internal};
  options.store = store;
  options.observer = recorder;
  options.clock = clock;
  Publisher publisher{transport, options};
  publisher.subscribe({.url = "http://127.0.0.1/", .id = {"one"}});
  publisher.subscribe({.url = "http://127.0.0.1/", .id = {"two"}});
  const auto settle = [&] {
    for (int i = 0; i < 200 && !publisher.settle(0ms); ++i) clock->advance(100ms);
  };
  store->verb = verb;
  store->times = 3;
  transport->answer_after(1s, 200);
  for (int i = 0; i < 200; ++i) publisher.publish(Event{"a", i, {}, {}});
  publisher.settle(0ms);
  publisher.pause({"one"});
  publisher.unsubscribe({"two"});
  settle();
  publisher.resume({"one"});
  bool is_drained = false;
  for (int i = 0; i < 4'000 && !is_drained; ++i) {
    clock->advance(100ms);
    settle();
    is_drained = publisher.drain(0ms);
  }
  CHECK(is_drained);
  const std::string which = verb;
  if (which != "release" && which != "acquire") CHECK(store->failed == 3);
  const auto stats = publisher.stats();
  CHECK(stats.pending == 0);
  // Events not yet encoded when "two" went make one delivery only.
  CHECK(stats.delivered + stats.dead + stats.cancelled == publisher.deliveries({.limit = 1'000}).size());
  CHECK(publisher.deliveries({.subscription_id = SubscriptionId{"one"}, .limit = 1'000}).size() == 200);
  publisher.stop(0ms);
  if (which == "release") CHECK(store->failed == 1);
  if (store->failed > 0 && which != "pending" && which != "close") CHECK_FALSE(recorder->errors().empty());
}

TEST_CASE("slots are kept while nothing else of the store works") {
  auto knobs = contract::TestStoreKnobs::mild();
  knobs.lose_slots_every = std::numeric_limits<unsigned>::max();  // could be lost, so they are to be renewed
  knobs.renew = 10s;
  const auto store = std::make_shared<Moody>(std::make_unique<contract::TestStore>(knobs));
  const auto clock = std::make_shared<ManualClock>();
  Options options{.threads = 0, .shutdown_timeout = 0ms, .url_policy = contract::internal};
  options.store = store;
  options.clock = clock;
  Publisher publisher{std::make_shared<RecordingTransport>(clock), options};
  publisher.subscribe({.url = "http://127.0.0.1/"});
  publisher.settle(0ms);
  store->verb = "finish";
  store->times = 1'000;
  publisher.publish(Event{"a", 1, {}, {}});
  const int before = store->acquires;
  for (int i = 0; i < 100; ++i) {
    publisher.settle(0ms);
    clock->advance(1s);
  }
  CHECK(store->failed > 10);
  CHECK(store->acquires >= before + 9);
}

TEST_CASE("at a stop, what was delivered though nobody knew that it was stored is not reported as dropped") {
  const auto store = std::make_shared<Moody>(contract::each_exact_store().make());
  const auto clock = std::make_shared<ManualClock>();
  const auto recorder = std::make_shared<Recorder>();
  Options options{.threads = 0, .shutdown_timeout = 0ms, .url_policy = contract::internal};
  options.store = store;
  options.clock = clock;
  options.observer = recorder;
  Publisher publisher{std::make_shared<RecordingTransport>(clock), options};
  publisher.subscribe({.url = "http://127.0.0.1/", .id = {"one"}});
  publisher.pause({"one"});
  publisher.publish(Event{"a", 1, {}, {}});
  publisher.settle(0ms);
  store->verb = "append, once it is done";
  store->times = 1;
  publisher.publish(Event{"a", 2, {}, {}});
  publisher.settle(0ms);
  CHECK(publisher.stats().queued == 1);  // to be repeated
  publisher.resume({"one"});
  publisher.settle(0ms);
  CHECK(publisher.stats().delivered == 2);
  publisher.stop(0ms);
  CHECK(recorder->dropped().empty());
  CHECK(publisher.stats().dropped == 0);
  CHECK(publisher.stats().queued == 0);
}

TEST_CASE("a batch that the store did not take for a while finds subscriptions as they are then") {
  const auto store = std::make_shared<Moody>(contract::each_exact_store().make());
  const auto clock = std::make_shared<ManualClock>();
  const auto transport = std::make_shared<RecordingTransport>(clock);
  Options options{.threads = 0, .shutdown_timeout = 0ms, .url_policy = contract::internal};
  options.store = store;
  options.clock = clock;
  Publisher publisher{transport, options};
  publisher.subscribe({.url = "http://127.0.0.1/", .events = {"a"}, .id = {"one"}});
  store->verb = "append";
  store->times = 3;
  publisher.publish(Event{"a", 1, {}, {}});
  publisher.settle(0ms);
  publisher.pause({"one"});
  for (int i = 0; i < 1'500; ++i) {  // more lanes than are kept without a reason
    const SubscriptionId other{"other-" + std::to_string(i)};
    publisher.subscribe({.url = "http://127.0.0.1/", .events = {"b"}, .id = other});
    publisher.update(other, {.events = std::vector<std::string>{"c"}});
  }
  for (int i = 0; i < 50; ++i) {
    clock->advance(1s);
    publisher.settle(0ms);
  }
  CHECK(transport->requests().empty());
  CHECK(publisher.stats().pending == 1);
}

TEST_CASE("enabled again, a subscription gets what came since, though the store was away in between") {
  const auto store = std::make_shared<Moody>(contract::each_exact_store().make());
  const auto clock = std::make_shared<ManualClock>();
  Options options{.threads = 0, .shutdown_timeout = 0ms, .url_policy = contract::internal};
  options.store = store;
  options.clock = clock;
  Publisher publisher{std::make_shared<RecordingTransport>(clock), options};
  publisher.subscribe({.url = "http://127.0.0.1/", .id = {"one"}});
  store->verb = "close";
  store->times = 1;
  publisher.update({"one"}, {.enabled = false});
  publisher.update({"one"}, {.enabled = true, .paused = true});
  publisher.publish(Event{"a", 1, {}, {}});
  for (int i = 0; i < 10; ++i) {
    publisher.settle(0ms);
    clock->advance(1s);
  }
  CHECK(publisher.stats().pending == 1);
  publisher.resume({"one"});
  publisher.settle(0ms);
  CHECK(publisher.stats().delivered == 1);
  CHECK(publisher.stats().dead == 0);
}

TEST_CASE("an engine whose store fails at its start leaves the transport to the next") {
  const auto store = std::make_shared<Moody>(contract::each_store().make());
  const auto transport = std::make_shared<RecordingTransport>();
  store->verb = "acquire";
  store->times = 1;
  const Options options{.threads = 0, .url_policy = contract::internal, .store = store};
  bool has_failed = false;
  try {
    Publisher publisher{transport, options};
  } catch (...) {
    has_failed = true;
  }
  CHECK(has_failed);
  Publisher publisher{transport, options};
  publisher.subscribe({.url = "http://127.0.0.1/"});
  publisher.publish(Event{"a", 1, {}, {}});
  CHECK(publisher.settle());
  CHECK(eventually([&] { return publisher.settle() && publisher.stats().delivered == 1; }));
}

TEST_CASE("a last publisher that goes on a thread of flyhook's leaves nothing unreported") {
  const std::size_t threads = GENERATE(std::size_t{0}, std::size_t{1}, std::size_t{3});
  const bool is_blocking = GENERATE(true, false);
  const auto& store = contract::each_exact_store();
  INFO("on " << store.name << ", threads " << threads << ", blocking " << is_blocking);
  for (int round = 0; round < 20; ++round) {
    struct Shared {  // with threads that nobody waits for
      std::unique_ptr<Publisher<>> last{};
      std::atomic<int> calls{0};
      std::atomic<bool> is_set{false};
    };
    const auto shared = std::make_shared<Shared>();
    auto recorder = std::make_shared<Recorder>();
    recorder->when_attempted = [shared, round](const DeliveryRecord&) {
      while (!shared->is_set) std::this_thread::yield();
      if (++shared->calls == round + 1) shared->last.reset();
    };
    Options options{.threads = threads, .shutdown_timeout = 0ms, .url_policy = contract::internal};
    options.store = store.make();
    options.observer = recorder;
    auto publisher = std::make_unique<Publisher<>>(
        std::make_shared<RecordingTransport>(nullptr, TransportTraits{is_blocking, 0}), options);
    for (const char* name : {"a", "b", "c"}) publisher->subscribe({.url = "http://127.0.0.1/", .id = {name}});
    std::set<std::string> accepted;
    for (int i = 0; i < 300; ++i) accepted.insert(publisher->publish(Event{"x", i, {}, {}}).id.value);
    auto* const last = publisher.get();
    shared->last = std::move(publisher);
    shared->is_set = true;
    if (threads == 0) last->settle();
    options = {};
    // The engine's hold on its observer goes with the engine.
    REQUIRE(eventually([&] { return recorder.use_count() == 1; }));
    std::set<std::string> dropped, ended;
    for (const auto& [id, reason] : recorder->dropped()) {
      CHECK(reason == "shutdown");
      CHECK(dropped.insert(id).second);
    }
    std::multiset<std::string> delivered;
    for (const auto& record : recorder->delivered()) delivered.insert(record.event_id.value);
    for (const auto& id : accepted) {
      const auto times = delivered.count(id);
      CHECK(times <= 3);
      if (recorder->errors().empty()) CHECK((times == 3) != dropped.contains(id));  // there was time to name them all
    }
  }
}

TEST_CASE("a stop ends the drain of another thread") {
  const auto transport = std::make_shared<RecordingTransport>();
  transport->hang();
  Options options{.threads = 2, .shutdown_timeout = 0ms, .url_policy = contract::internal};
  options.store = contract::each_store().make();
  Publisher publisher{transport, options};
  publisher.subscribe({.url = "http://127.0.0.1/"});
  publisher.publish(Event{"a", 1, {}, {}});
  REQUIRE(eventually([&] { return !transport->requests().empty(); }));
  std::atomic<bool> is_draining{false}, is_drained{true};
  const auto began = std::chrono::steady_clock::now();
  std::thread other{[&] {
    is_draining = true;
    is_drained = publisher.drain(20s);
  }};
  REQUIRE(eventually([&] { return is_draining.load(); }));
  publisher.stop(0ms);
  other.join();
  CHECK_FALSE(is_drained);
  CHECK(std::chrono::steady_clock::now() - began < 10s);
}
