#include <flyhook/detail/admin/representation.hpp>

#include <flyhook/detail/decide/validation.hpp>
#include <flyhook/error.hpp>

#include "catch.hpp"
#include "unit/detail/admin/refusals.hpp"
#include "unit/detail/admin/samples.hpp"

#include <chrono>
#include <map>
#include <optional>
#include <string>

using namespace flyhook;
using namespace flyhook::detail;
using namespace flyhook::test;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

void check_equal(const Subscription& a, const Subscription& b) {
  CHECK(a.url == b.url);
  CHECK(a.events == b.events);
  CHECK(a.tenant == b.tenant);
  CHECK(a.filter == b.filter);
  CHECK(a.secret == b.secret);
  CHECK(a.headers == b.headers);
  CHECK(a.encoding == b.encoding);
  CHECK(a.rate_limit == b.rate_limit);
  CHECK(a.max_in_flight == b.max_in_flight);
  CHECK(a.ordering == b.ordering);
  CHECK(a.timeout == b.timeout);
  CHECK(a.retry == b.retry);
  CHECK(a.description == b.description);
  CHECK(a.metadata == b.metadata);
  CHECK(a.id == b.id);
  CHECK(a.enabled == b.enabled);
  CHECK(a.paused == b.paused);
  CHECK(a.disabled_reason == b.disabled_reason);
  CHECK(a.created_at == b.created_at);
  CHECK(a.public_only == b.public_only);
}

/// What is written of a subscription, without what only the library sets.
json settable_of(const Subscription& subscription) {
  auto body = representation(subscription);
  body.erase("created_at");
  body.erase("disabled_reason");
  return body;
}

}  // namespace

TEST_CASE("what is written of a subscription reads back as it was") {
  auto expected = full_subscription();
  auto body = settable_of(expected);
  body["secret"] = expected.secret;
  expected.disabled_reason.clear();
  expected.created_at = {};
  check_equal(read_subscription(body, an_operator), expected);

  Subscription plain;
  plain.url = "https://hooks.example.com/x";
  check_equal(read_subscription(settable_of(plain), an_operator), plain);
  check_equal(read_subscription({{"url", plain.url}}, an_operator), plain);

  for (const auto name : enum_names<Encoding>)
    CHECK(read_subscription(with("encoding", name), an_operator).encoding == enum_value<Encoding>(name));
  for (const auto name : enum_names<Ordering>)
    CHECK(read_subscription(with("ordering", name), an_operator).ordering == enum_value<Ordering>(name));
}

TEST_CASE("what is written of a subscription is a patch that sets every member") {
  const auto full = full_subscription();
  auto body = settable_of(full);
  body["secret"] = full.secret;
  body.erase("id");
  body.erase("tenant");
  const auto patch = read_patch(body, an_operator);
  CHECK(patch.url == full.url);
  CHECK(patch.events == full.events);
  CHECK(patch.filter == full.filter);
  CHECK(patch.secret == full.secret);
  CHECK(patch.headers == full.headers);
  CHECK((patch.encoding && *patch.encoding == full.encoding));
  CHECK(patch.rate_limit == full.rate_limit);
  CHECK((patch.max_in_flight && *patch.max_in_flight == full.max_in_flight));
  CHECK(patch.ordering == full.ordering);
  CHECK((patch.timeout && *patch.timeout == full.timeout));
  CHECK((patch.retry && *patch.retry == full.retry));
  CHECK(patch.description == full.description);
  CHECK(patch.metadata == full.metadata);
  CHECK(patch.enabled == false);
  CHECK(patch.paused == true);
  CHECK(patch.public_only == true);
}

TEST_CASE("a patch of nothing changes nothing") {
  const auto patch = read_patch(json::object(), acme);
  CHECK_FALSE(patch.url);
  CHECK_FALSE(patch.events);
  CHECK_FALSE(patch.filter);
  CHECK_FALSE(patch.secret);
  CHECK_FALSE(patch.headers);
  CHECK_FALSE(patch.encoding);
  CHECK_FALSE(patch.rate_limit);
  CHECK_FALSE(patch.max_in_flight);
  CHECK_FALSE(patch.ordering);
  CHECK_FALSE(patch.timeout);
  CHECK_FALSE(patch.retry);
  CHECK_FALSE(patch.description);
  CHECK_FALSE(patch.metadata);
  CHECK_FALSE(patch.enabled);
  CHECK_FALSE(patch.paused);
  CHECK_FALSE(patch.public_only);
}

TEST_CASE("null clears, in a patch and in what is new") {
  json body;
  for (const auto* name : {"filter", "headers", "encoding", "rate_limit", "max_in_flight", "ordering", "timeout", "retry",
                           "description", "metadata"})
    body[name] = nullptr;
  const auto patch = read_patch(body, an_operator);
  CHECK(patch.filter == "");
  CHECK(patch.headers == Headers{});
  CHECK((patch.encoding && !*patch.encoding));
  CHECK(patch.rate_limit == RateLimit{});
  CHECK((patch.max_in_flight && !*patch.max_in_flight));
  CHECK(patch.ordering == Ordering::none);
  CHECK((patch.timeout && !*patch.timeout));
  CHECK((patch.retry && !*patch.retry));
  CHECK(patch.description == "");
  CHECK(patch.metadata == std::map<std::string, std::string>{});
  CHECK_FALSE(patch.url);
  CHECK_FALSE(patch.enabled);

  Subscription plain;
  plain.url = body["url"] = "https://hooks.example.com/x";
  check_equal(read_subscription(body, an_operator), plain);
}

