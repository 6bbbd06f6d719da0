#ifndef FLYHOOK_TESTS_BENCHMARK_SINK_HPP
#define FLYHOOK_TESTS_BENCHMARK_SINK_HPP

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

// A receiver that costs as little as one can: a process of its own with one epoll loop that answers every POST with an
// empty 200. A process, so that its CPU is not counted as the sender's.
//
//   /hang...    is never answered
//   /slow...    is answered after a second
//   /timed-20ms is answered after 20 ms
//   /timed...   the event begins with {"number":N, and when it arrived is noted under N

namespace benchmark {

class Sink {
 public:
  /// Forks; call it before any thread is started. It listens on one port of so many addresses: 127.0.0.1, 127.0.0.2, ...
  explicit Sink(std::size_t addresses = 1);
  ~Sink();
  Sink(const Sink&) = delete;
  Sink& operator=(const Sink&) = delete;

  std::uint16_t port() const { return port_; }
  /// At the address of that index; `path` with its slash.
  std::string url(std::size_t address, const std::string& path) const;
  /// Nanoseconds of CLOCK_MONOTONIC at which the last request had arrived.
  std::uint64_t last_arrival() const;
  std::uint64_t requests() const;
  /// Of those, the ones to /timed.
  std::uint64_t timed() const;
  /// When the request of that number arrived, by the same clock; 0: it has not. Numbers share a place modulo `numbers`.
  std::uint64_t arrival(std::size_t number) const;
  static constexpr std::size_t numbers = std::size_t{1} << 22;

 private:
  struct Shared;

  [[noreturn]] void serve(const std::vector<int>& listeners);

  std::uint16_t port_ = 0;
  pid_t process_ = 0;
  Shared* shared_ = nullptr;
};

}  // namespace benchmark

#endif
