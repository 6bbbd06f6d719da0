#include "catch.hpp"
#include "unit/api_session.hpp"

#include <flyhook/admin.hpp>

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

using namespace flyhook;
using namespace flyhook::test;
using namespace std::chrono_literals;

namespace shop {

struct Refunded {
  static constexpr std::string_view event_type = "order.refunded";
  int cents = 0;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Refunded, cents)

}  // namespace shop

template <>
struct flyhook::EventTraits<shop::Refunded> {
  static constexpr std::string_view description = "Money went back.";
  static constexpr std::string_view schema = R"({"type":"object"})";
  static shop::Refunded example() { return {7}; }
};

TEST_CASE("the log shows each delivery with its attempts, newest first") {
  ApiSession session{{.retry = {.schedule = {0ms, 1000ms}, .jitter = 0}}};
  const auto id = session.subscribe();
  session.transport->answer(500, {}, "broken").answer(204);
  const auto first = session.publish(), second = session.publish("order.refunded");
  session.clock->advance(1s);
  session.publisher.settle();

  const auto items = json_of(session.call("GET", "/api/deliveries"))["items"];
  REQUIRE(items.size() == 2);
  CHECK(items[0]["event_id"] == second.value);
  CHECK(items[0]["status"] == "delivered");
  const auto& old = items[1];
  CHECK(old["event_id"] == first.value);
  CHECK(old["subscription_id"] == id);
  CHECK(old["event_type"] == "order.paid");
  REQUIRE(old["attempts"].size() == 2);
  CHECK(old["attempts"][0]["status"] == 500);
  CHECK(old["attempts"][0]["response_body"] == "broken");
  CHECK(old["attempts"][0]["url"] == "https://hooks.example.com/in");
  CHECK(old["attempts"][1]["status"] == 204);
  CHECK(json_of(session.call("GET", "/api/deliveries/" + old["id"].get<std::string>())) == old);

  const auto found = [&](const std::string& query) {
    return json_of(session.call("GET", "/api/deliveries?" + query))["items"].size();
  };
  CHECK(found("subscription_id=" + id) == 2);
  CHECK(found("subscription_id=other") == 0);
  CHECK(found("event_id=" + first.value) == 1);
  CHECK(found("status=delivered") == 2);
  CHECK(found("status=dead") == 0);
  const auto page = json_of(session.call("GET", "/api/deliveries?limit=1"));
  CHECK(page["cursor"] == items[0]["id"]);
  CHECK(found("limit=1&cursor=" + page["cursor"].get<std::string>()) == 1);
}

TEST_CASE("a delivery that has ended is sent again on demand, another one not") {
  ApiSession session{{.retry = RetryPolicy::none()}};
  session.subscribe();
  session.transport->answer(500).answer(204);
  const auto event = session.publish();
  const std::string id = json_of(session.call("GET", "/api/deliveries"))["items"][0]["id"];
  CHECK(json_of(session.call("GET", "/api/deliveries/" + id))["status"] == "dead");

  const auto replayed = session.call("POST", "/api/deliveries/" + id + "/replay");
  CHECK(replayed.status == 202);
  CHECK(json_of(replayed)["status"] == "pending");
  const auto twice = session.call("POST", "/api/deliveries/" + id + "/replay");
  CHECK(twice.status == 409);
  session.publisher.settle();
  CHECK(json_of(session.call("GET", "/api/deliveries/" + id))["status"] == "delivered");
  REQUIRE(session.transport->requests().size() == 2);
  CHECK(*find_header(session.transport->requests()[1].headers, "webhook-id") == event.value);

  for (const auto* const made_up : {"dlv_0000000000000", "dlv_ZZZZZZZZZZZZZ", "dlv_FZZZZZZZZZZZZ", "x", "%00", "dlv_"}) {
    CHECK(session.call("GET", std::string{"/api/deliveries/"} + made_up).status >= 400);
    CHECK(session.call("POST", std::string{"/api/deliveries/"} + made_up + "/replay").status >= 400);
  }
  CHECK(session.call("GET", "/api/deliveries/dlv_0000000000000").status == 404);
}

