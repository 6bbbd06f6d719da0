#ifndef FLYHOOK_TESTS_UNIT_API_SESSION_HPP
#define FLYHOOK_TESTS_UNIT_API_SESSION_HPP

#include <flyhook/admin.hpp>
#include <flyhook/detail/admin/api.hpp>
#include <flyhook/publisher.hpp>
#include <flyhook/testing.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// A publisher without threads or network and the API over it, called without a server.

namespace flyhook::test {

/// Tells how many have begun to wait by it.
class CountingClock final : public ManualClock {
 public:
  void wait_until(std::unique_lock<std::mutex>& lock, std::condition_variable& condition,
                  std::chrono::nanoseconds deadline) override {
    ++waits;
    ManualClock::wait_until(lock, condition, deadline);
  }

  std::atomic<int> waits{0};
};

struct ApiSession {
  static constexpr std::string_view token = "operator-token-of-this-test";

  explicit ApiSession(Options options = {}, AdminOptions admin_options = {.token = std::string{token}})
      : publisher(transport, with_ports(std::move(options))), admin(publisher, std::move(admin_options)) {}

  /// As the operator. `body` is sent as JSON.
  HttpResponse call(std::string_view method, std::string_view target, std::string_view body = {}) {
    return call_as(std::string{token}, method, target, body);
  }
  HttpResponse call_as(const std::string& bearer, std::string_view method, std::string_view target,
                       std::string_view body = {}) {
    Headers headers{{"host", "app.example.com"}, {"authorization", "Bearer " + bearer}};
    if (!body.empty()) headers.emplace_back("content-type", "application/json");
    return admin.handle(method, target, headers, body, {}, "203.0.113.7");
  }
  std::string portal(std::string_view tenant) { return admin.portal_token(tenant, std::chrono::hours{1}); }

  /// One for `tenant`; its id.
  std::string subscribe(std::string tenant = {}, std::string url = "https://hooks.example.com/in") {
    return publisher.subscribe({.url = std::move(url), .tenant = std::move(tenant)}).value;
  }
  /// Publishes an event and does what is due; the event's id.
  EventId publish(std::string type = "order.paid", std::string tenant = {}) {
    const auto result =
        publisher.publish({.type = std::move(type), .data = {{"cents", 4200}}, .tenant = std::move(tenant), .key = {}});
    publisher.settle();
    return result.id;
  }

  std::shared_ptr<CountingClock> clock = std::make_shared<CountingClock>();
  std::shared_ptr<RecordingTransport> transport = std::make_shared<RecordingTransport>(clock);
  Publisher<> publisher;
  Admin admin;

 private:
  Options with_ports(Options options) {
    options.threads = 0;
    options.clock = clock;
    if (!options.resolver)
      options.resolver = [](const std::string& host) {
        return std::vector<std::string>{host.starts_with("internal") ? "10.0.0.5" : "93.184.216.34"};
      };
    return options;
  }
};

inline nlohmann::json json_of(const HttpResponse& response) {
  return nlohmann::json::parse(response.body);
}

/// The "field" of a problem; "-": it names none.
inline std::string field_of(const HttpResponse& response) {
  const auto* const type = find_header(response.headers, "content-type");
  if (type == nullptr || *type != "application/problem+json") return "no problem: " + response.body;
  return json_of(response).value("field", "-");
}

}  // namespace flyhook::test

#endif
