#include "catch.hpp"
#include "integration/node_process.hpp"
#include "unit/failing_store.hpp"

#include <flyhook/flyhook.hpp>
#include <flyhook/testing.hpp>

#include <httplib.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <fstream>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

// The API's document against the API: an independent validator reads it, every operation is called over HTTP with every
// answer that it promises, and each answer is held to its schema.

using namespace flyhook;
using namespace std::chrono_literals;

namespace {

constexpr auto token = "the operator's own token";

/// An application with the API, on a port of its own; nothing of it goes to a network but the API itself.
struct Application {
  Application() : publisher(transport, options()), admin(publisher, {.token = token}) {
    admin.mount(server, "/webhooks");
    port = server.bind_to_any_port("127.0.0.1");
    serving = std::thread{[this] { server.listen_after_bind(); }};
  }
  ~Application() {
    server.stop();
    serving.join();
  }
  Options options() {
    return {.threads = 0,
            .retry = RetryPolicy::none(),
            .resolver = [](const std::string&) { return std::vector<std::string>{"93.184.216.34"}; },
            .store = store,
            .clock = clock};
  }

  std::shared_ptr<ManualClock> clock = std::make_shared<ManualClock>();
  std::shared_ptr<RecordingTransport> transport = std::make_shared<RecordingTransport>(clock);
  std::shared_ptr<flyhook::test::FailingStore> store = std::make_shared<flyhook::test::FailingStore>();
  Publisher<> publisher;
  Admin admin;
  httplib::Server server;
  int port = 0;
  std::thread serving;
};

struct Call {
  std::string method{}, path{}, body{};
  std::string type{"application/json"};
  std::string bearer{token};
};

/// What was asked and answered.
struct Exchanges {
  nlohmann::json list = nlohmann::json::array();

  int add(const Application& application, const Call& call) {
    httplib::Client client{"127.0.0.1", application.port};
    client.set_read_timeout(60s);
    httplib::Request request;
    request.method = call.method;
    request.path = "/webhooks" + call.path;
    if (!call.bearer.empty()) request.set_header("Authorization", "Bearer " + call.bearer);
    if (!call.body.empty()) {
      request.set_header("Content-Type", call.type);
      request.body = call.body;
    }
    const auto answer = client.send(request);
    CAPTURE(call.method, call.path);
    REQUIRE(answer);
    list.push_back({{"method", call.method},
                    {"path", call.path},
                    {"request", call.body},
                    {"status", answer->status},
                    {"type", answer->get_header_value("Content-Type")},
                    {"body", answer->body}});
    return answer->status;
  }
};

std::string at(std::string path, const std::string& id) {
  if (const auto place = path.find("{id}"); place != path.npos) path.replace(place, 4, id);
  return path;
}

}  // namespace