TEST_CASE("what is dead of a time is recovered, and counted only where that is asked") {
  ApiSession session{{.retry = RetryPolicy::none()}};
  const auto id = session.subscribe();
  session.transport->answer(500).answer(500).answer(204);
  session.publish();
  session.clock->advance(1h);
  session.publish();
  const auto recover = [&](const std::string& body) {
    return session.call("POST", "/api/subscriptions/" + id + "/recover", body);
  };
  CHECK(json_of(recover(R"({"since":"2024-01-01T00:00:00Z","dry_run":true})")) == nlohmann::json{{"count", 2}});
  CHECK(json_of(recover(R"({"since":"2024-01-01T00:00:01Z"})")) == nlohmann::json{{"count", 1}});
  session.publisher.settle();
  CHECK(session.transport->requests().size() == 3);
  CHECK(field_of(recover("{}")) == "since");
  CHECK(field_of(recover(R"({"since":"yesterday"})")) == "since");
  CHECK(field_of(recover(R"({"since":"2024-01-01T00:00:00Z","until":"2023-01-01T00:00:00Z"})")) == "until");
  session.call("PATCH", "/api/subscriptions/" + id, R"({"enabled":false})");
  CHECK(recover(R"({"since":"2024-01-01T00:00:00Z"})").status == 409);
}

TEST_CASE("a test event goes to one subscription, paused or not") {
  ApiSession session;
  const auto id = session.subscribe();
  session.call("POST", "/api/subscriptions/" + id + "/pause");
  const auto answer = session.call("POST", "/api/subscriptions/" + id + "/test");
  CHECK(answer.status == 202);
  session.publisher.settle();
  REQUIRE(session.transport->requests().size() == 1);
  CHECK(*find_header(session.transport->requests()[0].headers, "webhook-id") == json_of(answer)["event_id"]);
}

TEST_CASE("it is explained why an event went where it went") {
  ApiSession session;
  const auto all = session.subscribe();
  session.publisher.subscribe({.url = "https://x.example", .events = {"invoice.*"}, .id = {"invoices"}});
  const auto event = session.publish();
  const auto answer = json_of(session.call("GET", "/api/events/" + event.value + "/explain"));
  REQUIRE(answer["items"].size() == 2);
  CHECK(answer["cursor"].is_null());
  for (const auto& item : answer["items"]) CHECK(item["matched"] == (item["subscription_id"] == all));
  CHECK(session.call("GET", "/api/events/msg_made_up/explain").status == 404);
}

TEST_CASE("a tenant's log is its own, and the tenant without a name is one") {
  ApiSession session{{.retry = RetryPolicy::none()}};
  session.transport->answer(500);
  session.subscribe("acme");
  session.subscribe("other");
  session.subscribe("");
  std::vector<EventId> events;
  std::vector<std::string> tenants{"acme", "other", ""}, ids;
  for (const auto& tenant : tenants) events.push_back(session.publish("order.paid", tenant));
  for (const auto& event : events)
    ids.push_back(json_of(session.call("GET", "/api/deliveries?event_id=" + event.value))["items"][0]["id"]);
  CHECK(json_of(session.call("GET", "/api/deliveries"))["items"].size() == 3);
  CHECK(json_of(session.call("GET", "/api/deliveries?tenant="))["items"][0]["id"] == ids[2]);
  CHECK(json_of(session.call("GET", "/api/deliveries?tenant=acme"))["items"].size() == 1);

  for (std::size_t mine = 0; mine < tenants.size(); ++mine) {
    const auto token = session.portal(tenants[mine]);
    const auto items = json_of(session.call_as(token, "GET", "/api/deliveries"))["items"];
    REQUIRE(items.size() == 1);
    CHECK(items[0]["id"] == ids[mine]);
    for (std::size_t of = 0; of < tenants.size(); ++of) {
      const bool is_mine = of == mine;
      CAPTURE(tenants[mine], tenants[of]);
      CHECK(session.call_as(token, "GET", "/api/deliveries/" + ids[of]).status == (is_mine ? 200 : 404));
      CHECK(session.call_as(token, "GET", "/api/events/" + events[of].value + "/explain").status == (is_mine ? 200 : 404));
      CHECK(session.call_as(token, "POST", "/api/deliveries/" + ids[of] + "/replay").status == (is_mine ? 202 : 404));
      CHECK(json_of(session.call_as(token, "GET", "/api/deliveries?event_id=" + events[of].value))["items"].size() ==
            (is_mine ? 1 : 0));
    }
    const auto asked = session.call_as(token, "GET", "/api/deliveries?tenant=" + tenants[(mine + 1) % 3]);
    CHECK(asked.status == 400);
    CHECK(field_of(asked) == "tenant");
  }
}

