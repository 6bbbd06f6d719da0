#include "catch.hpp"

#include <flyhook/flyhook.hpp>

#include <httplib.h>
#include <unistd.h>

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

/// How often each thread of this process was put on a processor. One that makes a system call has been.
std::map<std::string, std::string> switches() {
  std::map<std::string, std::string> counts;
  for (const auto& task : std::filesystem::directory_iterator{"/proc/self/task"}) {
    if (task.path().filename() == std::to_string(getpid())) continue;
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
  auto before = switches();
  for (int settled = 0; settled < 20; ++settled) {
    never.wait_for(lock, 20ms);
    if (auto now = switches(); now != before) {
      before = std::move(now);
      settled = 0;
    }
  }
  REQUIRE_FALSE(before.empty());
  never.wait_for(lock, 10s);
  CHECK(switches() == before);
}

TEST_CASE("the idle check sees a publisher that works") {
  Publisher<Ping> publisher{Options{.url_policy = {.allow = {"127.0.0.0/8"}}}};
  publisher.subscribe({.url = "http://127.0.0.1:2/nobody"});
  REQUIRE(publisher.publish({1}));
  REQUIRE(publisher.drain(20s));
  const auto before = switches();
  REQUIRE(publisher.publish({2}));
  REQUIRE(publisher.drain(20s));
  CHECK(switches() != before);
}
