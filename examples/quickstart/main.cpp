// A shop tells three systems what happens to its customers: who is created, changed, deleted. The receiver, somebody
// else's program in real life, runs in this one, on a free port of the loopback.

#include <flyhook/flyhook.hpp>

#include <httplib.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

using SteadyClock = std::chrono::steady_clock;

// What happens: plain structs, each with a name and its JSON.

struct CustomerCreated {
  std::string customer, name;
};
struct CustomerChanged {
  std::string customer, field, value;
};
struct CustomerDeleted {
  std::string customer;
};
struct OrderPaid {
  std::string order, customer;
  std::int64_t cents;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(CustomerCreated, customer, name)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(CustomerChanged, customer, field, value)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(CustomerDeleted, customer)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(OrderPaid, order, customer, cents)

template <>
struct flyhook::EventTraits<CustomerCreated> {
  static constexpr std::string_view type = "customer.created";
};
template <>
struct flyhook::EventTraits<CustomerChanged> {
  static constexpr std::string_view type = "customer.changed";
};
template <>
struct flyhook::EventTraits<CustomerDeleted> {
  static constexpr std::string_view type = "customer.deleted";
};
template <>
struct flyhook::EventTraits<OrderPaid> {
  static constexpr std::string_view type = "order.paid";
};

using ShopEvent = std::variant<CustomerCreated, CustomerChanged, CustomerDeleted, OrderPaid>;

// What arrived, and where.
struct Arrival {
  std::string endpoint, id, type;
  SteadyClock::time_point at;
};

double milliseconds(SteadyClock::duration time) {
  return std::chrono::duration<double, std::milli>(time).count();
}

int main() {
  const std::string secret = flyhook::generate_secret();

  // The receiving end: three endpoints. Each verifies, then believes, and calls what was registered for the event's type.
  std::mutex mutex;
  std::vector<Arrival> arrivals;
  httplib::Server server;
  for (const auto* const endpoint : {"crm", "privacy", "audit"}) {
    flyhook::Receiver receiver{{.secrets = {secret}, .scope = endpoint}};
    receiver.on("*", [&](const flyhook::Event& event, const flyhook::Received& meta) {
      const std::lock_guard lock{mutex};
      arrivals.push_back({meta.scope, meta.id, event.type, SteadyClock::now()});
    });
    receiver.mount(server, std::string{"/"} + endpoint);
  }
  const std::string at = "http://127.0.0.1:" + std::to_string(server.bind_to_any_port("127.0.0.1"));
  std::thread listener{[&] { server.listen_after_bind(); }};

  // The publisher, and who wants to know what. Endpoints inside one's own network have to be allowed. Four threads, because
  // all endpoints are one small server here: of more connections at once than it listens for, some wait a second.
  flyhook::Publisher<ShopEvent> publisher{{.threads = 4, .url_policy = {.allow = {"127.0.0.0/8"}}}};
  publisher.subscribe({.url = at + "/crm", .events = {"customer.*"}, .secret = secret, .id = {"crm"}});
  publisher.subscribe({.url = at + "/privacy", .events = {"customer.deleted"}, .secret = secret, .id = {"privacy"}});
  publisher.subscribe({.url = at + "/audit", .events = {"*"}, .secret = secret, .id = {"audit"}});

  // The shop's day. publish() hands the event over and returns; the pool does the rest.
  std::map<std::string, SteadyClock::time_point> published;
  const auto publish = [&](auto event) {
    const std::string_view type = flyhook::EventTraits<decltype(event)>::type;
    const auto start = SteadyClock::now();
    const auto result = publisher.publish(std::move(event));
    const auto end = SteadyClock::now();
    published[result.id.value] = start;
    std::printf("published %-16s as %s in %.3f ms\n", type.data(), result.id.value.c_str(), milliseconds(end - start));
  };
  publish(CustomerCreated{"cus_7", "Ada"});
  publish(CustomerChanged{"cus_7", "email", "ada@example.com"});
  publish(OrderPaid{"ord_1", "cus_7", 4200});
  publish(CustomerDeleted{"cus_7"});

  // Let everything arrive, close the connections, and see what came. Ids grow in the order of publishing.
  publisher.stop(std::chrono::seconds{10});
  server.stop();
  listener.join();
  std::sort(arrivals.begin(), arrivals.end(),
            [](const Arrival& a, const Arrival& b) { return std::tie(a.endpoint, a.id) < std::tie(b.endpoint, b.id); });
  std::printf("\n");
  for (const auto& arrival : arrivals)
    std::printf("%-7s got %-16s %s after %.3f ms\n", arrival.endpoint.c_str(), arrival.type.c_str(), arrival.id.c_str(),
                milliseconds(arrival.at - published.at(arrival.id)));

  const auto stats = publisher.stats();
  std::printf("\n%d published, %d delivered, %d dead\n", static_cast<int>(stats.published),
              static_cast<int>(stats.delivered), static_cast<int>(stats.dead));
  return arrivals.size() == 8 ? 0 : 1;
}

// Output:
// published customer.created as <id> in <number> ms
// published customer.changed as <id> in <number> ms
// published order.paid       as <id> in <number> ms
// published customer.deleted as <id> in <number> ms
//
// audit   got customer.created <id> after <number> ms
// audit   got customer.changed <id> after <number> ms
// audit   got order.paid       <id> after <number> ms
// audit   got customer.deleted <id> after <number> ms
// crm     got customer.created <id> after <number> ms
// crm     got customer.changed <id> after <number> ms
// crm     got customer.deleted <id> after <number> ms
// privacy got customer.deleted <id> after <number> ms
//
// 4 published, 8 delivered, 0 dead
