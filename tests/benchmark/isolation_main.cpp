#include "figure.hpp"
#include "sink.hpp"
#include "traffic.hpp"

#include <flyhook/transport/httplib.hpp>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

// What sick endpoints cost healthy ones, each at an address of its own. With and without the sick in turn, a publisher
// each time: from the moment when the sick get their first deliveries the healthy ones get an even stream, and then as much
// as they take. The sick always have deliveries that wait.
//
// Healthy endpoints are known when they have answered before the sick begin. The last case is a cold start: nobody was
// asked before, and everybody's first delivery comes at once.

using namespace benchmark;
using namespace flyhook;

namespace {

constexpr double rate = 1'000;  // pings a second, to all healthy endpoints together
// Seconds after the sick began. The target is of what is published from the 2nd second on.
constexpr double second_second = 1, end_of_stream = 2.2;
// Requests that hang end after 15 s.
constexpr double after_timeouts = 15.5, end_of_cold_stream = 16.5;

/// Endpoints in the order in which they are subscribed.
struct Case {
  std::string name{};
  std::vector<std::string> sick{};  ///< a path each
  std::size_t healthy = 0;
  std::size_t waiting = 0;  ///< deliveries that each sick endpoint is given
  std::string healthy_path = "/timed";
};

class Run {
 public:
  Run(const Sink& sink, const Case& of) : sink_(sink), case_(of) {
    Options options;
    options.threads = 64;
    options.shutdown_timeout = std::chrono::milliseconds{0};
    options.retry = RetryPolicy::none();
    options.breaker = {1'000'000, std::chrono::milliseconds{1}};  // sick they stay
    options.url_policy.allow = {"127.0.0.0/8", "::1/128"};
    publisher_.emplace(std::make_shared<HttplibTransport>(), options);
    for (std::size_t i = 0; i < of.sick.size(); ++i)
      sick_.push_back(publisher_->subscribe({.url = sink.url(i, of.sick[i]), .events = {"sick"}}));
    for (std::size_t i = 0; i < of.healthy; ++i) {
      types_.push_back("ping.n" + std::to_string(i));
      publisher_->subscribe({.url = sink.url(of.sick.size() + i, of.healthy_path), .events = {types_.back()}});
    }
  }

  void ask_healthy() { of_stream(10.0 / rate); }
  void begin_sick() {
    for (std::size_t i = 0; i < case_.waiting; ++i) publisher_->publish({0, "sick"});
  }
  std::vector<Latency> of_stream(double seconds) {
    return stream(sink_, *publisher_, types_, rate, seconds, std::chrono::seconds{1});
  }
  std::vector<double> of_throughput() {
    std::vector<double> rates;
    for (int i = 0; i < 2; ++i) rates.push_back(throughput(sink_, *publisher_, types_, 0.4));
    return rates;
  }

  /// That all the sick still have something to send.
  void check_sick() const {
    for (const auto& id : sick_) {
      DeliveryQuery query;
      query.subscription_id = id;
      query.status = DeliveryStatus::pending;
      query.limit = 1;
      if (!publisher_->deliveries(query).empty()) continue;
      remark("a sick endpoint ran out of deliveries: the figures are void");
      std::abort();
    }
  }

