#include "figure.hpp"

#include <flyhook/flyhook.hpp>

#include <httplib.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

// What receiving costs: verify, parse, know repeats, dispatch to a typed handler; against a handler on the same server that
// parses the JSON and believes it. Each server is a process of its own, whose CPU the kernel counts; the requests are the
// same, signed before, over connections that stay.

using namespace benchmark;

namespace {

const std::string secret = "whsec_sTvERiAqyUbGZe06mDbuzaWH+nddAJwGBqU1zSX00Jg=";

struct OrderPaid {
  static constexpr std::string_view event_type = "order.paid";
  std::string order, customer, product, note;
  std::int64_t cents = 0;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(OrderPaid, order, customer, product, note, cents)

/// A httplib::Server in a process of its own.
class ServerProcess {
 public:
  /// Forks; call it before any thread is started.
  explicit ServerProcess(const std::function<void(httplib::Server&)>& mount) {
    int ends[2];
    if (pipe(ends) != 0) std::abort();
    process_ = fork();
    if (process_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      httplib::Server server;
      server.set_tcp_nodelay(true);
      server.set_keep_alive_max_count(1'000'000'000);
      mount(server);
      const int port = server.bind_to_any_port("127.0.0.1");
      if (write(ends[1], &port, sizeof port) != sizeof port) std::abort();
      server.listen_after_bind();
      std::_Exit(0);
    }
    if (read(ends[0], &port_, sizeof port_) != sizeof port_) std::abort();
    close(ends[0]);
    close(ends[1]);
  }
  ~ServerProcess() {
    kill(process_, SIGKILL);
    waitpid(process_, nullptr, 0);
  }
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;

  int port() const { return port_; }
  /// User and system, of all its threads, so far.
  double cpu_seconds() const {
    clockid_t clock{};
    timespec time{};
    if (clock_getcpuclockid(process_, &clock) != 0 || clock_gettime(clock, &time) != 0) std::abort();
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
  }

 private:
  pid_t process_ = 0;
  int port_ = 0;
};

std::vector<std::string> signed_requests(std::size_t count, std::size_t size) {
  static std::uint64_t number = 0;
  const auto now =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
  std::vector<std::string> requests;
  requests.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    const auto id = "msg_" + std::to_string(++number);
    nlohmann::json event{{"type", "order.paid"},
                         {"timestamp", "2025-10-09T08:53:20.000000Z"},
                         {"data", {{"order", id}, {"customer", "cus_8Zk2"}, {"product", "membership"}, {"cents", 4200}}}};
    event["data"]["note"] = "";
    event["data"]["note"] = std::string(size - std::min(size, event.dump().size()), 'n');
    const auto body = event.dump();
    requests.push_back(
        "POST /hooks HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\nuser-agent: flyhook/0.1.0\r\n"
        "webhook-id: " +
        id + "\r\nwebhook-timestamp: " + std::to_string(now) + "\r\nwebhook-signature: " +
        flyhook::sign(secret, id, now, body) + "\r\ncontent-length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  }
  return requests;
}

/// Sends the requests one after the other over one connection; every one must be answered 204.
void post_all(int port, const std::string* first, std::size_t count) {
  const int connection = socket(AF_INET, SOCK_STREAM, 0);
  const int on = 1;
  setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(connection, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) std::abort();
  std::array<char, 4096> buffer{};
  for (std::size_t i = 0; i < count; ++i) {
    const auto& request = first[i];
    if (send(connection, request.data(), request.size(), 0) != static_cast<ssize_t>(request.size())) std::abort();
    std::string answer;
    while (answer.find("\r\n\r\n") == answer.npos) {
      const auto got = recv(connection, buffer.data(), buffer.size(), 0);
      if (got <= 0) std::abort();
      answer.append(buffer.data(), static_cast<std::size_t>(got));
    }
    if (answer.compare(0, 12, "HTTP/1.1 204") != 0) {
      std::fprintf(stderr, "%s\n", answer.c_str());
      std::abort();
    }
  }
  close(connection);
}

/// CPU of the server per request, in microseconds.
double cost(const ServerProcess& server, const std::vector<std::string>& requests) {
  constexpr std::size_t connections = 4;
  const auto share = requests.size() / connections;
  const auto before = server.cpu_seconds();
  std::vector<std::thread> clients;
  for (std::size_t i = 0; i < connections; ++i)
    clients.emplace_back([&, i] { post_all(server.port(), requests.data() + i * share, share); });
  for (auto& client : clients) client.join();
  return (server.cpu_seconds() - before) / static_cast<double>(share * connections) * 1e6;
}

}  // namespace

int main() {
  const ServerProcess bare{[](httplib::Server& server) {
    server.Post("/hooks", [](const httplib::Request& request, httplib::Response& response) {
      const auto event = nlohmann::json::parse(request.body);
      response.status = event.is_object() ? 204 : 400;
    });
  }};
  const ServerProcess ours{[](httplib::Server& server) {
    flyhook::Receiver receiver{{.secrets = {secret}}};
    receiver.on<OrderPaid>([](const OrderPaid& order) {
      if (order.cents != 4200) std::abort();
    });
    receiver.mount(server, "/hooks");
  }};

  remark("peer: a httplib::Server handler that only parses the JSON");
  for (const std::size_t size : {512u, 4096u}) {
    std::vector<double> our_costs, bare_costs, ratios;
    for (int round = 0; round < 16; ++round) {
      const auto requests = signed_requests(10'000, size);
      const auto our_cost = cost(ours, requests), bare_cost = cost(bare, requests);
      if (round == 0) continue;  // warm-up
      our_costs.push_back(our_cost);
      bare_costs.push_back(bare_cost);
      ratios.push_back(bare_cost / our_cost);
    }
    const auto of = ", bodies of " + std::to_string(size) + " bytes";
    figure("CPU per request received" + of, median(our_costs), "us");
    figure("CPU per request of the bare handler" + of, median(bare_costs), "us");
    figure("the bare handler's CPU / the receiver's" + of, median(ratios), "ratio", Limit::at_least, 0.85);
  }
  return missed() == 0 ? 0 : 1;
}
