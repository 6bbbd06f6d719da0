#include "delivery.hpp"
#include "figure.hpp"
#include "sink.hpp"

#include <flyhook/transport/httplib.hpp>

#include <httplib.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <ctime>
#include <mutex>
#include <thread>
#include <vector>

// What publish() costs its caller while 64 endpoints hang and the queue fills, against a push into a vector under a mutex
// that a consumer swaps; and what it costs a real request handler that publishes.
//
//   publish           all figures
//   publish marked    10,000 publishes between two calls of getppid, for strace to count what the caller's thread does

using namespace benchmark;
using namespace flyhook;

namespace {

struct Small {
  static constexpr std::string_view event_type = "order.paid";
  std::string order_id;
  std::int64_t cents;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Small, order_id, cents)

struct Hang {
  static constexpr std::string_view event_type = "hang";
};
void to_json(nlohmann::json& json, const Hang&) {
  json = nullptr;
}

double nanoseconds(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

/// A publisher whose 64 endpoints hang, on all of its 64 threads but the four that are kept for those that answer; one of
/// them wants what is published.
class Hung {
 public:
  explicit Hung(const Sink& sink, std::size_t capacity) {
    Options options;
    options.queue_capacity = capacity;
    options.shutdown_timeout = std::chrono::milliseconds{0};
    options.url_policy.allow = {"127.0.0.0/8"};
    publisher.emplace(std::make_shared<HttplibTransport>(), options);
    Publisher<Hang> hang{*publisher};
    for (int i = 0; i < 64; ++i)
      publisher->subscribe({.url = "http://127.0.0.1:" + std::to_string(sink.port()) + "/hang/" + std::to_string(i),
                            .events = {"hang", i == 0 ? "order.paid" : "other"},
                            .max_in_flight = 1});
    hang.publish({});
    while (publisher->stats().in_flight < 60) std::this_thread::yield();
    for (int i = 0; i < 100; ++i) publisher->publish({"warm", 1});
  }

  std::optional<Publisher<Small>> publisher{};
};

struct Timings {
  std::vector<double> wall{}, cpu{};  // nanoseconds per call
};

template <class Call>
Timings timed(std::size_t count, Call call) {
  Timings timings;
  timings.wall.reserve(count);
  timings.cpu.reserve(count);
  // What reading the clock twice costs is not the call's.
  std::vector<double> nothing;
  for (int i = 0; i < 1000; ++i) {
    const auto began = nanoseconds(CLOCK_THREAD_CPUTIME_ID);
    nothing.push_back(nanoseconds(CLOCK_THREAD_CPUTIME_ID) - began);
  }
  const auto overhead = median(nothing);
  for (std::size_t i = 0; i < count; ++i) {
    const auto cpu_began = nanoseconds(CLOCK_THREAD_CPUTIME_ID);
    const auto began = nanoseconds(CLOCK_MONOTONIC);
    call(i);
    timings.wall.push_back(nanoseconds(CLOCK_MONOTONIC) - began);
    timings.cpu.push_back(nanoseconds(CLOCK_THREAD_CPUTIME_ID) - cpu_began - overhead);
  }
  return timings;
}

void compare_with_vector(const Sink& sink) {
  constexpr std::size_t count = 60'000;
  std::vector<double> medians, tails, peer_medians, ratios, allocated;
  for (int round = 0; round < 5; ++round) {
    std::mutex mutex;
    std::vector<Small> queue;
    std::atomic<bool> stop{false};
    std::thread consumer{[&] {
      std::vector<Small> taken;
      while (!stop) {
        {
          const std::lock_guard lock{mutex};
          taken.swap(queue);
        }
        taken.clear();
        std::this_thread::sleep_for(std::chrono::milliseconds{1});  // the peer's pace, not a wait for anything
      }
    }};
    const auto peers = timed(count, [&](std::size_t) {
      Small event{"ord_1", 4200};
      const std::lock_guard lock{mutex};
      queue.push_back(std::move(event));
    });
    stop = true;
    consumer.join();

    Hung hung{sink, 65'536};
    std::size_t accepted = 0, allocations_inside = 0;
    const auto ours = timed(count, [&](std::size_t) {
      const auto before = own_allocations();
      accepted += hung.publisher->publish({"ord_1", 4200}) ? 1 : 0;
      allocations_inside += own_allocations() - before;
    });
    allocated.push_back(static_cast<double>(allocations_inside) / static_cast<double>(count));
    if (accepted != count) remark("publish refused " + std::to_string(count - accepted) + " events: the queue was full");
    medians.push_back(median(ours.wall) / 1000);
    tails.push_back(quantile(ours.cpu, 0.999) / 1000);
    peer_medians.push_back(median(peers.wall) / 1000);
    ratios.push_back(median(ours.wall) / median(peers.wall));
  }
  figure("publish() of a small struct, 64 endpoints hung, median", median(medians), "us", Limit::at_most, 1);
  figure("publish(), 99.9th percentile of its own CPU time", median(tails), "us", Limit::at_most, 20);
  figure("mutex and vector swap, median", median(peer_medians), "us");
  figure("publish() / mutex and vector swap, medians", median(ratios), "ratio");
  figure("allocations per publish()", median(allocated), "calls", Limit::at_most, 2);
}

/// Milliseconds of `count` requests to a server whose handler does `work`.
template <class Work>
std::vector<double> handler_times(Work work, std::size_t count) {
  httplib::Server server;
  server.set_tcp_nodelay(true);
  server.set_keep_alive_max_count(1'000'000);
  server.Post("/orders", [&](const httplib::Request&, httplib::Response& response) {
    work();
    response.set_content("ok", "text/plain");
  });
  const int port = server.bind_to_any_port("127.0.0.1");
  std::thread serving{[&] { server.listen_after_bind(); }};
  while (!server.is_running()) std::this_thread::yield();
  httplib::Client client{"127.0.0.1", port};
  client.set_keep_alive(true);
  client.set_tcp_nodelay(true);
  std::vector<double> times;
  for (std::size_t i = 0; i < count + 200; ++i) {
    const auto began = nanoseconds(CLOCK_MONOTONIC);
    if (!client.Post("/orders", "{}", "application/json")) std::abort();
    if (i >= 200) times.push_back((nanoseconds(CLOCK_MONOTONIC) - began) / 1e6);
  }
  client.stop();
  server.stop();
  serving.join();
  return times;
}

void compare_handlers(const Sink& sink) {
  constexpr std::size_t count = 3'000;
  std::vector<double> with, without, half_with, half_without;
  for (int round = 0; round < 9; ++round) {
    const auto bare = handler_times([] {}, count);
    Hung hung{sink, 65'536};
    const auto publishing = handler_times([&] { hung.publisher->publish({"ord_1", 4200}); }, count);
    with.push_back(quantile(publishing, 0.99));
    without.push_back(quantile(bare, 0.99));
    half_with.push_back(median(publishing));
    half_without.push_back(median(bare));
  }
  // Noise is what the same handler without publish differs by from itself in the same run: its upper quartile.
  const auto noise = quantile(without, 0.75) / median(without);
  figure("handler that publishes, 64 endpoints hung, 99th percentile", median(with), "ms");
  figure("the same handler without publish, 99th percentile", median(without), "ms");
  figure("the same without publish, upper quartile of the runs / median", noise, "ratio");
  figure("handler with / without publish, 99th percentiles", median(with) / median(without), "ratio", Limit::at_most,
         std::max(1.1, noise));
  figure("handler with / without publish, medians", median(half_with) / median(half_without), "ratio", Limit::at_most, 1.1);
}

}  // namespace

int main(int argc, char* argv[]) {
  const Sink sink;
  if (argc == 2 && std::strcmp(argv[1], "marked") == 0) {
    // While the pool is awake: one thread is always at the intake.
    Hung hung{sink, 65'536};
    hung.publisher->publish({"warm", 1});
    static_cast<void>(getppid());
    for (int i = 0; i < 10'000; ++i) hung.publisher->publish({"ord_1", 4200});
    static_cast<void>(getppid());
    return 0;
  }
  compare_with_vector(sink);
  compare_handlers(sink);
  return missed() == 0 ? 0 : 1;
}
