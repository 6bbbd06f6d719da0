#include <flyhook/flyhook.hpp>
#include <flyhook/receiver.hpp>

#include <arpa/inet.h>
#include <httplib.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <future>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "catch.hpp"

// Receiver at a real httplib::Server: what reaches it of requests as they come over the wire.

using namespace flyhook;

namespace {

const std::string secret = "whsec_sTvERiAqyUbGZe06mDbuzaWH+nddAJwGBqU1zSX00Jg=";

struct Answer {
  int status = 0;  // 0: none came
  std::string head{}, body{};
};

/// A connection to the loopback that sends what it is told and reads one answer at a time.
class Connection {
 public:
  explicit Connection(int port) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<std::uint16_t>(port));
    inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
    if (::connect(socket_, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0)
      throw std::runtime_error{"cannot connect"};
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() { ::close(socket_); }

  Connection& send(std::string_view bytes) {
    can_send(bytes);
    return *this;
  }

  /// False: the other side takes no more.
  bool can_send(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  void end_sending() const { ::shutdown(socket_, SHUT_WR); }

  Answer receive(bool has_body = true) {
    Answer answer;
    std::size_t end = 0;
    while ((end = read_.find("\r\n\r\n")) == read_.npos)
      if (!read_more()) return answer;
    answer.head = read_.substr(0, end + 4);
    read_.erase(0, end + 4);
    answer.status = std::stoi(answer.head.substr(9, 3));
    const auto length = has_body ? static_cast<std::size_t>(std::stoul("0" + header(answer, "content-length"))) : 0;
    while (read_.size() < length)
      if (!read_more()) return {};
    answer.body = read_.substr(0, length);
    read_.erase(0, length);
    return answer;
  }

  /// All that comes until the other side closes.
  std::string receive_all() {
    while (read_more()) {
    }
    return std::exchange(read_, {});
  }

  /// True if the other side has closed and sent nothing else.
  bool is_closed() { return read_.empty() && !read_more(); }

  static std::string header(const Answer& answer, std::string_view name) {
    for (std::size_t at = answer.head.find("\r\n") + 2; at < answer.head.size();) {
      const auto end = answer.head.find("\r\n", at);
      const auto line = std::string_view{answer.head}.substr(at, end - at);
      const auto colon = std::min(line.find(": "), line.size());
      if (detail::equal_without_case(line.substr(0, colon), name)) return std::string{line.substr(colon + 2)};
      at = end + 2;
    }
    return {};
  }

 private:
  bool read_more() {
    char bytes[4096];
    const auto count = ::recv(socket_, bytes, sizeof bytes, 0);
    if (count > 0) read_.append(bytes, static_cast<std::size_t>(count));
    return count > 0;
  }

  const int socket_;
  std::string read_{};
};

/// A server with a receiver mounted, running until the end of the scope.
class Running {
 public:
  explicit Running(ReceiverOptions options = {}, const std::string& path = "/hooks") {
    options.secrets = {secret};
    Receiver receiver{std::move(options)};
    receiver.on("*", [this](const Event& event, const Received& meta) {
      const std::lock_guard lock{mutex_};
      events_.push_back(event);
      metas_.push_back(meta);
    });
    server_.set_keep_alive_timeout(60);  // a client that is slow under a sanitizer keeps its connection
    server_.set_keep_alive_max_count(100);
    server_.set_pre_routing_handler([this](const httplib::Request& request, httplib::Response&) {
      const std::lock_guard lock{mutex_};
      ports_.insert(request.remote_port);
      return httplib::Server::HandlerResponse::Unhandled;
    });
    receiver.mount(server_, path);  // the server outlives the receiver
    port = server_.bind_to_any_port("127.0.0.1");
    thread_ = std::thread{[this] { server_.listen_after_bind(); }};
    while (!server_.is_running()) std::this_thread::yield();
  }
  ~Running() {
    server_.stop();
    thread_.join();
  }

  // Copies: the server's threads go on.
  std::vector<Event> events() {
    const std::lock_guard lock{mutex_};
    return events_;
  }
  std::vector<Received> metas() {
    const std::lock_guard lock{mutex_};
    return metas_;
  }
  /// Connections that requests came on.
  std::size_t connections() {
    const std::lock_guard lock{mutex_};
    return ports_.size();
  }

  int port = 0;

 private:
  std::mutex mutex_{};
  std::vector<Event> events_{};
  std::vector<Received> metas_{};
  std::set<int> ports_{};
  httplib::Server server_{};
  std::thread thread_{};
};

std::string head_of(std::string_view body, std::string_view id, std::string_view path = "/hooks",
                    std::string_view method = "POST") {
  const auto now = std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch());
  std::string head{method};
  head.append(" ").append(path).append(" HTTP/1.1\r\nHost: localhost\r\nwebhook-id: ").append(id);
  head.append("\r\nwebhook-timestamp: ").append(std::to_string(now.count()));
  head.append("\r\nwebhook-signature: ").append(sign(secret, id, now.count(), body)).append("\r\n");
  return head;
}

std::string with_length(std::string_view body, std::string_view id, std::string_view more = "",
                        std::string_view path = "/hooks", std::string_view method = "POST") {
  auto request = head_of(body, id, path, method);
  return request.append(more)
      .append("Content-Length: ")
      .append(std::to_string(body.size()))
      .append("\r\n\r\n")
      .append(body);
}

std::string chunked(std::string_view body, std::string_view id, std::size_t size = 1) {
  auto request = head_of(body, id) + "Transfer-Encoding: chunked\r\n\r\n";
  for (; !body.empty(); body.remove_prefix(std::min(body.size(), size))) {
    const auto piece = body.substr(0, size);
    char digits[32];
    std::snprintf(digits, sizeof digits, "%zx\r\n", piece.size());
    request.append(digits).append(piece).append("\r\n");
  }
  return request + "0\r\n\r\n";
}

const std::string paid = R"({"type":"order.paid","data":{"n":1}})";

}  // namespace

