#include "delivery.hpp"
#include "figure.hpp"
#include "sink.hpp"

#include <flyhook/transport/httplib.hpp>

#include <httplib.h>

#include <condition_variable>
#include <ctime>
#include <mutex>
#include <thread>
#include <vector>

// From publish() to the request's arrival on an idle system over a warm connection, against a thread that waits on a
// condition variable and then calls httplib::Client::Post.

using namespace benchmark;
using namespace flyhook;

namespace {

std::uint64_t now() {
  timespec at{};
  clock_gettime(CLOCK_MONOTONIC, &at);
  return static_cast<std::uint64_t>(at.tv_sec) * 1'000'000'000u + static_cast<std::uint64_t>(at.tv_nsec);
}

/// Microseconds from `start()` to the arrival of its request, once everything is asleep again.
template <class Start>
double one(const Sink& sink, Start start) {
  std::this_thread::sleep_for(std::chrono::milliseconds{2});  // idle is what is measured
  const auto requests = sink.requests();
  const auto began = now();
  start();
  while (sink.requests() == requests) std::this_thread::sleep_for(std::chrono::microseconds{200});
  return static_cast<double>(sink.last_arrival() - began) / 1000;
}

class Peer {
 public:
  explicit Peer(std::uint16_t port) : client_("127.0.0.1", port) {
    client_.set_keep_alive(true);
    client_.set_tcp_nodelay(true);
    thread_ = std::thread{[this] { run(); }};
  }
  ~Peer() {
    set(State::end);
    thread_.join();
  }
  void post() { set(State::post); }

 private:
  enum class State { idle, post, end };
  void set(State state) {
    {
      const std::lock_guard lock{mutex_};
      state_ = state;
    }
    condition_.notify_one();
  }
  void run() {
    const std::string body(512, 'x');
    std::unique_lock lock{mutex_};
    for (;;) {
      condition_.wait(lock, [&] { return state_ != State::idle; });
      if (state_ == State::end) return;
      state_ = State::idle;
      lock.unlock();
      if (!client_.Post("/hooks", body, "application/json")) std::abort();
      lock.lock();
    }
  }

  httplib::Client client_;
  std::mutex mutex_;
  std::condition_variable condition_;
  State state_ = State::idle;
  std::thread thread_;
};

}  // namespace

int main() {
  const Sink sink;
  Peer peer{sink.port()};
  Options options;
  options.url_policy.allow = {"127.0.0.0/8"};
  Publisher<Order> publisher{std::make_shared<HttplibTransport>(), options};
  publisher.subscribe({.url = "http://127.0.0.1:" + std::to_string(sink.port()) + "/hooks"});
  const auto ours = [&] { publisher.publish(an_order(1)); };
  const auto peers = [&] { peer.post(); };
  for (int i = 0; i < 50; ++i) {
    one(sink, ours);
    one(sink, peers);
  }
  std::vector<double> our_times, peer_times;
  for (int i = 0; i < 1500; ++i) {
    our_times.push_back(one(sink, ours));
    peer_times.push_back(one(sink, peers));
  }
  remark(std::string{"peer: condition variable and httplib::Client::Post, cpp-httplib "} + peer_version());
  figure("publish to request, idle, warm connection, median", median(our_times), "us");
  figure("the peer's, median", median(peer_times), "us");
  figure("publish to request / the peer's, medians", median(our_times) / median(peer_times), "ratio", Limit::at_most, 1.5);
  return missed() == 0 ? 0 : 1;
}
