// Asking every 100 ms whether something has happened, against being told. Both watch the same resource, which changes
// twenty times at moments that nobody knows; how late each learns of it, and how many requests it cost, is measured.

#include <flyhook/flyhook.hpp>

#include <httplib.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using SteadyClock = std::chrono::steady_clock;

constexpr int changes = 20;

// When each version of the resource was made, and how late somebody saw it.
class Watch {
 public:
  void made(int version) {
    const std::lock_guard lock{mutex_};
    made_.at(static_cast<std::size_t>(version)) = SteadyClock::now();
  }
  void saw(int version) {
    const auto now = SteadyClock::now();
    const std::lock_guard lock{mutex_};
    while (seen_ < version)
      late_ms_ += std::chrono::duration<double, std::milli>(now - made_.at(static_cast<std::size_t>(++seen_))).count();
  }
  bool is_done() {
    const std::lock_guard lock{mutex_};
    return seen_ == changes;
  }
  double mean_ms() {
    const std::lock_guard lock{mutex_};
    return late_ms_ / changes;
  }

 private:
  std::mutex mutex_;
  std::vector<SteadyClock::time_point> made_ = std::vector<SteadyClock::time_point>(changes + 1);
  int seen_ = 0;
  double late_ms_ = 0;
};

int main() {
  const auto secret = flyhook::generate_secret();
  std::atomic<int> version{0}, asked{0}, told{0};
  Watch polled, pushed;

  httplib::Server server;
  server.Get("/resource", [&](const httplib::Request&, httplib::Response& response) {
    ++asked;
    response.set_content(std::to_string(version), "text/plain");
  });
  flyhook::Receiver receiver{{.secrets = {secret}}};
  receiver.on("resource.changed", [&](const flyhook::Event& event) {
    ++told;
    pushed.saw(event.data.at("version"));
  });
  receiver.mount(server, "/hooks");
  const int port = server.bind_to_any_port("127.0.0.1");
  std::thread serving{[&] { server.listen_after_bind(); }};

  std::thread poller{[&] {
    httplib::Client client{"127.0.0.1", port};
    client.set_keep_alive(true);
    while (!polled.is_done()) {
      if (const auto answer = client.Get("/resource")) polled.saw(std::stoi(answer->body));
      std::this_thread::sleep_for(100ms);
    }
  }};

  {
    flyhook::Publisher<> publisher{{.url_policy = {.allow = {"127.0.0.0/8"}}}};
    publisher.subscribe({.url = "http://127.0.0.1:" + std::to_string(port) + "/hooks",
                         .secret = secret,
                         .ordering = flyhook::Ordering::strict});
    std::mt19937 random{std::random_device{}()};
    std::uniform_int_distribution<int> pause{20, 300};
    for (int i = 1; i <= changes; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds{pause(random)});
      polled.made(i);
      pushed.made(i);
      version = i;
      publisher.publish({.type = "resource.changed", .data = {{"version", i}}});
    }
    publisher.drain(10s);
  }
  poller.join();
  server.stop();
  serving.join();

  std::printf("asking every 100 ms: %d requests for %d changes, each seen %.1f ms late\n", asked.load(), changes,
              polled.mean_ms());
  std::printf("being told:          %d requests for %d changes, each seen %.1f ms late\n", told.load(), changes,
              pushed.mean_ms());
  return pushed.is_done() && pushed.mean_ms() < polled.mean_ms() ? 0 : 1;
}

// Output:
// asking every 100 ms: <number> requests for 20 changes, each seen <number> ms late
// being told:          <number> requests for 20 changes, each seen <number> ms late
