#include "catch.hpp"

#include <flyhook/flyhook.hpp>

#include <httplib.h>

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <string>
#include <thread>

using namespace flyhook;
using namespace std::chrono_literals;

namespace {

struct Ping {
  static constexpr std::string_view event_type = "ping";
  int n = 0;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Ping, n)

using Switches = std::map<std::string, std::string>;

/// How often each thread of this process was put on a processor, but for those in `others`. One that makes a system call
/// has been.
Switches switches(const Switches& others) {
  Switches counts;
  for (const auto& task : std::filesystem::directory_iterator{"/proc/self/task"}) {
    if (others.contains(task.path().filename())) continue;
    std::ifstream status{task.path() / "status"};
    std::string of_task;
    for (std::string line; std::getline(status, line);)
      if (line.find("ctxt_switches") != line.npos) of_task += line + " ";
    counts[task.path().filename()] = of_task;
  }
  return counts;
}

}  // namespace

TEST_CASE("an idle publisher makes no system call in 10 s") {
  std::thread{[] {}}.join();         // ThreadSanitizer makes a thread of its own beside the first one
  const auto others = switches({});  // this thread, and that one
  std::optional<Publisher<Ping>> publisher{std::in_place, Options{.threads = 1, .url_policy = {.allow = {"127.0.0.0/8"}}}};
  {
    httplib::Server server;
    server.set_keep_alive_timeout(1);
    server.Post("/hooks", [](const httplib::Request&, httplib::Response&) {});
    const int port = server.bind_to_any_port("127.0.0.1");
    std::thread serving{[&] { server.listen_after_bind(); }};
    publisher->subscribe({.url = "http://127.0.0.1:" + std::to_string(port) + "/hooks"});
    REQUIRE(publisher->publish({1}));
    REQUIRE(publisher->drain(20s));
    CHECK(publisher->stats().delivered == 1);
    server.stop();
    serving.join();
  }
  // The thread that delivered goes back to sleep; then nothing may happen. Watched for the whole 10 s, since that is the
  // claim.
  std::mutex mutex;
  std::condition_variable never;
  std::unique_lock lock{mutex};
  auto before = switches(others);
  const auto deadline = std::chrono::steady_clock::now() + 60s;
  for (int settled = 0; settled < 20; ++settled) {
    never.wait_for(lock, 20ms);
    if (auto now = switches(others); now != before) {
      before = std::move(now);
      settled = 0;
    }
    REQUIRE(std::chrono::steady_clock::now() < deadline);
  }
  REQUIRE_FALSE(before.empty());
  never.wait_for(lock, 10s);
  CHECK(switches(others) == before);
}

TEST_CASE("the idle check sees a publisher that works") {
  const auto others = switches({});
  Publisher<Ping> publisher{Options{.retry = RetryPolicy::none(), .url_policy = {.allow = {"127.0.0.0/8"}}}};
  publisher.subscribe({.url = "http://127.0.0.1:2/nobody"});
  REQUIRE(publisher.publish({1}));
  REQUIRE(publisher.drain(20s));
  const auto before = switches(others);
  REQUIRE(publisher.publish({2}));
  REQUIRE(publisher.drain(20s));
  CHECK(switches(others) != before);
}
