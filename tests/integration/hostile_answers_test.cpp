#include <flyhook/transport/httplib.hpp>

#include "catch.hpp"
#include "integration/scripted_server.hpp"
#include "unit/vectors.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

// H1 to H8 of tests/vectors/README.md, asked of every transport with a socket: the vectors, and more of the kind. How the
// bytes of an answer are judged one by one is in tests/unit/detail/transport/answer_test.cpp.

using namespace flyhook;
using namespace flyhook::test;
using namespace std::string_literals;
using Peer = ScriptedServer::Peer;

namespace {

using Milliseconds = std::chrono::milliseconds;

struct Part {
  std::string bytes{};
  int times = 1;
  Milliseconds delay{0};
};

struct Case {
  std::string name{};
  std::vector<Part> parts{};
  std::string then{"hold"};
  std::vector<std::string> accept{};
  int status = 0;  ///< 0: any
  bool at_once = true;
};

/// Makes what is asked here. A new transport with sockets joins by a line.
std::unique_ptr<Transport> make_transport(const std::string& name) {
  if (name == "HttplibTransport") return std::make_unique<HttplibTransport>();
  return nullptr;
}

std::string each_transport() {
  return GENERATE(as<std::string>{}, "HttplibTransport");
}

HttpResponse send(Transport& transport, HttpRequest request) {
  std::promise<HttpResponse> promise;
  auto answer = promise.get_future();
  transport.send(std::move(request), [&](HttpResponse response) { promise.set_value(std::move(response)); });
  REQUIRE(answer.wait_for(30s) == std::future_status::ready);
  return answer.get();
}

/// In the words of the vectors.
std::string outcome(const HttpResponse& answer) {
  if (answer.status >= 200 && answer.status <= 299) return "delivered";
  if (answer.status != 0) return "http_error";
  const auto word = answer.error.substr(0, answer.error.find(": "));
  return word == "protocol" ? "protocol_error" : word;
}

/// Plays a case to the first request; every later one, on whatever connection, gets the 299 that is its own.
class Stage {
 public:
  explicit Stage(Case played) : case_(std::move(played)) {}

  HttpRequest request(Milliseconds timeout) const {
    return {.url = server_.url("/", "http", "hooks.test"),
            .body = std::make_shared<const std::string>("{}"),
            .timeout = timeout,
            .addresses = {server_.address()}};
  }
  std::size_t sent() const { return sent_; }

 private:
  void play(Peer& peer) {
    if (peer.read_request().empty()) return;
    if (was_played_.exchange(true)) return answer(peer);
    for (const auto& part : case_.parts)
      for (int i = 0; i < part.times; ++i) {
        if (part.delay.count() > 0 && !peer.pause_for(part.delay)) return;
        if (!peer.send(part.bytes)) return;
        sent_ += part.bytes.size();
      }
    if (case_.then == "close") return;
    if (case_.then == "reset") return peer.reset();
    if (case_.then == "half_close") peer.end();
    if (!peer.read_request().empty()) answer(peer);
  }

  static void answer(Peer& peer) {
    do peer.answer(299, "mine");
    while (!peer.read_request().empty());
  }

