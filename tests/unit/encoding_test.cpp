#include <flyhook/encoding.hpp>

#include <flyhook/error.hpp>

#include "catch.hpp"
#include "unit/vectors.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

using namespace flyhook;
using namespace std::chrono_literals;

namespace {

const std::map<std::string, Encoding> encodings{{"standard", Encoding::standard},
                                                {"raw", Encoding::raw},
                                                {"cloudevents_structured", Encoding::cloudevents_structured},
                                                {"cloudevents_binary", Encoding::cloudevents_binary}};

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

TEST_CASE("the vectors of the encodings hold") {
  int ran = 0;
  for (const auto& each : unit::cases_of("encodings.json")) {
    if (each.at("kind") != "event") continue;
    ++ran;
    CAPTURE(each.at("name").get<std::string>(), each.at("why").get<std::string>());
    const auto encoding = encodings.at(each.at("encoding").get<std::string>());

    const auto& event = each.at("event");
    Message message;
    message.id = {event.at("id")};
    message.type = event.at("type");
    message.data = event.at("data").dump();
    message.created_at = TimePoint{std::chrono::microseconds{event.at("timestamp_us").get<std::int64_t>()}};
    message.trace_parent = event.at("trace_parent");
    const auto encoded = encode(message, encoding, event.at("source").get<std::string>());

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
    const auto again = encode(message, encoding, event.at("source").get<std::string>());
    CHECK(again.body == encoded.body);
    CHECK(again.headers == encoded.headers);
  }
  CHECK(ran >= 14);
}

TEST_CASE("the vectors of ce- header values hold, in every attribute that is the application's") {
  int ran = 0;
  for (const auto& each : unit::cases_of("encodings.json")) {
    if (each.at("kind") != "ce_header_value") continue;
    ++ran;
    CAPTURE(each.at("name").get<std::string>(), each.at("why").get<std::string>());
    const auto text = each.at("text").get<std::string>();
    const auto value = each.at("encoded").get<std::string>();
    CHECK(detail::ce_header_value(text) == value);
    auto message = some_message();
    message.id.value = text;
    message.type = text;
    const auto encoded = encode(message, Encoding::cloudevents_binary, text);
    for (const auto* name : {"ce-id", "ce-source", "ce-type"}) CHECK(*find_header(encoded.headers, name) == value);
  }
  CHECK(ran >= 7);
}

TEST_CASE("a ce- header value holds printable ASCII only, and what it stands for") {
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all.push_back(static_cast<char>(byte));
  const auto value = detail::ce_header_value(all);
  CHECK(is_header_value(value));
  std::string back;
  for (std::size_t i = 0; i < value.size(); ++i) {
    CHECK(value[i] > ' ');
    CHECK(value[i] <= '~');
    CHECK(value[i] != '"');
    if (value[i] == '%') {
      const auto digits = value.substr(i + 1, 2);
      CHECK(digits.find_first_not_of("0123456789ABCDEF") == std::string::npos);
      back.push_back(static_cast<char>(std::stoi(digits, nullptr, 16)));
      i += 2;
    } else {
      back.push_back(value[i]);
    }
  }
  CHECK(back == all);
  CHECK(detail::ce_header_value("").empty());
}

TEST_CASE("a structured body has the attributes and the data's own bytes, and its content type is CloudEvents'") {
  auto message = some_message();
  message.data = R"({ "b": 1,  "a": [1.50, "\u20ac"] })";
  const auto encoded = encode(message, Encoding::cloudevents_structured, "/shop");
  CHECK(encoded.body ==
        R"({"specversion":"1.0","id":"msg_1","source":"/shop","type":"order.paid","time":"2025-10-09T08:53:20.123456Z",)"
        R"("datacontenttype":"application/json","data":{ "b": 1,  "a": [1.50, "\u20ac"] }})");
  const Headers expected{{"content-type", "application/cloudevents+json"}, {"webhook-id", "msg_1"}};
  CHECK(encoded.headers == expected);
}

TEST_CASE("a binary event is the data, and its attributes are headers between flyhook's and the event's own") {
  auto message = some_message();
  message.headers = {{"x-a", "1"}};
  message.trace_parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const auto encoded = encode(message, Encoding::cloudevents_binary, "/shop");
  const Headers expected{{"content-type", "application/json"},
                         {"webhook-id", "msg_1"},
                         {"traceparent", message.trace_parent},
                         {"ce-specversion", "1.0"},
                         {"ce-id", "msg_1"},
                         {"ce-source", "/shop"},
                         {"ce-type", "order.paid"},
                         {"ce-time", "2025-10-09T08:53:20.123456Z"},
                         {"x-a", "1"}};
  CHECK(encoded.headers == expected);
  CHECK(encoded.body == message.data);
}

TEST_CASE("attributes are escaped in a body, whatever bytes they hold; what is not ASCII stays") {
  auto message = some_message();
  const std::string odd = std::string{"\0\x1F\n\"\\/", 6} + "\x7F\xC3\xBC";
  message.id.value = message.type = odd;
  message.content_type = "application/json;x=\"\\\n\"";
  const auto structured = nlohmann::json::parse(encode(message, Encoding::cloudevents_structured, odd).body);
  for (const auto* name : {"id", "source", "type"}) CHECK(structured.at(name).get<std::string>() == odd);
  CHECK(structured.at("datacontenttype").get<std::string>() == message.content_type);
  CHECK(structured.size() == 7);
  CHECK(nlohmann::json::parse(encode(message, Encoding::standard, "").body).at("type").get<std::string>() == odd);

  // What serialize writes is its own affair, and goes as it is.
  message = some_message();
  message.data = "\xFF, not JSON";
  for (const auto encoding : {Encoding::standard, Encoding::cloudevents_structured})
    CHECK(encode(message, encoding, "/shop").body.ends_with(R"(,"data":)" + message.data + "}"));
  CHECK(encode(message, Encoding::cloudevents_binary, "/shop").body == message.data);
}

TEST_CASE("a CloudEvents encoding needs a source, and no other does") {
  for (const auto encoding : {Encoding::cloudevents_structured, Encoding::cloudevents_binary}) {
    try {
      encode(some_message(), encoding, "");
      FAIL("encoded");
    } catch (const Error& error) {
      CHECK(error.code() == ErrorCode::invalid);
      CHECK(error.field() == "source");
    }
  }
}

TEST_CASE("JSON's media types are those of subtype json or +json, whatever their case and parameters") {
  for (const auto* type : {"", "application/json", "Application/JSON", "application/json; charset=utf-8", "text/json",
                           "application/json \t;a=b", "application/geo+json", "application/problem+JSON;x=y"})
    CHECK(detail::is_json_type(type));
  for (const auto* type :
       {"text/csv", "json", "/json", "application/+json", "application/jsonx", "application/json+xml",
        "application/xml; a=application/json", "application/", ";", " application/xml", "application/json5"})
    CHECK_FALSE(detail::is_json_type(type));
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

TEST_CASE("data that is not JSON goes raw or binary, with its own content type, and not otherwise") {
  auto message = some_message();
  message.content_type = "text/csv";
  message.data = "a,b\n1,2\n";
  for (const auto encoding : {Encoding::raw, Encoding::cloudevents_binary}) {
    const auto encoded = encode(message, encoding, "/shop");
    CHECK(*find_header(encoded.headers, "content-type") == "text/csv");
    CHECK(encoded.body == "a,b\n1,2\n");
  }
  for (const auto encoding : {Encoding::standard, Encoding::cloudevents_structured}) {
    try {
      encode(message, encoding, "/shop");
      FAIL("encoded");
    } catch (const Error& error) {
      CHECK(error.code() == ErrorCode::unsupported);
      CHECK(error.field() == "encoding");
      CHECK(std::string{error.what()}.find("text/csv") != std::string::npos);
    }
  }
}

TEST_CASE("data of another JSON media type is embedded, and told by that name where there is room for it") {
  auto message = some_message();
  message.content_type = "application/geo+json";
  CHECK(*find_header(encode(message, Encoding::standard, "").headers, "content-type") == "application/json");
  CHECK(*find_header(encode(message, Encoding::raw, "").headers, "content-type") == "application/geo+json");
  CHECK(*find_header(encode(message, Encoding::cloudevents_binary, "/a").headers, "content-type") ==
        "application/geo+json");
  const auto body = nlohmann::json::parse(encode(message, Encoding::cloudevents_structured, "/a").body);
  CHECK(body.at("datacontenttype") == "application/geo+json");
  CHECK(body.at("data") == nlohmann::json{{"n", 1}});
}
