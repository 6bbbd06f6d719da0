#include "traffic.hpp"

#include <cstdlib>
#include <ctime>
#include <thread>

using namespace flyhook;

void EventTraits<benchmark::Ping>::serialize(const benchmark::Ping& ping, std::string& out) {
  out = R"({"number":)" + std::to_string(ping.number) + R"(,"note":")" + std::string(480, 'n') + R"("})";
}

namespace benchmark {

namespace {

using Clock = std::chrono::steady_clock;  // CLOCK_MONOTONIC, as the sink's

std::uint64_t nanoseconds(Clock::time_point at) {
  return static_cast<std::uint64_t>(std::chrono::nanoseconds{at.time_since_epoch()}.count());
}

}  // namespace

std::size_t next_number() {
  static std::size_t last = 0;
  return ++last;
}

std::vector<Latency> stream(const Sink& sink, Publisher<Ping>& publisher, const std::vector<std::string>& types,
                            double rate, double seconds, std::chrono::milliseconds patience) {
  struct Sent {
    std::size_t number = 0;
    Clock::time_point at{};
  };
  std::vector<Sent> sent;
  const auto count = static_cast<std::size_t>(rate * seconds);
  sent.reserve(count);
  const auto began = Clock::now();
  for (std::size_t i = 0; i < count; ++i) {
    const auto after = std::chrono::duration<double>(static_cast<double>(i) / rate);
    std::this_thread::sleep_until(began + std::chrono::duration_cast<Clock::duration>(after));
    const auto number = next_number();
    Ping ping{number, types[i % types.size()]};
    sent.push_back({number, Clock::now()});
    if (!publisher.publish(std::move(ping))) std::abort();
  }
  const auto give_up = Clock::now() + patience;
  std::vector<Latency> latencies;
  for (const auto& each : sent) {
    while (sink.arrival(each.number) == 0 && Clock::now() < give_up)
      std::this_thread::sleep_for(std::chrono::milliseconds{1});
    const auto arrival = sink.arrival(each.number) == 0 ? nanoseconds(give_up) : sink.arrival(each.number);
    latencies.push_back({std::chrono::duration<double>(each.at - began).count(),
                         static_cast<double>(arrival - nanoseconds(each.at)) / 1e6});
  }
  return latencies;
}

double throughput(const Sink& sink, Publisher<Ping>& publisher, const std::vector<std::string>& types, double seconds) {
  constexpr std::size_t most = 1'000;
  const auto before = sink.timed();
  const auto began = Clock::now();
  const auto end = began + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  std::size_t published = 0;
  while (Clock::now() < end) {
    if (published - (sink.timed() - before) >= most) {
      std::this_thread::sleep_for(std::chrono::microseconds{500});
      continue;
    }
    for (int i = 0; i < 64; ++i, ++published)
      if (!publisher.publish({next_number(), types[published % types.size()]})) std::abort();
  }
  const auto arrived = static_cast<double>(sink.timed() - before);
  const auto took = std::chrono::duration<double>(Clock::now() - began).count();
  const auto give_up = Clock::now() + std::chrono::seconds{1};
  while (sink.timed() - before < published && Clock::now() < give_up)
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  return arrived / took;
}

std::vector<double> between(const std::vector<Latency>& latencies, double begin, double end) {
  std::vector<double> values;
  for (const auto& each : latencies)
    if (each.at >= begin && each.at < end) values.push_back(each.milliseconds);
  return values;
}

}  // namespace benchmark
