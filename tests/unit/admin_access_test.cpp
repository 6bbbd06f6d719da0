#include "catch.hpp"
#include "unit/api_session.hpp"

#include <flyhook/admin.hpp>

#include <atomic>
#include <chrono>
#include <future>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

using namespace flyhook;
using namespace flyhook::test;
using namespace std::chrono_literals;

TEST_CASE("an Admin that nobody could call is refused") {
  RecordingTransport unused;
  Publisher<> publisher{std::make_shared<RecordingTransport>()};
  try {
    const Admin admin{publisher, {}};
    FAIL("it was made");
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::invalid);
    CHECK(error.field() == "token");
  }
}

TEST_CASE("every operation wants credentials, and says how they are given") {
  ApiSession session;
  for (const auto& headers : {Headers{}, Headers{{"authorization", ""}}, Headers{{"authorization", "Bearer "}},
                              Headers{{"authorization", "Bearer wrong"}}, Headers{{"authorization", "Basic b3A6eA=="}},
                              Headers{{"authorization", std::string{ApiSession::token}}}})
    for (const auto* const target : {"/api/subscriptions", "/openapi.json", "/metrics", "/api/health", "/nothing"}) {
      const auto answer =
          session.admin.handle("GET", target, headers, {}, {}, std::to_string(std::hash<std::string>{}(target)));
      CHECK(answer.status == 401);
      REQUIRE(find_header(answer.headers, "www-authenticate") != nullptr);
      CHECK(find_header(answer.headers, "www-authenticate")->starts_with("Bearer"));
      CHECK(answer.body.find(ApiSession::token) == std::string::npos);
    }
  CHECK(session.call("GET", "/api/health").status == 200);
  // The scheme's name has no case (RFC 9110, 11.1).
  CHECK(session.admin.handle("GET", "/api/health", {{"Authorization", "bearer  " + std::string{ApiSession::token}}}, {})
            .status == 200);
}

TEST_CASE("where only the application's log-in counts, an empty bearer token is nobody's") {
  ApiSession session{{}, {.authorize = [](const HttpRequest&) { return std::optional<AdminIdentity>{}; }}};
  CHECK(session.call_as("", "GET", "/api/health").status == 401);
}

TEST_CASE("the application's log-in sees the request as it came") {
  HttpRequest seen;
  ApiSession session{{}, {.authorize = [&](const HttpRequest& request) -> std::optional<AdminIdentity> {
                       seen = request;
                       const auto* const cookie = find_header(request.headers, "cookie");
                       if (cookie == nullptr) return std::nullopt;
                       return AdminIdentity{.tenant = *cookie, .is_operator = *cookie == "root"};
                     }}};
  const auto acme = session.subscribe("acme");
  CHECK(session.admin.handle("GET", "/w/api/subscriptions/" + acme + "?", {{"cookie", "acme"}}, {}, "/w").status == 200);
  CHECK(seen.method == "GET");
  CHECK(seen.url == "/w/api/subscriptions/" + acme + "?");
  CHECK(session.admin.handle("GET", "/api/subscriptions/" + acme, {{"cookie", "other"}}, {}).status == 404);
  CHECK(session.admin.handle("GET", "/api/stats", {{"cookie", "acme"}}, {}).status == 403);
  CHECK(session.admin.handle("GET", "/api/stats", {{"cookie", "root"}}, {}).status == 200);
  CHECK(session.admin.handle("GET", "/api/stats", {}, {}).status == 401);
  const auto patch = session.admin.handle("PATCH", "/api/subscriptions/" + acme,
                                          {{"cookie", "acme"}, {"content-type", "application/json"}}, R"({"paused":true})");
  CHECK(patch.status == 200);
  CHECK(*seen.body == R"({"paused":true})");
}

TEST_CASE("a log-in that throws is a failure of the application, and lets nobody in") {
  ApiSession session{{}, {.authorize = [](const HttpRequest&) -> std::optional<AdminIdentity> {
                       throw std::runtime_error{"the user table is gone"};
                     }}};
  const auto answer = session.admin.handle("GET", "/api/health", {}, {});
  CHECK(answer.status == 500);
  CHECK(answer.body.find("user table") == std::string::npos);
}

