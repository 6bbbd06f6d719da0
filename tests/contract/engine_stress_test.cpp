#include "catch.hpp"
#include "contract/engine_session.hpp"

#include <flyhook/error.hpp>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <map>
#include <random>
#include <set>
#include <stdexcept>
#include <thread>

using namespace flyhook;
using contract::StoreUnderTest;
using namespace std::chrono_literals;

// Everything at once, on real threads: publishers, changes of subscriptions, observers that call back, transports of each
// kind, and a stop in the middle of it.

namespace {

enum class Kind { blocking, asynchronous, in_done };

/// Answers at once or after a while, with 200 or 500, and sometimes throws instead.
class Erratic : public Transport {
 public:
  explicit Erratic(Kind kind) : kind_(kind) {
    if (kind != Kind::blocking) timer_ = std::thread{[this] { run(); }};
  }
  ~Erratic() override {
    cancel_all();
    if (timer_.joinable()) timer_.join();
  }

  void send(HttpRequest, Completion done) override {
    const auto number = ++sent_;
    if (number % 41 == 0) throw std::runtime_error{"no connection"};
    if (number % 43 == 0) throw 43;
    HttpResponse response;
    response.status = number % 17 == 0 ? 500 : 200;
    std::unique_lock lock{mutex_};
    if (cancelled_) {
      lock.unlock();
      return done({0, "cancelled: by the test", {}, {}});
    }
    if (kind_ == Kind::blocking) {
      if (number % 5 == 0) changed_.wait_for(lock, 1ms, [&] { return cancelled_; });
      if (number % 501 == 0) changed_.wait(lock, [&] { return cancelled_; });
      if (cancelled_) response = {0, "cancelled: by the test", {}, {}};
      lock.unlock();
      return done(std::move(response));
    }
    if (kind_ == Kind::asynchronous && number % 3 == 0) {
      lock.unlock();
      return done(std::move(response));
    }
    if (number % 501 == 0) {
      hanging_.push_back(std::move(done));
    } else {
      waiting_.push_back({std::move(done), std::move(response)});
      changed_.notify_all();
    }
  }
  TransportTraits traits() const noexcept override {
    return {.blocking = kind_ == Kind::blocking, .max_in_flight = kind_ == Kind::blocking ? 0u : 20u};
  }
  void cancel_all() noexcept override {
    std::deque<Completion> ended;
    {
      const std::lock_guard lock{mutex_};
      cancelled_ = true;
      changed_.notify_all();
      ended.swap(hanging_);
      for (auto& each : waiting_) ended.push_back(std::move(each.first));
      waiting_.clear();
    }
    for (const auto& done : ended) done({0, "cancelled: by the test", {}, {}});
  }

 private:
  void run() {
    std::unique_lock lock{mutex_};
    for (;;) {
      changed_.wait(lock, [&] { return cancelled_ || !waiting_.empty(); });
      if (waiting_.empty()) return;
      auto [done, response] = std::move(waiting_.front());
      waiting_.pop_front();
      lock.unlock();
      done(std::move(response));
      lock.lock();
    }
  }

  const Kind kind_;
  std::atomic<std::uint64_t> sent_{0};
  std::mutex mutex_;
  std::condition_variable changed_;
  bool cancelled_ = false;
  std::deque<std::pair<Completion, HttpResponse>> waiting_;
  std::deque<Completion> hanging_;
  std::thread timer_;
};

Subscription to(const std::string& name) {
  return {.url = "http://127.0.0.1/" + name, .secret = contract::secret, .id = {name}};
}

/// What publishers were answered.
struct Books {
  void publish(Publisher<>& publisher, int n) {
    Event event{"order.paid", n, {}, {}};
    const auto turn = turns++;
    const Target target{.url = "http://127.0.0.1:" + std::to_string(8000 + turn % 3) + "/callback"};
    const auto result = turn % 7 == 0 ? publisher.send(target, std::move(event)) : publisher.publish(std::move(event));
    const std::lock_guard lock{mutex};
    ++calls;
    if (result) {
      accepted.insert(result.id.value);
      latest = result.id;
    }
    if (result.status == PublishStatus::stopped) is_stopped = true;
  }
  void test(Publisher<>& publisher, const SubscriptionId& id) {
    try {
      const auto event = publisher.send_test(id);
      const std::lock_guard lock{mutex};
      tests.insert(event.value);
    } catch (const Error&) {  // unsubscribed, stopped, or the queue is full
    }
  }
  EventId some() {
    const std::lock_guard lock{mutex};
    return latest;
  }

  std::atomic<std::uint64_t> turns{0};
  std::mutex mutex;
  std::size_t calls = 0;
  std::set<std::string> accepted, tests;
  EventId latest;
  std::atomic<bool> is_stopped{false};
};

/// Calls back from every call.
class Meddler : public Observer {
 public:
  explicit Meddler(Books& books) : books_(books) {}

  void on_attempt(const DeliveryRecord& delivery, const Attempt&) override {
    auto* const publisher = its_publisher.load();
    switch (++calls_ % 64) {
      case 0: books_.publish(*publisher, -1); break;
      case 1: publisher->stats(); break;
      case 2: publisher->deliveries({.limit = 3}); break;
      case 3: publisher->pause(delivery.subscription_id); break;
      case 4: publisher->resume(delivery.subscription_id); break;
      case 5: throw std::runtime_error{"an observer that throws"};
      case 6:
        try {
          publisher->drain(1s);
          ++mistakes;
        } catch (const Error&) {
        }
        break;
      case 7: publisher->cancel(delivery.event_id); break;
      case 8: books_.test(*publisher, delivery.subscription_id); break;
      default: break;
    }
  }
  void on_delivered(const DeliveryRecord& delivery) override { note(delivery); }
  void on_dead(const DeliveryRecord& delivery) override { note(delivery); }
  void on_dropped(const EventId& id, std::string_view) override {
    const std::lock_guard lock{mutex_};
    if (!dropped_.insert(id.value).second) ++mistakes;
  }

