#include "simulation/scenario.hpp"

#include <algorithm>

using namespace flyhook;
using namespace std::chrono_literals;

namespace simulation {

const std::vector<std::string>& event_types() {
  static const std::vector<std::string> types{"order.paid", "order.paid.late", "order.sent", "orders", "user.made", "user"};
  return types;
}

const std::vector<std::string>& tenants() {
  static const std::vector<std::string> names{"", "", "acme"};
  return names;
}

Scenario draw_scenario(Random& random, const Features& features) {
  Scenario scenario;
  auto& options = scenario.options;
  options.threads = 0;
  options.shutdown_timeout = 0ms;
  options.max_payload_bytes = 2048;
  options.max_in_flight_per_endpoint = 1 + random.below(16);
  options.timeout = random.pick(std::vector<std::chrono::milliseconds>{1s, 15s, 15s, 60s});
  options.overflow = random.chance(0.3) ? Overflow::drop_oldest : Overflow::reject;
  if (random.chance(0.3)) options.queue_capacity = 1 + random.below(100);
  if (random.chance(0.1)) options.queue_bytes = 1 + random.below(20'000);
  if (!features.retries) {
    options.retry = RetryPolicy::none();
  } else if (random.chance(0.5)) {
    options.retry.schedule = {0ms, 1s, 10s, 5min, 1h};
    options.retry.jitter = random.chance(0.5) ? 0.2 : 0;
    if (random.chance(0.3)) options.retry.stop_on = {404, 301};
    if (random.chance(0.3)) options.retry.retry_after_cap = 60s;
  }
  if (features.retries && features.timing && random.chance(0.2)) options.retry.max_age = 2h;
  if (features.disable_after && random.chance(0.5))
    options.disable_after = random.pick(std::vector<std::chrono::seconds>{10min, 1h, 12h, 0s});
  if (features.breaker && random.chance(0.5)) options.breaker = {1 + static_cast<unsigned>(random.below(8)), 5s};

  if (random.chance(0.15)) options.max_pending_per_endpoint = 5 + random.below(100);

  scenario.on_test_store = random.chance(0.25);
  scenario.knobs = contract::TestStoreKnobs::mild();
  scenario.knobs.seed = random.next();
  scenario.knobs.window = random.chance(0.5) ? 2 : 0;
  scenario.knobs.half_slots = random.chance(0.5);
  if (random.chance(0.3)) scenario.knobs.lose_slots_every = 3 + static_cast<unsigned>(random.below(30));
  // Each call brings half of what is missing: all of it must come before the next loss.
  if (scenario.knobs.half_slots && scenario.knobs.lose_slots_every != 0)
    scenario.knobs.lose_slots_every = std::max(scenario.knobs.lose_slots_every, 10u);
  scenario.max_pending = random.chance(0.2) ? 20 + random.below(500) : 1'000'000;
  scenario.knobs.max_pending = scenario.max_pending;

  if (random.chance(0.6)) {
    auto& faults = scenario.faults;
    const double much = random.chance(0.2) ? 0.6 : 0.05;
    faults.throws = random.chance(0.6) ? much : 0;
    faults.unknown = random.chance(0.6) ? 2 * much : 0;
    faults.full = random.chance(0.4) ? much : 0;
    faults.slow = random.chance(0.3) ? much / 10 : 0;
    faults.loses_slots = random.chance(0.3) ? 0.01 : 0;
    faults.troubled = random.pick(std::vector<std::chrono::nanoseconds>{1s, 30s, 20min});
    faults.quiet = random.pick(std::vector<std::chrono::nanoseconds>{10s, 5min, 5h});
  }
  scenario.faults.leases = scenario.faults.loses_slots > 0 || random.chance(0.1);
  scenario.faults.window = random.chance(0.2) ? 1 + random.below(4) : 0;

  scenario.transport.traits.blocking = random.chance(0.5);
  scenario.transport.traits.max_in_flight = random.pick(std::vector<std::size_t>{0, 0, 4, 64, 1000});
  scenario.transport.throws = random.chance(0.2) ? 0.01 : 0;
  scenario.transport.answers_twice = random.chance(0.2) ? 0.02 : 0;

  const bool is_crowded = random.chance(0.1);  // slow endpoints that would take all the slots
  if (is_crowded) scenario.transport.traits = {true, random.chance(0.5) ? std::size_t{16} : std::size_t{64}};
  const std::size_t endpoints = 2 + random.below(9);
  for (std::size_t i = 0; i < endpoints; ++i) {
    const bool is_healthy = i == 0 || random.chance(is_crowded ? 0.2 : 0.5);
    scenario.characters.push_back(is_healthy   ? Character::healthy
                                  : is_crowded ? Character::slow
                                               : static_cast<Character>(1 + random.below(5)));
  }
  scenario.subscriptions = is_crowded ? 16 : 1 + random.below(16);
  scenario.burst = random.chance(0.3) && !scenario.on_test_store ? 300 : 1 + random.below(20);
  scenario.publishes = 0.5 + 0.4 * random.chance(0.5);
  scenario.leaps = random.chance(0.5) ? 0.02 : 0.005;
  scenario.jumps_wall = random.chance(0.4);
  scenario.observer_throws = random.chance(0.2) ? 0.02 : 0;
  scenario.observer_publishes = random.chance(0.2) ? 0.02 : 0;
  return scenario;
}

Subscription draw_subscription(Random& random, const Features& features, const std::string& id,
                               const std::vector<std::string>& hosts) {
  Subscription subscription;
  subscription.id = {id};
  subscription.url = (random.chance(0.5) ? "https://" : "http://") + random.pick(hosts) + "/hooks/" + id;
  subscription.tenant = random.pick(tenants());
  subscription.events = random.pick(std::vector<std::vector<std::string>>{
      {"*"}, {"*"}, {"order.*"}, {"order.paid"}, {"user", "user.*"}, {"order.*", "order.paid", "orders"}});
  if (random.chance(0.2)) subscription.filter = R"({"/n":{"$gte":)" + std::to_string(random.below(100)) + "}}";
  if (random.chance(0.5)) subscription.max_in_flight = 1 + random.below(40);
  if (random.chance(0.3)) subscription.timeout = std::chrono::milliseconds{1 + random.below(30'000)};
  if (random.chance(0.3)) subscription.encoding = static_cast<Encoding>(random.below(4));
  if (features.retries && random.chance(0.2)) {
    auto& retry = subscription.retry.emplace();
    retry.schedule = random.pick(std::vector<std::vector<std::chrono::milliseconds>>{
        {0ms}, {2s, 1s}, {0ms, 0ms, 500ms, 30s}, {0ms, 10min, 10min, 10min}});
    retry.jitter = random.pick(std::vector<double>{0, 0.2, 1});
    if (features.timing && random.chance(0.3)) retry.max_age = 20min;
    if (random.chance(0.3)) retry.stop_on = {500, 404};
    if (random.chance(0.3)) retry.retry_after_cap = random.chance(0.5) ? 0s : 48h;
  }
  if (features.rate_limit && random.chance(0.3))
    subscription.rate_limit = {0.1 + static_cast<double>(random.below(50)), 1 + static_cast<double>(random.below(10))};
  if (features.ordering && random.chance(0.4))
    subscription.ordering = random.chance(0.5) ? Ordering::strict : Ordering::per_key;
  return subscription;
}

}  // namespace simulation
