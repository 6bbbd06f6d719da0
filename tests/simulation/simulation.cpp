#include "simulation/simulation.hpp"

#include "simulation/driver.hpp"

#include <flyhook/store/memory.hpp>

#include <functional>
#include <memory>
#include <stdexcept>
#include <utility>

using namespace flyhook;

namespace simulation {

namespace {

/// Tells the oracle, and does now and then what an observer may do.
class SimulatedObserver final : public Observer {
 public:
  SimulatedObserver(Oracle& oracle, const Scenario& scenario, Random random)
      : oracle_(oracle), scenario_(scenario), random_(random) {}

  void on_attempt(const DeliveryRecord& record, const Attempt& attempt) override {
    oracle_.told_attempt(record, attempt);
    if (may_act && random_.chance(scenario_.observer_publishes)) publish();
    maybe_throw();
  }
  void on_delivered(const DeliveryRecord& record) override {
    oracle_.told_delivered(record);
    maybe_throw();
  }
  void on_dead(const DeliveryRecord& record) override {
    oracle_.told_dead(record);
    maybe_throw();
  }
  void on_disabled(const Subscription& subscription, std::string_view) override { oracle_.told_disabled(subscription); }
  void on_failing(const Subscription& subscription, std::string_view) override { oracle_.told_failing(subscription); }
  void on_recovered(const Subscription& subscription) override { oracle_.told_recovered(subscription); }
  void on_dropped(const EventId& id, std::string_view reason) override { oracle_.told_dropped(id, reason); }
  void on_error(std::string_view what) override { oracle_.told_error(what); }

  std::function<void()> publish{};
  bool may_act = true;

 private:
  void maybe_throw() {
    if (!may_act || !random_.chance(scenario_.observer_throws)) return;
    oracle_.threw();
    throw std::runtime_error{"the observer was told to fail"};
  }

  Oracle& oracle_;
  const Scenario& scenario_;
  Random random_;
};

std::shared_ptr<Store> make_store(const Scenario& scenario) {
  if (scenario.on_test_store) return std::make_shared<contract::TestStore>(scenario.knobs);
  Retention for_ever;
  for_ever.delivered = for_ever.dead = std::chrono::hours{100'000};
  return std::make_shared<MemoryStore>(for_ever, scenario.max_pending);
}

}  // namespace

Report simulate(std::uint64_t seed, const Settings& settings) {
  Random random{seed};
  RunLog log{seed, settings.is_told};
  auto scenario = draw_scenario(random, settings.features);
  scenario.transport.lie_from_step = settings.lie_from_step;
  auto& options = scenario.options;

  const auto clock = std::make_shared<ManualClock>();
  Oracle oracle{settings.features, options, *clock, log};
  const auto& traits = scenario.transport.traits;
  oracle.set_slots(traits.max_in_flight != 0 ? traits.max_in_flight
                   : traits.blocking         ? 64
                                             : static_cast<std::size_t>(-1),
                   traits.blocking || traits.max_in_flight != 0);

  oracle.set_store_bound(scenario.max_pending);

  std::vector<std::unique_ptr<SimulatedEndpoint>> endpoints;
  std::vector<std::string> hosts;
  for (const auto character : scenario.characters) {
    hosts.push_back("e" + std::to_string(hosts.size()) + ".hooks.example.com");
    endpoints.push_back(std::make_unique<SimulatedEndpoint>(hosts.back(), character, random.fork()));
  }
  const auto transport =
      std::make_shared<SimulatedTransport>(scenario.transport, endpoints, clock, oracle, log, random.fork());
  const auto store = std::make_shared<FaultStore>(scenario.faults, make_store(scenario), clock, oracle, random.fork());
  const auto observer = std::make_shared<SimulatedObserver>(oracle, scenario, random.fork());
  options.clock = clock;
  options.store = store;
  options.observer = observer;
  options.resolver = [transport = transport.get()](const std::string& host) { return transport->resolve(host); };
  options.random = [source = std::make_shared<Random>(random.fork())](void* to, std::size_t size) {
    source->fill(to, size);
  };

  {
    Publisher<> publisher{transport, options};
    Driver driver{{settings.features, scenario, publisher, *clock, *transport, *store, oracle, log, hosts}, random.fork()};
    observer->publish = [&] { driver.publish(); };
    while (log.step < settings.steps && !log.breach()) {
      ++log.step;
      driver.step();
    }
    ++log.step;  // the end is a step of its own
    for (const auto& endpoint : endpoints) endpoint->heal();
    transport->heal();
    store->heal();
    observer->may_act = false;
    if (!log.breach()) driver.finish();
    if (!log.breach()) oracle.ended(publisher);
  }
  return {log.hash(),
          log.breach(),
          oracle.ledger().deliveries.size() - 1,
          oracle.sends(),
          store->faults(),
          clock->elapsed(),
          oracle.ledger().exercised};
}

}  // namespace simulation
