#include <flyhook/detail/admin/schemas.hpp>

#include <flyhook/detail/admin/representation.hpp>
#include <flyhook/error.hpp>

#include "catch.hpp"
#include "unit/detail/admin/samples.hpp"

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <vector>

using namespace flyhook;
using namespace flyhook::detail;
using nlohmann::json;
using Names = std::set<std::string>;

namespace {

const ApiCaller an_operator{true, {}};

json schemas() {
  return json::parse(api_schemas());
}

Names keys(const json& object) {
  Names names;
  for (const auto& [name, value] : object.items()) names.insert(name);
  return names;
}

Names properties(const std::string& schema) {
  return keys(schemas().at(schema).at("properties"));
}

Names required(const std::string& schema) {
  return schemas().at(schema).at("required").get<Names>();
}

/// Calls `visit` with every object in `value`, and where it stands.
void each_object(const json& value, const std::string& at,
                 const std::function<void(const std::string&, const json&)>& visit) {
  if (value.is_object()) visit(at, value);
  if (!value.is_structured()) return;
  for (const auto& [name, inner] : value.items()) each_object(inner, at + "/" + name, visit);
}

/// Every name that could be a member of a subscription, and one that is none.
Names candidates() {
  auto names = keys(representation(test::full_subscription()));
  names.insert({"secret", "public_only", "previous_secrets", "token", "colour"});
  return names;
}

/// Those that a read function takes: whatever it says of the value, it does not say that there is no such member.
Names taken_by(const std::function<void(const json&)>& read) {
  Names taken;
  for (const auto& name : candidates()) {
    json body{{"url", "https://a.example"}};
    body[name] = json::array({json::array()});
    try {
      read(body);
    } catch (const Error& error) {
      const std::string what = error.what();
      if (error.field() != name) continue;
      if (what.ends_with("is no member that can be set here") || what.ends_with("is read only") ||
          what.ends_with("cannot be changed"))
        continue;
      taken.insert(name);
    }
  }
  return taken;
}

bool accepts(const std::string& member, json value) {
  json body{{"url", "https://a.example"}};
  body[member] = std::move(value);
  try {
    static_cast<void>(read_subscription(body, an_operator));
    return true;
  } catch (const Error&) {
    return false;
  }
}

json texts(std::size_t count) {
  auto object = json::object();
  for (std::size_t i = 0; i < count; ++i) object["x-" + std::to_string(i)] = "v";
  return object;
}

}  // namespace

TEST_CASE("the schemas are JSON, one for each body of the API") {
  CHECK(keys(schemas()) == Names{"Subscription",
                                 "CreatedSubscription",
                                 "NewSubscription",
                                 "SubscriptionPatch",
                                 "RetryPolicy",
                                 "RateLimit",
                                 "Delivery",
                                 "Attempt",
                                 "Explanation",
                                 "EventType",
                                 "Stats",
                                 "Histogram",
                                 "Recover",
                                 "Recovered",
                                 "Rotate",
                                 "Secret",
                                 "Test",
                                 "Health",
                                 "Problem",
                                 "SubscriptionPage",
                                 "DeliveryPage",
                                 "ExplanationPage",
                                 "EventTypePage"});
}

TEST_CASE("every reference leads to something, and everything is described") {
  const auto all = schemas();
  const std::string root = "#/components/schemas";
  std::size_t references = 0;
  each_object(all, "", [&](const std::string&, const json& object) {
    if (!object.contains("$ref")) return;
    const auto to = object.at("$ref").get<std::string>();
    CAPTURE(to);
    ++references;
    REQUIRE(to.starts_with(root + "/"));
    CHECK(all.contains(json::json_pointer{to.substr(root.size())}));
  });
  CHECK(references > 20);
  for (const auto& [name, schema] : all.items()) {
    CAPTURE(name);
    CHECK(!schema.value("description", "").empty());
    if (!schema.contains("properties")) continue;
    CHECK(schema.at("type") == "object");
    for (const auto& [member, property] : schema.at("properties").items()) {
      CAPTURE(member);
      CHECK((property.contains("$ref") || !property.value("description", "").empty()));
    }
    const auto names = keys(schema.at("properties"));
    for (const auto& member : schema.value("required", json::array())) CHECK(names.count(member.get<std::string>()) == 1);
  }
}

