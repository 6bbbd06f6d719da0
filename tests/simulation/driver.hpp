#ifndef FLYHOOK_TESTS_SIMULATION_DRIVER_HPP
#define FLYHOOK_TESTS_SIMULATION_DRIVER_HPP

#include "simulation/fault_store.hpp"
#include "simulation/oracle.hpp"
#include "simulation/random.hpp"
#include "simulation/scenario.hpp"
#include "simulation/simulated_transport.hpp"

#include <flyhook/publisher.hpp>
#include <flyhook/testing.hpp>

#include <chrono>
#include <cstddef>
#include <deque>
#include <string>
#include <utility>
#include <vector>

// The application: calls every public member in random order, and lets time pass, mostly to the next moment at which
// something happens.

namespace simulation {

class Driver {
 public:
  struct World {
    const Features& features;
    const Scenario& scenario;
    flyhook::Publisher<>& publisher;
    flyhook::ManualClock& clock;
    SimulatedTransport& transport;
    FaultStore& store;
    Oracle& oracle;
    RunLog& log;
    std::vector<std::string> hosts{};
  };

  Driver(World world, Random random);

  void step();
  /// Everything is healthy now: lets it come to its end.
  void finish();
  /// Also from inside an observer.
  void publish();

 private:
  using Time = std::chrono::nanoseconds;

  /// Calls a member that may throw because the store or the policy said no.
  template <class Call>
  void attempt(Call call);

  void subscribe(const std::string& id);
  void change(const std::string& id);
  void command(const std::string& id);
  void test(const std::string& id);
  void recover(const std::string& id);
  void explain(const std::string& event);
  void look(const std::string& id);
  void jump_wall();

  Time draw_pause();
  void settle();
  Time next_moment() const;
  void run_for(Time duration, bool in_one_go = false);

  World world_;
  Random random_;
  struct OwnId {
    std::string id{}, type{}, tenant{};
    int n = 0;
    Time at{0};
  };
  std::deque<OwnId> own_ids_{};
  std::size_t next_own_ = 0;
  std::chrono::hours wall_offset_{0};
  std::vector<std::string> published_{};  // some ids
};

}  // namespace simulation

#endif
