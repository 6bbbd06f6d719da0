#ifndef FLYHOOK_TESTS_BENCHMARK_TRAFFIC_HPP
#define FLYHOOK_TESTS_BENCHMARK_TRAFFIC_HPP

#include "sink.hpp"

#include <flyhook/publisher.hpp>

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

// Events whose arrival the sink notes, and two ways of publishing them: at an even pace, and as fast as they go.

namespace benchmark {

/// About 512 bytes of JSON that begins with its number. Its type is its own.
struct Ping {
  std::size_t number = 0;
  std::string type{};
};

/// A number that no ping of this process had before.
std::size_t next_number();

struct Latency {
  double at = 0;            ///< seconds after the stream began
  double milliseconds = 0;  ///< from publish to the request's arrival
};

/// Publishes `rate` pings a second to the types in turn, then waits up to `patience` for those that have not arrived: they
/// count as arriving at its end.
std::vector<Latency> stream(const Sink& sink, flyhook::Publisher<Ping>& publisher, const std::vector<std::string>& types,
                            double rate, double seconds, std::chrono::milliseconds patience);

/// Arrivals a second while no more than 1,000 are under way.
double throughput(const Sink& sink, flyhook::Publisher<Ping>& publisher, const std::vector<std::string>& types,
                  double seconds);

/// The milliseconds of those from `begin` to before `end`.
std::vector<double> between(const std::vector<Latency>& latencies, double begin, double end);

}  // namespace benchmark

template <>
struct flyhook::EventTraits<benchmark::Ping> {
  static std::string_view type(const benchmark::Ping& ping) { return ping.type; }
  static void serialize(const benchmark::Ping& ping, std::string& out);
};

#endif
