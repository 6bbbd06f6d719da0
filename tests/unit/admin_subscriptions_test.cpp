#include "catch.hpp"
#include "unit/api_session.hpp"

#include <flyhook/admin.hpp>

#include <chrono>
#include <set>
#include <string>
#include <thread>
#include <vector>

using namespace flyhook;
using namespace flyhook::test;
using namespace std::chrono_literals;

TEST_CASE("registering a URL gives it an id and a secret, shown once") {
  ApiSession session;
  const auto created = session.call("POST", "/api/subscriptions",
                                    R"({"url":"https://hooks.example.com/in","events":["order.*"],"tenant":"acme",
                                        "filter":{"/cents":{"$gte":100}},"headers":{"x-team":"billing"},
                                        "metadata":{"page":"3"},"ordering":"per_key","encoding":"raw","timeout":5000,
                                        "retry":{"schedule":[0,1000]},"max_in_flight":2,"description":"CRM"})");
  CAPTURE(created.body);
  REQUIRE(created.status == 201);
  const auto value = json_of(created);
  const std::string id = value["id"], secret = value["secret"];
  CHECK(*find_header(created.headers, "location") == "/api/subscriptions/" + id);
  CHECK(secret.starts_with("whsec_"));
  CHECK(session.publisher.reveal_secret(SubscriptionId{id}) == secret);

  const auto read = json_of(session.call("GET", "/api/subscriptions/" + id));
  CHECK_FALSE(read.contains("secret"));
  CHECK(read["url"] == "https://hooks.example.com/in");
  CHECK(read["tenant"] == "acme");
  CHECK(read["headers"]["x-team"] == "billing");
  CHECK(read["timeout"] == 5000);
  CHECK(read["retry"]["schedule"] == nlohmann::json::array({0, 1000}));
  CHECK(json_of(session.call("GET", "/api/subscriptions/" + id + "/secret")) == nlohmann::json{{"secret", secret}});

  session.publish("order.paid", "acme");
  session.publish("invoice.paid", "acme");
  REQUIRE(session.transport->requests().size() == 1);
  CHECK(*session.transport->requests()[0].body == R"({"cents":4200})");
}

