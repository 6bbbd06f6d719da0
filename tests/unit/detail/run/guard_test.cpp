#include <flyhook/detail/run/guard.hpp>

#include <flyhook/error.hpp>
#include <flyhook/testing.hpp>

#include "catch.hpp"

#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

using namespace flyhook;
using detail::AllowList;
using detail::Guard;
using detail::Resolved;
using detail::Url;
using namespace std::chrono_literals;

namespace {

using Answer = std::shared_ptr<const Resolved>;
using Addresses = std::vector<std::string>;

Url url(const std::string& text) {
  return std::get<Url>(detail::parse_url(text));
}

/// Answers what `says` is at the time.
struct Session {
  explicit Session(UrlPolicy policy = {}, bool inline_only = true)
      : guard(
            policy, [this](const std::string&) { return says; }, clock, inline_only) {}

  Answer find(const std::string& text, AllowList allow = AllowList::counts) {
    const auto promise = std::make_shared<std::promise<Answer>>();
    auto later = promise->get_future();
    if (auto now = guard.find(url(text), allow, [promise](Answer answer) { promise->set_value(std::move(answer)); }))
      return now;
    return later.get();
  }
  std::string refusal(const std::string& text, AllowList allow = AllowList::counts) {
    try {
      guard.check(url(text), allow, 10s);
    } catch (const Error& error) {
      CHECK(error.code() == ErrorCode::invalid);
      CHECK(error.field() == "url");
      return error.what();
    }
    return "";
  }

  Addresses says{"93.184.216.34", "2606:4700::1111"};
  std::shared_ptr<ManualClock> clock = std::make_shared<ManualClock>();
  Guard guard;
};

}  // namespace

TEST_CASE("addresses that pass are handed on, and live as long as the look-up") {
  for (const bool inline_only : {true, false}) {
    Session session{{}, inline_only};
    const auto found = session.find("https://hooks.example.com/x");
    CHECK(found->addresses == Addresses{"93.184.216.34", "2606:4700::1111"});
    CHECK(found->error.empty());
    CHECK(found->host == "hooks.example.com");
    CHECK(found->refresh_at == session.clock->elapsed() + 5s);
    CHECK(found->expires_at == session.clock->elapsed() + 10s);
  }
}

TEST_CASE("one answer that is refused refuses them all, and the error says which of which host") {
  for (const bool inline_only : {true, false}) {
    Session session{{}, inline_only};
    session.says = {"93.184.216.34", "127.0.0.1"};
    const auto found = session.find("https://hooks.example.com/x");
    CHECK(found->addresses.empty());
    CHECK(found->error == "refused_address: 127.0.0.1 of hooks.example.com");
    CHECK(found->expires_at == session.clock->elapsed() + 10s);
    session.says = {"93.184.216.34"};
    session.clock->advance(10s);
    CHECK(session.find("https://hooks.example.com/x")->addresses == Addresses{"93.184.216.34"});
  }
}

TEST_CASE("one host may be right for one URL and refused for another") {
  Session session{{.https_only = true}};
  CHECK(session.find("http://hooks.example.com/")->error == "refused_address: http of hooks.example.com");
  CHECK(session.find("https://hooks.example.com/")->error.empty());
}

TEST_CASE("a literal is judged without a look-up, once and for ever") {
  Session session{{.allow = {"10.0.0.0/8"}}};
  session.says = {};
  CHECK(session.guard.judge_literal(url("http://93.184.216.34/"), AllowList::counts)->addresses ==
        Addresses{"93.184.216.34"});
  CHECK(session.guard.judge_literal(url("http://0xA.1/"), AllowList::counts)->addresses == Addresses{"10.0.0.1"});
  const auto refused = session.guard.judge_literal(url("http://[::1]/"), AllowList::counts);
  CHECK(refused->addresses.empty());
  CHECK(refused->error == "refused_address: ::1");
  CHECK(refused->refresh_at == std::chrono::nanoseconds::max());
  CHECK(refused->expires_at == std::chrono::nanoseconds::max());
}

TEST_CASE("a name without an answer is no matter of policy") {
  Session session;
  session.says = {};
  CHECK(session.find("https://hooks.example.com/")->error == "dns: hooks.example.com does not resolve");
  CHECK(session.refusal("https://hooks.example.com/").empty());
}

TEST_CASE("what is registered is checked then and there, and the refusal names the remedy") {
  for (const bool inline_only : {true, false}) {
    Session session{{}, inline_only};
    CHECK(session.refusal("https://hooks.example.com/").empty());
    CHECK(session.refusal("http://127.0.0.1:8000/hooks?token=secret") ==
          "url: http://127.0.0.1:8000 is not a public address; for internal endpoints set Options::url_policy.allow = "
          "{\"127.0.0.0/8\"}");
    session.says = {"10.1.2.3"};
    CHECK(session.refusal("http://intranet/").find("10.1.2.3") != std::string::npos);
  }
}