TEST_CASE("a portal token shows one tenant's things until it ends") {
  ApiSession session;
  const auto acme = session.subscribe("acme"), other = session.subscribe("other"), none = session.subscribe();
  const auto token = session.admin.portal_token("acme", 60s);
  const auto listed = [&](const std::string& bearer) {
    std::vector<std::string> ids;
    const auto page = json_of(session.call_as(bearer, "GET", "/api/subscriptions"));
    for (const auto& item : page["items"]) ids.push_back(item["id"]);
    return ids;
  };
  CHECK(listed(token) == std::vector{acme});
  CHECK(listed(session.portal("")) == std::vector{none});
  CHECK(session.call_as(token, "GET", "/api/subscriptions/" + acme).status == 200);
  CHECK(session.call_as(token, "GET", "/api/subscriptions/" + other).status == 404);
  CHECK(session.call_as(token, "GET", "/api/subscriptions/" + none).status == 404);

  session.clock->advance(59s);
  CHECK(session.call_as(token, "GET", "/api/health").status == 200);
  session.clock->advance(1s);
  CHECK(session.call_as(token, "GET", "/api/health").status == 401);
}

TEST_CASE("no change of a portal token makes another one") {
  ApiSession session;
  const auto token = session.portal("acme");
  REQUIRE(session.call_as(token, "GET", "/api/health").status == 200);
  int peer = 0;
  const auto status = [&](const std::string& bearer) {
    return session.admin
        .handle("GET", "/api/health", {{"authorization", "Bearer " + bearer}}, {}, {}, "10.0.0." + std::to_string(++peer))
        .status;
  };
  for (std::size_t i = 0; i < token.size(); ++i) {
    auto changed = token;
    changed[i] = changed[i] == 'x' ? 'y' : 'x';
    CHECK(status(changed) == 401);
    CHECK(status(token.substr(0, i)) == 401);
    CHECK(status(token.substr(0, i) + "." + token.substr(i)) == 401);
  }
  CHECK(status(token + "x") == 401);
}

TEST_CASE("processes with one token take each other's portal tokens, others do not") {
  ApiSession one, same, other{{}, {.token = "another"}};
  const auto token = one.portal("acme");
  CHECK(same.call_as(token, "GET", "/api/health").status == 200);
  CHECK(other.call_as(token, "GET", "/api/health").status == 401);

  const auto nobody = [](const HttpRequest&) { return std::optional<AdminIdentity>{}; };
  ApiSession without{{}, {.authorize = nobody}}, without_too{{}, {.authorize = nobody}};
  const auto its_own = without.portal("acme");
  CHECK(without.call_as(its_own, "GET", "/api/health").status == 200);
  CHECK(without_too.call_as(its_own, "GET", "/api/health").status == 401);
}

TEST_CASE("a portal token is refused for no time, too long a time and too long a tenant") {
  ApiSession session;
  const auto refused = [&](std::string_view tenant, std::chrono::seconds ttl) -> std::string {
    try {
      session.admin.portal_token(tenant, ttl);
      return "taken";
    } catch (const Error& error) {
      return error.field();
    }
  };
  CHECK(refused("acme", 0s) == "ttl");
  CHECK(refused("acme", -1s) == "ttl");
  CHECK(refused("acme", std::chrono::hours{24 * 365} + 1s) == "ttl");
  CHECK(refused("acme", std::chrono::seconds::max()) == "ttl");
  CHECK(refused(std::string(1025, 't'), 1s) == "tenant");
  CHECK(refused(std::string(1024, 't'), 1s) == "taken");
  CHECK(refused(std::string{"\0\xff.", 3}, 1s) == "taken");
}

