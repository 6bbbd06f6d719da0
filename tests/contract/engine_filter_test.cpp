#include "catch.hpp"
#include "contract/engine_session.hpp"

#include <flyhook/error.hpp>

#include <algorithm>
#include <string>
#include <vector>

using namespace flyhook;
using contract::EngineSession;

namespace shop {

struct Report {
  std::string csv;
};

struct Own {
  std::string bytes;
};

}  // namespace shop

template <>
struct flyhook::EventTraits<shop::Report> {
  static constexpr std::string_view type = "report.ready";
  static constexpr std::string_view content_type = "text/csv";
  static void serialize(const shop::Report& report, std::string& out) { out += report.csv; }
};
template <>
struct flyhook::EventTraits<shop::Own> {
  static constexpr std::string_view type = "own.bytes";
  static void serialize(const shop::Own& own, std::string& out) { out += own.bytes; }
};

namespace {

SubscriptionId subscribe(EngineSession& session, const std::string& name, const std::string& filter) {
  return session.publisher->subscribe(
      {.url = "http://127.0.0.1/" + name, .filter = filter, .secret = contract::secret, .id = {name}});
}

/// To whom what is published now goes, in the order of their names.
std::vector<std::string> receivers(EngineSession& session, nlohmann::json data, PublishOptions options = {}) {
  const auto before = session.sent_to().size();
  session.publish("order.paid", std::move(data), std::move(options));
  session.settle();
  auto sent = session.sent_to();
  sent.erase(sent.begin(), sent.begin() + static_cast<std::ptrdiff_t>(before));
  std::sort(sent.begin(), sent.end());
  return sent;
}

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("a subscription with a filter gets the events that pass it, and no delivery is made of the others") {
  EngineSession session{contract::each_store()};
  subscribe(session, "all", "");
  subscribe(session, "large", R"({"/total":{"$gte":100}})");
  subscribe(session, "german", R"({"/country":"DE"})");
  CHECK(receivers(session, {{"total", 100}, {"country", "DE"}}) == Names{"all", "german", "large"});
  CHECK(receivers(session, {{"total", 99}, {"country", "DE"}}) == Names{"all", "german"});
  CHECK(receivers(session, {{"total", 1000}}) == Names{"all", "large"});
  CHECK(receivers(session, nullptr) == Names{"all"});
  CHECK(session.publisher->deliveries({.subscription_id = SubscriptionId{"large"}}).size() == 2);
  CHECK(session.publisher->stats().delivered == 8);
  CHECK(session.publisher->stats().dropped == 0);
}

TEST_CASE("an event that passes no filter is accepted and goes nowhere") {
  EngineSession session{contract::each_store()};
  subscribe(session, "one", R"({"/n":1})");
  CHECK(session.publish("order.paid", {{"n", 2}}));
  session.settle();
  CHECK(session.sent_to().empty());
  CHECK(session.publisher->drain(std::chrono::seconds{10}));
  CHECK(session.publisher->stats().published == 1);
  CHECK(session.publisher->stats().pending == 0);
}

TEST_CASE("filters see the tenant and the key that the publish options gave") {
  EngineSession session{contract::each_store()};
  session.publisher->subscribe({.url = "http://127.0.0.1/one",
                                .tenant = "acme",
                                .filter = R"({"/key":{"$prefix":"vip"},"/tenant":"acme","/type":"order.paid"})",
                                .secret = contract::secret});
  CHECK(receivers(session, 1, {.tenant = "acme", .key = "vip-7"}) == Names{"one"});
  CHECK(receivers(session, 1, {.tenant = "acme", .key = "7"}).empty());
  CHECK(receivers(session, 1, {.tenant = "acme"}).empty());
}

TEST_CASE("a filter is changed, taken away and given by update and by subscribing again") {
  EngineSession session{contract::each_store()};
  const auto id = subscribe(session, "one", R"({"/n":1})");
  CHECK(session.publisher->subscription(id)->filter == R"({"/n":1})");
  CHECK(receivers(session, {{"n", 1}}) == Names{"one"});
  CHECK(receivers(session, {{"n", 2}}).empty());

  CHECK(session.publisher->update(id, {.filter = R"({"/n":2})"}));
  CHECK(session.publisher->subscription(id)->filter == R"({"/n":2})");
  CHECK(receivers(session, {{"n", 1}}).empty());
  CHECK(receivers(session, {{"n", 2}}) == Names{"one"});

  CHECK(session.publisher->update(id, {.filter = ""}));
  CHECK(receivers(session, {{"n", 1}}) == Names{"one"});

  subscribe(session, "one", R"({"/n":3})");
  CHECK(receivers(session, {{"n", 1}}).empty());
  CHECK(receivers(session, {{"n", 3}}) == Names{"one"});
  subscribe(session, "one", "");
  CHECK(receivers(session, {{"n", 1}}) == Names{"one"});
}

TEST_CASE("a filter that is refused changes nothing, by update and by subscribing again") {
  EngineSession session{contract::each_store()};
  const auto id = subscribe(session, "one", R"({"/n":1})");
  SubscriptionPatch patch;
  patch.url = "http://127.0.0.1/other";
  patch.filter = R"({"/n":{"$huh":1}})";
  const auto refused = [](auto call) {
    try {
      call();
    } catch (const Error& error) {
      CHECK(error.code() == ErrorCode::invalid);
      return std::string{error.what()};
    }
    return std::string{"accepted"};
  };
  CHECK(refused([&] { session.publisher->update(id, patch); }) == R"(filter: at /~1n: "$huh" is not an operator)");
  CHECK(refused([&] { subscribe(session, "one", "["); }).starts_with("filter: is not JSON"));
  CHECK(session.publisher->subscription(id)->filter == R"({"/n":1})");
  CHECK(session.publisher->subscription(id)->url == "http://127.0.0.1/one");
  CHECK(receivers(session, {{"n", 1}}) == Names{"one"});
  CHECK(receivers(session, {{"n", 2}}).empty());
}

TEST_CASE("what waits when a filter changes was matched by the old one, and is sent") {
  EngineSession session{contract::each_store()};
  const auto id = subscribe(session, "one", R"({"/n":1})");
  session.publisher->pause(id);
  session.publish("order.paid", {{"n", 1}});
  session.settle();
  session.publisher->update(id, {.filter = R"({"/n":2})"});
  session.publisher->resume(id);
  session.settle();
  CHECK(session.sent_to() == Names{"one"});
}

TEST_CASE("an event that is not JSON passes no filter; without one it is delivered raw or as binary CloudEvent") {
  EngineSession session{contract::each_store()};
  const auto add = [&](const std::string& name, const std::string& filter, Encoding encoding) {
    session.publisher->subscribe({.url = "http://127.0.0.1/" + name,
                                  .filter = filter,
                                  .secret = contract::secret,
                                  .encoding = encoding,
                                  .id = {name}});
  };
  add("raw", "", Encoding::raw);
  add("binary", "", Encoding::cloudevents_binary);
  add("standard", "", Encoding::standard);
  add("structured", "", Encoding::cloudevents_structured);
  add("by-type", R"({"/type":"report.ready"})", Encoding::raw);
  add("not", R"({"$not":{"/a":1}})", Encoding::raw);
  Publisher<shop::Report> reports{*session.publisher};
  reports.publish({"a,b\n1,2\n"});
  session.settle();

  auto sent = session.sent_to();
  std::sort(sent.begin(), sent.end());
  CHECK(sent == Names{"binary", "raw"});
  for (const auto& request : session.transport->requests()) {
    CHECK(*request.body == "a,b\n1,2\n");
    CHECK(*find_header(request.headers, "content-type") == "text/csv");
  }
  CHECK(session.publisher->deliveries().size() == 4);
  for (const auto* name : {"standard", "structured"}) {
    const auto dead = session.publisher->deliveries({.subscription_id = SubscriptionId{name}});
    REQUIRE(dead.size() == 1);
    CHECK(dead[0].status == DeliveryStatus::dead);
    CHECK(dead[0].reason.starts_with("encoding: "));
    CHECK(dead[0].attempts.empty());
  }
  CHECK(session.recorder->dead().size() == 2);
}

TEST_CASE("bytes that are no JSON, though they claim to be, pass no filter that looks into them, and harm nobody") {
  EngineSession session{contract::each_store()};
  session.publisher->subscribe({.url = "http://127.0.0.1/all", .secret = contract::secret, .encoding = Encoding::raw});
  subscribe(session, "not", R"({"$not":{"/a":1}})");
  session.publisher->subscribe({.url = "http://127.0.0.1/by-type",
                                .filter = R"({"/type":"own.bytes"})",
                                .secret = contract::secret,
                                .encoding = Encoding::raw});
  Publisher<shop::Own> own{*session.publisher};
  for (const std::string& bytes : {std::string{"{"}, std::string{"\xFF"}, std::string{}, std::string{"1\0", 2}})
    own.publish({bytes});
  own.publish({R"({"a":2})"});
  session.settle();
  const auto sent = session.sent_to();
  CHECK(std::count(sent.begin(), sent.end(), "all") == 5);
  CHECK(std::count(sent.begin(), sent.end(), "by-type") == 5);
  CHECK(std::count(sent.begin(), sent.end(), "not") == 1);
  CHECK(session.recorder->dropped().empty());
}

TEST_CASE("each encoding is what its subscription gets, of one event") {
  EngineSession session{contract::each_store(), {.encoding = Encoding::cloudevents_structured, .source = "/shop"}};
  session.publisher->subscribe({.url = "http://127.0.0.1/structured", .secret = contract::secret});
  session.publisher->subscribe(
      {.url = "http://127.0.0.1/binary", .secret = contract::secret, .encoding = Encoding::cloudevents_binary});
  const auto trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const auto published = session.publish("order.paid", {{"n", 1}}, {.trace_parent = trace});
  session.settle();
  const auto requests = session.transport->requests();
  REQUIRE(requests.size() == 2);
  for (const auto& request : requests) {
    const auto body = nlohmann::json::parse(*request.body);
    CHECK(*find_header(request.headers, "webhook-id") == published.id.value);
    CHECK(*find_header(request.headers, "traceparent") == trace);
    CHECK(find_header(request.headers, "webhook-signature") != nullptr);
    if (request.url.ends_with("structured")) {
      CHECK(*find_header(request.headers, "content-type") == "application/cloudevents+json");
      CHECK(body.at("id") == published.id.value);
      CHECK(body.at("source") == "/shop");
      CHECK(body.at("data") == nlohmann::json{{"n", 1}});
    } else {
      CHECK(*find_header(request.headers, "ce-id") == published.id.value);
      CHECK(*find_header(request.headers, "ce-source") == "/shop");
      CHECK(body == nlohmann::json{{"n", 1}});
    }
  }
}