  std::set<std::string> dropped() {
    const std::lock_guard lock{mutex_};
    return dropped_;
  }

  std::atomic<Publisher<>*> its_publisher{nullptr};
  std::atomic<int> mistakes{0};

 private:
  void note(const DeliveryRecord& delivery) {
    const std::lock_guard lock{mutex_};
    if (!ended_.insert(delivery.id.value).second) ++mistakes;
  }

  Books& books_;
  std::atomic<std::uint64_t> calls_{0};
  std::mutex mutex_;
  std::set<std::string> dropped_, ended_;
};

void change(Publisher<>& publisher, Books& books, std::uint64_t seed) {
  std::mt19937_64 random{seed};
  while (!books.is_stopped) {
    const std::string name = "s" + std::to_string(random() % 5);
    switch (random() % 160 < 150 ? random() % 8 : 8 + random() % 3) {  // the last few cost more
      case 8: books.test(publisher, {name}); break;
      case 9: publisher.cancel(books.some()); break;
      case 10: try { publisher.explain(books.some());
        } catch (const Error&) {  // the store has dropped it, or failed
        }
        break;
      case 0:
      case 1: publisher.subscribe(to(name)); break;
      case 2: publisher.pause({name}); break;
      case 3:
      case 4: publisher.resume({name}); break;
      case 5: publisher.unsubscribe({name}); break;
      case 6: publisher.update({name}, {.max_in_flight = std::optional<std::size_t>{1 + random() % 4}}); break;
      default: publisher.update({name}, {.enabled = random() % 2 == 0}); break;
    }
    publisher.subscriptions();
    std::this_thread::yield();
  }
}

void run(const StoreUnderTest& store, Kind kind) {
  INFO("on " << store.name << ", transport of kind " << static_cast<int>(kind));
  Books books;
  const auto observer = std::make_shared<Meddler>(books);
  const auto transport = std::make_shared<Erratic>(kind);
  Options options{.threads = 4, .queue_capacity = 200, .shutdown_timeout = 0ms, .url_policy = contract::internal};
  options.store = store.make();
  options.observer = observer;
  Publisher publisher{transport, options};
  observer->its_publisher = &publisher;
  publisher.subscribe(to("always"));

  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 1'500 && !books.is_stopped; ++i) {
        books.publish(publisher, t);
        if (i % 8 == 0) std::this_thread::yield();
      }
      while (!books.is_stopped) {
        std::this_thread::yield();
        if (publisher.stats().queued == 0) books.publish(publisher, t);  // always something to stop in the middle of
      }
    });
  for (std::uint64_t t = 0; t < 2; ++t) threads.emplace_back([&, t] { change(publisher, books, 7 + t); });
  threads.emplace_back([&] {
    const auto until = std::chrono::steady_clock::now() + 60s;
    while (publisher.stats().delivered < 300 && std::chrono::steady_clock::now() < until) std::this_thread::yield();
    publisher.stop(20ms);
  });
  for (auto& thread : threads) thread.join();

  const auto stats = publisher.stats();
  CHECK(observer->mistakes == 0);
  CHECK(stats.published == books.accepted.size());
  CHECK(stats.published + stats.rejected == books.calls);
  CHECK(stats.delivered >= 100);  // in a minute, however busy the machine is
  CHECK(stats.threads == 0);

  // What was accepted was delivered, is dead or was cancelled, or it was dropped and reported.
  std::map<std::string, bool> ended;  // by event: whether all of its deliveries have
  std::map<DeliveryStatus, std::size_t> rows;
  DeliveryQuery query{.limit = 1'000};
  for (auto page = publisher.deliveries(query); !page.empty(); page = publisher.deliveries(query)) {
    query.cursor = page.back().id.value;
    for (const auto& row : page) {
      // Of tests only what was cancelled is counted.
      if (row.status == DeliveryStatus::cancelled || !books.tests.contains(row.event_id.value)) ++rows[row.status];
      const bool is_final = row.status != DeliveryStatus::pending && row.status != DeliveryStatus::in_flight;
      const auto [event, is_new] = ended.emplace(row.event_id.value, is_final);
      if (!is_new && !is_final) event->second = false;
      CHECK((books.accepted.contains(row.event_id.value) || books.tests.contains(row.event_id.value)));
    }
  }
  std::set<std::string> left;
  for (const auto* ids : {&books.accepted, &books.tests})
    for (const auto& id : *ids)
      if (!ended.contains(id) || !ended[id]) left.insert(id);
  CHECK(stats.dropped == left.size());
  const auto dropped = observer->dropped();  // but for those that there was no time to name
  CHECK(std::includes(left.begin(), left.end(), dropped.begin(), dropped.end()));
  CHECK(stats.delivered == rows[DeliveryStatus::delivered]);
  CHECK(stats.dead == rows[DeliveryStatus::dead]);
  CHECK(stats.cancelled <= rows[DeliveryStatus::cancelled]);
  if (store.exact) CHECK(stats.cancelled == rows[DeliveryStatus::cancelled]);
}

}  // namespace

TEST_CASE("stopped in the middle of everything, the books balance: a blocking transport") {
  run(contract::each_store(), Kind::blocking);
}

TEST_CASE("stopped in the middle of everything, the books balance: an asynchronous transport") {
  run(contract::each_store(), GENERATE(Kind::asynchronous, Kind::in_done));
}
