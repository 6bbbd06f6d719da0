#include <flyhook/encoding.hpp>
#include <flyhook/receiver.hpp>

#include <algorithm>
#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "unit/signed_requests.hpp"

using namespace flyhook;
using namespace flyhook::test;

// Whole requests: what flyhook sends, what others send, and what nobody should.

namespace sent {

struct Reading {
  static constexpr std::string_view event_type = "meter.read";
  std::string place{};
  double value = 0;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Reading, place, value)

/// Of no JSON.
struct Table {
  std::string csv{};
};

}  // namespace sent

template <>
struct flyhook::EventTraits<sent::Table> {
  static constexpr std::string_view type = "table";
  static constexpr std::string_view content_type = "text/csv";
  static void serialize(const sent::Table& table, std::string& out) { out = table.csv; }
  static sent::Table parse(std::string_view data) { return {std::string{data}}; }
};

using namespace sent;

namespace {

const std::vector<Encoding> encodings{Encoding::standard, Encoding::raw, Encoding::cloudevents_structured,
                                      Encoding::cloudevents_binary};

Request sent_as(const Message& message, Encoding encoding, const Clock& clock) {
  auto encoded = encode(message, encoding, "/shop");
  auto id = std::string{*find_header(encoded.headers, "webhook-id")};
  std::erase_if(encoded.headers, [](const auto& field) { return field.first == "webhook-id"; });
  return signed_request(clock, std::move(encoded.body), std::move(id), std::move(encoded.headers));
}

template <class E>
Message message_of(const E& event, const std::string& id, TimePoint at) {
  Message message;
  message.id = {id};
  message.type = detail::EventAccess<E>::type(event);
  message.created_at = at;
  detail::EventAccess<E>::write(event, message);
  return message;
}

bool is_documented(int status) {
  constexpr int documented[]{200, 204, 400, 401, 405, 413, 415, 500};
  return std::find(std::begin(documented), std::end(documented), status) != std::end(documented);
}

}  // namespace

