// Stripe's own webhooks: Developers, Webhooks, Add endpoint; its signing secret is the one below. try.sh sends what Stripe
// would.
//
// usage: stripe [PORT]       ends when its input does

#include <flyhook/receiver.hpp>

#include <httplib.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>

int main(int argc, char** argv) {
  flyhook::Receiver receiver{{.secrets = {"whsec_the_signing_secret_of_this_endpoint"}, .scheme = flyhook::Scheme::stripe}};
  // As in Stripe's own libraries: what happened to which object is in data.object.
  receiver.on("payment_intent.succeeded", [](const flyhook::Event& event, const flyhook::Received& meta) {
    const auto& intent = event.data.at("object");
    std::printf("%s: %s was paid, %d cents\n", meta.id.c_str(), intent.at("id").get<std::string>().c_str(),
                intent.at("amount").get<int>());
  });
  receiver.on("charge.*", [](const flyhook::Event& event, const flyhook::Received& meta) {
    std::printf("%s: %s\n", meta.id.c_str(), event.type.c_str());
  });

  httplib::Server server;
  receiver.mount(server, "/stripe");
  int port = argc > 1 ? std::atoi(argv[1]) : 0;
  if (port == 0) {
    port = server.bind_to_any_port("127.0.0.1");
  } else if (!server.bind_to_port("127.0.0.1", port)) {
    return std::fprintf(stderr, "port %d is taken\n", port), 1;
  }
  std::printf("listening on http://127.0.0.1:%d/stripe\n", port);
  std::fflush(stdout);
  std::thread serving{[&] { server.listen_after_bind(); }};
  while (std::getchar() != EOF) {
  }
  server.stop();
  serving.join();
}
