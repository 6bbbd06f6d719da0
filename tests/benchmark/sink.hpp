#ifndef FLYHOOK_TESTS_BENCHMARK_SINK_HPP
#define FLYHOOK_TESTS_BENCHMARK_SINK_HPP

#include <sys/types.h>

#include <cstdint>

// A receiver that costs as little as one can: a process of its own with one epoll loop that answers every POST with an
// empty 200. A process, so that its CPU is not counted as the sender's.

namespace benchmark {

class Sink {
 public:
  /// Forks; call it before any thread is started. Requests to paths that begin with /hang are never answered.
  Sink();
  ~Sink();
  Sink(const Sink&) = delete;
  Sink& operator=(const Sink&) = delete;

  std::uint16_t port() const { return port_; }
  /// Nanoseconds of CLOCK_MONOTONIC at which the last request had arrived.
  std::uint64_t last_arrival() const;
  std::uint64_t requests() const;

 private:
  struct Shared;

  std::uint16_t port_ = 0;
  pid_t process_ = 0;
  Shared* shared_ = nullptr;
};

}  // namespace benchmark

#endif
