#include <flyhook/flyhook.hpp>

#include "catch.hpp"
#include "integration/attempts.hpp"
#include "integration/scripted_server.hpp"

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// What goes wrong on a real socket, and what the record of the attempt says about it: the class word in Attempt::error.

using namespace flyhook;
using namespace flyhook::test;
using namespace std::string_literals;
using Peer = ScriptedServer::Peer;

namespace {

/// A publisher whose deliveries have one attempt each.
class Sender {
 public:
  explicit Sender(const std::string& url, std::chrono::milliseconds timeout = 10s) {
    Options options;
    options.threads = 2;
    options.timeout = timeout;
    options.retry = RetryPolicy::none();
    options.url_policy.allow = {"127.0.0.0/8"};
    options.resolver = [](const std::string& host) {
      return host == "hooks.test" ? std::vector<std::string>{"127.0.0.1"} : std::vector<std::string>{};
    };
    options.observer = attempts_;
    options.shutdown_timeout = 100ms;
    publisher_ = std::make_unique<Publisher<>>(options);
    publisher_->subscribe({.url = url});
  }

  Attempt attempt(nlohmann::json data = 1) { return attempts_->after_publishing(*publisher_, std::move(data)); }

 private:
  std::shared_ptr<Attempts> attempts_ = std::make_shared<Attempts>();
  std::unique_ptr<Publisher<>> publisher_;
};

void check(const Attempt& attempt, std::string_view word) {
  INFO(attempt.error);
  CHECK(attempt.status == 0);
  CHECK(attempt.error.starts_with(std::string{word} + ": "));
  CHECK(attempt.response_body.empty());
}

/// The attempt at a server that reads the request and then does this.
Attempt attempt_at(ScriptedServer::Script script, std::chrono::milliseconds timeout = 10s) {
  ScriptedServer server{[&](Peer& peer) {
    peer.read_request();
    script(peer);
  }};
  return Sender{server.url(), timeout}.attempt();
}

}  // namespace

TEST_CASE("attempt errors: nobody listens, or nobody has the name") {
  std::string url;
  {
    const ScriptedServer server{answer_all};
    url = server.url();
  }
  check(Sender{url}.attempt(), "connect");
  check(Sender{"http://nowhere.test:8080/"}.attempt(), "dns");
}

TEST_CASE("attempt errors: a connection that ends within the answer is closed") {
  for (const auto& part :
       {""s, "HTTP/1.1 2"s, "HTTP/1.1 200 OK\r\nA: b\r\n"s, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx"s}) {
    CAPTURE(part);
    check(attempt_at([&](Peer& peer) { peer.send(part); }), "closed");
    check(attempt_at([&](Peer& peer) {
            peer.send(part);
            peer.reset();
          }),
          "closed");
    check(attempt_at([&](Peer& peer) {
            peer.send(part);
            peer.end();
            peer.hang();
          }),
          "closed");
  }
}

TEST_CASE("attempt errors: what is not HTTP is protocol, what is without end is too_large or cut off") {
  for (const auto& start : {"garbage"s, "HTTP/1.1 twohundred\r\n\r\n"s, "HTTP/1.1 101 x\r\n\r\n"s})
    check(attempt_at([&](Peer& peer) {
            peer.send(start);
            peer.hang();
          }),
          "protocol");
  const auto endless = [](std::string first, std::string_view then) {
    std::atomic<std::size_t> sent{0};
    const auto attempt = attempt_at([&](Peer& peer) {
      peer.send(first);
      std::string much;
      for (int i = 0; i < 1000; ++i) much += then;
      while (peer.send(much)) sent += much.size();
    });
    CHECK(sent < (std::size_t{12} << 20));
    return attempt;
  };
  check(endless("HTTP/1.1 200 OK\r\n", "A: b\r\n"), "too_large");
  check(endless("HTTP/1.1 200 ", "aaaaaa"), "too_large");
  check(endless("", "HTTP/1.1 103 E\r\n\r\n"), "too_large");
  const auto body = endless("HTTP/1.1 200 OK\r\nContent-Length: 10737418240\r\n\r\n", "bbbbbbbbbb");
  CHECK(body.status == 200);
  CHECK(body.response_body == std::string(4096, 'b'));
  CHECK(endless("HTTP/1.1 500 x\r\nTransfer-Encoding: chunked\r\n\r\n", "zz\r\n").status == 500);
}

TEST_CASE("attempt errors: silence and a drip end at the timeout") {
  check(attempt_at([](Peer& peer) { peer.hang(); }, 200ms), "timeout");
  check(attempt_at([](Peer& peer) { peer.drip("HTTP/1.1 200 OK\r\nA: aaaaaaaaaaaaa", 20ms); }, 300ms), "timeout");
}

TEST_CASE("attempt errors: a server that does not speak TLS, or whose certificate nobody trusts, is tls") {
  const Certificate certificate{"DNS:hooks.test"};
  ScriptedServer plain{[](Peer& peer) { peer.send("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"); }};
  check(Sender{plain.url("/", "https", "hooks.test")}.attempt(), "tls");
  ScriptedServer secure{answer_all, &certificate};
  const auto attempt = Sender{secure.url("/", "https", "hooks.test")}.attempt();
  CHECK(attempt.error == "tls: the certificate of hooks.test is self-signed and not trusted (set Options::ca_file)");
}

TEST_CASE("attempt errors: a server that restarts while its connections are pooled loses nothing") {
  std::optional<ScriptedServer> server{std::in_place, answer_all};
  const auto port = server->port();
  Sender sender{server->url()};
  CHECK(sender.attempt().status == 200);
  server.reset();
  check(sender.attempt(), "connect");
  server.emplace(answer_all, nullptr, "127.0.0.1", port);
  CHECK(sender.attempt().status == 200);
  server.reset();
  server.emplace(answer_all, nullptr, "127.0.0.1", port);
  CHECK(sender.attempt().status == 200);
}
