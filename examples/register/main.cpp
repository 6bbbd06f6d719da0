// A shop that was there before flyhook: a httplib::Server with routes of its own. Two lines give it webhooks that others
// register by themselves, through the API under /webhooks (try.sh has the curl lines); a third tells of what happens.
//
// usage: register [PORT]       ends when its input does

#include <flyhook/flyhook.hpp>

#include <httplib.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <thread>

struct OrderPaid {
  static constexpr std::string_view event_type = "order.paid";
  std::string order, customer, product;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(OrderPaid, order, customer, product)

template <>
struct flyhook::EventTraits<OrderPaid> {
  static constexpr std::string_view description = "An order was paid in full.";
  static OrderPaid example() { return {"ord_1", "Ada", "a book"}; }
};

int main(int argc, char** argv) {
  flyhook::Publisher<OrderPaid> publisher{{.url_policy = {.allow = {"127.0.0.0/8"}}}};
  flyhook::Admin admin{publisher, {.token = "operator-token"}};

  httplib::Server server;
  admin.mount(server, "/webhooks");
  server.Post("/orders", [&](const httplib::Request& request, httplib::Response& response) {
    const auto order = nlohmann::json::parse(request.body, nullptr, false);
    if (!order.is_object() || !order.contains("customer") || !order.contains("product")) {
      response.status = 400;
      return;
    }
    publisher.publish({"ord_1", order["customer"], order["product"]});
    response.set_content("thank you\n", "text/plain");
  });

  int port = argc > 1 ? std::atoi(argv[1]) : 0;
  if (port == 0) {
    port = server.bind_to_any_port("127.0.0.1");
  } else if (!server.bind_to_port("127.0.0.1", port)) {
    return std::fprintf(stderr, "port %d is taken\n", port), 1;
  }
  std::printf("listening on http://127.0.0.1:%d\n", port);
  std::fflush(stdout);
  std::thread serving{[&] { server.listen_after_bind(); }};
  while (std::getchar() != EOF) {
  }
  server.stop();
  serving.join();
}
