#include <flyhook/admin.hpp>
#include <flyhook/publisher.hpp>
#include <flyhook/testing.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

// The API's input: the first line is "METHOD TARGET" with a letter in front (o: the operator, t: a tenant, n: nobody), what
// follows is the body. Whatever it is: no crash, a status that the API has, JSON where it says JSON; and what was refused
// has changed nothing of any subscription. A tenant changes nothing of another's.

namespace {

[[noreturn]] void broken(std::string_view what, std::string_view input) {
  std::cerr << what << ": " << input << '\n';
  std::abort();
}

/// A publisher with a little in it, and the API over it. Made anew now and then, so that what one input leaves is
/// another's.
struct Application {
  Application() {
    publisher.subscribe({.url = "https://a.example.com", .tenant = "acme", .id = {"a"}});
    publisher.subscribe({.url = "https://b.example.com", .tenant = "other", .id = {"b"}});
    publisher.subscribe({.url = "https://c.example.com", .id = {"c"}});
    transport->answer(500);
    for (const auto* const tenant : {"acme", "other", ""})
      publisher.publish({.type = "order.paid", .data = 1, .tenant = tenant, .key = {}}, {.id = std::string{"e"} + tenant});
    publisher.settle();
  }

  /// What stands in its subscriptions, as far as a request may change it.
  std::string all(const std::string* but_of = nullptr) {
    std::string text;
    const auto add = [&](std::string_view member) { text.append(member).push_back('\0'); };
    for (const auto& each : publisher.subscriptions()) {
      if (but_of != nullptr && each.tenant == *but_of) continue;
      add(each.id.value), add(each.tenant), add(each.url), add(each.filter), add(each.description);
      for (const auto& pattern : each.events) add(pattern);
      for (const auto& [name, value] : each.headers) add(name), add(value);
      for (const auto& [name, value] : each.metadata) add(name), add(value);
      add(std::to_string(each.enabled) + std::to_string(each.paused) + std::to_string(each.public_only) +
          std::to_string(each.rate_limit.per_second) + std::to_string(each.max_in_flight.value_or(0)) +
          std::to_string(each.timeout ? each.timeout->count() : 0) + std::to_string(static_cast<int>(each.ordering)) +
          std::to_string(each.encoding ? static_cast<int>(*each.encoding) : -1) +
          std::to_string(each.retry ? each.retry->schedule.size() : 0));
      add(publisher.reveal_secret(each.id).value_or(""));
    }
    return text;
  }

  std::shared_ptr<flyhook::ManualClock> clock = std::make_shared<flyhook::ManualClock>();
  std::shared_ptr<flyhook::RecordingTransport> transport = std::make_shared<flyhook::RecordingTransport>(clock);
  flyhook::Publisher<> publisher{transport,
                                 {.threads = 0,
                                  .retry = flyhook::RetryPolicy::none(),
                                  .resolver = [](const std::string&) { return std::vector<std::string>{"93.184.216.34"}; },
                                  .clock = clock}};
  flyhook::Admin admin{publisher, {.token = "operator"}};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static std::unique_ptr<Application> application;
  static int uses = 0;
  if (uses++ % 50 == 0) application = std::make_unique<Application>();
  auto& admin = application->admin;

  const std::string_view input{reinterpret_cast<const char*>(data), size};
  if (input.empty()) return 0;
  const auto end = std::min(input.find('\n'), input.size());
  const auto line = input.substr(1, end == 0 ? 0 : end - 1);
  const auto body = input.substr(std::min(end + 1, input.size()));
  const auto space = std::min(line.find(' '), line.size());
  const auto method = line.substr(0, space), target = line.substr(std::min(space + 1, line.size()));

  const std::string tenant = "acme";
  flyhook::Headers headers{{"host", "app.example.com"}};
  if (input[0] != 'n')
    headers.emplace_back("authorization",
                         "Bearer " + (input[0] == 't' ? admin.portal_token(tenant, std::chrono::hours{1}) : "operator"));
  if (!body.empty()) headers.emplace_back("content-type", "application/json");

  const auto before = application->all(), others = input[0] == 't' ? application->all(&tenant) : std::string{};
  const auto answer = admin.handle(method, target, headers, body, {}, std::to_string(uses));

  static const std::set<int> statuses{200, 201, 202, 204, 400, 401, 403, 404, 405, 409, 413, 415, 422, 503};
  if (!statuses.contains(answer.status)) broken("a status that it has not, " + std::to_string(answer.status), input);
  if (answer.status >= 400 && application->all() != before) broken("refused, and yet something changed", input);
  if (input[0] == 't' && application->all(&tenant) != others) broken("a tenant has changed another's", input);
  if (input[0] == 'n' && answer.status != 401) broken("nobody was let in", input);
  const auto* const type = flyhook::find_header(answer.headers, "content-type");
  if (type != nullptr && type->find("json") != type->npos && !nlohmann::json::accept(answer.body))
    broken("no JSON: " + answer.body, input);
  if (answer.status >= 400 && (type == nullptr || *type != "application/problem+json") &&
      !(answer.status == 503 && type != nullptr))
    broken("refused without a problem", input);
  application->publisher.settle();
  return 0;
}
