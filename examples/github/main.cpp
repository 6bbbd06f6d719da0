// GitHub's own webhooks: Settings, Webhooks, Add webhook, with the content type application/json and this secret. try.sh
// sends what GitHub would.
//
// usage: github [PORT]       ends when its input does

#include <flyhook/receiver.hpp>

#include <httplib.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>

int main(int argc, char** argv) {
  flyhook::Receiver receiver{{.secrets = {"It's a Secret to Everybody"}, .scheme = flyhook::Scheme::github}};
  receiver.on("push", [](const flyhook::Event& push) {
    for (const auto& commit : push.data.at("commits"))
      std::printf("%s pushed to %s: %s\n", push.data.at("pusher").at("name").get<std::string>().c_str(),
                  push.data.at("ref").get<std::string>().c_str(), commit.at("message").get<std::string>().c_str());
  });
  receiver.on("pull_request", [](const flyhook::Event& request) {
    std::printf("pull request %d was %s\n", request.data.at("number").get<int>(),
                request.data.at("action").get<std::string>().c_str());
  });

  httplib::Server server;
  receiver.mount(server, "/github");
  int port = argc > 1 ? std::atoi(argv[1]) : 0;
  if (port == 0) {
    port = server.bind_to_any_port("127.0.0.1");
  } else if (!server.bind_to_port("127.0.0.1", port)) {
    return std::fprintf(stderr, "port %d is taken\n", port), 1;
  }
  std::printf("listening on http://127.0.0.1:%d/github\n", port);
  std::fflush(stdout);
  std::thread serving{[&] { server.listen_after_bind(); }};
  while (std::getchar() != EOF) {
  }
  server.stop();
  serving.join();
}