TEST_CASE("a check asks no resolver for an address, nor for what is refused whatever it answers") {
  int asked = 0;
  Guard guard{{.https_only = true, .deny = {"denied.example"}},
              [&asked](const std::string&) -> Addresses {
                ++asked;
                return {"93.184.216.34"};
              },
              std::make_shared<ManualClock>(),
              true};
  CHECK_NOTHROW(guard.check(url("https://93.184.216.34/"), AllowList::counts, 10s));
  CHECK_THROWS_AS(guard.check(url("https://127.0.0.1/"), AllowList::counts, 10s), Error);
  CHECK_THROWS_AS(guard.check(url("http://hooks.example.com/"), AllowList::counts, 10s), Error);
  CHECK_THROWS_AS(guard.check(url("https://denied.example/"), AllowList::counts, 10s), Error);
  CHECK(asked == 0);
  CHECK_NOTHROW(guard.check(url("https://hooks.example.com/"), AllowList::counts, 10s));
  CHECK(asked == 1);
}

TEST_CASE("a policy that cannot be read is no guard") {
  for (const auto& policy : {UrlPolicy{.allow = {"10.0.0.0/33"}}, UrlPolicy{.deny = {"*.example.com"}}}) {
    try {
      Session session{policy};
      FAIL("it was accepted");
    } catch (const Error& error) {
      CHECK(error.field() == (policy.allow.empty() ? "url_policy.deny" : "url_policy.allow"));
    }
  }
}

TEST_CASE("a look-up that takes long is waited for as long as was said, and no longer once the guard is abandoned") {
  std::promise<void> asked, go_on;
  const auto held = go_on.get_future().share();
  Guard guard{{},
              [&asked, held](const std::string& host) -> Addresses {
                if (host == "held.example") asked.set_value();
                held.wait();
                return {"127.0.0.1"};
              },
              std::make_shared<ManualClock>(),
              false};
  CHECK_NOTHROW(guard.check(url("http://held.example/"), AllowList::counts, 10ms));
  asked.get_future().wait();

  std::thread waits{[&] { CHECK_NOTHROW(guard.check(url("http://held.example/"), AllowList::counts, 1h)); }};
  guard.abandon();
  waits.join();
  CHECK_NOTHROW(guard.check(url("http://other.example/"), AllowList::counts, 1h));
  go_on.set_value();
}

TEST_CASE("where allow is ignored only public addresses pass, and nobody is told what the name leads to") {
  for (const bool inline_only : {true, false}) {
    Session session{{.allow = {"10.0.0.0/8", "hooks.example.com"}}, inline_only};
    const std::string hooks = "https://hooks.example.com/x?token=secret";
    CHECK(session.refusal(hooks, AllowList::ignored).empty());
    CHECK(session.find(hooks, AllowList::ignored)->addresses == session.says);
    session.says = {"10.1.2.3"};
    session.clock->advance(10s);
    CHECK(session.find(hooks)->addresses == Addresses{"10.1.2.3"});
    CHECK(session.refusal(hooks).empty());
    CHECK(session.refusal(hooks, AllowList::ignored) ==
          "url: https://hooks.example.com leads to an address that is not public");
    CHECK(session.guard.refusal_of(url(hooks), AllowList::ignored).empty());  // that would take a look-up
    CHECK(session.refusal("http://10.1.2.3/").empty());
    CHECK(session.refusal("http://10.1.2.3/", AllowList::ignored) == "url: http://10.1.2.3 is not a public address");
    CHECK(session.guard.refusal_of(url("http://10.1.2.3/"), AllowList::counts).empty());
    CHECK(session.guard.refusal_of(url("http://10.1.2.3/"), AllowList::ignored) ==
          "http://10.1.2.3 is not a public address");
    CHECK(session.guard.judge_literal(url("http://10.1.2.3/"), AllowList::ignored)->error == "refused_address: 10.1.2.3");
  }
}

TEST_CASE("one look-up serves endpoints that are judged differently, and each gets its own verdict") {
  Session session{{.allow = {"10.0.0.0/8"}}};
  session.says = {"10.1.2.3"};
  for (int i = 0; i < 2; ++i) {
    const auto let_through = session.find("https://hooks.example.com/", AllowList::counts);
    CHECK(let_through->addresses == Addresses{"10.1.2.3"});
    CHECK(let_through->judged == AllowList::counts);
    const auto refused = session.find("https://hooks.example.com/", AllowList::ignored);
    CHECK(refused->addresses.empty());
    CHECK(refused->error == "refused_address: hooks.example.com");
    CHECK(refused->judged == AllowList::ignored);
    session.says = {"127.0.0.1"};  // not looked up again so soon
  }
  session.says = {};
  CHECK_FALSE(session.find("https://other.example.com/", AllowList::ignored)->judged);
}
