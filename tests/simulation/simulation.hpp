#ifndef FLYHOOK_TESTS_SIMULATION_SIMULATION_HPP
#define FLYHOOK_TESTS_SIMULATION_SIMULATION_HPP

#include "simulation/exercised.hpp"
#include "simulation/features.hpp"
#include "simulation/run_log.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

// One run from one seed: builds the world, drives it, lets it end, and says what was seen.

namespace simulation {

struct Settings {
  Features features{};
  std::size_t steps = 1000;
  bool is_told = false;             ///< every observed thing is a line on stderr
  std::uint64_t lie_from_step = 0;  ///< see TransportPlan
};

struct Report {
  std::uint64_t hash = 0;
  std::optional<Breach> breach{};
  std::uint64_t deliveries = 0, requests = 0, faults = 0;
  std::chrono::nanoseconds virtual_time{0};
  Exercised exercised{};

  friend bool operator==(const Report&, const Report&) = default;
};

Report simulate(std::uint64_t seed, const Settings& settings);

}  // namespace simulation

#endif