TEST_CASE("members left out of a retry or a rate limit are the library's, in a patch too") {
  RetryPolicy expected;
  expected.jitter = 0;
  CHECK(read_subscription(with("retry", {{"jitter", 0}}), an_operator).retry == expected);
  CHECK(read_patch({{"retry", {{"jitter", 0}}}}, an_operator).retry == std::optional{expected});
  CHECK(read_patch({{"retry", json::object()}}, an_operator).retry == std::optional{RetryPolicy{}});
  CHECK(read_patch({{"rate_limit", {{"per_second", 3}}}}, an_operator).rate_limit == RateLimit{3, 1});
}

TEST_CASE("a filter may be an object, and is kept as its text") {
  const auto filter = json::parse(R"({"/total": {"$gte": 100}, "/name": "\u00e9"})");
  CHECK(json::parse(read_subscription(with("filter", filter), an_operator).filter) == filter);
  CHECK(read_patch({{"filter", json::object()}}, acme).filter == "{}");
  CHECK(read_patch({{"filter", ""}}, acme).filter == "");
}

TEST_CASE("a tenant may not set what is the operator's, not even to what it is") {
  for (const auto* name : {"retry", "rate_limit", "timeout", "max_in_flight", "public_only"})
    for (const auto& value : {json(nullptr), json(true), json(1000), json::object()}) {
      CAPTURE(name);
      for (const auto& refusal : {refusal_of_post(with(name, value), acme), refusal_of_patch({{name, value}}, acme)}) {
        CHECK(refusal.field == name);
        CHECK(refusal.what.find("only the operator can set it") != std::string::npos);
      }
    }
  auto own = settable_of(full_subscription());
  for (const auto* name : {"retry", "rate_limit", "timeout", "max_in_flight", "public_only"}) own.erase(name);
  const auto subscription = read_subscription(own, acme);
  CHECK(subscription.encoding == Encoding::cloudevents_structured);
  CHECK(subscription.ordering == Ordering::per_key);
  CHECK_FALSE(subscription.enabled);
}

TEST_CASE("a tenant's subscription is its own, and an operator's is whose the operator says") {
  CHECK(read_subscription(with("description", "x"), acme).tenant == "acme");
  CHECK(read_subscription(with("tenant", "acme"), acme).tenant == "acme");
  for (const auto* other : {"globex", "", "ACME", "acme "}) {
    const auto refusal = refusal_of_post(with("tenant", other), acme);
    CHECK(refusal.field == "tenant");
    CHECK(refusal.what.find("only the operator can set it") != std::string::npos);
  }
  CHECK(read_subscription(with("tenant", "globex"), an_operator).tenant == "globex");
  CHECK(read_subscription(with("description", "x"), an_operator).tenant == "");
  // Whatever else an operator is.
  CHECK(read_subscription(with("description", "x"), {true, "acme"}).tenant == "");
}

TEST_CASE("a URL of a tenant leads to public addresses only") {
  CHECK(read_subscription(with("description", "x"), acme).public_only);
  CHECK(read_patch({{"url", "https://a.example"}}, acme).public_only == true);
  CHECK_FALSE(read_patch({{"description", "x"}}, acme).public_only);
  CHECK_FALSE(read_subscription(with("description", "x"), an_operator).public_only);
  CHECK_FALSE(read_patch({{"url", "https://a.example"}}, an_operator).public_only);
  CHECK(read_subscription(with("public_only", true), an_operator).public_only);
  CHECK(read_patch({{"public_only", true}, {"url", "https://a.example"}}, an_operator).public_only == true);
}

TEST_CASE("a masked value is read as it is, for the engine to refuse") {
  const std::string masked{mask};
  const auto body = with("headers", {{"authorization", masked}});
  CHECK_THROWS_AS(check_subscription(read_subscription(body, an_operator)), Error);
  CHECK_THROWS_AS(check_subscription(read_subscription(with("secret", "whsec_********"), an_operator)), Error);
}

TEST_CASE("recover is read from its times and flags") {
  const auto all = read_recover(json::parse(
      R"({"since": "2025-10-09T10:53:20.5+02:00", "until": "2025-10-10T00:00:00Z", "include_missed": true, "dry_run": true})"));
  CHECK(all.since == TimePoint{1'760'000'000'500ms});
  CHECK(all.until == TimePoint{1'760'054'400s});
  CHECK(all.include_missed);
  CHECK(all.dry_run);

  for (const auto* text : {R"({"since": "2025-10-09T08:53:20Z"})", R"({"since": "2025-10-09T08:53:20Z", "until": null})"}) {
    const auto least = read_recover(json::parse(text));
    CHECK(least.since == TimePoint{1'760'000'000s});
    CHECK_FALSE(least.until);
    CHECK_FALSE(least.include_missed);
    CHECK_FALSE(least.dry_run);
  }
}

TEST_CASE("grace is seconds, a day without it") {
  CHECK(read_grace(json::object()) == 24h);
  CHECK(read_grace({{"grace", 0}}) == 0s);
  CHECK(read_grace({{"grace", 3600}}) == 1h);
  CHECK(read_grace({{"grace", 31'536'000}}) == 365 * 24h);
  for (const auto* value : {"31536001", "-1", "null", "\"3600\"", "3600.0", "1e300", "9223372036854775808", "[1]"})
    check_refusal(refusal_of([&] {
                    static_cast<void>(read_grace({{"grace", json::parse(value)}}));
                  }),
                  {"grace", value, "grace", "must be an integer from 0 to 31,536,000"});
  check_refusal(refusal_of([] {
                  static_cast<void>(read_grace({{"seconds", 1}}));
                }),
                {"seconds", "1", "seconds", "is no member that can be set here"});
}
