#include <flyhook/testing.hpp>
#include <flyhook/transport/httplib.hpp>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "catch.hpp"
#include "integration/scripted_server.hpp"

// What the port promises, asked of every transport. A new one joins by a World below.

using namespace flyhook;
using namespace flyhook::test;

namespace {

using Milliseconds = std::chrono::milliseconds;

/// A transport with something at its other end.
class World {
 public:
  virtual ~World() = default;
  virtual HttpRequest answered(int status) = 0;  ///< a request that gets this status at once
  virtual HttpRequest hung() = 0;                ///< one that gets no answer
  virtual int arrived() const = 0;               ///< requests sent so far, as the other end sees it

  std::unique_ptr<Transport> transport{};
};

class HttplibWorld : public World {
 public:
  HttplibWorld() { transport = std::make_unique<HttplibTransport>(); }

  HttpRequest answered(int status) override { return request("/" + std::to_string(status)); }
  HttpRequest hung() override { return request("/hang"); }
  int arrived() const override { return server_.requests(); }

 private:
  HttpRequest request(const std::string& target) const {
    return {.url = server_.url(target), .timeout = 60s, .addresses = {server_.address()}};
  }

  static void play(ScriptedServer::Peer& peer) {
    for (auto text = peer.read_request(); !text.empty(); text = peer.read_request()) {
      const auto target = text.substr(6, text.find(' ', 6) - 6);
      if (target == "hang") return peer.hang();
      peer.answer(std::stoi(target));
    }
  }

  ScriptedServer server_{play};
};

class RecordingWorld : public World {
 public:
  explicit RecordingWorld(bool blocking) {
    auto made = std::make_unique<RecordingTransport>(nullptr, TransportTraits{.blocking = blocking});
    recording_ = made.get();
    transport = std::move(made);
  }

  HttpRequest answered(int status) override {
    recording_->answer(status, {}, "ok");
    return {.url = "http://recorded.test/", .timeout = 60s};
  }
  HttpRequest hung() override {
    recording_->hang();
    return {.url = "http://recorded.test/", .timeout = 60s};
  }
  int arrived() const override { return static_cast<int>(recording_->requests().size()); }

 private:
  RecordingTransport* recording_;
};

/// Runs the test once for each of them.
std::string each_transport() {
  return GENERATE(as<std::string>{}, "HttplibTransport", "RecordingTransport, blocking",
                  "RecordingTransport, asynchronous");
}

std::unique_ptr<World> make_world(const std::string& name) {
  if (name == "HttplibTransport") return std::make_unique<HttplibWorld>();
  return std::make_unique<RecordingWorld>(name == "RecordingTransport, blocking");
}

/// The answers to a number of requests, each of which must come once.
class Answers {
 public:
  Completion expect() {
    std::lock_guard lock{mutex_};
    const auto index = answers_.size();
    answers_.emplace_back();
    counts_.push_back(0);
    return [this, index](HttpResponse response) {
      std::lock_guard inner{mutex_};
      answers_[index] = std::move(response);
      ++counts_[index];
    };
  }

  bool all_came() const {
    std::lock_guard lock{mutex_};
    for (const int count : counts_)
      if (count == 0) return false;
    return true;
  }

  /// Every answer, none missing and none twice.
  std::vector<HttpResponse> all() const {
    std::lock_guard lock{mutex_};
    for (const int count : counts_) REQUIRE(count == 1);
    return answers_;
  }

 private:
  mutable std::mutex mutex_{};
  std::vector<HttpResponse> answers_{};
  std::vector<int> counts_{};
};

/// Calls `send` as the engine would: on a thread of its own where that blocks.
class Senders {
 public:
  explicit Senders(Transport& transport) : transport_(transport) {}
  ~Senders() { join(); }

  void send(HttpRequest request, Completion done) {
    if (transport_.traits().blocking)
      threads_.emplace_back([this, request = std::move(request), done = std::move(done)]() mutable {
        transport_.send(std::move(request), std::move(done));
      });
    else
      transport_.send(std::move(request), std::move(done));
  }

  void join() {
    for (auto& thread : threads_) thread.join();
    threads_.clear();
  }

 private:
  Transport& transport_;
  std::vector<std::thread> threads_{};
};

template <class Function>
Milliseconds time_of(Function function) {
  const auto start = std::chrono::steady_clock::now();
  function();
  return std::chrono::duration_cast<Milliseconds>(std::chrono::steady_clock::now() - start);
}

}  // namespace

TEST_CASE("transport: a status is an answer, whatever it says") {
  const auto name = each_transport();
  CAPTURE(name);
  const auto world = make_world(name);
  Answers answers;
  const std::vector<int> statuses{200, 204, 301, 404, 410, 429, 500, 503};
  for (const int status : statuses) {
    world->transport->send(world->answered(status), answers.expect());
    REQUIRE(eventually([&] { return answers.all_came(); }));
  }
  const auto all = answers.all();
  for (std::size_t i = 0; i < statuses.size(); ++i) {
    CHECK(all[i].status == statuses[i]);
    CHECK(all[i].error.empty());
    CHECK(all[i].body == (statuses[i] == 204 ? all[i].body : "ok"));
  }
  CHECK(world->arrived() == static_cast<int>(statuses.size()));
}