 private:
  const Sink& sink_;
  const Case& case_;
  std::optional<Publisher<Ping>> publisher_{};
  std::vector<std::string> types_{};
  std::vector<SubscriptionId> sick_{};
};

struct Samples {
  std::vector<double> first{}, later{};  // 99th percentiles of a run each
};

void measure(const Sink& sink, const Case& of, bool with_sick, Samples& into) {
  Run run{sink, of};
  run.ask_healthy();
  if (with_sick) run.begin_sick();
  const auto latencies = run.of_stream(end_of_stream);
  into.first.push_back(quantile(between(latencies, 0, second_second), 0.99));
  into.later.push_back(quantile(between(latencies, second_second, end_of_stream), 0.99));
  if (with_sick) run.check_sick();
}

std::string spread(const std::vector<double>& values) {
  char text[64];
  std::snprintf(text, sizeof text, "%.4g to %.4g", quantile(values, 0), quantile(values, 1));
  return text;
}

/// Twice the time without, or 5 ms more.
double limit_of(double without) {
  return std::max(2 * without, without + 5);
}

/// The 99th percentile without the sick.
double compare(const Sink& sink, const Case& of, int rounds) {
  Samples with, without;
  for (int round = 0; round < rounds; ++round) {
    measure(sink, of, false, without);
    measure(sink, of, true, with);
  }
  const auto bare = median(without.later);
  figure(of.name + ": publish to request, 99th percentile", median(with.later), "ms", Limit::at_most, limit_of(bare));
  figure(of.name + ": the same without them", bare, "ms");
  figure(of.name + ": the same in the first second", median(with.first), "ms");
  remark("of " + std::to_string(rounds) + " runs each: 99th percentile with " + spread(with.later) + ", without " +
         spread(without.later) + " ms");
  return bare;
}

/// Once the sick are recognised.
std::vector<double> rates_of(const Sink& sink, const Case& of, bool with_sick) {
  Run run{sink, of};
  run.ask_healthy();
  if (with_sick) run.begin_sick();
  run.of_stream(second_second);
  auto rates = run.of_throughput();
  if (with_sick) run.check_sick();
  return rates;
}

void compare_rates(const Sink& sink, const Case& of, int rounds, Limit target) {
  std::vector<double> with, without;
  for (int round = 0; round < rounds; ++round) {
    for (const auto each : rates_of(sink, of, false)) without.push_back(each);
    for (const auto each : rates_of(sink, of, true)) with.push_back(each);
  }
  figure(of.name + ": deliveries a second", median(with), "1/s");
  figure(of.name + ": deliveries a second, with / without", median(with) / median(without), "ratio", target, 0.9);
  remark("of " + std::to_string(with.size()) + " each: with " + spread(with) + ", without " + spread(without));
}

void cold_start(const Sink& sink, const Case& of, double bare) {
  Run run{sink, of};
  run.begin_sick();
  const auto latencies = run.of_stream(end_of_cold_stream);
  run.check_sick();
  const auto tail = [&](double begin, double end) { return quantile(between(latencies, begin, end), 0.99); };
  figure(of.name + ", cold: first second, 99th percentile", tail(0, second_second), "ms");
  figure(of.name + ", cold: 2nd second on, 99th percentile", tail(second_second, end_of_cold_stream - 1), "ms",
         Limit::at_most, limit_of(bare));
  figure(of.name + ", cold: 2nd second on, median", median(between(latencies, second_second, end_of_cold_stream - 1)),
         "ms");
  figure(of.name + ", cold: after the first time-outs, 99th percentile", tail(after_timeouts, end_of_cold_stream), "ms");
}

}  // namespace

int main() {
  const Sink sink{210};
  remark("targets are of what is published from the 2nd second on; without: nothing is published to the sick");
  const Case few{"8 hang, 8 in flight each", std::vector<std::string>(8, "/hang"), 1, 256};
  compare(sink, few, 3);
  Case many{"100 hang, 100 slow", {}, 10, 64};
  for (int i = 0; i < 100; ++i) {
    many.sick.push_back("/hang");
    many.sick.push_back("/slow");
  }
  const auto bare = compare(sink, many, 3);
  compare_rates(sink, many, 2, Limit::at_least);
  // On the loopback a few connections are as fast as many. Where an answer takes a while, they are not.
  auto distant = many;
  distant.name += ", healthy in 20 ms";
  distant.healthy_path = "/timed-20ms";
  compare_rates(sink, distant, 1, Limit::none);
  cold_start(sink, many, bare);
  return missed() == 0 ? 0 : 1;
}