TEST_CASE("of an ed25519 key the API shows what verifies, never what signs") {
  ApiSession session;
  const auto key = "whsk_" + detail::base64(std::string(32, 'k'));
  const auto created =
      session.call("POST", "/api/subscriptions", R"({"url":"https://hooks.example.com","secret":")" + key + R"("})");
  REQUIRE(created.status == 201);
  CHECK(json_of(created)["secret"].get<std::string>().starts_with("whpk_"));
  CHECK(created.body.find(key) == std::string::npos);
}

TEST_CASE("an id of one's own can be given once") {
  ApiSession session;
  const std::string body = R"({"url":"https://hooks.example.com","id":"crm"})";
  CHECK(session.call("POST", "/api/subscriptions", body).status == 201);
  const auto again = session.call("POST", "/api/subscriptions", R"({"url":"https://else.example.com","id":"crm"})");
  CHECK(again.status == 409);
  CHECK(field_of(again) == "id");
  CHECK(session.publisher.subscription({"crm"})->url == "https://hooks.example.com");
  // Another tenant's is as taken as one's own.
  const auto taken = session.call_as(session.portal("other"), "POST", "/api/subscriptions", body);
  CHECK(taken.status == 409);
  CHECK(session.publisher.subscription({"crm"})->tenant == "");
}

TEST_CASE("of many who register one id at once exactly one succeeds") {
  ApiSession session;
  std::vector<std::thread> threads;
  std::vector<int> statuses(8);
  for (std::size_t i = 0; i < statuses.size(); ++i)
    threads.emplace_back([&, i] {
      statuses[i] = session.call("POST", "/api/subscriptions", R"({"url":"https://hooks.example.com","id":"crm"})").status;
    });
  for (auto& thread : threads) thread.join();
  CHECK(std::count(statuses.begin(), statuses.end(), 201) == 1);
  CHECK(std::count(statuses.begin(), statuses.end(), 409) == 7);
}

TEST_CASE("what registering refuses is named, and nothing is registered") {
  ApiSession session;
  const std::vector<std::pair<std::string, std::string>> wrong{
      {R"({})", "url"},
      {R"({"url":7})", "url"},
      {R"({"url":"ftp://hooks.example.com"})", "url"},
      {R"({"url":"http://127.0.0.1/"})", "url"},
      {R"({"url":"https://internal.example.com/"})", "url"},
      {R"({"url":"https://x.example","events":[]})", "events"},
      {R"({"url":"https://x.example","events":["or der"]})", "events"},
      {R"({"url":"https://x.example","filter":"{"})", "filter"},
      {R"({"url":"https://x.example","secret":"short"})", "secret"},
      {R"({"url":"https://x.example","secret":"********"})", "secret"},
      {R"({"url":"https://x.example","headers":{"host":"a"}})", "headers"},
      {R"({"url":"https://x.example","id":"a b"})", "id"},
      {R"({"url":"https://x.example","colour":"blue"})", "colour"},
      {R"({"url":"https://x.example","created_at":"2024-01-01T00:00:00Z"})", "created_at"},
  };
  for (const auto& [body, field] : wrong) {
    CAPTURE(body);
    const auto answer = session.call("POST", "/api/subscriptions", body);
    CHECK(answer.status == 422);
    CHECK(field_of(answer) == field);
  }
  CHECK(session.publisher.subscriptions().empty());
}

TEST_CASE("a body that is none is refused before anything else of it is asked") {
  ApiSession session;
  const auto id = session.subscribe();
  const Headers operators{{"authorization", "Bearer " + std::string{ApiSession::token}}};
  auto headers = operators;
  headers.emplace_back("content-type", "application/json");
  const std::string good = R"({"url":"https://x.example"})";
  for (const auto& [method, path] :
       {std::pair{"POST", std::string{"/api/subscriptions"}}, std::pair{"PATCH", "/api/subscriptions/" + id},
        std::pair{"POST", "/api/subscriptions/" + id + "/recover"}}) {
    CAPTURE(method, path);
    const auto status = [&](const std::string& body) { return session.admin.handle(method, path, headers, body).status; };
    CHECK(status("{") == 400);
    CHECK(status("[]") == 400);
    CHECK(status("null") == 400);
    CHECK(status("\xff") == 400);
    CHECK(status("{\"url\":\"\xc3\x28\"}") == 400);
    CHECK(status(std::string(10'000, '[') + std::string(10'000, ']')) == 400);
    CHECK(status("{\"url\":" + std::string(10'000, '[') + std::string(10'000, ']') + "}") == 400);
    CHECK(status(good + "x") == 400);
    CHECK(status(R"({"url":"https://x.example","url":"http://127.0.0.1"})") == 400);
    CHECK(status(std::string(10'000'000, ' ')) == 413);
    CHECK(status(R"({"url":")" + std::string(Admin::max_body_bytes, 'x') + R"("})") == 413);
    for (const auto* const type : {"text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "",
                                   "application/jsonp", "application/xml"}) {
      auto others = operators;
      others.emplace_back("content-type", type);
      CHECK(session.admin.handle(method, path, others, good).status == 415);
    }
    CHECK(session.admin.handle(method, path, operators, good).status == 415);
  }
  CHECK(session.publisher.subscriptions().size() == 1);
  CHECK(session.publisher.subscription({id})->url == "https://hooks.example.com/in");
}

TEST_CASE("a form is no body, even where a server gives none of it on") {
  ApiSession session;
  CHECK(session.admin
            .handle("POST", "/api/subscriptions",
                    {{"authorization", "Bearer " + std::string{ApiSession::token}},
                     {"content-type", "multipart/form-data; boundary=x"}},
                    "")
            .status == 415);
}

TEST_CASE("a change keeps what it does not name, and null clears") {
  ApiSession session;
  session.call("POST", "/api/subscriptions",
               R"({"url":"https://hooks.example.com","id":"crm","description":"CRM","timeout":5000,"events":["order.*"],
                   "metadata":{"a":"b"},"encoding":"raw"})");
  const auto patch = [&](const std::string& body) { return session.call("PATCH", "/api/subscriptions/crm", body); };
  CHECK(json_of(patch(R"({"description":"the CRM"})"))["timeout"] == 5000);
  const auto cleared = json_of(patch(R"({"timeout":null,"encoding":null,"description":null,"metadata":null})"));
  CHECK(cleared["timeout"].is_null());
  CHECK(cleared["encoding"].is_null());
  CHECK(cleared["description"] == "");
  CHECK(cleared["metadata"] == nlohmann::json::object());
  CHECK(cleared["events"] == nlohmann::json::array({"order.*"}));
  CHECK(patch("{}").status == 200);
}

TEST_CASE("a change that is refused has changed nothing of what it named") {
  ApiSession session;
  const auto id = session.subscribe();
  const auto before = session.call("GET", "/api/subscriptions/" + id).body;
  for (const auto* const body :
       {R"({"description":"new","url":null})", R"({"description":"new","timeout":0})", R"({"description":"new","id":"x"})",
        R"({"description":"new","url":"http://10.0.0.1/"})", R"({"description":"new","events":["*",7]})",
        R"({"description":"new","tenant":"x"})", R"({"description":"new","secret":"bad"})",
        R"({"description":"new","headers":{"x":"********"}})"}) {
    CAPTURE(body);
    CHECK(session.call("PATCH", "/api/subscriptions/" + id, body).status == 422);
    CHECK(session.call("GET", "/api/subscriptions/" + id).body == before);
  }
}

TEST_CASE("changes made at once are all made") {
  ApiSession session;
  const auto id = session.subscribe();
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&, i] {
      const std::vector<std::string> members{R"({"description":"d"})", R"({"paused":true})", R"({"timeout":2000})",
                                             R"({"metadata":{"a":"b"}})"};
      for (int n = 0; n < 20; ++n) session.call("PATCH", "/api/subscriptions/" + id, members[static_cast<std::size_t>(i)]);
    });
  for (auto& thread : threads) thread.join();
  const auto now = json_of(session.call("GET", "/api/subscriptions/" + id));
  CHECK(now["description"] == "d");
  CHECK(now["paused"] == true);
  CHECK(now["timeout"] == 2000);
  CHECK(now["metadata"] == nlohmann::json{{"a", "b"}});
}

TEST_CASE("pause, resume, enable, rotate and delete do what they say") {
  ApiSession session;
  const auto id = session.subscribe();
  const auto path = "/api/subscriptions/" + id;
  const auto post = [&](const std::string& action, std::string_view body = {}) {
    return session.call("POST", path + "/" + action, body);
  };
  CHECK(json_of(post("pause"))["paused"] == true);
  session.publish();
  CHECK(session.transport->requests().empty());
  CHECK(json_of(post("resume"))["paused"] == false);
  session.publisher.settle();
  CHECK(session.transport->requests().size() == 1);

  CHECK(json_of(session.call("PATCH", path, R"({"enabled":false})"))["enabled"] == false);
  CHECK(json_of(post("enable", "{}"))["enabled"] == true);

  const auto secret = *session.publisher.reveal_secret({id});
  const auto rotated = post("rotate", R"({"grace":60})");
  CHECK(rotated.status == 200);
  CHECK(json_of(rotated)["secret"] != secret);
  CHECK(json_of(rotated)["secret"] == *session.publisher.reveal_secret({id}));
  CHECK(json_of(rotated)["id"] == id);
  session.publish();
  CHECK(find_header(session.transport->requests().back().headers, "webhook-signature")->find(' ') != std::string::npos);
  session.clock->advance(60s);
  session.publish();
  CHECK(find_header(session.transport->requests().back().headers, "webhook-signature")->find(' ') == std::string::npos);
  CHECK(field_of(post("rotate", R"({"grace":-1})")) == "grace");
  CHECK(field_of(post("pause", R"({"why":"x"})")) == "why");

  const auto removed = session.call("DELETE", path);
  CHECK(removed.status == 204);
  CHECK(removed.body.empty());
  CHECK(session.call("DELETE", path).status == 404);
  CHECK(session.call("GET", path).status == 404);
}

TEST_CASE("a page goes on where the one before it ended, though things are added and removed") {
  ApiSession session;
  for (const auto* const id : {"a", "b", "c", "d", "e"})
    session.publisher.subscribe({.url = "https://x.example", .id = {id}});
  const auto page = [&](const std::string& query) {
    return json_of(session.call("GET", "/api/subscriptions?limit=2" + query));
  };
  auto first = page("");
  CHECK(first["items"].size() == 2);
  CHECK(first["cursor"] == "b");
  session.publisher.unsubscribe({"b"});
  session.publisher.subscribe({.url = "https://x.example", .id = {"c0"}});
  auto second = page("&cursor=b");
  CHECK(second["items"][0]["id"] == "c");
  CHECK(second["items"][1]["id"] == "c0");
  auto last = page("&cursor=" + second["cursor"].get<std::string>());
  CHECK(last["items"].size() == 2);
  CHECK(last["cursor"].is_null());
  CHECK(page("&cursor=zzz")["items"].empty());
  CHECK(page("&event_type=order.paid")["items"].size() == 2);
}

TEST_CASE("a made-up cursor, limit or filter of a list is refused by name") {
  ApiSession session;
  const auto field = [&](const std::string& target) {
    const auto answer = session.call("GET", target);
    CHECK(answer.status == 400);
    return field_of(answer);
  };
  for (const auto* const list : {"/api/subscriptions", "/api/deliveries"}) {
    const std::string path = list;
    for (const auto* const limit : {"0", "-1", "1001", "", "1e2", "99999999999999999999", "+5", " 5"})
      CHECK(field(path + "?limit=" + limit) == "limit");
    for (const auto* const cursor : {"%00x", "a%20b", "", "../x", "dlv_", "%ff"}) {
      if (std::string{cursor} == "dlv_" && path == "/api/subscriptions") continue;  // an id as good as any
      const auto answer = session.call("GET", path + "?cursor=" + cursor);
      CHECK(answer.status == 400);
    }
  }
  CHECK(field("/api/deliveries?cursor=dlv_UUUUUUUUUUUUU") == "cursor");
  CHECK(field("/api/deliveries?cursor=0") == "cursor");
  CHECK(field("/api/deliveries?status=lost") == "status");
  CHECK(field("/api/subscriptions?event_type=a%20b") == "event_type");
}

TEST_CASE("a tenant registers for itself, to public addresses only, and within its bounds") {
  ApiSession session{{.url_policy = {.allow = {"10.0.0.0/8"}}}};
  const auto acme = session.portal("acme");
  const auto post = [&](const std::string& body) { return session.call_as(acme, "POST", "/api/subscriptions", body); };
  const auto created = post(R"({"url":"https://hooks.example.com","events":["*"]})");
  REQUIRE(created.status == 201);
  const std::string id = json_of(created)["id"];
  CHECK(json_of(created)["tenant"] == "acme");
  CHECK(session.publisher.subscription({id})->public_only);
  CHECK(post(R"({"url":"https://hooks.example.com","tenant":"acme"})").status == 201);

  // What the operator may let through, a tenant may not, nor does it learn what is there.
  CHECK(session.call("POST", "/api/subscriptions", R"({"url":"https://internal.example.com"})").status == 201);
  const auto internal = post(R"({"url":"https://internal.example.com"})");
  CHECK(internal.status == 422);
  CHECK(field_of(internal) == "url");
  CHECK(internal.body.find("10.0.0") == std::string::npos);
  CHECK(session.call_as(acme, "PATCH", "/api/subscriptions/" + id, R"({"url":"https://internal.example.com"})").status ==
        422);

  for (const auto& [member, value] : std::vector<std::pair<std::string, std::string>>{{"retry", R"({"schedule":[0]})"},
                                                                                      {"rate_limit", R"({"per_second":1})"},
                                                                                      {"timeout", "5000"},
                                                                                      {"max_in_flight", "1"},
                                                                                      {"public_only", "false"}}) {
    CAPTURE(member);
    CHECK(field_of(post(R"({"url":"https://x.example",")" + member + R"(":)" + value + "}")) == member);
    CHECK(field_of(session.call_as(acme, "PATCH", "/api/subscriptions/" + id, R"({")" + member + R"(":)" + value + "}")) ==
          member);
  }
  CHECK(field_of(post(R"({"url":"https://x.example","tenant":"other"})")) == "tenant");
}

TEST_CASE("what the operator's masked headers hold does not follow a URL of the tenant's choice") {
  ApiSession session;
  session.publisher.subscribe({.url = "https://hooks.example.com",
                               .tenant = "acme",
                               .headers = {{"authorization", "Bearer hush"}, {"x-team", "billing"}},
                               .id = {"crm"}});
  const auto patch = [&](const std::string& body) {
    return session.call_as(session.portal("acme"), "PATCH", "/api/subscriptions/crm", body);
  };
  const auto refused = patch(R"({"url":"https://thief.example.com"})");
  CHECK(refused.status == 422);
  CHECK(field_of(refused) == "headers");
  CHECK(session.publisher.subscription({"crm"})->url == "https://hooks.example.com");
  CHECK(patch(R"({"description":"mine"})").status == 200);
  CHECK(patch(R"({"url":"https://new.example.com","headers":{"authorization":"Bearer own"}})").status == 200);
  session.publish("order.paid", "acme");
  CHECK(*find_header(session.transport->requests().at(0).headers, "authorization") == "Bearer own");
  // From then on it is the tenant's own.
  CHECK(patch(R"({"url":"https://newer.example.com"})").status == 200);
}

TEST_CASE("another tenant's subscription is not there, whatever is asked of it") {
  ApiSession session;
  const auto id = session.subscribe("acme");
  const auto other = session.portal("other");
  const auto before = session.call("GET", "/api/subscriptions/" + id).body;
  const auto secret = session.publisher.reveal_secret({id});
  const auto made_up = session.call_as(other, "GET", "/api/subscriptions/made-up");
  const auto path = "/api/subscriptions/" + id;
  for (const auto& route : detail::Api::routes()) {
    if (!route.path.starts_with("/api/subscriptions/{id}")) continue;
    for (const auto* const body : {"{}", "{", R"({"paused":true})"}) {
      auto target = std::string{route.path};
      target.replace(target.find("{id}"), 4, id);
      const auto answer = session.call_as(other, route.method, target, route.method == "GET" ? "" : body);
      CAPTURE(route.operation, body, answer.body);
      CHECK(answer.status == 404);
    }
  }
  CHECK(session.call("GET", path).body == before);
  CHECK(session.publisher.reveal_secret({id}) == secret);
  // The answers differ by the id alone.
  auto its = session.call_as(other, "GET", path).body;
  its.replace(its.find(id), id.size(), "made-up");
  CHECK(its == made_up.body);
}

TEST_CASE("the most that a tenant may have is a conflict of its own") {
  ApiSession session{{.max_subscriptions_per_tenant = 1}};
  const std::string body = R"({"url":"https://x.example"})";
  CHECK(session.call_as(session.portal("acme"), "POST", "/api/subscriptions", body).status == 201);
  const auto answer = session.call_as(session.portal("acme"), "POST", "/api/subscriptions", body);
  CHECK(answer.status == 409);
  CHECK(field_of(answer) == "tenant");
  CHECK(session.call_as(session.portal("other"), "POST", "/api/subscriptions", body).status == 201);
}

TEST_CASE("no answer shows a secret or a credential but where it is asked for") {
  ApiSession session;
  const std::string secret = "whsec_sTvERiAqyUbGZe06mDbuzaWH+nddAJwGBqU1zSX00Jg=";
  session.call(
      "POST", "/api/subscriptions",
      R"({"url":"https://x.example","id":"a","secret":")" + secret + R"(","headers":{"authorization":"Bearer hush"}})");
  for (const auto* const target : {"/api/subscriptions", "/api/subscriptions/a"}) {
    const auto body = session.call("GET", target).body;
    CHECK(body.find(secret.substr(6)) == std::string::npos);
    CHECK(body.find("hush") == std::string::npos);
  }
  // What was read back may not come in again as if it were given.
  const auto patch = session.call("PATCH", "/api/subscriptions/a", R"({"headers":{"authorization":"********"}})");
  CHECK(field_of(patch) == "headers");
}
