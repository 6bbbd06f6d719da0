#ifndef FLYHOOK_TESTS_SIMULATION_FEATURES_HPP
#define FLYHOOK_TESTS_SIMULATION_FEATURES_HPP

#include <cstdlib>
#include <string>

// What the engine can do. Switched on here, scenarios use it and the oracle checks it; off, scenarios leave it alone and
// the oracle holds the engine to what it does without. A branch that builds one tries it with
// FLYHOOK_SIMULATION_FEATURES=retries,ordering before it changes the default.

namespace simulation {

struct Features {
  bool retries = true;        ///< schedules with jitter, Retry-After, stop_on, max_age
  bool gone_disables = true;  ///< 410 disables the subscription
  bool disable_after = true;  ///< so does a long row of failures
  bool breaker = true;
  bool rate_limit = true;
  bool concurrency = true;  ///< AIMD
  bool ordering = true;     ///< strict and per key
  bool timing = true;       ///< deliver_at, expires_at
  bool commands = true;     ///< cancel, replay, erase, send_test, enable

  static Features from_environment() {
    Features features;
    const char* given = std::getenv("FLYHOOK_SIMULATION_FEATURES");
    const std::string names = "," + std::string{given == nullptr ? "" : given} + ",";
    const auto has = [&](const char* name) {
      return names == ",all," || names.find("," + std::string{name} + ",") != std::string::npos;
    };
    features.retries = features.retries || has("retries");
    features.gone_disables = features.gone_disables || has("gone_disables");
    features.disable_after = features.disable_after || has("disable_after");
    features.breaker = features.breaker || has("breaker");
    features.rate_limit = features.rate_limit || has("rate_limit");
    features.concurrency = features.concurrency || has("concurrency");
    features.ordering = features.ordering || has("ordering");
    features.timing = features.timing || has("timing");
    features.commands = features.commands || has("commands");
    return features;
  }
};

}  // namespace simulation

#endif