TEST_CASE("transport: a blocking one answers before send returns") {
  const auto name = each_transport();
  CAPTURE(name);
  const auto world = make_world(name);
  if (!world->transport->traits().blocking) return;
  int calls = 0;
  world->transport->send(world->answered(200), [&](HttpResponse) { ++calls; });
  CHECK(calls == 1);
}

TEST_CASE("transport: timeout is a limit on the whole exchange") {
  const auto name = each_transport();
  CAPTURE(name);
  const auto world = make_world(name);
  Answers answers;
  Senders senders{*world->transport};
  auto request = world->hung();
  request.timeout = Milliseconds{100};
  const auto took = time_of([&] {
    senders.send(request, answers.expect());
    REQUIRE(eventually([&] { return answers.all_came(); }));
  });
  senders.join();
  CHECK(took >= Milliseconds{99});
  CHECK(took < Milliseconds{1500});
  const auto answer = answers.all().at(0);
  CHECK(answer.status == 0);
  CHECK(answer.error.starts_with("timeout: "));
}

TEST_CASE("transport: many threads send at once, and each gets its own answer once") {
  const auto name = each_transport();
  CAPTURE(name);
  const auto world = make_world(name);
  Answers answers;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&] {
      for (int k = 0; k < 50; ++k) world->transport->send(world->answered(200), answers.expect());
    });
  for (auto& thread : threads) thread.join();
  REQUIRE(eventually([&] { return answers.all_came(); }));
  const auto all = answers.all();
  CHECK(all.size() == 400);
  for (const auto& answer : all) CHECK(answer.status == 200);
}

TEST_CASE("transport: done may send the next request") {
  const auto name = each_transport();
  CAPTURE(name);
  const auto world = make_world(name);
  std::atomic<int> answered{0};
  std::function<void(HttpResponse)> next = [&](HttpResponse response) {
    if (response.status == 200 && ++answered < 5) world->transport->send(world->answered(200), next);
  };
  world->transport->send(world->answered(200), next);
  CHECK(eventually([&] { return answered == 5; }));
}

TEST_CASE("transport: cancel_all ends everything outstanding within 100 ms, and sends afterwards at once") {
  const auto name = each_transport();
  CAPTURE(name);
  auto best = Milliseconds::max();
  for (int round = 0; round < 5 && best > Milliseconds{100}; ++round) {  // the machine may be busy: the best counts
    const auto world = make_world(name);
    Answers answers;
    Senders senders{*world->transport};
    for (int i = 0; i < 16; ++i) senders.send(world->hung(), answers.expect());
    REQUIRE(eventually([&] { return world->arrived() == 16; }));
    best = std::min(best, time_of([&] {
                      world->transport->cancel_all();
                      REQUIRE(eventually([&] { return answers.all_came(); }));
                    }));
    senders.join();
    world->transport->send(world->answered(200), answers.expect());
    world->transport->cancel_all();
    world->transport->send(world->hung(), answers.expect());
    const auto all = answers.all();
    REQUIRE(all.size() == 18);
    for (const auto& answer : all) {
      CHECK(answer.status == 0);
      CHECK(answer.error.starts_with("cancelled: "));
    }
    CHECK(world->arrived() == 16);
  }
  CHECK(best <= Milliseconds{100});
}

TEST_CASE("transport: a cancel from inside done is no deadlock") {
  const auto name = each_transport();
  CAPTURE(name);
  const auto world = make_world(name);
  std::atomic<bool> ended{false};
  world->transport->send(world->answered(200), [&](HttpResponse) {
    world->transport->cancel_all();
    ended = true;
  });
  CHECK(eventually([&] { return ended.load(); }));
}

TEST_CASE("transport: destroying one ends what is outstanding") {
  const auto name = each_transport();
  CAPTURE(name);
  const auto world = make_world(name);
  Answers answers;
  Transport* const transport = world->transport.get();
  Senders senders{*transport};
  for (int i = 0; i < 8; ++i) senders.send(world->hung(), answers.expect());
  REQUIRE(eventually([&] { return world->arrived() == 8; }));
  CHECK(time_of([&] { world->transport.reset(); }) < Milliseconds{1000});
  senders.join();
  for (const auto& answer : answers.all()) CHECK(answer.error.starts_with("cancelled: "));
}

TEST_CASE("transport: it serves one engine, once") {
  const auto name = each_transport();
  CAPTURE(name);
  const auto world = make_world(name);
  CHECK(world->transport->take_for_engine());
  CHECK_FALSE(world->transport->take_for_engine());
}
