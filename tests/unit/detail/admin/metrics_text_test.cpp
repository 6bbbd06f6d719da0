#include <flyhook/detail/admin/representation.hpp>

#include "catch.hpp"
#include "unit/detail/admin/samples.hpp"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

using namespace flyhook;
using detail::metrics_text;

namespace {

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in{text};
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

/// Each sample by its name and labels.
std::map<std::string, std::string> samples_of(const std::string& text) {
  std::map<std::string, std::string> samples;
  for (const auto& line : lines_of(text)) {
    if (line.starts_with("#")) continue;
    const auto space = line.rfind(' ');
    REQUIRE(space != std::string::npos);
    CHECK(samples.emplace(line.substr(0, space), line.substr(space + 1)).second);
  }
  return samples;
}

}  // namespace

TEST_CASE("every member of Stats has its sample") {
  auto samples = samples_of(metrics_text(test::full_stats(), 17));
  std::erase_if(samples, [](const auto& sample) { return sample.first.find("latency") != std::string::npos; });
  CHECK(samples == std::map<std::string, std::string>{
                       {"flyhook_events_total{result=\"accepted\"}", "1"},
                       {"flyhook_events_total{result=\"rejected\"}", "2"},
                       {"flyhook_events_duplicate_total", "3"},
                       {"flyhook_events_dropped_total", "4"},
                       {"flyhook_attempts_total", "5"},
                       {"flyhook_attempts_failed_total", "6"},
                       {"flyhook_deliveries_total{outcome=\"delivered\"}", "7"},
                       {"flyhook_deliveries_total{outcome=\"dead\"}", "8"},
                       {"flyhook_deliveries_total{outcome=\"expired\"}", "9"},
                       {"flyhook_deliveries_total{outcome=\"cancelled\"}", "10"},
                       {"flyhook_queued_events", "11"},
                       {"flyhook_pending_deliveries", "12"},
                       {"flyhook_in_flight_requests", "13"},
                       {"flyhook_callback_errors_total", "14"},
                       {"flyhook_store_errors_total", "18446744073709551615"},
                       {"flyhook_sending_threads", "16"},
                       {"flyhook_subscriptions", "17"},
                   });
}

TEST_CASE("each metric has its help and type once, and its samples right behind") {
  const auto text = metrics_text(test::full_stats(), 0);
  REQUIRE(text.ends_with("\n"));
  std::set<std::string> seen;
  std::string name, type;
  for (const auto& line : lines_of(text)) {
    CAPTURE(line);
    std::istringstream words{line};
    std::string hash, what, own;
    if (line.starts_with("# HELP ")) {
      words >> hash >> what >> name;
      CHECK(seen.insert(name).second);
      CHECK(line.size() > 8 + name.size());
      type.clear();
    } else if (line.starts_with("# TYPE ")) {
      words >> hash >> what >> own >> type;
      CHECK(own == name);
      const bool is_total = name.ends_with("_total");
      CHECK((is_total ? type == "counter" : type == "gauge" || type == "histogram"));
      CHECK((type == "histogram") == name.ends_with("_seconds"));
      CHECK(name.starts_with("flyhook_"));
    } else {
      REQUIRE(!type.empty());
      const auto own_name = line.substr(0, line.find_first_of("{ "));
      if (type == "histogram") {
        CHECK((own_name == name + "_bucket" || own_name == name + "_sum" || own_name == name + "_count"));
      } else {
        CHECK(own_name == name);
      }
    }
  }
  CHECK(seen.size() == 15);
}

TEST_CASE("a histogram's buckets are cumulative, bounded by the powers of two in seconds") {
  Stats stats;
  for (std::size_t i = 0; i < 32; ++i) stats.attempt_latency.counts[i] = i + 1;
  stats.attempt_latency.sum_us = 12'345'678'901;
  stats.delivery_latency.counts[1] = 3;
  stats.delivery_latency.sum_us = 3;
  const auto samples = samples_of(metrics_text(stats, 0));
  const auto at_most = [&](const std::string& bound) {
    return samples.at("flyhook_attempt_latency_seconds_bucket{le=\"" + bound + "\"}");
  };
  CHECK(at_most("0.000001") == "1");  // class 0: below a microsecond
  CHECK(at_most("0.000002") == "3");
  CHECK(at_most("0.000128") == "36");
  CHECK(at_most("0.001024") == "66");
  CHECK(at_most("1.048576") == "231");
  CHECK(at_most("1073.741824") == "496");  // class 30; the last class has no bound
  CHECK(at_most("+Inf") == "528");
  CHECK(samples.at("flyhook_attempt_latency_seconds_count") == "528");
  CHECK(samples.at("flyhook_attempt_latency_seconds_sum") == "12345.678901");
  CHECK(samples.at("flyhook_delivery_latency_seconds_bucket{le=\"0.000001\"}") == "0");
  CHECK(samples.at("flyhook_delivery_latency_seconds_bucket{le=\"0.000002\"}") == "3");
  CHECK(samples.at("flyhook_delivery_latency_seconds_bucket{le=\"+Inf\"}") == "3");
  CHECK(samples.at("flyhook_delivery_latency_seconds_sum") == "0.000003");

  std::vector<double> bounds, counts;
  for (const auto& line : lines_of(metrics_text(stats, 0)))
    if (line.starts_with("flyhook_attempt_latency_seconds_bucket")) {
      const auto from = line.find('"') + 1;
      bounds.push_back(std::stod(line.substr(from, line.find('"', from) - from)));
      counts.push_back(std::stod(line.substr(line.rfind(' '))));
    }
  REQUIRE(bounds.size() == 32);
  for (std::size_t i = 1; i < 32; ++i) {
    CHECK(bounds[i] > bounds[i - 1]);
    CHECK(counts[i] > counts[i - 1]);
  }
}

TEST_CASE("sums are whole microseconds, written exactly") {
  const auto sum_of = [](std::uint64_t us) {
    Stats stats;
    stats.attempt_latency.counts[5] = 1;
    stats.attempt_latency.sum_us = us;
    return samples_of(metrics_text(stats, 0)).at("flyhook_attempt_latency_seconds_sum");
  };
  CHECK(sum_of(1) == "0.000001");
  CHECK(sum_of(999'999) == "0.999999");
  CHECK(sum_of(1'000'000) == "1");
  CHECK(sum_of(10'000'000) == "10");
  CHECK(sum_of(1'500'000) == "1.5");
  CHECK(sum_of(1'000'001) == "1.000001");
  CHECK(sum_of(std::numeric_limits<std::uint64_t>::max()) == "18446744073709.551615");
}

TEST_CASE("a histogram of nothing sums to nothing") {
  Stats stats;
  stats.attempt_latency.sum_us = 5;  // a snapshot that caught half a count
  const auto samples = samples_of(metrics_text(stats, 0));
  CHECK(samples.at("flyhook_attempt_latency_seconds_count") == "0");
  CHECK(samples.at("flyhook_attempt_latency_seconds_sum") == "0");
  CHECK(samples.at("flyhook_attempt_latency_seconds_bucket{le=\"+Inf\"}") == "0");
}