TEST_CASE("the API's document is valid, and the API does what it says, operation by operation and answer by answer") {
  Application application;
  Exchanges exchanges;
  REQUIRE(exchanges.add(application, {"GET", "/openapi.json"}) == 200);
  const auto document = nlohmann::json::parse(exchanges.list.back()["body"].get<std::string>());

  // Every success.
  const auto done = [&](const Call& call, int status) {
    CAPTURE(call.method, call.path, call.body);
    const int answered = exchanges.add(application, call);
    CAPTURE(exchanges.list.back().dump());
    CHECK(answered == status);
  };
  const std::string everything = R"({"url":"https://hooks.example.com/in?x=1","events":["order.*","webhook.test"],
    "tenant":"acme","filter":"{\"/cents\":{\"$gte\":1}}","secret":"whsec_sTvERiAqyUbGZe06mDbuzaWH+nddAJwGBqU1zSX00Jg=",
    "headers":{"x-team":"billing","authorization":"Bearer hush"},"encoding":"cloudevents_binary",
    "rate_limit":{"per_second":5,"burst":2},"max_in_flight":3,"ordering":"strict","timeout":5000,
    "retry":{"schedule":[0,1000],"jitter":0.1,"max_age":60,"stop_on":[500],"retry_after_cap":60},"description":"CRM",
    "metadata":{"page":"3"},"id":"crm","enabled":true,"paused":false,"public_only":true})";
  done({"POST", "/api/subscriptions", everything}, 201);
  done({"POST", "/api/subscriptions", everything}, 409);
  done({"POST", "/api/subscriptions", R"({"url":"https://hooks.example.com","filter":{"/cents":1},"id":"other"})"}, 201);
  application.transport->answer(500, {}, "no").answer(200);
  const auto event =
      application.publisher.publish({.type = "order.paid", .data = {{"cents", 7}}, .tenant = "acme", .key = {}});
  REQUIRE(application.publisher.settle());
  done({"GET", "/api/subscriptions?limit=1&event_type=order.paid"}, 200);
  done({"GET", "/api/subscriptions?tenant=acme&cursor=a"}, 200);
  done({"GET", "/api/subscriptions/crm"}, 200);
  done({"PATCH", "/api/subscriptions/crm",
        R"({"url":"https://hooks.example.com/2","timeout":null,"retry":null,"encoding":null,"max_in_flight":null,
            "filter":null,"headers":null,"rate_limit":null,"ordering":null,"description":null,"metadata":null})"},
       200);
  for (const auto* const action : {"pause", "resume", "enable", "rotate"})
    done({"POST", std::string{"/api/subscriptions/crm/"} + action}, 200);
  done({"POST", "/api/subscriptions/crm/rotate", R"({"grace":0})"}, 200);
  done({"GET", "/api/subscriptions/crm/secret"}, 200);
  done({"POST", "/api/subscriptions/crm/test"}, 202);
  done({"POST", "/api/subscriptions/crm/recover", R"({"since":"2024-01-01T00:00:00Z","dry_run":true})"}, 200);
  done({"GET", "/api/deliveries?limit=2&status=dead&subscription_id=crm&event_id=" + event.id.value}, 200);
  const std::string delivery = nlohmann::json::parse(exchanges.list.back()["body"].get<std::string>())["items"][0]["id"];
  done({"GET", "/api/deliveries/" + delivery}, 200);
  done({"POST", "/api/deliveries/" + delivery + "/replay"}, 202);
  done({"POST", "/api/deliveries/" + delivery + "/replay"}, 409);
  done({"GET", "/api/events/" + event.id.value + "/explain"}, 200);
  for (const auto* const path : {"/api/event-types", "/api/stats", "/api/health", "/metrics"}) done({"GET", path}, 200);
  done({"PATCH", "/api/subscriptions/other", R"({"enabled":false})"}, 200);
  done({"POST", "/api/subscriptions/other/recover", R"({"since":"2024-01-01T00:00:00Z"})"}, 409);

  // Every refusal that is the same for all. Of another tenant's there is nothing to see.
  const auto acme = application.admin.portal_token("stranger", 1h);
  for (const auto& [path, methods] : document["paths"].items())
    for (const auto& [lower, operation] : methods.items()) {
      if (!operation.contains("operationId")) continue;
      auto method = lower;
      for (auto& c : method) c = static_cast<char>(c - 'a' + 'A');
      const auto& answers = operation["responses"];
      const auto id = path.find("deliveries") != path.npos ? delivery
                      : path.find("events") != path.npos   ? event.id.value
                                                           : "crm";
      const auto here = at(path, id);
      done({method, here + "?colour=blue"}, 400);
      done({.method = method, .path = here, .bearer = ""}, 401);
      if (answers.contains("403")) done({.method = method, .path = here, .bearer = acme}, 403);
      if (answers.contains("404")) {
        done({method, at(path, "made-up")}, 404);
        done({.method = method, .path = here, .bearer = acme}, 404);
      }
      if (answers.contains("413")) done({method, here, std::string(Admin::max_body_bytes + 1, ' ')}, 413);
      if (answers.contains("415")) done({method, here, "{}", "text/plain"}, 415);
      if (answers.contains("422")) done({method, here, R"({"colour":"blue"})"}, 422);
    }

  // A client whose log-ins failed: two of its requests wait, every further one is turned away.
  {
    Application guessed;
    Exchanges unseen;
    for (int i = 0; i < 5; ++i)
      REQUIRE(unseen.add(guessed, {.method = "GET", .path = "/api/health", .bearer = "x"}) == 401);
    std::vector<std::future<int>> waiting;
    for (int i = 0; i < 3; ++i)
      waiting.push_back(std::async(std::launch::async, [&guessed] {
        Exchanges own;
        return own.add(guessed, {"GET", "/api/health"});
      }));
    const auto deadline = std::chrono::steady_clock::now() + 60s;
    const auto is_ready = [](auto& one) { return one.wait_for(1ms) == std::future_status::ready; };
    while (!std::any_of(waiting.begin(), waiting.end(), is_ready)) REQUIRE(std::chrono::steady_clock::now() < deadline);
    for (const auto& [path, methods] : document["paths"].items())
      for (const auto& [lower, operation] : methods.items()) {
        if (!operation.contains("operationId")) continue;
        auto method = lower;
        for (auto& c : method) c = static_cast<char>(c - 'a' + 'A');
        CHECK(exchanges.add(guessed, {method, at(path, "x")}) == 429);
      }
    while (!std::all_of(waiting.begin(), waiting.end(), is_ready)) {
      REQUIRE(std::chrono::steady_clock::now() < deadline);
      guessed.clock->advance(1s);
    }
  }

  // A publisher that was stopped.
  application.publisher.stop(0ms);
  for (const auto& [path, methods] : document["paths"].items())
    for (const auto& [lower, operation] : methods.items()) {
      if (!operation.contains("operationId")) continue;
      if (lower == "get" && path != "/api/health") continue;  // what only looks
      auto method = lower;
      for (auto& c : method) c = static_cast<char>(c - 'a' + 'A');
      done({method, at(path, "crm")}, 503);
    }
  done({"DELETE", "/api/subscriptions/crm"}, 503);

  // A store that does not answer.
  {
    Application broken;
    broken.store->fail = [] { throw std::runtime_error{"the store is gone"}; };
    for (const auto& [path, methods] : document["paths"].items())
      if (methods.contains("get") && methods["get"]["responses"].contains("503"))
        CHECK(exchanges.add(broken, {"GET", at(path, path.find("deliveries") != path.npos ? delivery : "x")}) == 503);
    broken.store->fail = {};
  }

  // And what removes.
  {
    Application another;
    another.publisher.subscribe({.url = "https://hooks.example.com", .id = {"crm"}});
    CHECK(exchanges.add(another, {"DELETE", "/api/subscriptions/crm"}) == 204);
  }

  const std::string file = std::string{FLYHOOK_INTEROP_DIR} + "/openapi-" + std::to_string(getpid()) + ".json";
  {
    std::ofstream out{file};
    out << nlohmann::json{{"document", document}, {"exchanges", exchanges.list}};
  }
  flyhook::test::NodeProcess node{FLYHOOK_INTEROP_DIR, "openapi.mjs", {file}};
  const auto verdict = nlohmann::json::parse(node.line());
  std::remove(file.c_str());
  for (const auto& problem : verdict["problems"]) {
    UNSCOPED_INFO(problem.get<std::string>());
  }
  CHECK(verdict["problems"].empty());
  CHECK(verdict["documented"] > 100);
  WARN("answers documented: " << verdict["documented"] << ", exercised: " << verdict["exercised"]);
}
