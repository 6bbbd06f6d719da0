#include "catch.hpp"

#include <flyhook/publisher.hpp>
#include <flyhook/testing.hpp>

#include <unistd.h>

#include <fstream>
#include <memory>
#include <string>

using namespace flyhook;
using namespace std::chrono_literals;

namespace {

struct Order {
  static constexpr std::string_view event_type = "order.paid";
  std::string order_id;
};

}  // namespace

// JSON of its own, and two subscriptions: an unoptimised build should spend its time on deliveries.
template <>
struct flyhook::EventTraits<Order> {
  static void serialize(const Order& order, std::string& out) { out.append("\"").append(order.order_id).append("\""); }
};

namespace {

constexpr int fan_out = 2;

/// Answers 200 and remembers nothing.
class Swallow : public Transport {
 public:
  void send(HttpRequest, Completion done) override { done({200, {}, {}, "ok"}); }
  TransportTraits traits() const noexcept override { return {}; }
  void cancel_all() noexcept override {}
};

#if !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)
std::size_t resident_bytes() {
  std::ifstream statm{"/proc/self/statm"};
  std::size_t all = 0, resident = 0;
  statm >> all >> resident;
  return resident * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}
#endif

}  // namespace

TEST_CASE("a million deliveries through the default store leave memory flat") {
  Options options;
  options.threads = 2;
  options.overflow = Overflow::block;
  options.url_policy.allow = {"127.0.0.0/8"};
  Publisher<Order> publisher{std::make_shared<Swallow>(), options};
  for (int i = 0; i < fan_out; ++i) publisher.subscribe({.url = "http://127.0.0.1/" + std::to_string(i)});
  const auto publish = [&](int count) {
    for (int i = 1; i <= count; ++i) {
      if (!publisher.publish({"ord_" + std::to_string(i)})) FAIL("publish was refused");
      // A backlog takes memory, and should; what must not grow is what is over.
      if (i % 5'000 == 0) REQUIRE(publisher.drain(60s));
    }
  };
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
  // Sanitizers keep what is freed for a while: here the run is for the races and leaks it may show.
  publish(10'000);
  publish(10'000);
#else
  publish(110'000);  // the log of finished deliveries and the memory of ids are full: 100,000 each
  const auto before = resident_bytes();
  publish(500'000);
  const auto after = resident_bytes();
  INFO(before << " bytes before, " << after << " after");
  CHECK(after < before + before / 10 + (8u << 20));
  CHECK(publisher.stats().delivered == 1'220'000);
#endif
}