TEST_CASE("a request over HTTP reaches the handler as it was sent") {
  Running running;
  Connection client{running.port};
  CHECK(client.send(with_length(paid, "1", "Content-Type: application/json\r\nX-Own: a\r\n")).receive().status == 204);
  REQUIRE(running.events().size() == 1);
  CHECK(running.events()[0].type == "order.paid");
  CHECK(running.metas()[0].body == paid);
  CHECK(*find_header(running.metas()[0].headers, "x-own") == "a");
  for (const char* made : {"REMOTE_ADDR", "REMOTE_PORT", "LOCAL_ADDR", "LOCAL_PORT"})
    CHECK(find_header(running.metas()[0].headers, made) == nullptr);

  const auto forged = client.send("POST /hooks HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}").receive();
  CHECK(forged.status == 401);
  CHECK(Connection::header(forged, "www-authenticate") == "webhook-signature");
  CHECK(Connection::header(forged, "content-type") == "application/problem+json");
  CHECK(forged.body.find("missing_header") != std::string::npos);
  CHECK(client.send("POST /hooks HTTP/1.1\r\n\r\n").receive().status == 401);
  CHECK(client.send("POST /hooks/x HTTP/1.1\r\nContent-Length: 0\r\n\r\n").receive().status == 404);
  CHECK(running.connections() == 1);  // all of it on one connection
}

