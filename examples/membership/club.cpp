// The club: another program, perhaps another company's. Who pays for a membership in the shop (shop.cpp) becomes a member
// here, though neither knows the other's database.
//
// usage: club [PORT]       ends when its input does

#include <flyhook/receiver.hpp>

#include <httplib.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <thread>

// What the club needs of the shop's event; members that it does not name are passed over.
struct OrderPaid {
  static constexpr std::string_view event_type = "order.paid";
  std::string order, customer, product;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(OrderPaid, order, customer, product)

int main(int argc, char** argv) {
  std::mutex mutex;  // handlers run on the server's threads
  std::set<std::string> members;

  flyhook::Receiver receiver{{.secrets = {"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}}};
  receiver.on<OrderPaid>([&](const OrderPaid& order) {
    if (order.product != "membership") return;
    const std::lock_guard lock{mutex};
    members.insert(order.customer);
    std::printf("%s is a member, by order %s\n", order.customer.c_str(), order.order.c_str());
  });

  httplib::Server server;
  receiver.mount(server, "/hooks");
  int port = argc > 1 ? std::atoi(argv[1]) : 0;
  if (port == 0) {
    port = server.bind_to_any_port("127.0.0.1");
  } else if (!server.bind_to_port("127.0.0.1", port)) {
    return std::fprintf(stderr, "port %d is taken\n", port), 1;
  }
  std::printf("listening on http://127.0.0.1:%d/hooks\n", port);
  std::fflush(stdout);
  std::thread serving{[&] { server.listen_after_bind(); }};
  while (std::getchar() != EOF) {
  }
  server.stop();
  serving.join();
  std::printf("%d members\n", static_cast<int>(members.size()));
}
