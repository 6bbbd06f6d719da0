#ifndef FLYHOOK_TESTS_BENCHMARK_DELIVERY_HPP
#define FLYHOOK_TESTS_BENCHMARK_DELIVERY_HPP

#include <flyhook/publisher.hpp>
#include <flyhook/store.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

// The same work done twice: a loop of signed POSTs as one writes it with cpp-httplib alone, and a publisher.

namespace benchmark {

/// An order of about 512 bytes of JSON.
struct Order {
  std::string order_id{};
  std::int64_t cents = 0;
  std::string customer{}, address{}, note{};
};
Order an_order(std::size_t number);

/// `threads` threads with a keep-alive connection each send `count` ready strings of 512 bytes, each signed by HMAC().
void bare_loop(std::uint16_t port, std::size_t threads, std::size_t count);

/// Which cpp-httplib the loop is built with.
std::string peer_version();

/// Publishes orders until `count` deliveries are made: to one subscription over 1 connection, else to four.
void publisher_run(std::uint16_t port, std::size_t threads, std::size_t count, std::shared_ptr<flyhook::Store> store = {});

}  // namespace benchmark

template <>
struct flyhook::EventTraits<benchmark::Order> {
  static constexpr std::string_view type = "order.paid";
  static nlohmann::json to_json(const benchmark::Order& order);
};

#endif