TEST_CASE("a body of ten megabytes is a 413, and the next request of the connection gets its own answer") {
  // Requests all the way: wherever one were taken to begin, it would be answered.
  std::string large;
  const auto smuggled = with_length(paid, "smuggled");
  while (large.size() < 10'000'000) large += smuggled;
  Running running;
  Connection client{running.port};
  for (const bool in_chunks : {false, true}) {
    CHECK(client.send(in_chunks ? chunked(large, "1", 100'000) : with_length(large, "1")).receive().status == 413);
    CHECK(client.send(with_length(paid, in_chunks ? "2" : "3")).receive().status == 204);
  }
  CHECK(running.events().size() == 2);
  CHECK(running.metas().at(0).id == "3");
  CHECK(running.connections() == 1);
}

TEST_CASE("a body in chunks is put together") {
  Running running{{.max_body_bytes = 100}};
  Connection client{running.port};
  CHECK(client.send(chunked(paid, "1")).receive().status == 204);
  CHECK(client.send(chunked(std::string(100, ' '), "2", 7)).receive().status == 400);
  CHECK(client.send(chunked(std::string(101, ' '), "3", 7)).receive().status == 413);
  CHECK(running.metas().at(0).body == paid);
}

TEST_CASE("a form is refused, and read to its end") {
  Running running;
  Connection client{running.port};
  const std::string form = "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb\r\n--x--\r\n";
  const auto refused = client.send(with_length(form, "1", "Content-Type: multipart/form-data; boundary=x\r\n")).receive();
  CHECK(refused.status == 401);  // the body is not here to be verified
  CHECK(client.send(with_length(paid, "2")).receive().status == 204);
  CHECK(client.send(with_length("a=b", "3", "Content-Type: application/x-www-form-urlencoded\r\n")).receive().status ==
        415);
  CHECK(running.connections() == 1);

  // Of one that is none, where it ends is unknown.
  CHECK(client.send(with_length(with_length(paid, "smuggled"), "4", "Content-Type: multipart/form-data\r\n"))
            .receive()
            .status == 400);
  CHECK(client.is_closed());
  CHECK(running.events().size() == 1);
}

TEST_CASE("a body that breaks off is a 400, and the connection ends") {
  Running running;
  {
    Connection client{running.port};
    const auto whole = with_length(paid, "1");
    client.send(std::string_view{whole}.substr(0, whole.size() - 1)).end_sending();
    const auto status = client.receive(false).status;
    CHECK((status == 400 || status == 0));  // to who stopped sending, some versions of httplib write nothing
  }
  Connection client{running.port};
  const auto broken = head_of(paid, "2") + "Transfer-Encoding: chunked\r\n\r\nzz\r\n" + with_length(paid, "smuggled");
  CHECK(client.send(broken).receive().status == 400);
  CHECK(client.is_closed());
  CHECK(running.events().empty());
}

TEST_CASE("every other method is a 405") {
  Running running;
  Connection client{running.port};
  for (const char* method : {"GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"}) {
    CAPTURE(method);
    const std::string_view name{method};
    const bool may_have_body = name != "GET" && name != "HEAD" && name != "OPTIONS";
    const auto request = may_have_body ? with_length(paid, "1", "", "/hooks", method)
                                       : std::string{method} + " /hooks?challenge=a HTTP/1.1\r\nHost: x\r\n\r\n";
    const auto answer = client.send(request).receive(name != "HEAD");
    CHECK(answer.status == 405);
    CHECK(Connection::header(answer, "allow") == "POST");
  }
  CHECK(running.connections() == 1);
  CHECK(running.events().empty());
}

TEST_CASE("a GET's body is not taken for the next request") {
  Running running;
  Connection client{running.port};
  CHECK(client.send(with_length(with_length(paid, "smuggled"), "1", "", "/hooks", "GET")).receive().status == 405);
  CHECK(client.is_closed());
  CHECK(running.events().empty());
}

TEST_CASE("a range shows nothing but the answer, however far it goes") {
  Running running;
  for (const char* range : {"0-999999", "5-999999", "999000-999999", "-999999", "0-0,1-999999", "9000000000-"}) {
    CAPTURE(range);
    Connection client{running.port};
    client.send(std::string{"GET /hooks HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 1\r\nRange: bytes="} +
                range + "\r\n\r\nx");
    CHECK(client.receive_all().size() < 2'000);
  }
}

TEST_CASE("who announces far more than the limit, or sends on and on, gets a 413 at once") {
  Running running;
  {
    Connection client{running.port};
    client.send(head_of(paid, "1") + "Content-Length: 1000000000000\r\n\r\n");
    CHECK(client.receive().status == 413);
    CHECK(client.is_closed());
  }
  Connection client{running.port};
  client.send(head_of(paid, "2") + "Transfer-Encoding: chunked\r\n\r\n");
  const auto chunk = "100000\r\n" + std::string(0x100000, 'x') + "\r\n";
  int sent = 0;
  while (sent < 1'000 && client.can_send(chunk)) ++sent;
  CHECK(sent < 1'000);
  CHECK(running.events().empty());
}

TEST_CASE("a challenge is answered over HTTP") {
  Running running{{.answer_challenge = true}};
  Connection client{running.port};
  const auto answer = client.send("GET /hooks?challenge=a%2Db HTTP/1.1\r\nHost: x\r\n\r\n").receive();
  CHECK(answer.status == 200);
  CHECK(answer.body == "a-b");
  CHECK(Connection::header(answer, "content-type") == "text/plain");
  CHECK(Connection::header(answer, "x-content-type-options") == "nosniff");
}

TEST_CASE("a mount path with characters of a pattern is itself alone") {
  for (const std::string path : {"/a.b+(c)*", "/:tenant/hooks", "/[x]{2}^$|?"}) {
    CAPTURE(path);
    Running running{{}, path};
    Connection client{running.port};
    auto target = path;
    for (const auto& [plain, encoded] : {std::pair{'?', "%3F"}, {'+', "%2B"}})
      if (const auto at = target.find(plain); at != target.npos) target.replace(at, 1, encoded);
    CHECK(client.send(with_length(paid, "1", "", target)).receive().status == 204);
    // Who is not routed may lose the connection with the answer.
    for (const char* other : {"/aXb+c", "/acme/hooks", "/hooks"})
      CHECK(Connection{running.port}.send(with_length(paid, "2", "", other)).receive().status == 404);
    CHECK(running.events().size() == 1);
  }
}

TEST_CASE("a mount path without its first slash has one") {
  for (const std::string path : {"hooks", ""}) {
    Running running{{}, path};
    Connection client{running.port};
    CHECK(client.send(with_length(paid, "1", "", "/" + path)).receive().status == 204);
  }
}

TEST_CASE("two receivers at one server each take their own requests") {
  httplib::Server server;
  std::atomic<int> first{0}, second{0};
  const std::string other = generate_secret();
  Receiver one{{.secrets = {secret}}}, two{{.secrets = {other}}};
  one.on("*", [&](const Event&) { ++first; });
  two.on("*", [&](const Event&) { ++second; });
  one.mount(server, "/hooks");
  two.mount(server, "/hooks/two");
  const int port = server.bind_to_any_port("127.0.0.1");
  std::thread thread{[&] { server.listen_after_bind(); }};
  {
    Connection client{port};
    CHECK(client.send(with_length(paid, "1")).receive().status == 204);
    CHECK(client.send(with_length(paid, "1", "", "/hooks/two")).receive().status == 401);
    const auto now = std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch());
    client.send("POST /hooks/two HTTP/1.1\r\nwebhook-id: 1\r\nwebhook-timestamp: " + std::to_string(now.count()) +
                "\r\nwebhook-signature: " + sign(other, "1", now.count(), paid) +
                "\r\nContent-Length: " + std::to_string(paid.size()) + "\r\n\r\n" + paid);
    CHECK(client.receive().status == 204);  // ids are each one's own
  }
  while (!server.is_running()) std::this_thread::yield();
  server.stop();
  thread.join();
  CHECK(first == 1);
  CHECK(second == 1);
}

TEST_CASE("a chunked body with a trailer is taken or refused, and the trailer is no request") {
  Running running;
  Connection client{running.port};
  auto request = chunked(paid, "1");
  request.insert(request.size() - 2, "X-Trailer: a\r\n");
  const auto status = client.send(request + with_length(paid, "2")).receive().status;
  CHECK((status == 204 || status == 400));
  client.end_sending();
  for (const auto& meta : running.metas()) CHECK((meta.id == "1" || meta.id == "2"));
}

TEST_CASE("a compressed body is verified as the server decoded it") {
  // gzip of {"type":"zipped","data":1}
  constexpr std::string_view bytes{
      "\037\213\010\000\000\000\000\000\002\003\253\126\052\251\054\110\125\262\122\252\312\054\050\110\115\121\322\121\112"
      "\111\054\111\124\262\062\254\005\000\206\275\010\230\032\000\000\000",
      46};
  const std::string plain = R"({"type":"zipped","data":1})";
  Running running;
  Connection client{running.port};
  auto request =
      head_of(plain, "1") + "Content-Encoding: gzip\r\nContent-Length: " + std::to_string(bytes.size()) + "\r\n\r\n";
  const auto answer = client.send(request.append(bytes)).receive();
#if defined(CPPHTTPLIB_ZLIB_SUPPORT)
  CHECK(answer.status == 204);
  REQUIRE(running.events().size() == 1);
  CHECK(running.events()[0].type == "zipped");
  // Signed as it was sent: what was signed is not here any more.
  request = head_of(bytes, "2") + "Content-Encoding: gzip\r\nContent-Length: " + std::to_string(bytes.size()) + "\r\n\r\n";
  CHECK(client.send(request.append(bytes)).receive().status == 401);
#else
  CHECK(answer.status == 415);
#endif
  Connection other{running.port};
  CHECK(other.send(with_length(paid, "3", "Content-Encoding: x-own\r\n")).receive().status == 415);
  CHECK(other.send(with_length(paid, "4", "Content-Encoding: identity\r\n")).receive().status == 204);
}

TEST_CASE("a small body that unpacks to a large one is a 413 and not in memory") {
#if defined(CPPHTTPLIB_ZLIB_SUPPORT)
  Running running;
  Connection client{running.port};
  std::string bytes;
  httplib::detail::gzip_compressor compressor;
  const std::string zeros(8u << 20, '0');
  compressor.compress(zeros.data(), zeros.size(), true, [&](const char* data, std::size_t size) {
    bytes.append(data, size);
    return true;
  });
  auto request =
      head_of(zeros, "1") + "Content-Encoding: gzip\r\nContent-Length: " + std::to_string(bytes.size()) + "\r\n\r\n";
  CHECK(client.send(request.append(bytes)).receive().status == 413);
  CHECK(client.send(with_length(paid, "2")).receive().status == 204);
#else
  SUCCEED("no zlib");
#endif
}

TEST_CASE("many requests at once each get their own answer") {
  Running running;
  std::vector<std::future<int>> clients;
  clients.reserve(6);
  for (int client = 0; client < 6; ++client)
    clients.push_back(std::async(std::launch::async, [&, client] {
      Connection connection{running.port};
      int right = 0;
      for (int i = 0; i < 4; ++i) {
        const auto id = std::to_string(client) + "-" + std::to_string(i);
        const auto body = R"({"type":"n","data":")" + id + "\"}";
        right += connection.send(with_length(body, id)).receive().status == 204 ? 1 : 0;
      }
      return right;
    }));
  for (auto& client : clients) CHECK(client.get() == 4);
  std::set<std::string> seen;
  for (std::size_t i = 0; i < running.events().size(); ++i) {
    CHECK(running.events()[i].data == running.metas()[i].id);
    seen.insert(running.metas()[i].id);
  }
  CHECK(seen.size() == 24);
}

TEST_CASE("a Publisher delivers to it in every encoding") {
  Running running;
  {
    Publisher<> publisher{{.url_policy = {.allow = {"127.0.0.0/8"}}}};
    const auto url = "http://127.0.0.1:" + std::to_string(running.port) + "/hooks";
    for (const auto encoding :
         {Encoding::standard, Encoding::raw, Encoding::cloudevents_structured, Encoding::cloudevents_binary})
      publisher.subscribe({.url = url,
                           .events = {"e" + std::to_string(static_cast<int>(encoding))},
                           .secret = secret,
                           .encoding = encoding});
    for (int i = 0; i < 4; ++i) {
      REQUIRE(publisher.publish({.type = "e" + std::to_string(i), .data = {{"n", i}}}));
      REQUIRE(publisher.drain(std::chrono::seconds{10}));
    }
    CHECK(publisher.stats().delivered == 4);
  }
  std::vector<std::pair<std::string, int>> seen;
  for (const auto& event : running.events()) seen.emplace_back(event.type, event.data.at("n").get<int>());
  std::sort(seen.begin(), seen.end());
  CHECK(seen == std::vector<std::pair<std::string, int>>{{"", 1}, {"e0", 0}, {"e2", 2}, {"e3", 3}});
}
