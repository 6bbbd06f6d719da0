#include <flyhook/admin.hpp>
#include <flyhook/detail/admin/representation.hpp>
#include <flyhook/flyhook.hpp>
#include <flyhook/publisher.hpp>
#include <flyhook/testing.hpp>

#include "catch.hpp"

#include <httplib.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <thread>

// What Prometheus' own checker says of the metrics: nothing, if it reads them and has no better name for any.

using namespace flyhook;
using detail::metrics_text;

namespace {

/// What `promtool check metrics` says of a text, and that it failed.
std::string said_of(const std::string& text) {
  const std::string promtool = FLYHOOK_PROMTOOL;
  INFO("promtool is missing: apt-get install prometheus");
  REQUIRE(std::filesystem::exists(promtool));

  const auto file = std::filesystem::temp_directory_path() / ("flyhook-promtool-" + std::to_string(getpid()));
  const auto command = "'" + promtool + "' check metrics >'" + file.string() + "' 2>&1";
  auto* const pipe = popen(command.c_str(), "w");
  REQUIRE(pipe != nullptr);
  const bool is_written = std::fwrite(text.data(), 1, text.size(), pipe) == text.size();
  const int status = pclose(pipe);
  std::ifstream in{file};
  std::string said{std::istreambuf_iterator<char>{in}, {}};
  std::filesystem::remove(file);
  CHECK(is_written);
  return status == 0 ? said : said + "failed";
}

}  // namespace

TEST_CASE("promtool has nothing to say of the metrics, empty or full") {
  Stats stats;
  CHECK(said_of(metrics_text(stats, 0)) == "");
  constexpr auto most = std::numeric_limits<std::uint64_t>::max();
  stats.published = stats.rejected = stats.duplicates = stats.dropped = stats.attempts = stats.failed_attempts = most;
  stats.delivered = stats.dead = stats.expired = stats.cancelled = stats.callback_errors = stats.store_errors = most;
  stats.attempt_latency.sum_us = most;
  for (auto& count : stats.attempt_latency.counts) count = 1'000'003;
  stats.delivery_latency.counts[31] = 1;
  CHECK(said_of(metrics_text(stats, 1'000'000)) == "");
}

TEST_CASE("promtool has nothing to say of what a publisher counted") {
  auto transport = std::make_shared<RecordingTransport>();
  Publisher<> publisher{transport};
  publisher.subscribe({.url = "https://192.0.43.8/hooks"});
  REQUIRE(publisher.publish({"order.paid", {{"id", 1}}, {}, {}}));
  REQUIRE(publisher.settle());
  const auto text = metrics_text(publisher.stats(), 1);
  CHECK(text.find("flyhook_deliveries_total{outcome=\"delivered\"} 1\n") != std::string::npos);
  CHECK(text.find("flyhook_delivery_latency_seconds_count 1\n") != std::string::npos);
  CHECK(said_of(text) == "");
}

TEST_CASE("promtool has nothing to say of what is served while deliveries run, and no counter goes back") {
  httplib::Server server;
  server.set_tcp_nodelay(true);
  std::atomic<int> received{0};
  server.Post("/sink", [&](const httplib::Request&, httplib::Response& response) {
    response.status = ++received % 7 == 0 ? 500 : 204;
  });
  const int port = server.bind_to_any_port("127.0.0.1");
  const auto at = "http://127.0.0.1:" + std::to_string(port);
  Publisher<> publisher{
      {.threads = 4,
       .retry = RetryPolicy::exponential(std::chrono::milliseconds{1}, 2, std::chrono::milliseconds{9}, 3),
       .url_policy = {.allow = {"127.0.0.0/8"}}}};
  publisher.subscribe({.url = at + "/sink"});
  Admin admin{publisher, {.token = "operator"}};
  admin.mount(server, "/webhooks");
  std::thread serving{[&] { server.listen_after_bind(); }};

  // cpp-httplib makes what it shares at its first answer, which ThreadSanitizer does not see: one before all others.
  REQUIRE(publisher.publish({.type = "order.paid", .data = 0, .tenant = {}, .key = {}}));
  REQUIRE(publisher.drain(std::chrono::seconds{30}));

  std::atomic<bool> is_over{false};
  std::thread publishing{[&] {
    while (!is_over) {
      for (int i = 0; i < 20; ++i) publisher.publish({.type = "order.paid", .data = i, .tenant = {}, .key = {}});
      publisher.settle(std::chrono::seconds{1});
    }
  }};
  httplib::Client client{"127.0.0.1", port};
  std::map<std::string, double> before;
  std::size_t grown = 0;
  for (int scrape = 0; scrape < 20; ++scrape) {
    const auto answer = client.Get("/webhooks/metrics", {{"Authorization", "Bearer operator"}});
    REQUIRE(answer);
    REQUIRE(answer->status == 200);
    REQUIRE(said_of(answer->body) == "");
    std::istringstream lines{answer->body};
    for (std::string line; std::getline(lines, line);) {
      if (line.starts_with('#')) continue;
      const auto space = line.rfind(' ');
      const auto name = line.substr(0, space);
      const double value = std::stod(line.substr(space + 1));
      const bool is_counter = name.find("_total") != name.npos || name.find("_bucket") != name.npos;
      const auto known = before.find(name);
      if (is_counter && known != before.end()) {
        CAPTURE(name);
        REQUIRE(value >= known->second);
        grown += value > known->second;
      }
      before[name] = value;
    }
  }
  is_over = true;
  publishing.join();
  CHECK(grown > 20);
  CHECK(before.at("flyhook_deliveries_total{outcome=\"delivered\"}") > 0);
  publisher.stop(std::chrono::seconds{5});
  server.stop();
  serving.join();
}

TEST_CASE("promtool would have something to say") {
  CHECK(said_of("flyhook_milliseconds 1\n").find("help") != std::string::npos);
  CHECK(said_of("no metric\n").ends_with("failed"));
}