TEST_CASE("from the fifth failure on a client waits, right or wrong, and a third one that would wait is turned away") {
  ApiSession session;
  const auto get = [&](std::string_view bearer, std::string_view peer) {
    return session.admin.handle("GET", "/api/health", {{"authorization", "Bearer " + std::string{bearer}}}, {}, {}, peer)
        .status;
  };
  for (int i = 0; i < 5; ++i) CHECK(get("wrong", "203.0.113.7") == 401);
  // Others are not slowed.
  CHECK(get(ApiSession::token, "203.0.113.8") == 200);

  auto first = std::async(std::launch::async, [&] { return get("wrong", "203.0.113.7"); });
  auto second = std::async(std::launch::async, [&] { return get(ApiSession::token, "203.0.113.7"); });
  const auto deadline = std::chrono::steady_clock::now() + 60s;
  while (session.clock->waits < 2 && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  CHECK(session.clock->waits == 2);
  const auto third = session.admin.handle("GET", "/api/health", {{"authorization", "Bearer wrong"}}, {}, {}, "203.0.113.7");
  CHECK(third.status == 429);
  CHECK(*find_header(third.headers, "retry-after") == "1");
  session.clock->advance(100ms);  // before any more is asked: the futures wait for their answers
  CHECK(first.get() == 401);
  CHECK(second.get() == 200);

  session.clock->advance(60s);
  CHECK(get(ApiSession::token, "203.0.113.7") == 200);
}

TEST_CASE("what an Admin over a stopped publisher can still do is look") {
  ApiSession session;
  const auto id = session.subscribe();
  const auto event = session.publish();
  session.publisher.stop(0ms);
  CHECK(session.call("GET", "/api/subscriptions/" + id).status == 200);
  CHECK(json_of(session.call("GET", "/api/deliveries?event_id=" + event.value))["items"].size() == 1);
  for (const auto* const action : {"pause", "resume", "enable", "rotate", "test", "recover"}) {
    const auto answer = session.call("POST", "/api/subscriptions/" + id + "/" + action);
    CHECK(answer.status == 503);
    CHECK(find_header(answer.headers, "retry-after") != nullptr);
  }
  CHECK(session.call("DELETE", "/api/subscriptions/" + id).status == 503);
  const auto health = session.call("GET", "/api/health");
  CHECK(health.status == 503);
  CHECK(json_of(health)["status"] == "stopped");
}

TEST_CASE("an Admin outlives its publisher, which stops as if it were not there") {
  std::optional<Admin> admin;
  {
    Publisher<> publisher{std::make_shared<RecordingTransport>(), {.url_policy = {.allow = {"127.0.0.1"}}}};
    publisher.subscribe({.url = "http://127.0.0.1:8999/", .id = {"here"}});
    admin.emplace(publisher, AdminOptions{.token = "t"});
  }
  const Headers headers{{"authorization", "Bearer t"}};
  CHECK(admin->handle("GET", "/api/subscriptions/here", headers, {}).status == 200);
  CHECK(admin->handle("GET", "/api/health", headers, {}).status == 503);
}

TEST_CASE("a path that is not there is 404, a method that is not 405 with those that are") {
  ApiSession session;
  const auto id = session.subscribe();
  for (const auto* const path : {"", "/", "/api", "/api/", "/api/subscriptions/", "/api/Subscriptions", "/api/nothing",
                                 "/api/subscriptions/a/b/pause", "/openapi.json/", "/api/subscriptions//pause"})
    CHECK(session.call("GET", path).status == 404);
  const auto allow = [&](const char* method, const std::string& path) {
    const auto answer = session.call(method, path);
    CHECK(answer.status == 405);
    const auto* const methods = find_header(answer.headers, "allow");
    return methods == nullptr ? std::string{} : *methods;
  };
  CHECK(allow("PUT", "/api/subscriptions") == "GET, HEAD, POST");
  CHECK(allow("POST", "/api/subscriptions/" + id) == "GET, HEAD, PATCH, DELETE");
  CHECK(allow("GET", "/api/subscriptions/" + id + "/pause") == "POST");
  CHECK(allow("DELETE", "/metrics") == "GET, HEAD");
  CHECK(session.call("HEAD", "/api/health").status == 200);
  CHECK(session.call("GET", "/api/subscriptions/%zz").status == 400);
}

TEST_CASE("a query parameter that an operation does not know, or twice, is refused by name") {
  ApiSession session;
  const auto id = session.subscribe();
  for (const auto& route : detail::Api::routes()) {
    auto path = std::string{route.path};
    if (const auto at = path.find("{id}"); at != path.npos) path.replace(at, 4, id);
    const auto answer = session.call(route.method, path + "?colour=blue");
    CHECK(answer.status == 400);
    CHECK(field_of(answer) == "colour");
  }
  CHECK(field_of(session.call("GET", "/api/subscriptions?limit=1&limit=2")) == "limit");
}

TEST_CASE("answers may not be cached, nor taken for another type") {
  ApiSession session;
  for (const auto* const path : {"/api/health", "/nothing", "/metrics"}) {
    const auto answer = session.call("GET", path);
    CHECK(*find_header(answer.headers, "cache-control") == "no-store");
    CHECK(*find_header(answer.headers, "x-content-type-options") == "nosniff");
  }
}
