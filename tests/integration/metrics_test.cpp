#include <flyhook/detail/admin/representation.hpp>
#include <flyhook/publisher.hpp>
#include <flyhook/testing.hpp>

#include "catch.hpp"

#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <memory>
#include <string>

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

TEST_CASE("promtool would have something to say") {
  CHECK(said_of("flyhook_milliseconds 1\n").find("help") != std::string::npos);
  CHECK(said_of("no metric\n").ends_with("failed"));
}
