// A CRM keeps in step with the addresses in the shop. It was down when they changed; each customer's changes still arrive
// in the order in which they were made, and another customer's do not wait for them.

#include <flyhook/flyhook.hpp>

#include <httplib.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

using namespace std::chrono_literals;

struct AddressChanged {
  std::string customer, city;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(AddressChanged, customer, city)

template <>
struct flyhook::EventTraits<AddressChanged> {
  static constexpr std::string_view type = "customer.address_changed";
  static std::string key(const AddressChanged& change) { return change.customer; }  // what is kept in order
};

int main() {
  const auto secret = flyhook::generate_secret();

  std::mutex mutex;
  std::map<std::string, std::vector<std::string>> cities;  // of each customer, as they came
  std::atomic<int> refused{0};
  flyhook::Receiver receiver{{.secrets = {secret}, .on_error = [](const auto&, auto) {}}};
  receiver.on<AddressChanged>([&](const AddressChanged& change) {
    if (refused.fetch_add(1) < 4) throw std::runtime_error{"down"};
    const std::lock_guard lock{mutex};
    cities[change.customer].push_back(change.city);
  });
  httplib::Server server;
  receiver.mount(server, "/crm");
  const auto url = "http://127.0.0.1:" + std::to_string(server.bind_to_any_port("127.0.0.1")) + "/crm";
  std::thread serving{[&] { server.listen_after_bind(); }};

  {
    flyhook::Publisher<AddressChanged> shop{{.url_policy = {.allow = {"127.0.0.0/8"}}}};
    shop.subscribe({.url = url,
                    .secret = secret,
                    .ordering = flyhook::Ordering::per_key,
                    .retry = flyhook::RetryPolicy::exponential(20ms, 2, 1s, 10)});
    for (const auto* const city : {"London", "Paris", "Berlin", "Rome"}) shop.publish({"Ada", city});
    for (const auto* const city : {"New York", "Boston"}) shop.publish({"Grace", city});
    shop.drain(20s);
  }
  server.stop();
  serving.join();

  for (const auto& [customer, moves] : cities) {
    std::printf("%s lives in %s, after", customer.c_str(), moves.back().c_str());
    for (std::size_t i = 0; i + 1 < moves.size(); ++i) std::printf(" %s", moves[i].c_str());
    std::printf("\n");
  }
}

// Output:
// Ada lives in Rome, after London Paris Berlin
// Grace lives in Boston, after New York
