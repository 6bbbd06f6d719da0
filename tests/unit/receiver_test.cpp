#include <flyhook/receiver.hpp>

#include <flyhook/error.hpp>

#include <atomic>
#include <chrono>
#include <future>
#include <latch>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "unit/signed_requests.hpp"

using namespace flyhook;
using namespace flyhook::test;

namespace {

const std::string paid =
    R"({"type":"order.paid","timestamp":"2026-01-02T03:04:05Z","data":{"order_id":"ord_1","cents":42}})";

}  // namespace

// Answers ---------------------------------------------------------------------------------------------------------------

TEST_CASE("an event reaches its handler with what the request says of it") {
  Session session{{.scope = "shop"}};
  session.see_all();
  const auto request = signed_request(*session.clock, paid, "msg_7", {{"X-Own", "1"}});
  const auto answer = session.post(request);

  CHECK(answer.status == 204);
  CHECK(answer.body.empty());
  CHECK(answer.headers.empty());
  REQUIRE(session.events.size() == 1);
  CHECK(session.events[0].type == "order.paid");
  CHECK(session.events[0].data == nlohmann::json{{"order_id", "ord_1"}, {"cents", 42}});
  const auto& meta = session.metas[0];
  CHECK(meta.id == "msg_7");
  CHECK(meta.type == "order.paid");
  CHECK(meta.scope == "shop");
  CHECK(meta.timestamp == TimePoint{std::chrono::seconds{1'767'323'045}});
  CHECK(meta.headers == request.headers);
  CHECK(meta.body == paid);
}

TEST_CASE("what is not POSTed is a 405 that says what is allowed") {
  Session session;
  for (const char* method : {"GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "post", "", "X"}) {
    CAPTURE(method);
    const auto request = signed_request(*session.clock, paid);
    const auto answer = session.receiver.handle(method, "/hooks?challenge=a", request.headers, request.body);
    CHECK(answer.status == 405);
    CHECK(*find_header(answer.headers, "allow") == "POST");
    CHECK(*find_header(answer.headers, "content-type") == "application/problem+json");
  }
}

TEST_CASE("a challenge is answered where that is asked for, and with nothing but letters and digits") {
  Session session{{.answer_challenge = true}};
  const auto get = [&](const std::string& target) { return session.receiver.handle("GET", target, {}, {}); };

  const auto answer = get("/hooks?a=b&challenge=aZ-9_.");
  CHECK(answer.status == 200);
  CHECK(answer.body == "aZ-9_.");
  CHECK(answer.headers == Headers{{"content-type", "text/plain"}, {"x-content-type-options", "nosniff"}});
  CHECK(get("/hooks?challenge=" + std::string(256, 'a')).status == 200);
  CHECK(get("/hooks?challenge=%61").body == "a");

  for (const std::string bad : {"", "%3Cscript%3E", "a+b", "a/b", "%C3%A4", "%", "%00"}) {
    CAPTURE(bad);
    CHECK(get("/hooks?challenge=" + bad).status == 400);
  }
  CHECK(get("/hooks?challenge=" + std::string(257, 'a')).status == 400);

  CHECK(get("/hooks").status == 405);
  CHECK(*find_header(get("/hooks").headers, "allow") == "GET, POST");
  CHECK(session.receiver.handle("HEAD", "/hooks?challenge=a", {}, {}).status == 405);
  CHECK(session.post(paid).status == 204);
}

TEST_CASE("a body over the limit is a 413, signed or not") {
  Session session{{.max_body_bytes = paid.size()}};
  CHECK(session.post(paid).status == 204);
  CHECK(session.post(paid + " ", "msg_2").status == 413);
  CHECK(session.receiver.handle("POST", "/", {}, paid + " ").status == 413);

  Session closed{{.max_body_bytes = 0}};
  CHECK(closed.post(paid).status == 413);
  CHECK(closed.receiver.handle("POST", "/", {}, "").status == 401);
}

TEST_CASE("a request that is not signed as it should be is a 401 that names the reason and no more") {
  Session session;
  session.see_all();
  const auto good = signed_request(*session.clock, paid);
  const auto refused = [&](const Request& request, int status, const char* reason) {
    CAPTURE(reason);
    const auto answer = session.post(request);
    CHECK(answer.status == status);
    CHECK(said(answer) == reason);
    CHECK((find_header(answer.headers, "www-authenticate") != nullptr) == (status == 401));
  };
  refused({{}, paid}, 401, "missing_header");
  refused({good.headers, paid + " "}, 401, "no_match");
  auto twice = good;
  twice.headers.emplace_back("Webhook-Id", "msg_2");
  refused(twice, 400, "malformed");
  auto no_number = good;
  no_number.headers[1].second = "yesterday";
  refused(no_number, 400, "malformed");

  session.clock->advance(std::chrono::seconds{301});
  refused(good, 401, "too_old");
  session.clock->jump_wall(-std::chrono::seconds{602});
  refused(good, 401, "too_new");
  CHECK(session.events.empty());
}

TEST_CASE("the tolerance is the options'") {
  Session session{{.tolerance = std::chrono::seconds{10}}};
  const auto request = signed_request(*session.clock, paid);
  session.clock->advance(std::chrono::seconds{10});
  CHECK(session.post(request).status == 204);
  session.clock->advance(std::chrono::seconds{1});
  CHECK(session.post(request).status == 401);
}

TEST_CASE("a receiver without a good secret is not made") {
  const auto field_of = [](ReceiverOptions options) {
    try {
      const Receiver receiver{std::move(options)};
    } catch (const Error& error) {
      CHECK(error.code() == ErrorCode::invalid);
      return error.field();
    }
    return std::string{"none"};
  };
  CHECK(field_of({}) == "secrets");
  CHECK(field_of({.secrets = {""}}) == "secrets");
  CHECK(field_of({.secrets = {"whsec_x"}}) == "secrets");
  CHECK(field_of({.secrets = {shared_secret}, .tolerance = std::chrono::seconds{-1}}) == "tolerance");
  CHECK(field_of({.secrets = {shared_secret}, .scheme = static_cast<Scheme>(9)}) == "scheme");
  CHECK(field_of({.secrets = {shared_secret}}) == "none");
}

// Failures --------------------------------------------------------------------------------------------------------------

TEST_CASE("a handler that throws is a 500, those behind it do not run, and the next attempt runs all again") {
  Session session;
  std::string order;
  bool fails = true;
  session.receiver.on("*", [&](const Event&) { order += "a"; })
      .on("*",
          [&](const Event&) {
            order += "b";
            if (fails) throw std::runtime_error{"the database of secrets is gone"};
          })
      .on("*", [&](const Event&) { order += "c"; });
  const auto answer = session.post(paid);
  CHECK(answer.status == 500);
  CHECK(answer.body.find("secrets") == std::string::npos);
  CHECK(order == "ab");
  CHECK(session.errors == std::vector<std::string>{"msg_1: the database of secrets is gone"});

  fails = false;
  CHECK(session.post(paid).status == 204);
  CHECK(order == "ababc");
}

TEST_CASE("whatever a handler or on_error throws, the answer is a 500") {
  std::string what;
  Session session{{.on_error = [&](const Received&, std::string_view its_what) {
    what = its_what;
    throw 1;
  }}};
  session.receiver.on("*", [](const Event&) { throw 7; });
  CHECK(session.post(paid).status == 500);
  CHECK(what == "something that is no std::exception");
}

// Repeats ---------------------------------------------------------------------------------------------------------------

TEST_CASE("a repeat is a 204 that runs no handler") {
  Session session;
  session.see_all();
  CHECK(session.post(paid, "msg_1").status == 204);
  session.clock->advance(std::chrono::minutes{5});
  CHECK(session.post(paid, "msg_1").status == 204);
  CHECK(session.post(R"({"type":"other","data":1})", "msg_1").status == 204);
  CHECK(session.events.size() == 1);
  CHECK(session.post(paid, "msg_2").status == 204);
  CHECK(session.events.size() == 2);
}

TEST_CASE("as many ids are remembered as the options say, and none longer than seven days") {
  Session session{{.remember = 2}};
  session.see_all();
  for (const char* id : {"1", "2", "3", "2", "3"}) session.post(paid, id);
  CHECK(session.events.size() == 3);
  session.post(paid, "1");
  CHECK(session.events.size() == 4);

  session.clock->advance(std::chrono::hours{24 * 7} - std::chrono::seconds{1});
  session.post(paid, "1");
  CHECK(session.events.size() == 4);
  session.clock->advance(std::chrono::seconds{1});
  session.post(paid, "1");
  CHECK(session.events.size() == 5);

  Session forgetful{{.remember = 0}};
  forgetful.see_all();
  forgetful.post(paid);
  forgetful.post(paid);
  CHECK(forgetful.events.size() == 2);
}

TEST_CASE("of many requests at once with one id, one runs and all get its answer") {
  Session session;
  std::atomic<int> runs{0};
  session.receiver.on("*", [&](const Event&) { ++runs; });
  const auto request = signed_request(*session.clock, paid);
  std::latch start{8};
  std::vector<std::future<int>> answers;
  answers.reserve(8);
  for (int i = 0; i < 8; ++i)
    answers.push_back(std::async(std::launch::async, [&] {
      start.arrive_and_wait();
      return session.post(request).status;
    }));
  for (auto& answer : answers) CHECK(answer.get() == 204);
  CHECK(runs == 1);
}

TEST_CASE("handlers of different requests run at once") {
  Session session;
  std::latch both{2};
  session.receiver.on("*", [&](const Event&) { both.arrive_and_wait(); });
  const auto post = [&](const char* id) { return session.post(paid, id).status; };
  auto first = std::async(std::launch::async, post, "1");
  auto second = std::async(std::launch::async, post, "2");
  CHECK(first.get() == 204);
  CHECK(second.get() == 204);
}
