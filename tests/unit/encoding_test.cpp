#include <flyhook/encoding.hpp>

#include <flyhook/error.hpp>

#include "catch.hpp"
#include "unit/vectors.hpp"

#include <chrono>
#include <string>

using namespace flyhook;
using namespace std::chrono_literals;
using detail::rfc3339;

namespace {

constexpr TimePoint at{1'760'000'000'123'456us};

Message some_message() {
  Message message;
  message.id = {"msg_1"};
  message.type = "order.paid";
  message.data = R"({"n":1})";
  message.created_at = at;
  return message;
}

}  // namespace

TEST_CASE("the vectors of the encodings that are built hold") {
  int ran = 0;
  for (const auto& each : unit::cases_of("encodings.json")) {
    if (each.at("kind") != "event") continue;
    const auto name = each.at("encoding").get<std::string>();
    if (name != "standard" && name != "raw") continue;
    ++ran;
    CAPTURE(each.at("name").get<std::string>(), each.at("why").get<std::string>());

    const auto& event = each.at("event");
    Message message;
    message.id = {event.at("id")};
    message.type = event.at("type");
    message.data = event.at("data").dump();
    message.created_at = TimePoint{std::chrono::microseconds{event.at("timestamp_us").get<std::int64_t>()}};
    message.trace_parent = event.at("trace_parent");
    const auto encoded =
        encode(message, name == "raw" ? Encoding::raw : Encoding::standard, event.at("source").get<std::string>());

    for (const auto& [header, value] : each.at("headers").items()) {
      const auto* found = find_header(encoded.headers, header);
      CAPTURE(header);
      REQUIRE(found != nullptr);
      CHECK(*found == value.get<std::string>());
    }
    for (const auto& absent : each.at("absent")) {
      auto prefix = absent.get<std::string>();
      const bool is_prefix = prefix.back() == '*';
      if (is_prefix) prefix.pop_back();
      for (const auto& [header, value] : encoded.headers)
        CHECK_FALSE((is_prefix ? header.starts_with(prefix) : header == prefix));
    }
    CHECK(nlohmann::json::parse(encoded.body) == each.at("body"));
    // Pure: the same event gives the same bytes.
    CHECK(encode(message, name == "raw" ? Encoding::raw : Encoding::standard, "/elsewhere").body == encoded.body);
  }
  CHECK(ran >= 6);
}

TEST_CASE("the standard body is type, timestamp and data, with the data's own bytes") {
  auto message = some_message();
  message.data = R"({ "b": 1,  "a": [1.50, "\u20ac"] })";
  CHECK(encode(message, Encoding::standard, "").body ==
        R"({"type":"order.paid","timestamp":"2025-10-09T08:53:20.123456Z","data":{ "b": 1,  "a": [1.50, "\u20ac"] }})");
  CHECK(encode(message, Encoding::raw, "").body == message.data);
}

TEST_CASE("headers come as content-type, webhook-id, traceparent, and then the message's own") {
  auto message = some_message();
  message.headers = {{"x-b", "2"}, {"x-a", "1"}};
  const Headers plain{{"content-type", "application/json"}, {"webhook-id", "msg_1"}, {"x-b", "2"}, {"x-a", "1"}};
  CHECK(encode(message, Encoding::standard, "").headers == plain);
  message.trace_parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const Headers traced{{"content-type", "application/json"},
                       {"webhook-id", "msg_1"},
                       {"traceparent", message.trace_parent},
                       {"x-b", "2"},
                       {"x-a", "1"}};
  CHECK(encode(message, Encoding::raw, "").headers == traced);
}

TEST_CASE("data that is not JSON goes raw, with its own content type, and not otherwise") {
  auto message = some_message();
  message.content_type = "text/csv";
  message.data = "a,b\n1,2\n";
  const auto encoded = encode(message, Encoding::raw, "");
  CHECK(*find_header(encoded.headers, "content-type") == "text/csv");
  CHECK(encoded.body == "a,b\n1,2\n");
  try {
    encode(message, Encoding::standard, "");
    FAIL("encoded");
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::unsupported);
    CHECK(error.field() == "encoding");
    CHECK(std::string{error.what()}.find("text/csv") != std::string::npos);
  }
  message.content_type = "application/json";
  message.data = "{}";
  CHECK_NOTHROW(encode(message, Encoding::standard, ""));
}

TEST_CASE("CloudEvents are refused until they are built") {
  for (const auto encoding : {Encoding::cloudevents_structured, Encoding::cloudevents_binary}) {
    try {
      encode(some_message(), encoding, "/shop");
      FAIL("encoded");
    } catch (const Error& error) {
      CHECK(error.code() == ErrorCode::unsupported);
      CHECK(error.field() == "encoding");
    }
  }
}

TEST_CASE("times are UTC with six digits, whatever the day") {
  CHECK(rfc3339(TimePoint{}) == "1970-01-01T00:00:00.000000Z");
  CHECK(rfc3339(at) == "2025-10-09T08:53:20.123456Z");
  CHECK(rfc3339(TimePoint{951'782'399s}) == "2000-02-28T23:59:59.000000Z");
  CHECK(rfc3339(TimePoint{951'782'400s}) == "2000-02-29T00:00:00.000000Z");
  CHECK(rfc3339(TimePoint{1'709'251'199s}) == "2024-02-29T23:59:59.000000Z");
  CHECK(rfc3339(TimePoint{1'735'689'599s} + 999'999us) == "2024-12-31T23:59:59.999999Z");
  CHECK(rfc3339(TimePoint{4'107'542'399s}) == "2100-02-28T23:59:59.000000Z");
  CHECK(rfc3339(TimePoint{4'107'542'400s}) == "2100-03-01T00:00:00.000000Z");
}

TEST_CASE("a time before 1970 is one, too") {
  CHECK(rfc3339(TimePoint{-1us}) == "1969-12-31T23:59:59.999999Z");
  CHECK(rfc3339(TimePoint{-1s}) == "1969-12-31T23:59:59.000000Z");
  CHECK(rfc3339(TimePoint{-86'400s}) == "1969-12-31T00:00:00.000000Z");
  CHECK(rfc3339(TimePoint{-2'203'977'600s}) == "1900-02-28T00:00:00.000000Z");
}

TEST_CASE("microseconds are truncated, never rounded up, before 1970 too") {
  using nanoseconds = std::chrono::nanoseconds;
  const auto time = [](nanoseconds since) { return rfc3339(TimePoint{since}); };
  CHECK(time(nanoseconds{1'999}) == "1970-01-01T00:00:00.000001Z");
  CHECK(time(nanoseconds{999'999'999}) == "1970-01-01T00:00:00.999999Z");
  CHECK(time(nanoseconds{-1}) == "1969-12-31T23:59:59.999999Z");
}
