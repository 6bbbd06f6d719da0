#include "figure.hpp"

#include <flyhook/publisher.hpp>

#include <malloc.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <utility>

// What a delivery that waits takes besides its share of the event's body: 10,000 events of 1 KiB for 100 subscriptions,
// paused, or waiting for a retry after one failed attempt. What the allocator holds and does not use is given back before
// the process's resident memory is read, before and after.

using namespace benchmark;
using namespace flyhook;

namespace {

constexpr std::size_t events = 10'000, subscriptions = 100, body_bytes = 1'024;
constexpr double deliveries = events * subscriptions;

struct Kilobyte {};

class Refuse final : public Transport {
 public:
  void send(HttpRequest, Completion done) override {
    HttpResponse response;
    response.status = 500;
    done(std::move(response));
  }
  TransportTraits traits() const noexcept override { return {}; }
  void cancel_all() noexcept override {}
};

double resident_bytes() {
  malloc_trim(0);
  std::FILE* file = std::fopen("/proc/self/statm", "r");
  unsigned long all = 0, resident = 0;
  if (file == nullptr || std::fscanf(file, "%lu %lu", &all, &resident) != 2) std::abort();
  std::fclose(file);
  return static_cast<double>(resident) * static_cast<double>(sysconf(_SC_PAGESIZE));
}

/// In a process of its own, so that nothing of one figure is left for the next.
template <class Measure>
bool in_child(Measure measure) {
  const pid_t child = fork();
  if (child == 0) {
    measure();
    std::_Exit(missed() == 0 ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return status == 0;
}

}  // namespace

template <>
struct flyhook::EventTraits<Kilobyte> {
  static constexpr std::string_view type = "kilobyte";
  static void serialize(const Kilobyte&, std::string& out) { out = '"' + std::string(body_bytes - 2, 'k') + '"'; }
};

namespace {

void measure(const std::string& name, bool paused) {
  Options options;
  options.threads = 2;
  options.overflow = Overflow::block;
  options.queue_capacity = 256;
  options.shutdown_timeout = std::chrono::milliseconds{0};
  options.retry.schedule = {std::chrono::milliseconds{0}, std::chrono::hours{1}};
  options.breaker = {1'000'000'000, std::chrono::milliseconds{1}};
  options.url_policy.allow = {"127.0.0.0/8"};
  Publisher<Kilobyte> publisher{std::make_shared<Refuse>(), options};
  for (std::size_t i = 0; i < subscriptions; ++i)
    publisher.subscribe({.url = "http://127.0.0.1:8080/" + std::to_string(i), .paused = paused});
  const auto is_done = [&](std::size_t published) {
    const auto stats = publisher.stats();
    return stats.queued == 0 && stats.pending == published * subscriptions &&
           (paused || stats.failed_attempts == published * subscriptions);
  };
  const auto publish = [&](std::size_t count, std::size_t all) {
    for (std::size_t i = 0; i < count; ++i)
      if (!publisher.publish({})) std::abort();
    while (!is_done(all)) std::this_thread::sleep_for(std::chrono::milliseconds{1});
    publisher.settle();
  };
  publish(10, 10);  // threads, lanes and connections are there
  const auto before = resident_bytes();
  publish(events, events + 10);
  const auto after = resident_bytes();
  figure(name + ": resident bytes per delivery beside the body",
         (after - before - events * double{body_bytes}) / deliveries, "bytes", Limit::at_most, 96);
}

}  // namespace

int main() {
  remark("1,000,000 deliveries of 10,000 events of 1 KiB; malloc_trim(0) before resident memory is read");
  const bool waiting = in_child([] { measure("pending", true); });
  const bool retrying = in_child([] { measure("waiting for a retry", false); });
  return waiting && retrying ? 0 : 1;
}
