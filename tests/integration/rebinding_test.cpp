#include <flyhook/flyhook.hpp>
#include <flyhook/testing.hpp>

#include "catch.hpp"
#include "integration/attempts.hpp"
#include "integration/scripted_server.hpp"

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

// DNS rebinding on real sockets: a name whose address is one that may be called (127.0.0.2 here) and later 127.0.0.1, which
// may not. At 127.0.0.1 stands a listener on the same port that counts who connects.

using namespace flyhook;
using namespace flyhook::test;
using Peer = ScriptedServer::Peer;

namespace {

struct Rebinding {
  explicit Rebinding(ScriptedServer::Script outside_does)
      : outside(std::move(outside_does), nullptr, "127.0.0.2"), inside(answer_all, nullptr, "127.0.0.1", outside.port()) {
    Options options;
    options.threads = 2;
    options.retry = RetryPolicy::none();  // what is looked at is the new event's attempt
    options.url_policy.allow = {"127.0.0.2"};
    options.resolver = [turned = turned](const std::string&) {
      return std::vector<std::string>{*turned ? "127.0.0.1" : "127.0.0.2"};
    };
    options.observer = attempts;
    options.clock = clock;
    publisher = std::make_unique<Publisher<>>(options);
    publisher->subscribe({.url = outside.url("/", "http", "rebind.test")});
  }

  /// What became of the attempt for one event; empty: delivered.
  std::string attempt() { return attempts->after_publishing(*publisher).error; }

  ScriptedServer outside, inside;
  std::shared_ptr<std::atomic<bool>> turned = std::make_shared<std::atomic<bool>>(false);
  std::shared_ptr<Attempts> attempts = std::make_shared<Attempts>();
  std::shared_ptr<ManualClock> clock = std::make_shared<ManualClock>();
  std::unique_ptr<Publisher<>> publisher;
};

const std::string refused = "refused_address: 127.0.0.1 of rebind.test";

}  // namespace

TEST_CASE("a name that turns inside is not followed there, not even over a kept connection") {
  Rebinding story{answer_all};
  CHECK(story.attempt().empty());
  *story.turned = true;
  CHECK(story.attempt().empty());  // what was found counts for 10 s, and the connection is a checked one
  CHECK(story.outside.connections() == 1);
  story.clock->advance(10s);
  CHECK(story.attempt() == refused);
  story.clock->advance(10s);
  CHECK(story.attempt() == refused);
  *story.turned = false;
  story.clock->advance(10s);
  CHECK(story.attempt().empty());
  CHECK(story.inside.connections() == 0);
}

TEST_CASE("where the kept connection was closed in between, the new one goes to what was checked") {
  Rebinding story{[](Peer& peer) {
    if (!peer.read_request().empty()) peer.answer(200);  // and closes
  }};
  CHECK(story.attempt().empty());
  *story.turned = true;
  REQUIRE(eventually([&] { return story.outside.closed() == 1; }));
  CHECK(story.attempt().empty());
  CHECK(story.outside.connections() == 2);
  // In use for over 5 s: looked up again beside a delivery, and what comes back is judged as well.
  story.clock->advance(6s);
  std::string last;
  for (int i = 0; i < 100 && last != refused; ++i) last = story.attempt();
  CHECK(last == refused);
  CHECK(story.inside.connections() == 0);
}

TEST_CASE("a checked address where nobody listens any more is not made up for by another") {
  Rebinding story{[](Peer& peer) {
    peer.read_request();
    peer.reset();
  }};
  *story.turned = true;
  CHECK(story.attempt().starts_with("closed:"));
  story.clock->advance(10s);
  CHECK(story.attempt() == refused);
  CHECK(story.inside.connections() == 0);
}