TEST_CASE("what is written stands in the schemas, and the other way round") {
  const auto check = [](const std::string& schema, const json& written) {
    CAPTURE(schema);
    CHECK(properties(schema) == keys(written));
    CHECK(required(schema) == keys(written));
  };
  const auto subscription = representation(test::full_subscription());
  const auto delivery = representation(test::full_record());
  const auto stats = representation(Stats{});
  check("Subscription", subscription);
  check("Delivery", delivery);
  check("Attempt", delivery.at("attempts").at(0));
  check("Explanation", representation(Explanation{}));
  check("EventType", representation(EventType{}));
  check("Stats", stats);
  check("Histogram", stats.at("attempt_latency"));
  CHECK(schemas().at("Histogram").at("properties").at("counts").at("minItems") ==
        stats.at("attempt_latency").at("counts").size());
  CHECK(properties("RetryPolicy") == keys(subscription.at("retry")));
  CHECK(properties("RateLimit") == keys(subscription.at("rate_limit")));
}

TEST_CASE("what is written has the types that the schemas say, empty or full") {
  const auto type_of = [](const json& value) -> std::string {
    if (value.is_number_integer()) return "integer";
    return value.is_number() ? "number" : value.type_name();
  };
  const auto all = schemas();
  const auto check = [&](const std::string& schema, const json& written) {
    for (const auto& [name, value] : written.items()) {
      const auto& property = all.at(schema).at("properties").at(name);
      if (!property.contains("type")) continue;
      CAPTURE(schema);
      CAPTURE(name);
      const auto& type = property.at("type");
      const auto types = type.is_array() ? type.get<Names>() : Names{type.get<std::string>()};
      CHECK(types.count(type_of(value)) == 1);
    }
  };
  for (const auto& each : {Subscription{}, test::full_subscription()}) check("Subscription", representation(each));
  for (const auto& each : {DeliveryRecord{}, test::full_record()}) check("Delivery", representation(each));
  check("Attempt", representation(test::full_record()).at("attempts").at(0));
  check("RetryPolicy", representation(test::full_subscription()).at("retry"));
  check("RateLimit", representation(Subscription{}).at("rate_limit"));
  for (const auto& each : {Explanation{}, Explanation{{"a"}, true, "b", DeliveryId{"c"}, TimePoint{}}})
    check("Explanation", representation(each));
  check("Stats", representation(Stats{}));
}

TEST_CASE("what can be set stands in the schemas, and the other way round") {
  const auto in_new = taken_by([](const json& body) { static_cast<void>(read_subscription(body, an_operator)); });
  CHECK(in_new == properties("NewSubscription"));
  CHECK(required("NewSubscription") == Names{"url"});

  auto in_patch = taken_by([](const json& body) { static_cast<void>(read_patch(body, an_operator)); });
  CHECK(in_patch == properties("SubscriptionPatch"));
  in_patch.insert({"id", "tenant"});
  CHECK(in_new == in_patch);
}

TEST_CASE("what the actions take stands in the schemas, and the other way round") {
  const auto takes = [](const std::string& name, const std::function<void(const json&)>& read) {
    try {
      read({{"since", "2025-10-09T08:53:20Z"}, {name, json::array()}});
    } catch (const Error& error) {
      return !std::string{error.what()}.ends_with("is no member that can be set here");
    }
    return true;
  };
  const auto recover = [](const json& body) { static_cast<void>(read_recover(body)); };
  const auto grace = [](const json& body) {
    auto own = body;
    own.erase("since");
    static_cast<void>(read_grace(own));
  };
  CHECK(properties("Recover") == Names{"since", "until", "include_missed", "dry_run"});
  CHECK(required("Recover") == Names{"since"});
  for (const auto& name : properties("Recover")) CHECK(takes(name, recover));
  CHECK_FALSE(takes("limit", recover));
  CHECK(properties("Rotate") == Names{"grace"});
  CHECK(takes("grace", grace));
  CHECK_FALSE(takes("secret", grace));

  const auto seconds = schemas().at("Rotate").at("properties").at("grace");
  CHECK(read_grace(json::object()).count() == seconds.at("default"));
  CHECK(read_grace({{"grace", seconds.at("maximum")}}).count() == seconds.at("maximum"));
  CHECK(read_grace({{"grace", seconds.at("minimum")}}).count() == seconds.at("minimum"));
  CHECK_THROWS_AS(read_grace({{"grace", seconds.at("maximum").get<std::int64_t>() + 1}}), Error);
  CHECK_THROWS_AS(read_grace({{"grace", seconds.at("minimum").get<std::int64_t>() - 1}}), Error);
}

