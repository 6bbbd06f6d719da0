#include "catch.hpp"
#include "unit/api_session.hpp"
#include "unit/failing_store.hpp"

#include <flyhook/admin.hpp>

#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

// What fails behind the API: its store, the application's log-in, a publisher that was stopped.

using namespace flyhook;
using namespace flyhook::test;
using namespace std::chrono_literals;

namespace {

const std::vector<std::function<void()>> failures{
    [] { throw std::runtime_error{"host=db.internal password=hunter2"}; },
    [] {
      throw Error{ErrorCode::unavailable, "store", "host=db.internal password=hunter2"};
    },
    [] { throw std::bad_alloc{}; },
    [] { throw 7; },
};

/// Each operation once, well formed.
struct Operation {
  std::string operation, method, target, body{};
};
std::vector<Operation> operations(const std::string& subscription, const std::string& delivery, const std::string& event) {
  const auto one = "/api/subscriptions/" + subscription;
  return {{"listSubscriptions", "GET", "/api/subscriptions"},
          {"createSubscription", "POST", "/api/subscriptions", R"({"url":"https://hooks.example.com/"})"},
          {"getSubscription", "GET", one},
          {"updateSubscription", "PATCH", one, R"({"description":"new"})"},
          {"pauseSubscription", "POST", one + "/pause"},
          {"resumeSubscription", "POST", one + "/resume"},
          {"enableSubscription", "POST", one + "/enable"},
          {"rotateSecret", "POST", one + "/rotate"},
          {"getSecret", "GET", one + "/secret"},
          {"testSubscription", "POST", one + "/test"},
          {"recoverSubscription", "POST", one + "/recover", R"({"since":"2020-01-01T00:00:00Z","include_missed":true})"},
          {"listDeliveries", "GET", "/api/deliveries"},
          {"getDelivery", "GET", "/api/deliveries/" + delivery},
          {"replayDelivery", "POST", "/api/deliveries/" + delivery + "/replay"},
          {"explainEvent", "GET", "/api/events/" + event + "/explain"},
          {"listEventTypes", "GET", "/api/event-types"},
          {"getStats", "GET", "/api/stats"},
          {"getHealth", "GET", "/api/health"},
          {"getMetrics", "GET", "/metrics"},
          {"getOpenapi", "GET", "/openapi.json"},
          {"deleteSubscription", "DELETE", one}};
}

/// What the document says that an operation may answer.
nlohmann::json answers_of(const nlohmann::json& document, const std::string& operation) {
  for (const auto& path : document["paths"])
    for (const auto& each : path)
      if (each.is_object() && each["operationId"] == operation) return each["responses"];
  return {};
}

}  // namespace

TEST_CASE("a store that fails is a 503 without its words, and what needs no store is still answered") {
  for (const auto& failure : failures) {
    const auto store = std::make_shared<FailingStore>();
    ApiSession session{{.store = store}};
    const auto id = session.subscribe();
    const auto event = session.publish();
    const auto delivery = json_of(session.call("GET", "/api/deliveries"))["items"][0]["id"].get<std::string>();
    const auto all = operations(id, delivery, event.value);
    REQUIRE(all.size() == detail::Api::routes().size());

    const auto document = json_of(session.call("GET", "/openapi.json"));
    store->fail = failure;
    for (const auto& [operation, method, target, body] : all) {
      CAPTURE(method, target);
      const auto answer = session.call(method, target, body);
      const bool is_in_memory = (method == "GET" && target.starts_with("/api/subscriptions")) ||
                                target == "/api/event-types" || target == "/openapi.json" || target.ends_with("/test");
      if (is_in_memory) {
        CHECK(answer.status / 100 == 2);
      } else {
        CHECK((answer.status == 503 || answer.status == 500));
        CHECK(*find_header(answer.headers, "content-type") == "application/problem+json");
        CHECK(*find_header(answer.headers, "cache-control") == "no-store");
      }
      CHECK(answer.body.find("hunter2") == std::string::npos);
      if (answer.status != 500) CHECK(answers_of(document, operation).contains(std::to_string(answer.status)));
    }
    // Nothing of it was made, and nothing is broken.
    store->fail = {};
    CHECK(json_of(session.call("GET", "/api/subscriptions"))["items"].size() == 1);
    for (const auto& [operation, method, target, body] : all) {
      CAPTURE(method, target);
      CHECK(session.call(method, target, body).status / 100 == 2);
    }
  }
}

TEST_CASE("whatever the application's log-in throws is a 500, which says nothing of it") {
  const std::vector<std::function<void()>> thrown{
      [] { throw std::runtime_error{"user table"}; },
      [] {
        throw Error{ErrorCode::not_found, "user", "user table"};
      },
      [] {
        throw Error{ErrorCode::unavailable, "user", "user table"};
      },
      [] {
        throw Error{ErrorCode::conflict, "user", "user table"};
      },
      [] { throw std::bad_alloc{}; },
      [] { throw 7; },
      [] { throw "user table"; },
  };
  for (const auto& each : thrown) {
    ApiSession session{{}, {.authorize = [&](const HttpRequest&) -> std::optional<AdminIdentity> {
                         each();
                         return AdminIdentity{.tenant = {}, .is_operator = true};
                       }}};
    const auto id = session.subscribe();
    for (const auto* const method : {"GET", "DELETE"}) {
      const auto answer = session.admin.handle(method, "/api/subscriptions/" + id, {{"cookie", "x"}}, {});
      CHECK(answer.status == 500);
      CHECK(field_of(answer) == "-");
      CHECK(answer.body.find("user table") == std::string::npos);
      CHECK(*find_header(answer.headers, "cache-control") == "no-store");
    }
    CHECK(session.publisher.subscription({id}).has_value());
  }
}
