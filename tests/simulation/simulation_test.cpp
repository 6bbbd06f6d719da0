#include "simulation/simulation.hpp"

#include "catch.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>

using namespace simulation;

namespace {

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* given = std::getenv(name);
  return given == nullptr || *given == '\0' ? otherwise : std::stoull(given);
}

Settings settings() {
  Settings settings;
  settings.features = Features::from_environment();
  settings.steps = from_environment("FLYHOOK_SIMULATION_STEPS", settings.steps);
  settings.is_told = from_environment("FLYHOOK_SIMULATION_TRACE", 0) != 0;
  return settings;
}

std::string told(const Breach& breach) {
  return "seed " + std::to_string(breach.seed) + ", step " + std::to_string(breach.step) + ": " + breach.sentence +
         "\nagain: FLYHOOK_SIMULATION_FIRST=" + std::to_string(breach.seed) + " FLYHOOK_SIMULATION_SEEDS=1";
}

}  // namespace

TEST_CASE("whatever endpoints, store and clocks do, every delivery comes to an end that can be explained") {
  const auto first = from_environment("FLYHOOK_SIMULATION_FIRST", 1);
  const auto seeds = from_environment("FLYHOOK_SIMULATION_SEEDS", 200);
  const auto began = std::chrono::steady_clock::now();
  Report all;
  for (auto seed = first; seed < first + seeds; ++seed) {
    const auto report = simulate(seed, settings());
    all.deliveries += report.deliveries;
    all.requests += report.requests;
    all.faults += report.faults;
    all.virtual_time += report.virtual_time;
    all.exercised += report.exercised;
    if (report.breach) FAIL_CHECK(told(*report.breach));
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  const auto days = std::chrono::duration_cast<std::chrono::hours>(all.virtual_time).count() / 24;
  std::cout << seeds << " seeds from " << first << ": " << all.deliveries << " deliveries, " << all.requests
            << " requests, " << all.faults << " store faults, " << days << " days in " << took.count() << " s, "
            << static_cast<double>(all.deliveries) / took.count() << " deliveries/s\n";
  CHECK(all.deliveries > 0);
  // Few seeds, or short ones, need not reach everything.
  const bool is_whole = seeds >= 200 && settings().steps >= Settings{}.steps;
  if (is_whole) CHECK(days >= 400);
  if (is_whole) CHECK(all.deliveries >= 1'000'000);
  for (std::size_t i = 0; i < static_cast<std::size_t>(Rule::count); ++i) {
    const auto rule = static_cast<Rule>(i);
    std::cout << (i % 6 == 0 ? "  " : ", ") << Exercised::name(rule) << " " << all.exercised.times(rule)
              << (i % 6 == 5 ? "\n" : "");
    INFO(Exercised::name(rule));
    if (is_whole) CHECK(all.exercised.times(rule) >= 10);
  }
}

TEST_CASE("the same seed gives the same run, another seed another") {
  auto few = settings();
  few.steps = 200;
  for (std::uint64_t seed = 1; seed <= 10; ++seed) CHECK(simulate(seed, few) == simulate(seed, few));
  CHECK(simulate(1, few).hash != simulate(2, few).hash);
}

TEST_CASE("a broken invariant is found where it happens, and again at the same step") {
  auto lying = settings();
  lying.steps = 200;
  lying.lie_from_step = 100;
  const auto once = simulate(3, lying);
  const auto again = simulate(3, lying);
  REQUIRE(once.breach);
  CHECK(once.breach->seed == 3);
  CHECK(once.breach->step >= 100);
  CHECK(once.breach->sentence.find("two attempts of one delivery are under way") == 0);
  CHECK(again == once);
}