TEST_CASE("what is of all tenants is the operator's alone") {
  ApiSession session;
  for (const auto* const target : {"/api/stats", "/metrics"}) {
    CHECK(session.call("GET", target).status == 200);
    CHECK(session.call_as(session.portal("acme"), "GET", target).status == 403);
  }
  for (const auto* const target : {"/api/health", "/api/event-types", "/openapi.json"})
    CHECK(session.call_as(session.portal("acme"), "GET", target).status == 200);
}

TEST_CASE("the catalogue comes from the options and from the types of the publishers") {
  ApiSession session;
  Publisher<shop::Refunded> refunds{session.publisher};
  const auto items = json_of(session.call("GET", "/api/event-types"))["items"];
  REQUIRE(items.size() == 1);
  CHECK(items[0]["name"] == "order.refunded");
  CHECK(items[0]["description"] == "Money went back.");
  CHECK(items[0]["example"] == nlohmann::json{{"cents", 7}});
  CHECK(items[0]["schema"] == nlohmann::json{{"type", "object"}});
}

TEST_CASE("stats, health and metrics are those of the engine") {
  ApiSession session;
  session.subscribe();
  session.publish();
  CHECK(json_of(session.call("GET", "/api/stats"))["delivered"] == 1);
  CHECK(json_of(session.call("GET", "/api/health")) == nlohmann::json{{"status", "ok"}, {"version", FLYHOOK_VERSION}});
  const auto metrics = session.call("GET", "/metrics");
  CHECK(find_header(metrics.headers, "content-type")->starts_with("text/plain; version=0.0.4"));
  CHECK(metrics.body.find("# TYPE flyhook_") != std::string::npos);
}

TEST_CASE("a URL that cannot be one of this application's own is looked up by registering it, not before") {
  int asked = 0;
  ApiSession session{{.resolver = [&](const std::string&) {
    ++asked;
    return std::vector<std::string>{"93.184.216.34"};
  }}};
  CHECK(session.call("POST", "/api/subscriptions", R"({"url":"https://new.example.com","secret":"bad"})").status == 422);
  CHECK(asked == 0);
  CHECK(session.call("POST", "/api/subscriptions", R"({"url":"https://new.example.com"})").status == 201);
  CHECK(asked == 1);
}

TEST_CASE("a URL that leads back to this application's own API or receivers is refused to whoever registers it") {
  ApiSession session{{.url_policy = {.allow = {"127.0.0.0/8"}}}};
  int server = 0;
  const auto api = detail::add_mount(&server, "/webhooks"), hooks = detail::add_mount(&server, "/hooks");
  api->port = 8123;
  const auto status = [&](const std::string& url) {
    return session.call("POST", "/api/subscriptions", R"({"url":")" + url + R"("})").status;
  };
  CHECK(status("http://127.0.0.1:8123/hooks") == 422);
  CHECK(status("http://127.0.0.2:8123/webhooks/api/subscriptions") == 422);
  CHECK(status("http://127.0.0.1:8123/sink") == 201);
  // A tenant learns nothing of what listens where: its refusal is that of any address that is not public.
  const auto reason = [&](const std::string& url) {
    const auto answer =
        session.call_as(session.portal("acme"), "POST", "/api/subscriptions", R"({"url":")" + url + R"("})");
    CHECK(answer.status == 422);
    return json_of(answer)["detail"].get<std::string>();
  };
  CHECK(reason("http://127.0.0.1:8123/hooks") == reason("http://127.0.0.1:8123/other"));
  CHECK(status("http://127.0.0.1:8124/hooks") == 201);
  const auto id = session.subscribe();
  const auto patch = session.call("PATCH", "/api/subscriptions/" + id, R"({"url":"http://127.0.0.1:8123/hooks"})");
  CHECK(patch.status == 422);
  CHECK(field_of(patch) == "url");
}
