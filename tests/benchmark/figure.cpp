#include "figure.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <new>

namespace {

std::size_t missed_figures = 0;
std::atomic<std::size_t> all_allocations{0};
thread_local std::size_t thread_allocations = 0;

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

}  // namespace

void* operator new(std::size_t size) {
  all_allocations.fetch_add(1, std::memory_order_relaxed);
  ++thread_allocations;
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc{};
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}

namespace benchmark {

void figure(const std::string& name, double value, const std::string& unit, Limit target, double limit) {
  bool is_met = true;
  std::string wanted = "-";
  if (target != Limit::none) {
    is_met = target == Limit::at_least ? value >= limit : value <= limit;
    char text[64];
    std::snprintf(text, sizeof text, "%s %g", target == Limit::at_least ? ">=" : "<=", limit);
    wanted = text;
    if (!is_met) ++missed_figures;
  }
  std::printf("%-64s %12.4g %-12s %-10s %s\n", name.c_str(), value, unit.c_str(), wanted.c_str(),
              target == Limit::none ? "" : (is_met ? "met" : "MISSED"));
  std::fflush(stdout);
}

void remark(const std::string& text) {
  std::printf("# %s\n", text.c_str());
  std::fflush(stdout);
}

std::size_t missed() {
  return missed_figures;
}

double quantile(std::vector<double> values, double share) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const auto at = static_cast<std::size_t>(share * static_cast<double>(values.size()));
  return values[std::min(at, values.size() - 1)];
}

double median(std::vector<double> values) {
  return quantile(std::move(values), 0.5);
}

Cost measured(const std::function<void()>& run) {
  const auto began = std::chrono::steady_clock::now();
  const auto cpu_began = cpu_seconds();
  run();
  return {std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count(), cpu_seconds() - cpu_began};
}

Pair interleaved(int rounds, const std::function<void()>& ours, const std::function<void()>& peers) {
  peers();
  ours();
  Pair pair;
  for (int i = 0; i < rounds; ++i) {
    pair.peers.push_back(measured(peers));
    pair.ours.push_back(measured(ours));
  }
  return pair;
}

double median_of(const std::vector<Cost>& costs, double Cost::*member) {
  std::vector<double> values;
  for (const auto& cost : costs) values.push_back(cost.*member);
  return median(std::move(values));
}

std::size_t allocations() {
  return all_allocations.load(std::memory_order_relaxed);
}
std::size_t own_allocations() {
  return thread_allocations;
}

}  // namespace benchmark
