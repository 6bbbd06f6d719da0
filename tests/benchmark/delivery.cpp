#include "delivery.hpp"

#include <flyhook/transport/httplib.hpp>

#include <httplib.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <cstdlib>
#include <ctime>
#include <thread>
#include <vector>

using namespace flyhook;

nlohmann::json EventTraits<benchmark::Order>::to_json(const benchmark::Order& order) {
  return {{"order_id", order.order_id},
          {"cents", order.cents},
          {"customer", order.customer},
          {"address", order.address},
          {"note", order.note}};
}

namespace benchmark {

namespace {

const std::string secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

std::string base64(const unsigned char* bytes, std::size_t size) {
  std::array<unsigned char, 64> text{};
  const int length = EVP_EncodeBlock(text.data(), bytes, static_cast<int>(size));
  return {reinterpret_cast<const char*>(text.data()), static_cast<std::size_t>(length)};
}

}  // namespace

Order an_order(std::size_t number) {
  return {"ord_" + std::to_string(number), 4200, std::string(100, 'c'), std::string(120, 'a'), std::string(140, 'n')};
}

std::string peer_version() {
#if defined(CPPHTTPLIB_VERSION)
  return CPPHTTPLIB_VERSION;
#else
  return "of unknown version";
#endif
}

void bare_loop(std::uint16_t port, std::size_t threads, std::size_t count) {
  std::vector<std::thread> running;
  const std::string body(512, 'x');
  std::array<unsigned char, 24> key{1, 2, 3};
  for (std::size_t t = 0; t < threads; ++t)
    running.emplace_back([&, mine = count / threads + (t < count % threads ? 1 : 0)] {
      httplib::Client client{"127.0.0.1", port};
      client.set_keep_alive(true);
      client.set_tcp_nodelay(true);
      for (std::size_t i = 0; i < mine; ++i) {
        const std::string id = "msg_01J9ZK4Q8E7B6D5C4A3F2G1H0J";
        const auto timestamp = std::to_string(std::time(nullptr));
        const auto content = id + "." + timestamp + "." + body;
        std::array<unsigned char, 32> digest{};
        unsigned size = 0;
        HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(content.data()),
             content.size(), digest.data(), &size);
        const httplib::Headers headers{{"webhook-id", id},
                                       {"webhook-timestamp", timestamp},
                                       {"webhook-signature", "v1," + base64(digest.data(), size)},
                                       {"user-agent", "bare/1"}};
        const auto answer = client.Post("/hooks", headers, body, "application/json");
        if (!answer || answer->status != 200) std::abort();
      }
    });
  for (auto& thread : running) thread.join();
}

void publisher_run(std::uint16_t port, std::size_t threads, std::size_t count, std::shared_ptr<Store> store) {
  Options options;
  options.threads = threads;
  options.overflow = Overflow::block;
  options.url_policy.allow = {"127.0.0.0/8"};
  options.store = std::move(store);
  Publisher<Order> publisher{std::make_shared<HttplibTransport>(), options};
  const std::size_t fan_out = threads == 1 ? 1 : 4;
  for (std::size_t i = 0; i < fan_out; ++i)
    publisher.subscribe({.url = "http://127.0.0.1:" + std::to_string(port) + "/hooks/" + std::to_string(i),
                         .events = {"order.*"},
                         .secret = secret,
                         .max_in_flight = threads / fan_out});
  for (std::size_t i = 0; i < count / fan_out; ++i)
    if (!publisher.publish(an_order(i))) std::abort();
  if (!publisher.drain(std::chrono::minutes{5}) || publisher.stats().delivered != count / fan_out * fan_out) std::abort();
}

}  // namespace benchmark
