#include <flyhook/detail/admin/representation.hpp>

#include <flyhook/detail/decide/validation.hpp>

#include "catch.hpp"
#include "unit/detail/admin/samples.hpp"

#include <chrono>
#include <cstdint>
#include <limits>
#include <string>
#include <type_traits>

using namespace flyhook;
using namespace flyhook::detail;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

/// Each of the enum's values has the name at its place, and back; what is beyond has none.
template <class Enum, std::size_t Count>
void check_names(const Enum (&values)[Count], const char* const (&names)[Count]) {
  CHECK(enum_names<Enum>.size() == Count);
  for (std::size_t i = 0; i < Count; ++i) {
    CHECK(enum_name(values[i]) == names[i]);
    CHECK(enum_value<Enum>(names[i]) == values[i]);
  }
  CHECK(enum_name(static_cast<Enum>(Count)) == "unknown");
  for (const auto* name : {"", "unknown", "Pending", " none", "none ", "standard\n"}) CHECK_FALSE(enum_value<Enum>(name));
}

}  // namespace

TEST_CASE("every enum of the API has the names that it has in C++") {
  using S = DeliveryStatus;
  check_names<S>({S::pending, S::in_flight, S::delivered, S::dead, S::expired, S::cancelled},
                 {"pending", "in_flight", "delivered", "dead", "expired", "cancelled"});
  for (const auto name : enum_names<S>) CHECK(to_string(*enum_value<S>(name)) == name);
  using T = AttemptTrigger;
  check_names<T>({T::schedule, T::replay, T::test, T::probe}, {"schedule", "replay", "test", "probe"});
  using E = Encoding;
  check_names<E>({E::standard, E::raw, E::cloudevents_structured, E::cloudevents_binary},
                 {"standard", "raw", "cloudevents_structured", "cloudevents_binary"});
  using O = Ordering;
  check_names<O>({O::none, O::per_key, O::strict}, {"none", "per_key", "strict"});
}

TEST_CASE("a subscription is written with every member but its secret") {
  auto expected = json::parse(R"({
    "url": "https://hooks.example.com/x?y=1", "events": ["order.*", "user.created"], "tenant": "acme",
    "filter": "{\"/total\":{\"$gte\":100}}", "headers": {"Authorization": "Bearer 1", "x-team": "billing"},
    "encoding": "cloudevents_structured", "rate_limit": {"per_second": 2.5, "burst": 10.0}, "max_in_flight": 3,
    "ordering": "per_key", "timeout": 7500,
    "retry": {"schedule": [0, 1500, 60000], "jitter": 0.25, "max_age": 86400, "stop_on": [400, 422], "retry_after_cap": 120},
    "description": "the CRM", "metadata": {"owner": "ann", "cost-centre": "17"}, "id": "crm", "enabled": false,
    "paused": true, "disabled_reason": "answered 410", "created_at": "2025-10-09T08:53:20.123456Z"})");
  expected["public_only"] = true;
  const auto written = representation(test::full_subscription());
  CHECK(written == expected);
  CHECK(dump(written).find("whsec_") == std::string::npos);
}

TEST_CASE("what a subscription leaves to the application is null, and what is empty is empty") {
  const auto written = representation(Subscription{});
  for (const auto* name : {"encoding", "max_in_flight", "timeout", "retry"}) {
    REQUIRE(written.contains(name));
    CHECK(written.at(name).is_null());
  }
  CHECK(written.at("events") == json{"*"});
  CHECK(written.at("headers") == json::object());
  CHECK(written.at("metadata") == json::object());
  CHECK(written.at("filter") == "");
  CHECK(written.at("ordering") == "none");
  CHECK(written.at("rate_limit") == json{{"per_second", 0.0}, {"burst", 1.0}});
  CHECK(written.at("created_at") == "1970-01-01T00:00:00.000000Z");
}

TEST_CASE("an empty list is written as a list") {
  Subscription subscription;
  subscription.events.clear();
  subscription.retry = RetryPolicy{};
  subscription.retry->schedule.clear();
  const auto written = representation(subscription);
  CHECK(written.at("events") == json::array());
  CHECK(written.at("retry").at("schedule") == json::array());
  CHECK(written.at("retry").at("stop_on") == json::array());
  CHECK(representation(DeliveryRecord{}).at("attempts") == json::array());
}

TEST_CASE("headers of one name are one member, whatever their case") {
  Subscription subscription;
  subscription.headers = {{"X-Team", "a"}, {"Accept", "b"}, {"x-team", "c"}, {"X-TEAM", ""}};
  CHECK(representation(subscription).at("headers") == json{{"X-Team", "a, c, "}, {"Accept", "b"}});
}

TEST_CASE("a mask stays one where a header comes more than once, so that it is refused when it comes back") {
  Subscription subscription;
  const std::string masked{mask};
  subscription.headers = {{"x-key", masked}, {"X-Key", masked}, {"a-key", "1"}, {"A-Key", masked},
                          {"b-key", masked}, {"B-Key", "2"},    {"B-KEY", "3"}};
  CHECK(representation(subscription).at("headers") == json{{"x-key", masked}, {"a-key", masked}, {"b-key", masked}});
}

