#include <flyhook/detail/receive/reading.hpp>

#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "catch.hpp"

using namespace flyhook;
using namespace flyhook::detail;

namespace {

const TimePoint now{std::chrono::seconds{1'700'000'000}};
const TimePoint signed_at{std::chrono::seconds{1'600'000'000}};

struct Given {
  std::string body{};
  Headers headers{};
  Scheme scheme = Scheme::standard;
};

std::variant<ReceivedEvent, Refusal> read(const Given& given) {
  Received meta;
  meta.id = given.scheme == Scheme::standard ? "msg_1" : "";
  meta.headers = given.headers;
  if (given.scheme == Scheme::standard) meta.headers.emplace_back("Webhook-Timestamp", "1600000000");
  meta.body = given.body;
  return read_event(given.scheme, std::move(meta), now);
}

ReceivedEvent event_of(const Given& given) {
  auto result = read(given);
  if (const auto* refusal = std::get_if<Refusal>(&result)) FAIL(refusal->status << " " << refusal->detail);
  return std::get<ReceivedEvent>(std::move(result));
}

/// "400 field"; "taken".
std::string refusal_of(const Given& given) {
  const auto result = read(given);
  const auto* refusal = std::get_if<Refusal>(&result);
  return refusal != nullptr ? std::to_string(refusal->status) + " " + refusal->field : "taken";
}

std::string member(std::string_view text, std::string_view name) {
  const auto span = find_member(text, name);
  return span ? std::string{text.substr(span->at, span->size)} : "none";
}

const Headers structured{{"content-type", "application/cloudevents+json; charset=utf-8"}};

Headers binary(Headers more = {}, const std::string& content_type = "application/json") {
  more.insert(more.end(), {{"Content-Type", content_type}, {"ce-specversion", "1.0"}, {"ce-id", "1"}, {"ce-source", "/s"}});
  if (find_header(more, "ce-type") == nullptr) more.emplace_back("ce-type", "a.b");
  return more;
}

std::string cloud_event(const std::string& rest) {
  return R"({"specversion":"1.0","id":"1","source":"/s","type":"a.b")" + rest + "}";
}

}  // namespace

// Where a member stands -------------------------------------------------------------------------------------------------

TEST_CASE("a member's value is found with its exact bytes") {
  CHECK(member(R"({"data":1})", "data") == "1");
  CHECK(member(" {\t\"a\" : [\"}\",{\"data\":2}] ,\n\"data\"\r: {\"x\": [1, 2]} , \"b\":3}", "data") == R"({"x": [1, 2]})");
  CHECK(member(R"({"a":"data","data":"x\"}y"})", "data") == R"("x\"}y")");
  CHECK(member(R"({"data":-1.50e+3 })", "data") == "-1.50e+3");
  CHECK(member(R"({"data":true,"b":null})", "b") == "null");
  CHECK(member("\xEF\xBB\xBF{\"data\":[]}", "data") == "[]");
  CHECK(member(R"({"":{},"a\\":1,"data":2})", "") == "{}");
  CHECK(member(R"({"da\u0074a":7})", "data") == "7");
  CHECK(member(R"({"a\"data":7,"b":1})", "data") == "none");
}

TEST_CASE("of several members of one name the last is found, as the parser has it") {
  const std::string text = R"({"data":1,"data":{"data":2},"x":0})";
  CHECK(member(text, "data") == R"({"data":2})");
  CHECK(nlohmann::json::parse(text).at("data").dump() == R"({"data":2})");
}

TEST_CASE("what is no object has no member, and text that is cut short is not read beyond") {
  for (const char* text : {"", " ", "1", "[{\"data\":1}]", "\"data\"", "{}", "{ }"}) CHECK(member(text, "data") == "none");
  const std::string whole = R"( { "a" : "\"" , "data" : [ { "b" : "}" } , 1.5 ] , "c" : null } )";
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    const std::vector<char> exact(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    find_member({exact.data(), exact.size()}, "data");
  }
  CHECK(member(whole, "c") == "null");
}

// Standard --------------------------------------------------------------------------------------------------------------

TEST_CASE("an object with type and data is an event in standard encoding") {
  const auto event = event_of({R"({"type":"a.b","timestamp":"2026-01-02T03:04:05.5Z","data":{"n": 1.0}})"});
  CHECK(event.meta.type == "a.b");
  CHECK(event.meta.id == "msg_1");
  CHECK(event.meta.timestamp == TimePoint{std::chrono::milliseconds{1'767'323'045'500}});
  CHECK(event.data() == R"({"n": 1.0})");
  CHECK(event.json == nlohmann::json{{"n", 1.0}});
  CHECK(event.is_json);
  // Its views are its own: they bear to be moved.
  auto moved = event_of({R"({"type":"a","data":7})"});
  const auto other = std::move(moved);
  CHECK(other.data() == "7");
}

TEST_CASE("without a good timestamp of its own an event has the signed one") {
  for (const char* time : {"", R"("timestamp":"yesterday",)", R"("timestamp":1767323045,)", R"("timestamp":null,)"}) {
    const std::string text = time;
    CHECK(event_of({"{" + text + R"("type":"a","data":1})"}).meta.timestamp == signed_at);
  }
}

TEST_CASE("any other JSON is raw: no type, and all of it is the data") {
  for (const char* body : {"[1,  2]", "7", "null", R"("text")", "{}", R"({"type":"a"})", R"({"data":1})",
                           R"({"type":"","data":1})", R"({"type":7,"data":1})", R"({"Type":"a","data":1})"}) {
    CAPTURE(body);
    const auto event = event_of({body});
    CHECK(event.meta.type.empty());
    CHECK(event.data() == body);
    CHECK(event.json == nlohmann::json::parse(body));
    CHECK(event.meta.timestamp == signed_at);
  }
}

TEST_CASE("a body that is no JSON is a 400") {
  for (const char* body : {"", " ", "{", "nope", "{}x", "[1,]", "{\"a\":\"\xFF\"}", "[1e999]", "\xFF\xFE{\0}"}) {
    CAPTURE(body);
    CHECK(refusal_of({body}) == "400 ");
  }
}

// Content types ---------------------------------------------------------------------------------------------------------

TEST_CASE("JSON is taken under each of its media types, and nothing else") {
  for (const char* type : {"application/json", "APPLICATION/JSON", "application/json; charset=utf-8", "text/json",
                           "application/vnd.x+json;v=1", ""}) {
    CAPTURE(type);
    CHECK(refusal_of({"{}", {{"Content-Type", type}}}) == "taken");
  }
  CHECK(refusal_of({"{}"}) == "taken");
  for (const char* type :
       {"text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "json", "application/jsonx",
        "application/cloudevents", "application/cloudevents-batch+json", "application/cloudevents+avro"}) {
    CAPTURE(type);
    CHECK(refusal_of({"{}", {{"Content-Type", type}}}) == "415 content-type");
  }
  CHECK(refusal_of({"{}", binary({}, "application/cloudevents-batch+json")}) == "415 content-type");
  CHECK(refusal_of({"{}", {{"content-type", "application/json"}, {"Content-Type", "text/plain"}}}) == "400 content-type");
}

TEST_CASE("a compressed body is a 415") {
  for (const char* encoding : {"gzip", "br", "identity, gzip", "x"}) {
    CAPTURE(encoding);
    CHECK(refusal_of({"{}", {{"Content-Encoding", encoding}}}) == "415 content-encoding");
  }
  for (const char* encoding : {"", "identity", "Identity"})
    CHECK(refusal_of({"{}", {{"Content-Encoding", encoding}}}) == "taken");
}

// CloudEvents -----------------------------------------------------------------------------------------------------------

TEST_CASE("a structured CloudEvent has its type, time and data in the body") {
  const auto event = event_of({cloud_event(R"(,"time":"2026-01-02T03:04:05Z","data":[1, "x"])"), structured});
  CHECK(event.meta.type == "a.b");
  CHECK(event.meta.id == "msg_1");  // which is signed, too, and what repeats go by
  CHECK(event.meta.timestamp == TimePoint{std::chrono::seconds{1'767'323'045}});
  CHECK(event.data() == R"([1, "x"])");
  CHECK(event_of({cloud_event(""), structured}).data().empty());
  CHECK(event_of({cloud_event(""), structured}).json.is_null());
  CHECK(event_of({cloud_event(R"(,"time":null,"datacontenttype":null,"data":1)"), structured}).meta.timestamp == signed_at);
  // The media type tells the mode, whatever other headers say.
  auto both = structured;
  both.emplace_back("ce-specversion", "7");
  CHECK(event_of({cloud_event(R"(,"data":1)"), both}).meta.type == "a.b");
}

TEST_CASE("a structured CloudEvent's other data is no JSON") {
  const auto text = event_of({cloud_event(R"(,"data_base64":"aGk=")"), structured});
  CHECK_FALSE(text.is_json);
  CHECK(text.data() == "hi");
  CHECK(text.json == "hi");
  const auto bytes = event_of({cloud_event(R"(,"data_base64":"/wA=")"), structured});
  CHECK(bytes.data() == std::string_view{"\xFF\0", 2});
  CHECK(bytes.json == nlohmann::json::binary({0xFF, 0}));
  CHECK(event_of({cloud_event(R"(,"data_base64":"")"), structured}).data().empty());

  const auto xml = event_of({cloud_event(R"(,"datacontenttype":"text/xml","data":"<a b=\"1\"/>")"), structured});
  CHECK_FALSE(xml.is_json);
  CHECK(xml.data() == R"(<a b="1"/>)");
  CHECK(event_of({cloud_event(R"(,"datacontenttype":"text/xml","data":{"a":1})"), structured}).is_json);
  CHECK(event_of({cloud_event(R"(,"datacontenttype":"text/json","data":"x")"), structured}).data() == R"("x")");
}

TEST_CASE("a malformed structured CloudEvent is a 400 that names the attribute") {
  const auto refused = [](const std::string& body) { return refusal_of({body, structured}); };
  CHECK(refused("[]") == "400 ");
  CHECK(refused("{}") == "400 specversion");
  CHECK(refused(R"({"specversion":"0.3","id":"1","source":"/s","type":"a"})") == "400 specversion");
  CHECK(refused(R"({"specversion":1.0,"id":"1","source":"/s","type":"a"})") == "400 specversion");
  CHECK(refused(R"({"specversion":"1.0","source":"/s","type":"a"})") == "400 id");
  CHECK(refused(R"({"specversion":"1.0","id":"","source":"/s","type":"a"})") == "400 id");
  CHECK(refused(R"({"specversion":"1.0","id":"1","type":"a"})") == "400 source");
  CHECK(refused(R"({"specversion":"1.0","id":"1","source":"/s"})") == "400 type");
  CHECK(refused(R"({"specversion":"1.0","id":"1","source":"/s","type":7})") == "400 type");
  CHECK(refused(cloud_event(R"(,"time":"now")")) == "400 time");
  CHECK(refused(cloud_event(R"(,"time":7)")) == "400 time");
  CHECK(refused(cloud_event(R"(,"datacontenttype":7)")) == "400 datacontenttype");
  CHECK(refused(cloud_event(R"(,"data_base64":"a")")) == "400 data_base64");
  CHECK(refused(cloud_event(R"(,"data_base64":7)")) == "400 data_base64");
  CHECK(refused(cloud_event(R"(,"data":1,"data_base64":"aGk=")")) == "400 data_base64");
}

TEST_CASE("a CloudEvent in binary mode has its attributes in headers, and the body is the data") {
  const auto event = event_of(
      {R"( {"type":"x", "data":1} )", binary({{"CE-Type", "\"c\\.d %C3%A4%22\""}, {"ce-time", "2026-01-02T03%3A04:05Z"}})});
  CHECK(event.meta.type == "c.d \xC3\xA4\"");
  CHECK(event.meta.timestamp == TimePoint{std::chrono::seconds{1'767'323'045}});
  CHECK(event.data() == R"( {"type":"x", "data":1} )");
  CHECK(event.is_json);
  CHECK(event_of({"7", binary()}).meta.timestamp == signed_at);
  CHECK(event_of({"", binary()}).json.is_null());

  const auto text = event_of({"a,b\n", binary({}, "text/csv")});
  CHECK_FALSE(text.is_json);
  CHECK(text.data() == "a,b\n");
  CHECK(text.json == "a,b\n");
  CHECK(event_of({"\xFF", binary({}, "image/png")}).json == nlohmann::json::binary({0xFF}));
  CHECK(refusal_of({"{", binary()}) == "400 ");
}

TEST_CASE("a malformed CloudEvent in binary mode is a 400 that names the header") {
  for (const char* name : {"ce-specversion", "ce-id", "ce-source", "ce-type"}) {
    CAPTURE(name);
    auto headers = binary();
    const auto at = std::find_if(headers.begin(), headers.end(), [&](const auto& field) { return field.first == name; });
    const std::string field = std::string{"400 "} + name;
    for (const char* bad : {"", "\"\"", "%", "a%4", "%00", "%FF", "\xC3"}) {
      CAPTURE(bad);
      at->second = bad;
      CHECK(refusal_of({"{}", headers}) == field);
    }
    at->second = "1.0";
    headers.emplace_back(name, "1.0");
    CHECK(refusal_of({"{}", headers}) == field);
    if (std::string_view{name} == "ce-specversion") continue;
    std::erase_if(headers, [&](const auto& each) { return each.first == name; });
    CHECK(refusal_of({"{}", headers}) == field);
  }
  CHECK(refusal_of({"{}", binary({{"ce-time", "now"}})}) == "400 ce-time");
  CHECK(refusal_of({"{}", {{"ce-specversion", "2.0"}, {"ce-id", "1"}, {"ce-source", "/"}, {"ce-type", "a"}}}) ==
        "400 ce-specversion");
}

// Other schemes ---------------------------------------------------------------------------------------------------------

TEST_CASE("a request of GitHub's has type and id in headers") {
  const Headers headers{{"X-GitHub-Event", "push"}, {"X-GitHub-Delivery", "7f"}};
  const auto event = event_of({R"({"type":"x","data":1})", headers, Scheme::github});
  CHECK(event.meta.type == "push");
  CHECK(event.meta.id == "7f");
  CHECK(event.meta.timestamp == now);
  CHECK(event.data() == R"({"type":"x","data":1})");

  CHECK(refusal_of({"{}", {headers[0]}, Scheme::github}) == "400 x-github-delivery");
  CHECK(refusal_of({"{}", {headers[1]}, Scheme::github}) == "400 x-github-event");
  CHECK(refusal_of({"{}", {headers[0], headers[1], headers[1]}, Scheme::github}) == "400 x-github-delivery");
  CHECK(refusal_of({"{}", {headers[0], {"X-GitHub-Delivery", ""}}, Scheme::github}) == "400 x-github-delivery");
  CHECK(refusal_of({"", headers, Scheme::github}) == "400 ");
  auto form = headers;
  form.emplace_back("content-type", "application/x-www-form-urlencoded");
  CHECK(refusal_of({"payload=%7B%7D", form, Scheme::github}) == "415 content-type");
}

TEST_CASE("a request of Stripe's has all in its body") {
  const auto stripe = [](const std::string& body) { return Given{body, {}, Scheme::stripe}; };
  const auto event =
      event_of(stripe(R"({"id":"evt_1","type":"charge.paid","created":1767323045,"data":{"object": {"n":1}}})"));
  CHECK(event.meta.id == "evt_1");
  CHECK(event.meta.type == "charge.paid");
  CHECK(event.meta.timestamp == TimePoint{std::chrono::seconds{1'767'323'045}});
  CHECK(event.data() == R"({"object": {"n":1}})");
  CHECK(event.json["object"]["n"] == 1);

  CHECK(refusal_of(stripe("7")) == "400 ");
  CHECK(refusal_of(stripe(R"({"id":"e","created":1,"data":{}})")) == "400 type");
  CHECK(refusal_of(stripe(R"({"type":"t","created":1,"data":{}})")) == "400 id");
  CHECK(refusal_of(stripe(R"({"type":"t","id":"e","data":{}})")) == "400 created");
  CHECK(refusal_of(stripe(R"({"type":"t","id":"e","created":1.5,"data":{}})")) == "400 created");
  CHECK(refusal_of(stripe(R"({"type":"t","id":"e","created":1})")) == "400 data");
  for (const char* created : {"-9223372036854775808", "18446744073709551615", "9223372036854775807"})
    CHECK(refusal_of(stripe(std::string{R"({"type":"t","id":"e","data":1,"created":)"} + created + "}")) == "taken");
}
