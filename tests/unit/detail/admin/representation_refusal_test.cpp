#include <flyhook/detail/admin/representation.hpp>

#include <flyhook/error.hpp>

#include "catch.hpp"
#include "unit/detail/admin/refusals.hpp"
#include "unit/detail/admin/samples.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

using namespace flyhook;
using namespace flyhook::detail;
using namespace flyhook::test;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

std::string nested(const std::string& open, const std::string& close, std::size_t deep) {
  std::string text;
  for (std::size_t i = 0; i < deep; ++i) text += open;
  text += "1";
  for (std::size_t i = 0; i < deep; ++i) text += close;
  return text;
}

json texts(std::size_t count, std::size_t value_bytes = 1) {
  auto object = json::object();
  for (std::size_t i = 0; i < count; ++i) object["x-" + std::to_string(i)] = std::string(value_bytes, 'v');
  return object;
}

const std::vector<Wrong> wrong_values{
    {"url", "null", "url", "must be a string"},
    {"url", "7", "url", "must be a string"},
    {"url", R"(["https://a.example"])", "url", "must be a string"},
    {"events", "null", "events", "must be an array"},
    {"events", R"("*")", "events", "must be an array"},
    {"events", R"({"0": "*"})", "events", "must be an array"},
    {"events", "[]", "events", "is empty"},
    {"events", R"(["*", 7])", "events", "an element must be a string"},
    {"events", R"(["*", null])", "events", "an element must be a string"},
    {"filter", "7", "filter", "a JSON object, or the text of one"},
    {"filter", R"([{"/a": 1}])", "filter", "a JSON object, or the text of one"},
    {"filter", "true", "filter", "a JSON object, or the text of one"},
    {"secret", "null", "secret", "must be a string"},
    {"secret", "[]", "secret", "must be a string"},
    {"headers", R"([["x", "y"]])", "headers", "must be a JSON object"},
    {"headers", R"("x: y")", "headers", "must be a JSON object"},
    {"headers", R"({"x-n": 7})", "headers", "\"x-n\" must be a string"},
    {"headers", R"({"x-n": null})", "headers", "\"x-n\" must be a string"},
    {"headers", R"({"x-n": ["a", "b"]})", "headers", "\"x-n\" must be a string"},
    {"encoding", "1", "encoding", "one of standard, raw, cloudevents_structured, cloudevents_binary"},
    {"encoding", R"("Standard")", "encoding", "must be one of"},
    {"encoding", R"("")", "encoding", "must be one of"},
    {"rate_limit", "5", "rate_limit", "must be a JSON object"},
    {"rate_limit", R"({"per_second": "5"})", "rate_limit.per_second", "must be a number from 0 to 1,000,000"},
    {"rate_limit", R"({"per_second": -0.1})", "rate_limit.per_second", "must be a number"},
    {"rate_limit", R"({"per_second": 1e300})", "rate_limit.per_second", "must be a number"},
    {"rate_limit", R"({"per_second": null})", "rate_limit.per_second", "must be a number"},
    {"rate_limit", R"({"burst": 0})", "rate_limit.burst", "must be a number from 1 to 1,000,000"},
    {"rate_limit", R"({"burst": 0.99})", "rate_limit.burst", "must be a number"},
    {"rate_limit", R"({"burst": 1000000.1})", "rate_limit.burst", "must be a number"},
    {"rate_limit", R"({"per_minute": 5})", "rate_limit.per_minute", "no member"},
    {"max_in_flight", "0", "max_in_flight", "must be an integer from 1 to 1,000"},
    {"max_in_flight", "1001", "max_in_flight", "must be an integer"},
    {"max_in_flight", R"("5")", "max_in_flight", "must be an integer"},
    {"ordering", R"("fifo")", "ordering", "must be one of none, per_key, strict"},
    {"ordering", "0", "ordering", "must be one of"},
    {"timeout", "999", "timeout", "must be an integer from 1,000 to 60,000"},
    {"timeout", "60001", "timeout", "must be an integer"},
    {"timeout", R"("15s")", "timeout", "must be an integer"},
    {"retry", "3", "retry", "must be a JSON object"},
    {"retry", "[0, 1000]", "retry", "must be a JSON object"},
    {"retry", R"({"schedule": []})", "retry.schedule", "is empty"},
    {"retry", R"({"schedule": 5})", "retry.schedule", "must be an array"},
    {"retry", R"({"schedule": null})", "retry.schedule", "must be an array"},
    {"retry", R"({"schedule": [0, -1]})", "retry.schedule", "an element must be an integer from 0 to 31,556,952,000"},
    {"retry", R"({"schedule": [0, "5s"]})", "retry.schedule", "an element must be an integer"},
    {"retry", R"({"schedule": [31556952001]})", "retry.schedule", "an element must be an integer"},
    {"retry", R"({"jitter": 1.01})", "retry.jitter", "must be a number from 0 to 1"},
    {"retry", R"({"jitter": -0.01})", "retry.jitter", "must be a number"},
    {"retry", R"({"jitter": "0.2"})", "retry.jitter", "must be a number"},
    {"retry", R"({"max_age": -1})", "retry.max_age", "must be an integer from 0 to 31,556,952"},
    {"retry", R"({"max_age": 31556953})", "retry.max_age", "must be an integer"},
    {"retry", R"({"stop_on": 400})", "retry.stop_on", "must be an array"},
    {"retry", R"({"stop_on": [99]})", "retry.stop_on", "an element must be an integer from 100 to 599"},
    {"retry", R"({"stop_on": [600]})", "retry.stop_on", "an element must be an integer"},
    {"retry", R"({"stop_on": ["4xx"]})", "retry.stop_on", "an element must be an integer"},
    {"retry", R"({"retry_after_cap": -1})", "retry.retry_after_cap", "must be an integer from 0 to 31,556,952"},
    {"retry", R"({"retry_after_cap": 31556953})", "retry.retry_after_cap", "must be an integer"},
    {"retry", R"({"attempts": 3})", "retry.attempts", "no member"},
    {"description", "7", "description", "must be a string"},
    {"metadata", "[]", "metadata", "must be a JSON object"},
    {"metadata", R"({"n": 7})", "metadata", "\"n\" must be a string"},
    {"metadata", R"({"n": {"m": "x"}})", "metadata", "\"n\" must be a string"},
    {"enabled", "null", "enabled", "must be true or false"},
    {"enabled", "1", "enabled", "must be true or false"},
    {"enabled", R"("true")", "enabled", "must be true or false"},
    {"paused", "null", "paused", "must be true or false"},
    {"paused", "0", "paused", "must be true or false"},
    {"public_only", "null", "public_only", "must be true or false"},
    {"public_only", R"("yes")", "public_only", "must be true or false"},
    {"disabled_reason", R"("x")", "disabled_reason", "is read only"},
    {"created_at", R"("2025-10-09T08:53:20Z")", "created_at", "is read only"},
    {"colour", R"("red")", "colour", "is no member that can be set here"},
    {"URL", R"("https://a.example")", "URL", "is no member that can be set here"},
    {"", "1", "", "is no member that can be set here"},
};

}  // namespace

TEST_CASE("every wrong member is refused by its name, new or patched") {
  for (const auto& wrong : wrong_values) {
    const auto value = json::parse(wrong.value);
    check_refusal(refusal_of_post(with(wrong.member, value)), wrong);
    check_refusal(refusal_of_patch({{wrong.member, value}}), wrong);
  }
}

TEST_CASE("what only a new subscription has is refused by its name, and cannot be patched") {
  check_refusal(refusal_of_post(with("id", nullptr)), {"id", "null", "id", "must be a string"});
  check_refusal(refusal_of_post(with("id", 7)), {"id", "7", "id", "must be a string"});
  check_refusal(refusal_of_post(with("tenant", nullptr)), {"tenant", "null", "tenant", "must be a string"});
  check_refusal(refusal_of_post(with("tenant", false)), {"tenant", "false", "tenant", "must be a string"});
  for (const auto* name : {"id", "tenant"})
    for (const auto& value : {json("acme"), json(nullptr), json(7)})
      for (const auto& caller : {an_operator, acme})
        check_refusal(refusal_of_patch({{name, value}}, caller), {name, "any", name, "cannot be changed"});
  check_refusal(refusal_of_post(json::object()), {"url", "none", "url", "must be there"});
}

TEST_CASE("a body that is no object is refused as a whole") {
  for (const auto* text : {"null", "[]", "[{}]", "\"{}\"", "7", "true"}) {
    const auto body = json::parse(text);
    for (const auto& refusal :
         {refusal_of_post(body), refusal_of_patch(body), refusal_of([&] { static_cast<void>(read_recover(body)); }),
          refusal_of([&] { static_cast<void>(read_grace(body)); })}) {
      CHECK(refusal.field == "");
      CHECK(refusal.what == "must be a JSON object");
    }
  }
}

TEST_CASE("a member nobody knows is named in at most 100 bytes, all of them printable") {
  CHECK(refusal_of_patch({{std::string(99, 'a'), 1}}).field == std::string(99, 'a'));
  CHECK(refusal_of_patch({{std::string(5000, 'a'), 1}}).field == std::string(100, 'a'));
  CHECK(refusal_of_patch({{"a\r\nb\xFF", 1}}).field == "a??b?");
  CHECK(refusal_of_patch({{"retry", {{std::string(5000, 'a'), 1}}}}).field == "retry." + std::string(100, 'a'));
  CHECK(refusal_of_patch({{std::string{"url\0", 4}, "https://a.example"}}).field == "url?");
}

TEST_CASE("what is at the bound is taken, and what is beyond is refused") {
  const auto check_bound = [](const std::string& member, const json& most, const json& beyond, const std::string& reason) {
    CAPTURE(member);
    CHECK(refusal_of_post(with(member, most)).field == "accepted");
    const auto refusal = refusal_of_post(with(member, beyond));
    CHECK(refusal.field == member);
    CHECK(refusal.what.find(reason) != std::string::npos);
  };
  check_bound("url", std::string(8000, 'u'), std::string(8001, 'u'), "8001 bytes, the most are 8000");
  check_bound("description", std::string(1024, 'd'), std::string(1025, 'd'), "1025 bytes, the most are 1024");
  check_bound("filter", std::string(8192, 'f'), std::string(8193, 'f'), "8193 bytes, the most are 8192");
  check_bound("filter", json{{"/a", std::string(8192 - 9, 'f')}}, json{{"/a", std::string(8193 - 9, 'f')}},
              "8193 bytes, the most are 8192");
  check_bound("events", std::vector<std::string>(100, "a"), std::vector<std::string>(101, "a"),
              "101 elements, the most are 100");
  check_bound("headers", texts(32), texts(33), "33 members, the most are 32");
  check_bound("headers", {{"x-a", std::string(8189, 'v')}}, {{"x-a", std::string(8190, 'v')}},
              "8193 bytes of names and values, the most are 8192");
  check_bound("metadata", texts(50), texts(51), "51 members, the most are 50");
  check_bound("metadata", {{"", std::string(8192, 'v')}}, {{"", std::string(8193, 'v')}},
              "8193 bytes of names and values, the most are 8192");

  const auto retry = [](std::size_t steps, std::size_t statuses) {
    return json{{"schedule", std::vector<int>(steps, 1)}, {"stop_on", std::vector<int>(statuses, 500)}};
  };
  CHECK(read_subscription(with("retry", retry(50, 500)), an_operator).retry->schedule.size() == 50);
  CHECK(refusal_of_post(with("retry", retry(51, 0))).field == "retry.schedule");
  CHECK(refusal_of_post(with("retry", retry(1, 501))).field == "retry.stop_on");

  CHECK(read_subscription(with("timeout", 1000), an_operator).timeout == 1'000ms);
  CHECK(read_subscription(with("timeout", 60000), an_operator).timeout == 60'000ms);
  CHECK(read_subscription(with("max_in_flight", 1), an_operator).max_in_flight == 1u);
  CHECK(read_subscription(with("max_in_flight", 1000), an_operator).max_in_flight == 1000u);
  const auto most = read_subscription(with("retry", {{"schedule", {31'556'952'000}},
                                                     {"jitter", 1},
                                                     {"max_age", 31'556'952},
                                                     {"stop_on", {100, 599}},
                                                     {"retry_after_cap", 31'556'952}}),
                                      an_operator);
  CHECK(most.retry == RetryPolicy{{31'556'952'000ms}, 1, 31'556'952s, {100, 599}, 31'556'952s});
  const auto limit = read_subscription(with("rate_limit", {{"per_second", 1e6}, {"burst", 1'000'000}}), an_operator);
  CHECK(limit.rate_limit == RateLimit{1e6, 1e6});
}

TEST_CASE("a number that is hostile is refused where it stands") {
  const std::vector<std::string> numbers{"1e300",
                                         "-1e300",
                                         "9223372036854775807",
                                         "9223372036854775808",
                                         "18446744073709551615",
                                         "18446744073709551616",
                                         "-9223372036854775808",
                                         "-9223372036854775809",
                                         "-1",
                                         "1e3",
                                         "1000.0",
                                         "1000.5",
                                         "4294968296",
                                         "5e-324"};
  const auto wrap = [](const std::string& path, const json& number) {
    const bool is_list = path == "retry.schedule" || path == "retry.stop_on";
    const json value = is_list ? json::array({number}) : number;
    return path.starts_with("retry.") ? json{{"retry", {{path.substr(6), value}}}} : json{{path, value}};
  };
  const std::vector<json> in_cpp{std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity(),
                                 -std::numeric_limits<double>::infinity()};
  for (const std::string path :
       {"timeout", "max_in_flight", "retry.schedule", "retry.max_age", "retry.stop_on", "retry.retry_after_cap"}) {
    CAPTURE(path);
    for (const auto& text : numbers) {
      CAPTURE(text);
      if (path == "retry.schedule" && text == "4294968296") continue;  // 50 days
      const auto refusal = refusal_of_patch(wrap(path, json::parse(text)));
      CHECK(refusal.field == path);
      CHECK(refusal.what.find("must be an integer from") != std::string::npos);
    }
    for (const auto& number : in_cpp) CHECK(refusal_of_patch(wrap(path, number)).field == path);
  }
  for (const auto& number : in_cpp) {
    CHECK(refusal_of_patch(wrap("retry.jitter", number)).field == "retry.jitter");
    CHECK(refusal_of_patch({{"rate_limit", {{"per_second", number}}}}).field == "rate_limit.per_second");
    CHECK(refusal_of_patch({{"rate_limit", {{"burst", number}}}}).field == "rate_limit.burst");
    CHECK(refusal_of([&] { static_cast<void>(read_grace({{"grace", number}})); }).field == "grace");
  }
  for (const auto& text : numbers) {
    if (text == "1e3" || text == "1000.0" || text == "1000.5" || text == "5e-324") continue;
    const auto number = json::parse(text);
    CHECK(refusal_of_patch({{"rate_limit", {{"per_second", number}}}}).field == "rate_limit.per_second");
  }
}

TEST_CASE("a filter that is nested too deep is refused before anything goes down there") {
  // Filter counts the outermost object, too.
  CHECK(refusal_of_patch(json::parse(R"({"filter": )" + nested(R"({"$not":)", "}", 16) + "}")).field == "accepted");
  for (const std::size_t deep : {17u, 100'000u})
    for (const auto& text : {nested(R"({"$not":)", "}", deep), R"({"/a":)" + nested("[", "]", deep) + "}",
                             R"({"$and":[1,{"/a":)" + nested("[", "]", deep) + "}]}"}) {
      const auto refusal = refusal_of_patch(json::parse(R"({"filter": )" + text + "}"));
      CHECK(refusal.field == "filter");
      CHECK(refusal.what.find("16 objects and arrays deep") != std::string::npos);
    }
}

TEST_CASE("no refusal holds a secret or the value of a header") {
  const std::string hidden = "hunter2";
  for (const auto& value : {json(hidden), json::array({hidden}), json{{"x-key", hidden}}, json{{"x-key", {hidden}}},
                            json{{"x-key", {{hidden, 1}}}}, json{{"x-key", hidden + std::string(9000, 'x')}}})
    for (const auto* name : {"secret", "headers"})
      for (const auto& caller : {an_operator, acme})
        for (const auto& refusal : {refusal_of_post(with(name, value), caller), refusal_of_patch({{name, value}}, caller)})
          CHECK(refusal.what.find(hidden) == std::string::npos);
}

TEST_CASE("every wrong member of recover is refused by its name") {
  for (const auto& wrong : std::vector<Wrong>{
           {"since", "null", "since", "must be a string"},
           {"since", "1760000000", "since", "must be a string"},
           {"since", R"("yesterday")", "since", "must be a time of RFC 3339"},
           {"since", R"("2025-10-09")", "since", "must be a time of RFC 3339"},
           {"since", R"("9999-01-01T00:00:00Z")", "since", "must be a time of RFC 3339"},
           {"until", "1760000000", "until", "must be a string"},
           {"until", R"("2025-10-09 08:53:20Z")", "until", "must be a time of RFC 3339"},
           {"include_missed", "1", "include_missed", "must be true or false"},
           {"include_missed", "null", "include_missed", "must be true or false"},
           {"dry_run", R"("true")", "dry_run", "must be true or false"},
           {"id", R"("crm")", "id", "is no member that can be set here"},
       }) {
    json body{{"since", "2025-10-09T08:53:20Z"}};
    body[wrong.member] = json::parse(wrong.value);
    check_refusal(refusal_of([&] { static_cast<void>(read_recover(body)); }), wrong);
  }
  const auto refusal = refusal_of([] { static_cast<void>(read_recover({{"dry_run", true}})); });
  check_refusal(refusal, {"since", "none", "since", "must be there"});
}

TEST_CASE("nothing but a refusal is thrown, whatever stands where") {
  // Built here, since no parser makes them: what is no UTF-8, binary, discarded, and what is deep.
  const std::vector<json> values{nullptr,
                                 true,
                                 0,
                                 -1,
                                 1.5,
                                 1e300,
                                 std::numeric_limits<std::uint64_t>::max(),
                                 std::numeric_limits<double>::quiet_NaN(),
                                 "",
                                 "\xFF\xC0\x80",
                                 std::string{"\0", 1},
                                 json::array(),
                                 json::object(),
                                 json::array({json::array({json::array()})}),
                                 json{{"\xFF", "\xFE"}},
                                 json{{"", {{"", {{"", 1}}}}}},
                                 json::binary({1, 2, 255}),
                                 json(json::value_t::discarded),
                                 json{{"$and", {json::binary({1})}}},
                                 json{{"schedule", {1, "\xFF", nullptr}}}};
  const std::vector<std::string> names{"url",     "events",   "tenant",          "filter",        "secret",
                                       "headers", "encoding", "rate_limit",      "max_in_flight", "ordering",
                                       "timeout", "retry",    "description",     "metadata",      "id",
                                       "enabled", "paused",   "disabled_reason", "created_at",    "public_only",
                                       "since",   "until",    "include_missed",  "dry_run",       "grace",
                                       "\xFF",    ""};
  std::size_t others = 0, read = 0;
  const auto attempt = [&](auto call) {
    try {
      static_cast<void>(call());
      ++read;
    } catch (const Error&) {
    } catch (...) {
      ++others;
    }
  };
  for (const auto& name : names)
    for (const auto& value : values) {
      const auto body = with(name, value);
      const json alone{{name, value}};
      for (const auto& caller : {an_operator, acme}) {
        attempt([&] { return read_subscription(body, caller); });
        attempt([&] { return read_patch(alone, caller); });
      }
      attempt([&] { return read_recover(alone); });
      attempt([&] { return read_grace(alone); });
    }
  CHECK(others == 0);
  CHECK(read > 0);
}

TEST_CASE("a value that is nested deep is refused wherever it stands") {
  for (const auto& text : {nested("[", "]", 100'000), nested(R"({"a":)", "}", 100'000)}) {
    auto value = json::parse(text);
    for (const auto* name : {"url", "events", "filter", "secret", "headers", "encoding", "rate_limit", "max_in_flight",
                             "ordering", "timeout", "retry", "description", "metadata", "enabled", "paused", "unknown"}) {
      CAPTURE(name);
      json body;
      body[name] = std::move(value);  // copies of nlohmann's go down there
      const auto field = refusal_of_patch(body).field;
      CHECK((field == name || field == std::string{name} + ".a"));
      value = std::move(body[name]);
    }
  }
}
