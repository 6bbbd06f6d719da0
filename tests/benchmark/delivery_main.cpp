#include "counting_store.hpp"
#include "delivery.hpp"
#include "figure.hpp"
#include "sink.hpp"

#include <flyhook/detail/config.hpp>
#include <flyhook/store/memory.hpp>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>

// Deliveries a second and CPU per delivery against a bare loop of as many threads and connections; then exact counts.
//
//   delivery                           all figures
//   delivery bare|ours THREADS COUNT   one run, for strace to count

using namespace benchmark;

int main(int argc, char* argv[]) {
  const Sink sink;
  if (argc == 4) {
    const auto threads = static_cast<std::size_t>(std::atoi(argv[2]));
    const auto count = static_cast<std::size_t>(std::atoi(argv[3]));
    if (std::strcmp(argv[1], "bare") == 0) bare_loop(sink.port(), threads, count);
    if (std::strcmp(argv[1], "ours") == 0) publisher_run(sink.port(), threads, count);
    return 0;
  }

  remark(std::string{"peer: a loop of signed POSTs over cpp-httplib "} + peer_version() + ", flyhook " FLYHOOK_VERSION);
  for (const std::size_t threads : {1u, 16u, 64u}) {
    const std::size_t count = threads == 1 ? 12'000 : 40'000;
    const auto pair = interleaved(
        7, [&] { publisher_run(sink.port(), threads, count); }, [&] { bare_loop(sink.port(), threads, count); });
    const auto at = " at " + std::to_string(threads) + (threads == 1 ? " connection" : " connections");
    const auto ours = median_of(pair.ours, &Cost::seconds), peers = median_of(pair.peers, &Cost::seconds);
    figure("deliveries a second" + at, static_cast<double>(count) / ours, "1/s");
    figure("the loop's requests a second" + at, static_cast<double>(count) / peers, "1/s");
    figure("deliveries a second / the loop's" + at, peers / ours, "ratio", Limit::at_least, 0.90);
    const auto our_cpu = median_of(pair.ours, &Cost::cpu_seconds), peer_cpu = median_of(pair.peers, &Cost::cpu_seconds);
    figure("CPU per delivery" + at, our_cpu / static_cast<double>(count) * 1e6, "us");
    figure("CPU per delivery / the loop's" + at, our_cpu / peer_cpu, "ratio", Limit::at_most, 1.15);
  }

  // Counts: the difference between a long and a short run, so that starting and ending cancel out.
  const auto per_delivery = [&](const std::function<std::size_t(std::size_t count)>& counted) {
    counted(2'000);
    const auto few = counted(4'000), many = counted(12'000);
    return (static_cast<double>(many) - static_cast<double>(few)) / 8'000;
  };
  figure("allocations per delivery at 16 connections", per_delivery([&](std::size_t count) {
           const auto before = allocations();
           publisher_run(sink.port(), 16, count);
           return allocations() - before;
         }),
         "calls");
  figure("allocations per request of the loop at 16 connections", per_delivery([&](std::size_t count) {
           const auto before = allocations();
           bare_loop(sink.port(), 16, count);
           return allocations() - before;
         }),
         "calls");
  figure("store calls per delivery at 16 connections", per_delivery([&](std::size_t count) {
           const auto store = std::make_shared<CountingStore>(std::make_shared<flyhook::MemoryStore>());
           publisher_run(sink.port(), 16, count, store);
           return store->delivery_calls();
         }),
         "calls");
  return missed() == 0 ? 0 : 1;
}
