#ifndef FLYHOOK_TESTS_BENCHMARK_FIGURE_HPP
#define FLYHOOK_TESTS_BENCHMARK_FIGURE_HPP

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <vector>

// One line per figure: name, value, unit, target, met or not. A figure without a target is information.

namespace benchmark {

enum class Limit { none, at_least, at_most };

/// Prints the line and remembers whether it was met.
void figure(const std::string& name, double value, const std::string& unit, Limit target = Limit::none, double limit = 0);

/// Prints a line that is no figure: versions, conditions.
void remark(const std::string& text);

/// How many figures missed their target so far.
std::size_t missed();

double median(std::vector<double> values);
/// The value below which `share` (0 to 1) of the values lie.
double quantile(std::vector<double> values, double share);

/// What a run of something cost this process.
struct Cost {
  double seconds = 0;
  double cpu_seconds = 0;  ///< user and system, all threads
};
Cost measured(const std::function<void()>& run);

/// Warm-up of each, then `rounds` runs of each in turn, so that a machine that changes its pace meets both alike.
struct Pair {
  std::vector<Cost> ours{}, peers{};
};
Pair interleaved(int rounds, const std::function<void()>& ours, const std::function<void()>& peers);

/// Medians over the rounds of a Pair.
double median_of(const std::vector<Cost>& costs, double Cost::*member);

/// Heap allocations (operator new) so far, of all threads.
std::size_t allocations();
/// The same of the calling thread.
std::size_t own_allocations();

}  // namespace benchmark

#endif
