#ifndef FLYHOOK_STATS_HPP
#define FLYHOOK_STATS_HPP

#include <flyhook/detail/config.hpp>

#include <array>
#include <cstddef>
#include <cstdint>

// What an engine counts. A snapshot: its members were read one after the other while work went on.

namespace flyhook {

/// How many durations fell into each class: class i counts those below 2^i microseconds and not below 2^(i-1); the last
/// one counts all longer ones.
struct Histogram {
  std::array<std::uint64_t, 32> counts{};
  std::uint64_t sum_us{};
};

/// Counters since the engine's start, and gauges of now.
struct Stats {
  std::uint64_t published{};          ///< events accepted by publish
  std::uint64_t rejected{};           ///< events refused by publish: queue_full, invalid, stopped
  std::uint64_t duplicates{};         ///< events whose id was known with the same content
  std::uint64_t dropped{};            ///< accepted events that could not be kept: see Observer::on_dropped
  std::uint64_t attempts{};           ///< requests sent
  std::uint64_t failed_attempts{};    ///< of those, without a 2xx
  std::uint64_t delivered{}, dead{};  ///< deliveries that ended so; a replayed one counts again
  std::uint64_t expired{};            ///< deliveries whose PublishOptions::expires_at came before a success
  std::uint64_t cancelled{};          ///< deliveries ended by cancel, erase or unsubscribe
  std::size_t queued{};               ///< events in the intake
  std::size_t pending{};              ///< deliveries that are not final and not in flight
  std::size_t in_flight{};            ///< requests under way
  std::uint64_t callback_errors{};    ///< exceptions thrown by user code: observers, transports
  std::uint64_t store_errors{};       ///< store calls that threw or answered `unknown`
  std::size_t threads{};              ///< sending threads alive
  Histogram attempt_latency{};        ///< from sending a request to the end of its answer
  Histogram delivery_latency{};       ///< from publish to the end of the successful answer
};

}  // namespace flyhook

#endif
