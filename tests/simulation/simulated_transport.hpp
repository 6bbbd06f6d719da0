#ifndef FLYHOOK_TESTS_SIMULATION_SIMULATED_TRANSPORT_HPP
#define FLYHOOK_TESTS_SIMULATION_SIMULATED_TRANSPORT_HPP

#include "simulation/oracle.hpp"
#include "simulation/random.hpp"
#include "simulation/simulated_endpoint.hpp"

#include <flyhook/testing.hpp>
#include <flyhook/transport.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

// The network: endpoints by host. Answers come out of ManualClock::advance; it never blocks its caller, whatever its traits
// say. Tells the oracle of each request and each answer. Now and then it misbehaves as a transport may: it throws, or calls
// `done` twice.

namespace simulation {

struct TransportPlan {
  flyhook::TransportTraits traits{};
  double throws = 0, answers_twice = 0;
  /// Breaks an invariant on purpose, for the harness's own test: from this step on one request is reported twice. 0: never.
  std::uint64_t lie_from_step = 0;
};

class SimulatedTransport final : public flyhook::Transport {
 public:
  SimulatedTransport(TransportPlan plan, std::vector<std::unique_ptr<SimulatedEndpoint>>& endpoints,
                     std::shared_ptr<flyhook::ManualClock> clock, Oracle& oracle, RunLog& log, Random random);

  void send(flyhook::HttpRequest request, flyhook::Completion done) override;
  flyhook::TransportTraits traits() const noexcept override { return plan_.traits; }
  void cancel_all() noexcept override;

  /// As Options::resolver.
  std::vector<std::string> resolve(const std::string& host);

  /// When the next answer comes.
  std::chrono::nanoseconds next_answer() const;
  /// Behaves from now on.
  void heal() { plan_.throws = plan_.answers_twice = 0; }

 private:
  struct Exchange {
    std::uint64_t request = 0;  ///< as the oracle names it
    std::chrono::nanoseconds due{0};
    flyhook::Completion done{};
    flyhook::HttpResponse response{};
  };

  void complete(std::uint64_t number);

  TransportPlan plan_;
  std::unordered_map<std::string, SimulatedEndpoint*> endpoints_{};
  const std::shared_ptr<flyhook::ManualClock> clock_;
  Oracle& oracle_;
  RunLog& log_;
  Random random_;
  std::unordered_map<std::uint64_t, Exchange> under_way_{};
  std::set<std::pair<std::chrono::nanoseconds, std::uint64_t>> due_{};
  std::uint64_t next_number_ = 1;
  bool is_ended_ = false;
  const std::shared_ptr<int> alive_ = std::make_shared<int>(0);  // the clock may outlive us
};

}  // namespace simulation

#endif
