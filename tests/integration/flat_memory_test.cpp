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
  std::int64_t cents = 0;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Order, order_id, cents)

/// Answers 200 and remembers nothing.
class Swallow : public Transport {
 public:
  void send(HttpRequest, Completion done) override { done({200, {}, {}, "ok"}); }
  TransportTraits traits() const noexcept override { return {}; }
  void cancel_all() noexcept override {}
};

std::size_t resident_bytes() {
  std::ifstream statm{"/proc/self/statm"};
  std::size_t all = 0, resident = 0;
  statm >> all >> resident;
  return resident * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace

TEST_CASE("a million deliveries through the default store leave memory flat") {
  Options options;
  options.threads = 2;
  options.overflow = Overflow::block;
  Publisher<Order> publisher{std::make_shared<Swallow>(), options};
  publisher.subscribe({.url = "http://127.0.0.1/a"});
  const auto publish = [&](int count) {
    for (int i = 1; i <= count; ++i) {
      if (!publisher.publish({"ord_" + std::to_string(i), i})) FAIL("publish was refused");
      // A backlog takes memory, and should; what must not grow is what is over.
      if (i % 10'000 == 0) REQUIRE(publisher.drain(60s));
    }
  };
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
  // Sanitizers keep what is freed for a while: here the run is for the races and leaks it may show.
  publish(50'000);
  publish(50'000);
#else
  publish(150'000);  // the log of finished deliveries is full: 100,000 are kept
  const auto before = resident_bytes();
  publish(1'000'000);
  const auto after = resident_bytes();
  INFO(before << " bytes before, " << after << " after");
  CHECK(after < before + before / 10 + (8u << 20));
  CHECK(publisher.stats().delivered == 1'150'000);
#endif
}
