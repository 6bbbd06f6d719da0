#ifndef FLYHOOK_TESTS_SIMULATION_SIMULATED_ENDPOINT_HPP
#define FLYHOOK_TESTS_SIMULATION_SIMULATED_ENDPOINT_HPP

#include "simulation/random.hpp"

#include <flyhook/clock.hpp>
#include <flyhook/http.hpp>

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

// One host with a character: how it answers at a time, and what its name resolves to. Nothing here knows the engine.

namespace simulation {

enum class Mood {
  healthy,
  failing,       ///< 5xx, now and then a redirect or a 4xx
  limited,       ///< 429 and 503, with a Retry-After sane or absurd
  hanging,       ///< no answer
  dripping,      ///< an answer just before the timeout
  resetting,     ///< the connection closes
  untrusted,     ///< the certificate does not
  unresolvable,  ///< the name does not resolve
  rebound,       ///< the name leads to the loopback
  gone           ///< 410
};

enum class Character {
  healthy,     ///< always
  sick,        ///< always in one mood
  outage,      ///< healthy, but for hours now and then
  flapping,    ///< changes within seconds or minutes
  slow_start,  ///< healthy, its latency falling from seconds with every answer
  moody,       ///< any mood, for any time
  slow         ///< answers just before the timeout, and well
};

struct Answer {
  std::chrono::nanoseconds delay{0};  ///< may exceed the timeout
  flyhook::HttpResponse response{};
};

class SimulatedEndpoint {
 public:
  SimulatedEndpoint(std::string host, Character character, Random random);

  const std::string& host() const { return host_; }
  Character character() const { return character_; }

  /// Its mood now. Time only goes on.
  Mood mood(std::chrono::nanoseconds now);

  Answer answer(std::chrono::nanoseconds now, flyhook::TimePoint wall, std::chrono::nanoseconds timeout);

  /// What the name resolves to; throws where it does not.
  std::vector<std::string> resolve(std::chrono::nanoseconds now);

  /// Healthy from now on.
  void heal();

  std::vector<std::string> last_addresses{};     ///< of the last look-up
  std::chrono::nanoseconds last_resolved{-1};    ///< when that was
  std::vector<std::string> earlier_addresses{};  ///< of the one before
  std::chrono::nanoseconds earlier_resolved{-1};

 private:
  void next_phase();
  std::string retry_after(flyhook::TimePoint wall);

  const std::string host_;
  Character character_;
  Random random_;
  Mood sickness_;
  Mood mood_ = Mood::healthy;
  std::chrono::nanoseconds until_{0};
  std::chrono::nanoseconds latency_;
  std::size_t answers_ = 0;
  std::size_t look_ups_ = 0;
};

}  // namespace simulation

#endif
