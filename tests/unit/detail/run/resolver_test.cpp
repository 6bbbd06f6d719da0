#include <flyhook/detail/run/resolver.hpp>

#include <flyhook/testing.hpp>

#include "catch.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace flyhook;
using detail::HostResolver;
using detail::Resolved;
using namespace std::chrono_literals;

namespace {

using Answer = std::shared_ptr<const Resolved>;

/// A name server that counts, and holds its answers back while it is told to. It outlives every look-up by being shared.
class Names {
 public:
  std::vector<std::string> look_up(const std::string& host) {
    std::unique_lock lock{mutex_};
    ++asked_[host];
    changed_.notify_all();
    changed_.wait(lock, [&] { return held_.count(host) == 0; });
    return {"192.0.2." + std::to_string(asked_[host])};
  }
  void hold(const std::string& host) {
    const std::lock_guard lock{mutex_};
    held_[host] = true;
  }
  void release(const std::string& host) {
    const std::lock_guard lock{mutex_};
    held_.erase(host);
    changed_.notify_all();
  }
  int asked(const std::string& host) {
    const std::lock_guard lock{mutex_};
    return asked_[host];
  }
  void wait_asked(const std::string& host, int times) {
    std::unique_lock lock{mutex_};
    changed_.wait(lock, [&] { return asked_[host] >= times; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, int> asked_;
  std::map<std::string, bool> held_;
};

struct Session {
  explicit Session(bool inline_only = false)
      : resolver([names = names](const std::string& host) { return names->look_up(host); }, clock, inline_only) {}

  /// The answer, now or later.
  std::future<Answer> find(const std::string& host) {
    const auto promise = std::make_shared<std::promise<Answer>>();
    auto future = promise->get_future();
    if (auto known = resolver.find(host, [promise](Answer answer) { promise->set_value(std::move(answer)); }))
      promise->set_value(std::move(known));
    return future;
  }
  /// The answer that is there already; null: there is none.
  Answer known(const std::string& host) {
    return resolver.find(host, [](Answer) {});
  }

  std::shared_ptr<Names> names = std::make_shared<Names>();
  std::shared_ptr<ManualClock> clock = std::make_shared<ManualClock>();
  HostResolver resolver;
};

}  // namespace

TEST_CASE("a host is looked up once, and its answer counts for ten seconds") {
  Session session;
  const auto first = session.find("a").get();
  CHECK(first->host == "a");
  CHECK(first->addresses == std::vector<std::string>{"192.0.2.1"});
  CHECK(first->error.empty());
  CHECK(first->refresh_at == 5s);
  CHECK(first->expires_at == 10s);
  session.clock->advance(5s - 1ns);
  CHECK(session.known("a") == first);
  CHECK(session.names->asked("a") == 1);
}

TEST_CASE("a host in use is looked up again after five seconds, and nobody waits for it") {
  Session session;
  const auto first = session.find("a").get();
  session.names->hold("a");
  session.clock->advance(5s);
  CHECK(session.known("a") == first);
  session.names->wait_asked("a", 2);
  session.clock->advance(5s - 1ns);
  CHECK(session.known("a") == first);
  CHECK(session.names->asked("a") == 2);
  // Over: now it has to be waited for.
  session.clock->advance(1ns);
  auto second = session.find("a");
  CHECK(second.wait_for(0s) == std::future_status::timeout);
  session.names->release("a");
  CHECK(second.get()->addresses == std::vector<std::string>{"192.0.2.2"});
  CHECK(session.names->asked("a") == 2);
}

TEST_CASE("a host that nobody asked for meanwhile is looked up anew") {
  Session session;
  session.find("a").get();
  session.clock->advance(10s);
  CHECK(session.find("a").get()->addresses == std::vector<std::string>{"192.0.2.2"});
}

TEST_CASE("twenty who ask at once share one look-up") {
  Session session;
  session.names->hold("a");
  std::vector<std::thread> threads;
  std::mutex mutex;
  std::vector<std::future<Answer>> futures;
  for (int i = 0; i < 20; ++i)
    threads.emplace_back([&] {
      auto future = session.find("a");
      const std::lock_guard lock{mutex};
      futures.push_back(std::move(future));
    });
  for (auto& thread : threads) thread.join();
  session.names->release("a");
  const auto first = futures.front().get();
  for (std::size_t i = 1; i < futures.size(); ++i) CHECK(futures[i].get() == first);
  CHECK(session.names->asked("a") == 1);
}

TEST_CASE("a look-up that hangs leaves the others their threads") {
  Session session;
  session.find("warm").get();  // a thread is there, and soon idle
  session.names->hold("hangs");
  auto hanging = session.find("hangs");
  auto healthy = session.find("healthy");
  CHECK(healthy.get()->addresses.size() == 1);
  CHECK(hanging.wait_for(0s) == std::future_status::timeout);
  session.names->release("hangs");
  hanging.get();
}

TEST_CASE("new hosts that hang leave the hosts that are known two threads") {
  Session session;
  session.find("known").get();
  for (const char* host : {"h1", "h2", "h3", "h4"}) session.names->hold(host);
  std::vector<std::future<Answer>> hanging;
  for (const char* host : {"h1", "h2", "h3", "h4"}) hanging.push_back(session.find(host));
  session.clock->advance(10s);
  CHECK(session.find("known").get()->addresses == std::vector<std::string>{"192.0.2.2"});
  for (const char* host : {"h1", "h2", "h3", "h4"}) session.names->release(host);
  for (auto& each : hanging) CHECK(each.get()->addresses.size() == 1);
}

TEST_CASE("a resolver that finds nothing or throws is an answer with a reason, and is asked again when that is old") {
  const auto clock = std::make_shared<ManualClock>();
  const auto ask = [&](Resolver own) {
    HostResolver resolver{std::move(own), clock, true};
    return resolver.find("a.example", [](Answer) {});
  };
  const auto nothing = ask([](const std::string&) { return std::vector<std::string>{}; });
  CHECK(nothing->addresses.empty());
  CHECK(nothing->error == "dns: a.example does not resolve");
  CHECK(ask([](const std::string&) -> std::vector<std::string> { throw std::runtime_error{"no route"}; })->error ==
        "dns: a.example: no route");
  CHECK(ask([](const std::string&) -> std::vector<std::string> { throw 42; })->error ==
        "dns: a.example: the resolver threw");

  int asked = 0;
  HostResolver resolver{[&](const std::string&) -> std::vector<std::string> {
                          ++asked;
                          throw std::runtime_error{"no route"};
                        },
                        clock, true};
  resolver.find("a", [](Answer) {});
  clock->advance(10s - 1ns);
  resolver.find("a", [](Answer) {});
  CHECK(asked == 1);
  clock->advance(1ns);
  resolver.find("a", [](Answer) {});
  CHECK(asked == 2);
}

TEST_CASE("a throwing resolver on a thread of its own is an answer, too") {
  HostResolver resolver{[](const std::string&) -> std::vector<std::string> { throw std::runtime_error{"no route"}; },
                        std::make_shared<ManualClock>(), false};
  std::promise<Answer> promise;
  REQUIRE(resolver.find("a", [&](Answer answer) { promise.set_value(std::move(answer)); }) == nullptr);
  CHECK(promise.get_future().get()->error == "dns: a: no route");
}

TEST_CASE("inline, a look-up runs on the caller's thread and is answered at once") {
  const auto caller = std::this_thread::get_id();
  std::thread::id asked_on{};
  HostResolver resolver{[&](const std::string&) {
                          asked_on = std::this_thread::get_id();
                          return std::vector<std::string>{"192.0.2.1"};
                        },
                        std::make_shared<ManualClock>(), true};
  bool called = false;
  const auto answer = resolver.find("a", [&](Answer) { called = true; });
  REQUIRE(answer != nullptr);
  CHECK(answer->addresses.front() == "192.0.2.1");
  CHECK(asked_on == caller);
  CHECK_FALSE(called);
}

TEST_CASE("a resolver goes while a look-up sleeps, and gives no answer afterwards") {
  const auto names = std::make_shared<Names>();
  names->hold("a");
  std::atomic<int> answers{0};
  const auto alive = std::make_shared<int>(0);
  {
    HostResolver resolver{[names, alive](const std::string& host) { return names->look_up(host); },
                          std::make_shared<ManualClock>(), false};
    resolver.find("a", [&](Answer) { ++answers; });
    names->wait_asked("a", 1);
  }  // does not wait for the look-up
  CHECK(names->asked("a") == 1);
  CHECK(answers == 0);
  names->release("a");
  // The thread that was left behind goes by itself; once it has, nobody is left who could answer.
  while (alive.use_count() > 1) std::this_thread::yield();
  CHECK(answers == 0);
}

TEST_CASE("an abandoned resolver finds nothing any more") {
  Session session;
  session.find("a").get();
  session.resolver.abandon();
  bool called = false;
  CHECK(session.resolver.find("a", [&](Answer) { called = true; }) == nullptr);
  CHECK(session.resolver.find("b", [&](Answer) { called = true; }) == nullptr);
  CHECK(session.names->asked("b") == 0);
  session.resolver.abandon();
  CHECK_FALSE(called);
}

TEST_CASE("abandon waits for an answer that is being given, so that none comes after it") {
  Session session;
  std::promise<void> entered, leave;
  std::atomic<bool> is_over{false};
  REQUIRE(session.resolver.find("a", [&](Answer) {
    entered.set_value();
    leave.get_future().wait();
    is_over = true;
  }) == nullptr);
  entered.get_future().wait();
  auto abandoned = std::async(std::launch::async, [&] {
    session.resolver.abandon();
    return is_over.load();
  });
  leave.set_value();
  CHECK(abandoned.get());
}