TEST_CASE("a delivery is written with its attempts") {
  CHECK(representation(test::full_record()) == json::parse(R"({
    "id": "dlv_0000000000001", "event_id": "msg_1", "subscription_id": "crm", "event_type": "order.paid",
    "status": "in_flight", "attempt_count": 7, "created_at": "2025-10-09T08:53:20.000000Z",
    "next_attempt_at": "2025-10-09T08:58:20.000001Z", "reason": "none yet",
    "attempts": [
      {"at": "2025-10-09T08:53:21.000000Z", "status": 503, "error": "", "duration": 1234, "response_body": "try later",
       "url": "https://hooks.example.com/x", "trigger": "schedule"},
      {"at": "2025-10-09T08:53:29.000000Z", "status": 0, "error": "timeout: 15 s", "duration": 15000000,
       "response_body": "", "url": "https://hooks.example.com/x", "trigger": "probe"}]})"));
  CHECK(representation(DeliveryRecord{}).at("next_attempt_at").is_null());
}

TEST_CASE("an explanation is written, and what is not there is null") {
  CHECK(representation(Explanation{{"crm"}, true, "it is due", DeliveryId{"dlv_1"}, TimePoint{1'760'000'000s}}) ==
        json::parse(R"({"subscription_id": "crm", "matched": true, "reason": "it is due", "delivery_id": "dlv_1",
                        "next_attempt_at": "2025-10-09T08:53:20.000000Z"})"));
  CHECK(representation(Explanation{}) == json::parse(R"({"subscription_id": "", "matched": false, "reason": "",
                                                         "delivery_id": null, "next_attempt_at": null})"));
}

TEST_CASE("an event type's example and schema are JSON, and null where they are none") {
  CHECK(representation(EventType{"order.paid", "An order was paid.", R"({"id":1})", R"({"type":"object"})"}) ==
        json{{"name", "order.paid"},
             {"description", "An order was paid."},
             {"example", {{"id", 1}}},
             {"schema", {{"type", "object"}}}});
  CHECK(representation(EventType{"a", "", "[1]", "true"}).at("example") == json::array({1}));
  CHECK(representation(EventType{"a", "", "[1]", "true"}).at("schema") == json(true));
  for (const auto& text : {std::string{}, std::string{"{"}, std::string{"1 2"}, std::string{"nonsense"},
                           std::string{"1e999"}, std::string{"\"\xFF\""}, std::string{"1\0", 2}}) {
    const auto written = representation(EventType{"a", "", text, text});
    CHECK(written.at("example").is_null());
    CHECK(written.at("schema").is_null());
  }
}

TEST_CASE("stats are written by the names of their members") {
  auto stats = test::full_stats();
  stats.attempt_latency.counts[3] = 17;
  stats.attempt_latency.sum_us = 18;
  stats.delivery_latency.counts[31] = 19;
  stats.delivery_latency.sum_us = 20;
  auto written = representation(stats);
  const auto attempts = written.at("attempt_latency"), deliveries = written.at("delivery_latency");
  written.erase("attempt_latency");
  written.erase("delivery_latency");
  CHECK(written == json::parse(R"({"published": 1, "rejected": 2, "duplicates": 3, "dropped": 4, "attempts": 5,
    "failed_attempts": 6, "delivered": 7, "dead": 8, "expired": 9, "cancelled": 10, "queued": 11, "pending": 12,
    "in_flight": 13, "callback_errors": 14, "store_errors": 18446744073709551615, "threads": 16})"));
  auto counts = json::array();
  for (int i = 0; i < 32; ++i) counts.push_back(i == 3 ? 17 : 0);
  CHECK(attempts == json{{"counts", counts}, {"sum_us", 18}});
  counts[3] = 0;
  counts[31] = 19;
  CHECK(deliveries == json{{"counts", counts}, {"sum_us", 20}});
}

TEST_CASE("what is dumped is UTF-8, whatever endpoints answered") {
  auto record = test::full_record();
  record.attempts[0].response_body =
      "a\xFF"
      "b\xC3";
  record.attempts[0].error = "protocol: \xED\xA0\x80";
  record.attempts[1].response_body = std::string{"\0\x01\"", 3};
  const auto text = dump(representation(record));
  const auto back = json::parse(text);
  CHECK(back.at("attempts").at(0).at("response_body") ==
        "a\xEF\xBF\xBD"
        "b\xEF\xBF\xBD");
  CHECK(back.at("attempts").at(1).at("response_body") == std::string{"\0\x01\"", 3});

  auto subscription = test::full_subscription();
  subscription.description = "\x80";
  subscription.metadata = {{"\xFE", "\xC0\x80"}};
  subscription.headers = {{"x", "caf\xE9"}};
  CHECK(json::parse(dump(representation(subscription))).at("description") == "\xEF\xBF\xBD");
  CHECK(dump(json{{"a", "\xC3\xA9"}}) == "{\"a\":\"\xC3\xA9\"}");
}