TEST_CASE("what flyhook sends in any encoding arrives as it was published") {
  const auto encoding = encodings[static_cast<std::size_t>(GENERATE(0, 1, 2, 3))];
  const bool is_raw = encoding == Encoding::raw;
  Session session;
  session.see_all();
  std::vector<Reading> readings;
  session.receiver.on<Reading>([&](const Reading& reading) { readings.push_back(reading); });

  const TimePoint at{std::chrono::microseconds{1'767'323'045'123'456}};
  const auto message = message_of(Reading{"caf\xC3\xA9 \"%\"\n", 0.1}, "msg_01", at);
  REQUIRE(session.post(sent_as(message, encoding, *session.clock)).status == 204);

  REQUIRE(session.events.size() == 1);
  CHECK(session.events[0].type == (is_raw ? "" : "meter.read"));
  CHECK(session.events[0].data == nlohmann::json{{"place", "caf\xC3\xA9 \"%\"\n"}, {"value", 0.1}});
  CHECK(session.metas[0].id == "msg_01");
  if (is_raw) {
    CHECK(readings.empty());  // only "*" sees what says no type
    CHECK(session.metas[0].timestamp == std::chrono::floor<std::chrono::seconds>(session.clock->now()));
  } else {
    REQUIRE(readings.size() == 1);
    CHECK(readings[0].place == "caf\xC3\xA9 \"%\"\n");
    CHECK(readings[0].value == 0.1);
    CHECK(session.metas[0].timestamp == at);
  }
}

TEST_CASE("data that is no JSON reaches who parses bytes, and is a 415 for who does not") {
  Session session;
  session.see_all();
  std::vector<std::string> tables;
  session.receiver.on<Table>([&](const Table& table) { tables.push_back(table.csv); });
  const auto binary = [&](const Message& message) {
    return sent_as(message, Encoding::cloudevents_binary, *session.clock);
  };
  CHECK(session.post(binary(message_of(Table{"a,b\n1,2\n"}, "1", {}))).status == 204);
  CHECK(session.post(binary(message_of(Table{"\xFF\x01"}, "2", {}))).status == 204);
  CHECK(tables == std::vector<std::string>{"a,b\n1,2\n", "\xFF\x01"});
  CHECK(session.events.at(0).data == "a,b\n1,2\n");
  CHECK(session.events.at(1).data == nlohmann::json::binary({0xFF, 0x01}));

  auto reading = message_of(Table{"7"}, "3", {});
  reading.type = "meter.read";
  CHECK(session.post(binary(reading)).status == 204);
  session.receiver.on<Reading>([](const Reading&) {});
  reading.id = {"4"};
  const auto answer = session.post(binary(reading));
  CHECK(answer.status == 415);
  CHECK(session.events.size() == 3);

  // raw says its content type in the header alone, and without attributes nothing else is taken.
  CHECK(session.post(sent_as(message_of(Table{"a"}, "5", {}), Encoding::raw, *session.clock)).status == 415);
}

TEST_CASE("both namings of the headers are taken, and ed25519") {
  Session session{{.secrets = {"whpk_orddIHQGgo/OFCFpHPPTBdeY0OuQJd3/Lk7+hJYyWy0=", shared_secret}}};
  session.see_all();
  auto svix = signed_request(*session.clock, "{}");
  for (auto& [name, value] : svix.headers) name.replace(0, 7, "svix");
  CHECK(session.post(svix).status == 204);
  CHECK(session.metas.at(0).timestamp == std::chrono::floor<std::chrono::seconds>(session.clock->now()));

  auto asymmetric = signed_request(*session.clock, "{}", "msg_2");
  asymmetric.headers[2].second =
      sign("whsk_0yVHF/JzHULCEW5PceRkKv+yjD9qnDbRj4apc364qK2it10gdAaCj84UIWkc89MF15jQ65Al3f8uTv6EljJbLQ==", "msg_2",
           std::stoll(asymmetric.headers[1].second), "{}");
  CHECK(session.post(asymmetric).status == 204);
  CHECK(session.events.size() == 2);
}

TEST_CASE("GitHub's requests are read by their headers") {
  Session session{{.secrets = {"It's a Secret"}, .scheme = Scheme::github}};
  session.see_all();
  const std::string body = R"({"ref":"main","type":"x","data":1})";
  Request request{{{"X-GitHub-Event", "push"}, {"X-GitHub-Delivery", "7f-1"}, {"Content-Type", "application/json"}}, body};
  CHECK(session.post(request).status == 401);
  request.headers.emplace_back("X-Hub-Signature-256", "sha256=" + hmac_hex("It's a Secret", body));
  CHECK(session.post(request).status == 204);
  CHECK(session.post(request).status == 204);
  REQUIRE(session.events.size() == 1);
  CHECK(session.events[0].type == "push");
  CHECK(session.events[0].data.at("ref") == "main");
  CHECK(session.metas[0].id == "7f-1");
  CHECK(session.metas[0].timestamp == session.clock->now());

  std::erase_if(request.headers, [](const auto& field) { return field.first == "X-GitHub-Event"; });
  CHECK(session.post(request).status == 400);
}

TEST_CASE("Stripe's requests are read by their body") {
  Session session{{.secrets = {"whsec_stripes_own"}, .scheme = Scheme::stripe}};
  session.see_all();
  const auto post = [&](const std::string& body) {
    const auto now =
        std::to_string(std::chrono::floor<std::chrono::seconds>(session.clock->now().time_since_epoch()).count());
    return session.post(
        Request{{{"Stripe-Signature", "t=" + now + ",v1=" + hmac_hex("whsec_stripes_own", now + "." + body)}}, body});
  };
  const std::string body =
      R"({"id":"evt_1","object":"event","type":"charge.paid","created":1767323045,"data":{"object":{"amount":5}}})";
  CHECK(post(body).status == 204);
  CHECK(post(body).status == 204);
  REQUIRE(session.events.size() == 1);
  CHECK(session.events[0].type == "charge.paid");
  CHECK(session.events[0].data["object"]["amount"] == 5);
  CHECK(session.metas[0].id == "evt_1");
  CHECK(post(R"({"id":"evt_2","type":"charge.paid"})").status == 400);
}

// Hostile ---------------------------------------------------------------------------------------------------------------

TEST_CASE("a valid request that is cut short or changed at any byte is refused or read, and nothing worse") {
  Session session{{.remember = 0}};
  session.see_all();
  session.receiver.on<Reading>([](const Reading&) {}).on<Table>([](const Table&) {});
  const TimePoint at{std::chrono::seconds{1'767'323'045}};
  int answers = 0, taken = 0;
  for (const auto encoding : encodings) {
    const auto whole = sent_as(message_of(Reading{"caf\xC3\xA9 \\ \"\n", -1.5e-7}, "msg_1", at), encoding, *session.clock);
    const auto post = [&](std::string body) {
      auto headers = whole.headers;
      std::erase_if(headers, [](const auto& field) { return field.first.starts_with("webhook-"); });
      const auto status = session.post(signed_request(*session.clock, std::move(body), "msg_1", std::move(headers))).status;
      ++answers;
      taken += status == 204 ? 1 : 0;
      return status;
    };
    CHECK(post(whole.body) == 204);
    for (std::size_t size = 0; size < whole.body.size(); ++size) {
      CAPTURE(size);
      // In binary mode an event need not have data; this one's type is then not read from it.
      CHECK(post(whole.body.substr(0, size)) == 400);
    }
    for (std::size_t i = 0; i < whole.body.size(); ++i) {
      for (const char c : {'\0', '"', '\\', '{', ']', '7', '\xFF'}) {
        auto changed = whole.body;
        changed[i] = c;
        const auto status = post(changed);
        if (status != 204 && status != 400 && status != 415) FAIL(status);
      }
    }
  }
  CHECK(answers > 1000);
  CHECK(taken > 100);
  CHECK(session.errors.empty());
}

TEST_CASE("bodies made to cost much are refused") {
  Session session;
  session.see_all();
  const auto deep = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  const auto nested = [&](std::size_t depth) { return R"({"type":"a","data":)" + deep(depth) + "}"; };
  CHECK(session.post(nested(255), "1").status == 204);
  CHECK(session.post(nested(256), "2").status == 400);
  CHECK(session.post(deep(10'000), "3").status == 400);
  CHECK(session.post(std::string(1u << 20, '['), "4").status == 400);
  CHECK(session.post(std::string(1u << 20, '{'), "5").status == 400);
  std::string objects;
  while (objects.size() < (1u << 20) - 10) objects += R"({"a":)";
  CHECK(session.post(objects, "6").status == 400);
  CHECK(session.post('"' + std::string((1u << 20) - 2, '[') + '"', "7").status == 204);
  CHECK(session.post(std::string(1u << 20, ' '), "8").status == 400);
  CHECK(session.post(std::string(1u << 20, '\xFF'), "9").status == 400);
  CHECK(session.post("[" + std::string(1000, '9') + "]", "10").status == 400);
  CHECK(session.events.size() == 2);
}

TEST_CASE("headers of strangers decide nothing before the signature is right") {
  Session session;
  session.see_all();
  Headers headers{{"content-type", "text/plain"}, {"content-encoding", "gzip"}, {"ce-specversion", "%"}, {"", ""}};
  for (int i = 0; i < 1000; ++i) headers.emplace_back("x-" + std::to_string(i), std::string(100, '\xFF'));
  CHECK(session.receiver.handle("POST", "/", headers, std::string(1u << 20, '[')).status == 401);
}

TEST_CASE("whatever method, target and headers come, the answer is a documented one") {
  Session session{{.answer_challenge = true}};
  const std::vector<std::string> texts{"",
                                       "POST",
                                       "GET",
                                       "/hooks?challenge=a",
                                       "?challenge=%",
                                       std::string{"\0\xFF\n", 3},
                                       std::string(10'000, '?'),
                                       "application/json",
                                       "1.0",
                                       "ce-id"};
  for (const auto& method : texts)
    for (const auto& target : texts)
      for (const auto& name : {"content-type", "ce-specversion", "webhook-id", "content-encoding"})
        for (const auto& value : texts) {
          const auto status = session.receiver.handle(method, target, {{name, value}}, "{}").status;
          if (!is_documented(status)) FAIL(status);
        }
  SUCCEED();
}