TEST_CASE("requests are closed, answers may grow") {
  const Names requests{"NewSubscription", "SubscriptionPatch", "Recover", "Rotate", "RetryPolicy", "RateLimit"};
  const auto all = schemas();
  for (const auto& [name, schema] : all.items()) {
    CAPTURE(name);
    CHECK((schema.value("additionalProperties", json(true)) == json(false)) == (requests.count(name) == 1));
  }
}

TEST_CASE("enums stand in the schemas by their names") {
  const auto names = [](const char* schema, const char* member) {
    auto found = schemas().at(schema).at("properties").at(member).at("enum");
    if (found.back().is_null()) found.erase(found.size() - 1);
    return found;
  };
  for (const auto* schema : {"Subscription", "NewSubscription"}) {
    CHECK(names(schema, "encoding") == json(enum_names<Encoding>));
    CHECK(names(schema, "ordering") == json(enum_names<Ordering>));
  }
  CHECK(names("Delivery", "status") == json(enum_names<DeliveryStatus>));
  CHECK(names("Attempt", "trigger") == json(enum_names<AttemptTrigger>));
}

TEST_CASE("null stands in the schemas where it can be set") {
  const auto all = schemas().at("NewSubscription").at("properties");
  std::size_t nullable = 0;
  for (const auto& name : keys(all)) {
    CAPTURE(name);
    const auto& property = all.at(name);
    const json null = nullptr;
    const bool is_nullable =
        (property.contains("type") && property.at("type").is_array() && property.at("type").back() == "null") ||
        (property.contains("enum") && property.at("enum").back().is_null()) ||
        (property.contains("oneOf") && property.at("oneOf").back() == json{{"type", "null"}});
    nullable += is_nullable;
    CHECK(accepts(name, null) == is_nullable);
  }
  CHECK(nullable == 10);
}

TEST_CASE("the bounds of the schemas are those that hold") {
  // For each bound: what is just within is taken, what is just beyond is not.
  std::size_t bounds = 0;
  const auto check = [&](const std::string& member, const json& property, auto wrap) {
    CAPTURE(member);
    const auto both = [&](const char* bound, auto make, std::int64_t beyond) {
      if (!property.contains(bound)) return;
      CAPTURE(bound);
      ++bounds;
      const auto most = property.at(bound).template get<std::int64_t>();
      CHECK(accepts(member, wrap(make(most))));
      CHECK_FALSE(accepts(member, wrap(make(most + beyond))));
    };
    const auto itself = [](std::int64_t number) { return json(number); };
    const auto text = [](std::int64_t bytes) { return json(std::string(static_cast<std::size_t>(bytes), 'a')); };
    const auto list = [&](std::int64_t size) {
      const auto item = property.value("items", json::object()).value("minimum", json("a"));
      return json(std::vector<json>(static_cast<std::size_t>(size), item));
    };
    both("minimum", itself, -1);
    both("maximum", itself, +1);
    both("maxLength", text, +1);
    both("minItems", list, -1);
    both("maxItems", list, +1);
    both(
        "maxProperties", [](std::int64_t size) { return texts(static_cast<std::size_t>(size)); }, +1);
  };
  const auto all = schemas();
  const auto& settable = all.at("NewSubscription").at("properties");
  for (const auto& [name, property] : settable.items()) {
    check(name, property, [](json value) { return value; });
    if (!property.contains("properties")) continue;
    // The shape's own bounds, and on top of them those that are the API's.
    auto members = all.at(name == "retry" ? "RetryPolicy" : "RateLimit").at("properties");
    members.merge_patch(property.at("properties"));
    for (const auto& [member, inner] : members.items()) {
      const auto own = member;
      check(name, inner, [&](json value) { return json{{own, std::move(value)}}; });
      if (inner.contains("items")) check(name, inner.at("items"), [&](json value) { return json{{own, {value}}}; });
    }
  }
  CHECK(bounds == 28);
}

TEST_CASE("secrets stand in no answer but those that are for them") {
  Names with_secret;
  each_object(schemas(), "", [&](const std::string& at, const json& object) {
    if (object.contains("properties") && object.at("properties").contains("secret")) {
      with_secret.insert(at);
      const auto& secret = object.at("properties").at("secret");
      const bool is_request = at == "/NewSubscription" || at == "/SubscriptionPatch";
      CHECK((secret.contains("$ref") || secret.value("writeOnly", false) == is_request));
    }
  });
  CHECK(with_secret == Names{"/CreatedSubscription/allOf/1", "/NewSubscription", "/SubscriptionPatch", "/Secret"});
}
