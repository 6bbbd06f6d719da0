#include <flyhook/event_type.hpp>

#include <flyhook/error.hpp>
#include <flyhook/publisher.hpp>
#include <flyhook/testing.hpp>

#include "catch.hpp"
#include "unit/vectors.hpp"

#include <memory>
#include <string>
#include <vector>

using namespace flyhook;

TEST_CASE("an event type is words of letters, digits, underscores and hyphens with single dots between them") {
  for (const char* good : {"a", "Z9", "order.paid", "order.item.added", "_", "-.-", "a.b.c.d.e.f", "0.1"}) {
    CAPTURE(good);
    CHECK(is_event_type(good));
    CHECK(is_event_pattern(good));
  }
  for (const char* bad :
       {"", ".", "a.", ".a", "a..b", "a b", "a.*", "*", "a\n", "a/b", "b\xC3\xBCro", "a:b", "a,b", "{a}"}) {
    CAPTURE(bad);
    CHECK_FALSE(is_event_type(bad));
  }
  CHECK_FALSE(is_event_type(std::string_view{"a\0b", 3}));
}

TEST_CASE("an event type has at most 128 bytes, in a pattern too") {
  const std::string longest(128, 'a');
  CHECK(is_event_type(longest));
  CHECK_FALSE(is_event_type(longest + "a"));
  CHECK(is_event_pattern(longest + ".*"));
  CHECK_FALSE(is_event_pattern(longest + "a.*"));
}

TEST_CASE("a star stands alone or behind the last dot") {
  CHECK(is_event_pattern("*"));
  CHECK(is_event_pattern("order.*"));
  CHECK(is_event_pattern("order.item.*"));
  for (const char* bad : {"", "**", ".*", "*.paid", "order*", "order.**", "order.*.paid", "order.", "order.?", "order .*",
                          " *", "* ", "*.*"}) {
    CAPTURE(bad);
    CHECK_FALSE(is_event_pattern(bad));
  }
}

TEST_CASE("a pattern matches its type, or what is beneath it at any depth") {
  CHECK(pattern_matches("*", "order"));
  CHECK(pattern_matches("*", "order.paid"));
  CHECK(pattern_matches("order.*", "order.paid"));
  CHECK(pattern_matches("order.*", "order.item.added"));
  CHECK_FALSE(pattern_matches("order.*", "order"));
  CHECK_FALSE(pattern_matches("order.*", "orders.paid"));
  CHECK_FALSE(pattern_matches("order.*", "Order.paid"));
  CHECK(pattern_matches("order.paid", "order.paid"));
  CHECK_FALSE(pattern_matches("order.paid", "order.paid.twice"));
  CHECK_FALSE(pattern_matches("order.paid", "order"));
}

TEST_CASE("the vectors of event types, patterns, tenants and filters hold from subscribe to the request") {
  int ran = 0;
  for (const auto& each : unit::cases_of("patterns.json")) {
    const auto& subscription = each.at("subscription");
    const auto& event = each.at("event");
    const auto filter = subscription.at("filter").get<std::string>();
    ++ran;
    CAPTURE(each.at("name").get<std::string>(), each.at("why").get<std::string>());

    const auto clock = std::make_shared<ManualClock>();
    const auto transport = std::make_shared<RecordingTransport>(clock);
    Publisher<> publisher{transport, {.threads = 0, .url_policy = {.allow = {"127.0.0.0/8"}}, .clock = clock}};
    const auto subscribe = [&] {
      publisher.subscribe({.url = "http://127.0.0.1/",
                           .events = subscription.at("events").get<std::vector<std::string>>(),
                           .tenant = subscription.at("tenant"),
                           .filter = filter});
    };
    const auto expect = each.at("expect").get<std::string>();
    if (expect == "invalid_subscription") {
      try {
        subscribe();
        FAIL("subscribe accepted it");
      } catch (const Error& error) {
        CHECK(error.code() == ErrorCode::invalid);
        CHECK(error.field() == (filter.empty() ? "events" : "filter"));
      }
      CHECK(publisher.subscriptions().empty());
      continue;
    }
    subscribe();
    const auto result = publisher.publish(
        {.type = event.at("type"), .data = event.at("data"), .tenant = event.at("tenant"), .key = event.at("key")});
    if (expect == "invalid_type") {
      CHECK(result.status == PublishStatus::invalid);
      CHECK(result.reason.find("type") != std::string::npos);
    } else {
      CHECK(result.status == PublishStatus::accepted);
    }
    CHECK(publisher.settle());
    REQUIRE((expect == "match" || expect == "no_match" || expect == "invalid_type"));
    CHECK(transport->requests().size() == (expect == "match" ? 1u : 0u));
  }
  CHECK(ran >= 87);
}
