#ifndef FLYHOOK_TESTS_SIMULATION_SCENARIO_HPP
#define FLYHOOK_TESTS_SIMULATION_SCENARIO_HPP

#include "contract/test_store.hpp"
#include "simulation/fault_store.hpp"
#include "simulation/features.hpp"
#include "simulation/random.hpp"
#include "simulation/simulated_endpoint.hpp"
#include "simulation/simulated_transport.hpp"

#include <flyhook/options.hpp>
#include <flyhook/subscription.hpp>

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

// What a seed is about, drawn from it before anything runs: options, store, network, endpoints, and how the application
// behaves.

namespace simulation {

struct Scenario {
  flyhook::Options options{};  ///< without ports
  bool on_test_store = false;  ///< else on a MemoryStore
  contract::TestStoreKnobs knobs{};
  std::size_t max_pending = 0;
  FaultPlan faults{};
  TransportPlan transport{};
  std::vector<Character> characters{};  ///< of the endpoints
  std::size_t subscriptions = 0;        ///< most at a time
  std::size_t burst = 0;                ///< most events published at once
  double publishes = 0;                 ///< share of the steps that publish
  double leaps = 0;                     ///< share of the steps that let hours pass
  bool jumps_wall = false;
  double observer_throws = 0, observer_publishes = 0;
};

Scenario draw_scenario(Random& random, const Features& features);

/// A subscription as an application may make one. `hosts`: of the endpoints.
flyhook::Subscription draw_subscription(Random& random, const Features& features, const std::string& id,
                                        const std::vector<std::string>& hosts);

const std::vector<std::string>& event_types();
const std::vector<std::string>& tenants();

}  // namespace simulation

#endif
