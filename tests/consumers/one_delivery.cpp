// What a user's program does: publishes an event and sees it arrive, signed, at an HTTP server.

#include <flyhook/flyhook.hpp>

#include <httplib.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

struct OrderPaid {
  std::string order_id;
  std::int64_t cents;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(OrderPaid, order_id, cents)

template <>
struct flyhook::EventTraits<OrderPaid> {
  static constexpr std::string_view type = "order.paid";
};

int main() {
  const std::string secret = flyhook::generate_secret();
  const flyhook::Verifier verifier{{.secrets = {secret}}};

  std::mutex mutex;
  int arrived = 0;
  std::string order;

  httplib::Server server;
  server.Post("/hooks", [&](const httplib::Request& request, httplib::Response& response) {
    const bool genuine = verifier.verify(request.headers, request.body).ok;
    response.status = genuine ? 204 : 401;
    const std::lock_guard<std::mutex> lock(mutex);
    if (!genuine) return;
    ++arrived;
    order = nlohmann::json::parse(request.body).at("data").at("order_id").get<std::string>();
  });
  const int port = server.bind_to_any_port("127.0.0.1");
  std::thread listener([&] { server.listen_after_bind(); });

  bool drained = false;
  {
    flyhook::Publisher<OrderPaid> publisher{{.url_policy = {.allow = {"127.0.0.0/8"}}}};
    publisher.subscribe(
        {.url = "http://127.0.0.1:" + std::to_string(port) + "/hooks", .events = {"order.*"}, .secret = secret});
    publisher.publish(OrderPaid{"ord_1", 4200});
    drained = publisher.drain(std::chrono::seconds{10});
  }

  server.stop();
  listener.join();
  std::printf("drained: %s, arrived: %d, order: %s\n", drained ? "yes" : "no", arrived, order.c_str());
  return drained && arrived == 1 && order == "ord_1" ? 0 : 1;
}