  const Case case_;
  std::atomic<bool> was_played_{false};
  std::atomic<std::size_t> sent_{0};
  ScriptedServer server_{[this](Peer& peer) { play(peer); }};
};

void check(const std::string& transport_name, const Case& played) {
  CAPTURE(transport_name, played.name);
  const auto transport = make_transport(transport_name);
  const auto accepts = [&](std::string_view word) {
    return std::find(played.accept.begin(), played.accept.end(), word) != played.accept.end();
  };
  // Long where the answer must not be the timeout, so that a busy machine makes none of it.
  const Milliseconds timeout{played.at_once || !accepts("timeout") ? 10'000 : 300};
  Stage stage{played};
  const auto start = std::chrono::steady_clock::now();
  const auto answer = send(*transport, stage.request(timeout));
  const auto took = std::chrono::steady_clock::now() - start;
  CAPTURE(answer.status, answer.error);
  CHECK(accepts(outcome(answer)));
  if (played.status != 0 && answer.status != 0) CHECK(answer.status == played.status);
  CHECK((answer.status == 0) != answer.error.empty());
  CHECK(answer.body.size() <= 4096);
  CHECK(took < (played.at_once ? timeout / 3 : timeout + 3s));
  // What lies in the buffers of both sockets counts as sent: some megabytes at most.
  CHECK(stage.sent() < (std::size_t{12} << 20));
  for (int i = 0; i < 2; ++i) {
    const auto next = send(*transport, stage.request(10s));
    CAPTURE(next.error);
    CHECK(next.status == 299);
    CHECK(next.body == "mine");
  }
}

std::string decoded(const std::string& base64) {
  const std::string alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string bytes;
  unsigned bits = 0;
  int count = 0;
  for (const char c : base64) {
    if (c == '=') break;
    bits = bits << 6 | static_cast<unsigned>(alphabet.find(c));
    count += 6;
    if (count >= 8) bytes += static_cast<char>(bits >> (count -= 8) & 0xFF);
  }
  return bytes;
}

Case from(const nlohmann::json& json) {
  Case played;
  played.name = json.at("name");
  for (const auto& part : json.at("send"))
    played.parts.push_back({decoded(part.at("base64")), part.value("repeat", 1), Milliseconds{part.value("delay_ms", 0)}});
  played.then = json.at("then");
  played.accept = json.at("accept").get<std::vector<std::string>>();
  played.status = json.value("status", 0);
  played.at_once = json.value("at_once", false);
  return played;
}

const std::string ok = "HTTP/1.1 200 OK\r\n";
const std::string no_length = ok + "\r\n";
const std::string chunked = ok + "Transfer-Encoding: chunked\r\n\r\n";

}  // namespace

TEST_CASE("hostile answers: the vectors") {
  const auto transport = each_transport();
  const auto cases = unit::cases_of("hostile/responses.json");
  REQUIRE(cases.size() >= 48);
  for (const auto& each : cases) check(transport, from(each));
}

TEST_CASE("hostile answers: what is there is taken at once, though the connection stays open") {
  const auto transport = each_transport();
  const std::vector<std::string> delivered{"delivered"};
  for (const auto& each : std::vector<Case>{
           {"204 with a length", {{"HTTP/1.1 204 x\r\nContent-Length: 5\r\n\r\n"}}, "hold", delivered, 204},
           {"204 in chunks", {{"HTTP/1.1 204 x\r\nTransfer-Encoding: chunked\r\n\r\n"}}, "hold", delivered, 204},
           {"204 with a body", {{"HTTP/1.1 204 x\r\nContent-Length: 2\r\n\r\nok"}}, "hold", delivered, 204},
           {"204, its body later",
            {{"HTTP/1.1 204 x\r\nContent-Length: 40\r\n\r\n"}, {"HTTP/1.1 500 x\r\n\r\n", 1, 5ms}},
            "hold",
            delivered,
            204},
           {"205 without a length", {{"HTTP/1.1 205 x\r\n\r\n"}}, "hold", delivered, 205},
           {"304 with a length", {{"HTTP/1.1 304 x\r\nContent-Length: 5\r\n\r\n"}}, "hold", {"http_error"}, 304},
           {"trailers", {{chunked + "2\r\nok\r\n0\r\nA: b\r\nC: d\r\n\r\n"}}, "hold", delivered, 200},
           {"close in a list",
            {{ok + "Content-Length: 0\r\nConnection: Keep-Alive, close\r\n\r\n"}},
            "hold",
            delivered,
            200},
           {"HTTP/1.0 kept alive",
            {{"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok"}},
            "hold",
            delivered,
            200},
           {"length and chunks",
            {{ok + "Content-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"}},
            "hold",
            delivered,
            200},
           {"a length twice", {{ok + "Content-Length: 2\r\nContent-Length: 2\r\n\r\nok"}}, "hold", delivered, 200},
           {"bare LF", {{"HTTP/1.1 200 OK\nContent-Length: 0\n\n"}}, "hold", {"delivered", "protocol_error"}},
           {"bare LF after an interim answer",
            {{"HTTP/1.1 103 E\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\n\n"}},
            "hold",
            {"delivered", "protocol_error"}},
           {"folded", {{ok + "X: a\r\n b\r\nContent-Length: 0\r\n\r\n"}}, "hold", {"delivered", "protocol_error"}, 200},
           {"a bomb is not set off",
            {{ok + "Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1F\x8B\x08\x00"s}},
            "hold",
            delivered,
            200},
           {"interim answers of all kinds",
            {{"HTTP/1.1 100\r\n\r\nHTTP/1.1 102 x\r\n\r\nHTTP/1.1 103 E\r\nLink: </a>\r\nX: " + std::string(4'000, 'x') +
              "\r\n\r\n"},
             {"HTTP/1.1 100 Continue\r\n\r\n", 1000},
             {ok + "Content-Length: 0\r\n\r\n"}},
            "hold",
            delivered,
            200}})
    check(transport, each);
}

TEST_CASE("hostile answers: a body framed by garbage is not waited for") {
  const auto transport = each_transport();
  const std::vector<std::string> any{"delivered", "protocol_error", "closed", "too_large"};
  for (const auto& headers : {"Content-Length: x"s, "Content-Length: -1"s, "Content-Length: 0x10"s, "Content-Length: 1, 2"s,
                              "Content-Length: 99999999999999999999"s, "Content-Length: 1\r\nContent-Length: 2"s,
                              "Content-Length : 2"s, "Content-Length: 2\0"s, "Transfer-Encoding: gzip"s,
                              "Transfer-Encoding: chunked, chunked"s, "Transfer-Encoding: xchunked\r\nContent-Length: 2"s})
    check(transport, {headers, {{ok + headers + "\r\n\r\nok"}}, "hold", any});
  for (const auto* const body :
       {"zz\r\n", "-1\r\nx", "fffffffffffffffff\r\n", "2\r\nokXX\r\n0\r\n\r\n", "2x\r\nok\r\n0\r\n\r\n"})
    check(transport, {body, {{chunked + body}}, "hold", any});
  check(transport, {"an extension without end", {{chunked + "2;"}, {std::string(10'000, 'e'), 2000}}, "hold", any});
  check(transport, {"trailers without end", {{chunked + "0\r\n"}, {"A: b\r\n", 1'000'000}}, "hold", any});
  check(transport, {"chunks of one byte", {{chunked}, {"1\r\nx\r\n", 1'000'000}}, "hold", any});
}

TEST_CASE("hostile answers: no status line, no delivery") {
  const auto transport = each_transport();
  const std::vector<std::string> refused{"protocol_error", "closed", "too_large"};
  for (const auto& start :
       {"g"s, "SSH-2.0-OpenSSH_9.2"s, "\x16\x03\x03\x00\x02\x02\x28"s, "HTTP/2 200\r\n\r\n"s, "HTTP/1.1 1garbage\r\n\r\n"s,
        "HTTP/1.1 2000 OK\r\n\r\n"s, "\r\n" + ok + "\r\n", "HTTP/1.1 101 Switching Protocols\r\n\r\n"s,
        "http/1.1 200 OK\r\n\r\n"s, "HTTP/1.1 200 O\0K\r\n\r\n"s, "HTTP/1.1 100 Continue\r\n\r\n200 OK\r\n\r\n"s})
    check(transport, {start, {{start}}, "hold", refused});
  check(transport, {"a status line without end", {{"HTTP/1.1 200 "}, {std::string(10'000, 'a'), 2000}}, "hold", refused});
  check(transport, {"headers without end", {{ok}, {"A: b\r\n", 3'000'000}}, "hold", refused});
  check(transport, {"one header without end", {{ok + "A: "}, {std::string(10'000, 'a'), 2000}}, "hold", refused});
  check(transport, {"interim answers without end", {{"HTTP/1.1 102 x\r\n\r\n", 1'000'000}}, "hold", refused});
  check(transport, {"half closed in the headers", {{ok + "A: b\r\n"}}, "half_close", refused});
  check(transport, {"reset in an interim answer", {{"HTTP/1.1 103 E\r\nA: b\r\n"}}, "reset", refused});
}

TEST_CASE("hostile answers: what drips ends at the timeout of the whole attempt") {
  const auto transport = each_transport();
  for (const auto& start : {""s, "HTTP/1.1 103 E\r\n\r\n"s, ok, ok + "Content-Length: 9999\r\n\r\n", chunked, no_length}) {
    const bool is_status_line = start.empty() || start.starts_with("HTTP/1.1 1");
    const auto drip = is_status_line ? "HTTP/1.1 100 x\r\n\r\n" : start == chunked ? "1\r\nx\r\n" : "a: b\r\n";
    check(transport, {start, {{start}, {drip, 1000, 10ms}}, "hold", {"timeout"}, 0, false});
  }
}
