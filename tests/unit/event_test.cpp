#include <flyhook/event.hpp>

#include <flyhook/error.hpp>

#include "catch.hpp"

#include <cstddef>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

using namespace flyhook;
using flyhook::detail::EventAccess;

// Every form an event type may have -------------------------------------------------------------------------------------

namespace forms {

/// Its name in EventTraits, its JSON by nlohmann's macro.
struct Created {
  std::string name;
  int count = 0;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Created, name, count)

/// Its name as a member.
struct Changed {
  static constexpr std::string_view event_type = "thing.changed";
  int value = 0;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Changed, value)

/// Its name as an old-fashioned text.
struct Deleted {
  static constexpr const char* event_type = "thing.deleted";
};
inline void to_json(nlohmann::json& json, const Deleted&) {
  json = nlohmann::json::object();
}

/// A name that depends on the event, and everything else that EventTraits may know.
struct Invoice {
  std::string number{}, customer{};
  bool is_paid = false;
};

/// Bytes of its own.
struct Report {
  std::string csv;
};

/// Both a trait and a member: the trait wins.
struct Renamed {
  static constexpr std::string_view event_type = "old.name";
};
inline void to_json(nlohmann::json& json, const Renamed&) {
  json = 1;
}

/// Cannot be copied.
struct Sealed {
  static constexpr std::string_view event_type = "sealed";
  std::unique_ptr<int> value{};
};
inline void to_json(nlohmann::json& json, const Sealed& sealed) {
  json = *sealed.value;
}

/// JSON by nlohmann's adl_serializer, as for types of other libraries.
struct Foreign {
  static constexpr std::string_view event_type = "foreign";
};

/// Its name as a member, and all that the catalogue may know of it.
struct Described {
  static constexpr std::string_view event_type = "described";
  int value = 0;
};

/// Examples in bytes of their own, one of them JSON.
struct Table {
  std::string csv;
};
struct Place {
  std::string geojson;
};

// And what cannot be published.

struct Nameless {
  int value = 0;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Nameless, value)

struct WithoutJson {
  static constexpr std::string_view event_type = "no.json";
  int value = 0;
};

struct NameOfEach {
  std::string event_type = "of.each";
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(NameOfEach, event_type)

struct ConstantNameOfEach {
  const std::string_view event_type = "of.each";
};
inline void to_json(nlohmann::json& json, const ConstantNameOfEach&) {
  json = 1;
}

struct NameThatChanges {
  inline static std::string event_type = "changes";
};
inline void to_json(nlohmann::json& json, const NameThatChanges&) {
  json = 1;
}

struct NameThatIsANumber {
  static constexpr int event_type = 42;
};
inline void to_json(nlohmann::json& json, const NameThatIsANumber&) {
  json = 1;
}

struct NameThatIsAFunction {
  static std::string_view event_type() { return "function"; }
};
inline void to_json(nlohmann::json& json, const NameThatIsAFunction&) {
  json = 1;
}

}  // namespace forms

template <>
struct flyhook::EventTraits<forms::Created> {
  static constexpr std::string_view type = "thing.created";
};
template <>
struct flyhook::EventTraits<forms::Invoice> {
  static std::string_view type(const forms::Invoice& invoice) { return invoice.is_paid ? "invoice.paid" : "invoice.open"; }
  static nlohmann::json to_json(const forms::Invoice& invoice) { return {{"number", invoice.number}}; }
  static const std::string& key(const forms::Invoice& invoice) { return invoice.number; }
  static std::string tenant(const forms::Invoice& invoice) { return invoice.customer; }
  static std::size_t size_hint(const forms::Invoice& invoice) { return 20 + invoice.number.size(); }
};
template <>
struct flyhook::EventTraits<forms::Report> {
  static constexpr std::string_view type = "report.ready";
  static constexpr std::string_view content_type = "text/csv";
  static void serialize(const forms::Report& report, std::string& out) { out += report.csv; }
};
template <>
struct flyhook::EventTraits<forms::Described> {
  static constexpr const char* description = "A thing that explains itself.";
  static constexpr std::string_view schema = R"({"type":"array"})";
  static nlohmann::json to_json(const forms::Described& described) { return nlohmann::json::array({described.value}); }
  static forms::Described example() { return {7}; }
};
template <>
struct flyhook::EventTraits<forms::Table> {
  static constexpr std::string_view type = "table.ready";
  static constexpr std::string_view content_type = "text/csv";
  static constexpr std::string_view description = "Rows.";
  static void serialize(const forms::Table& table, std::string& out) { out += table.csv; }
  static forms::Table example() { return {"a,b"}; }
};
template <>
struct flyhook::EventTraits<forms::Place> {
  static constexpr std::string_view type = "place.moved";
  static constexpr std::string_view content_type = "application/geo+json";
  static void serialize(const forms::Place& place, std::string& out) { out += place.geojson; }
  static forms::Place example() { return {R"({"type":"Point"})"}; }
};
template <>
struct flyhook::EventTraits<forms::Renamed> {
  static constexpr std::string_view type = "new.name";
};
template <>
struct nlohmann::adl_serializer<forms::Foreign> {
  static void to_json(json& value, const forms::Foreign&) { value = "foreign"; }
};

namespace {

template <class E>
Message written(const E& event) {
  Message message;
  EventAccess<E>::write(event, message);
  return message;
}

using Things = std::variant<forms::Created, forms::Changed, forms::Invoice, forms::Report, forms::Sealed>;

}  // namespace

static_assert(Publishable<forms::Created>);
static_assert(Publishable<forms::Changed>);
static_assert(Publishable<forms::Deleted>);
static_assert(Publishable<forms::Invoice>);
static_assert(Publishable<forms::Report>);
static_assert(Publishable<forms::Sealed>);
static_assert(Publishable<forms::Foreign>);
static_assert(Publishable<Event>);
static_assert(Publishable<Things>);
static_assert(Publishable<std::variant<Event, forms::Created>>);

static_assert(!Publishable<forms::Nameless>);
static_assert(!Publishable<forms::WithoutJson>);
static_assert(!Publishable<forms::NameOfEach>);
static_assert(!Publishable<forms::ConstantNameOfEach>);
static_assert(!Publishable<forms::NameThatChanges>);
static_assert(!Publishable<forms::NameThatIsANumber>);
static_assert(!Publishable<forms::NameThatIsAFunction>);
static_assert(!Publishable<std::variant<forms::Created, forms::Nameless>>);
static_assert(!Publishable<forms::Created&>);
static_assert(!Publishable<void>);
static_assert(!Publishable<int>);
static_assert(!Publishable<std::string>);
static_assert(!Publishable<nlohmann::json>);

TEST_CASE("an event type says its name as a trait, as a member, or by a function of the event") {
  CHECK(EventAccess<forms::Created>::type({}) == "thing.created");
  CHECK(EventAccess<forms::Changed>::type({}) == "thing.changed");
  CHECK(EventAccess<forms::Deleted>::type({}) == "thing.deleted");
  CHECK(EventAccess<forms::Renamed>::type({}) == "new.name");
  CHECK(EventAccess<forms::Invoice>::type({.number = "1"}) == "invoice.open");
  CHECK(EventAccess<forms::Invoice>::type({.number = "1", .is_paid = true}) == "invoice.paid");
}

TEST_CASE("its data is nlohmann's conversion, its trait's to_json, or its own bytes") {
  CHECK(written(forms::Created{"a\"b", 2}).data == R"({"count":2,"name":"a\"b"})");
  CHECK(written(forms::Foreign{}).data == R"("foreign")");
  CHECK(written(forms::Invoice{.number = "2024-1"}).data == R"({"number":"2024-1"})");
  const auto report = written(forms::Report{"a,b\n"});
  CHECK(report.data == "a,b\n");
  CHECK(report.content_type == "text/csv");
  CHECK(written(forms::Created{}).content_type.empty());
  forms::Sealed sealed;
  sealed.value = std::make_unique<int>(7);
  CHECK(written(sealed).data == "7");
}

TEST_CASE("key, tenant and size hint are the traits', or there are none") {
  const forms::Invoice invoice{"2024-1", "acme", true};
  CHECK(EventAccess<forms::Invoice>::key(invoice) == "2024-1");
  CHECK(EventAccess<forms::Invoice>::tenant(invoice) == "acme");
  CHECK(EventAccess<forms::Invoice>::size_hint(invoice) == 26);
  CHECK(EventAccess<forms::Created>::key({}).empty());
  CHECK(EventAccess<forms::Created>::tenant({}).empty());
  CHECK(EventAccess<forms::Created>::size_hint({}) == 0);
}

TEST_CASE("a run-time event is what it says") {
  const Event event{.type = "a.b", .data = {{"x", nullptr}}, .tenant = "t", .key = "k"};
  CHECK(EventAccess<Event>::type(event) == "a.b");
  CHECK(EventAccess<Event>::tenant(event) == "t");
  CHECK(EventAccess<Event>::key(event) == "k");
  CHECK(written(event).data == R"({"x":null})");
  CHECK(written(Event{.type = "a"}).data == "null");
}

TEST_CASE("a variant is whatever it holds") {
  const auto check = [](const Things& things, std::string_view type, std::string_view data) {
    CHECK(EventAccess<Things>::type(things) == type);
    CHECK(written(things).data == data);
  };
  check(forms::Changed{3}, "thing.changed", R"({"value":3})");
  check(forms::Report{"x"}, "report.ready", "x");
  check(forms::Invoice{"7", "acme", false}, "invoice.open", R"({"number":"7"})");
  const Things invoice = forms::Invoice{"7", "acme", false};
  CHECK(EventAccess<Things>::key(invoice) == "7");
  CHECK(EventAccess<Things>::tenant(invoice) == "acme");
  CHECK(EventAccess<Things>::size_hint(invoice) == 21);
  CHECK(EventAccess<Things>::tenant(forms::Changed{}).empty());
  CHECK(written(Things{forms::Report{"x"}}).content_type == "text/csv");
}

TEST_CASE("the types that are known when compiling go into the catalogue, the others cannot") {
  std::vector<EventType> types;
  EventAccess<Things>::add_types(types);
  std::vector<std::string> names;
  for (const auto& type : types) names.push_back(type.name);
  CHECK(names == std::vector<std::string>{"thing.created", "thing.changed", "report.ready", "sealed"});
  types.clear();
  EventAccess<Event>::add_types(types);
  EventAccess<forms::Invoice>::add_types(types);
  CHECK(types.empty());
}

TEST_CASE("a type's entry of the catalogue has what its traits say, its example as it is sent") {
  std::vector<EventType> types;
  EventAccess<std::variant<forms::Described, forms::Deleted, forms::Table, forms::Place>>::add_types(types);
  REQUIRE(types.size() == 4);
  CHECK(types[0].name == "described");
  CHECK(types[0].description == "A thing that explains itself.");
  CHECK(types[0].schema == R"({"type":"array"})");
  CHECK(types[0].example == "[7]");
  CHECK(types[1].name == "thing.deleted");
  CHECK((types[1].description + types[1].schema + types[1].example).empty());
  CHECK(types[2].description == "Rows.");
  CHECK(types[2].example.empty());  // it would not be JSON
  CHECK(types[3].example == R"({"type":"Point"})");
}

// Receiving -------------------------------------------------------------------------------------------------------------

namespace forms {

/// Reads its own bytes.
struct Parsed {
  explicit Parsed(std::string its_text) : text(std::move(its_text)) {}
  std::string text;
};

/// Without a default constructor, as nlohmann takes it.
struct Fixed {
  explicit Fixed(int its_value) : value(its_value) {}
  int value;
};

}  // namespace forms

template <>
struct flyhook::EventTraits<forms::Parsed> {
  static constexpr std::string_view type = "parsed";
  static forms::Parsed parse(std::string_view data) { return forms::Parsed{std::string{data}}; }
};

template <>
struct flyhook::EventTraits<forms::Fixed> {
  static constexpr std::string_view type = "fixed";
};

template <>
struct nlohmann::adl_serializer<forms::Fixed> {
  static forms::Fixed from_json(const json& json) { return forms::Fixed{json.get<int>()}; }
};

static_assert(Receivable<forms::Parsed> && Receivable<forms::Fixed> && Receivable<forms::Changed>);
static_assert(Receivable<std::variant<forms::Parsed, forms::Changed>>);
static_assert(!Receivable<forms::Deleted>);  // no way back from JSON
static_assert(!Receivable<forms::Invoice>);  // whose name depends on the event
static_assert(!Receivable<std::variant<forms::Parsed, forms::Deleted>> && !Receivable<Event> && !Receivable<int>);

TEST_CASE("a type is read by its own parse, else by nlohmann") {
  CHECK(EventAccess<forms::Parsed>::parse(" 1.0", nlohmann::json{}).text == " 1.0");
  CHECK(EventAccess<forms::Fixed>::parse("ignored", nlohmann::json(7)).value == 7);
  CHECK(EventAccess<forms::Changed>::parse({}, nlohmann::json{{"value", 3}}).value == 3);
  CHECK_THROWS_AS(EventAccess<forms::Changed>::parse({}, nlohmann::json{}), nlohmann::json::exception);
}

namespace {

std::string refusal_of(std::string_view text, std::size_t most_deep = 256) {
  try {
    detail::parse_json(text, most_deep);
    return "taken";
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::invalid);
    CHECK(error.field().empty());
    return error.what();
  }
}

}  // namespace

TEST_CASE("parse_json says where text stops being JSON, and shows nothing of it") {
  CHECK(detail::parse_json(R"({"a":[1,"x"]})") == nlohmann::json{{"a", {1, "x"}}});
  CHECK(refusal_of("") == "it is not JSON in UTF-8, at byte 0");
  CHECK(refusal_of("{") == "it is not JSON in UTF-8, at byte 1");
  CHECK(refusal_of("[1,secret]") == "it is not JSON in UTF-8, at byte 3");
  CHECK(refusal_of("[1] 2") == "it is not JSON in UTF-8, at byte 4");
  CHECK(refusal_of("[\"\xFF\"]") == "it is not JSON in UTF-8, at byte 2");
  CHECK(refusal_of("[1e999]") == "it holds a number that is out of range");
  CHECK(refusal_of("/* x */ 1") == "it is not JSON in UTF-8, at byte 0");
}

TEST_CASE("a NUL is not the end of JSON") {
  CHECK(refusal_of(std::string_view{"{}\0{", 4}) == "it is not JSON in UTF-8, at byte 2");
  CHECK(refusal_of(std::string_view{"{}\0", 3}) == "it is not JSON in UTF-8, at byte 2");
}

TEST_CASE("strictly, no object has a member twice") {
  CHECK(detail::parse_strict_json(R"({"a":{"b":1},"b":[{"b":2},{"b":3}]})").size() == 2);
  for (const auto* const text : {R"({"a":1,"a":1})", R"([{"x":{"a":1,"b":{"a":1},"a":2}}])", R"({"a":1,"\u0061":2})"})
    CHECK_THROWS_AS(detail::parse_strict_json(text), Error);
  CHECK(detail::parse_json(R"({"a":1,"a":2})")["a"] == 2);
}

TEST_CASE("parse_json refuses what is nested too deep before it makes anything of it") {
  CHECK(refusal_of("[[]]", 2) == "taken");
  CHECK(refusal_of("[[[]]]", 2) == "the JSON is nested deeper than 2 at byte 2");
  CHECK(refusal_of(R"({"a":{"b":{}}})", 2) == "the JSON is nested deeper than 2 at byte 10");
  CHECK(refusal_of("[[],[],{},[]]", 2) == "taken");
  CHECK(refusal_of(R"(["[[[", "\\", "\"[[[{", "]"])", 1) == "taken");
  CHECK(refusal_of("1", 0) == "taken");
  CHECK(refusal_of("[]", 0) == "the JSON is nested deeper than 0 at byte 0");
  CHECK(refusal_of(std::string(1u << 20, '[')) == "the JSON is nested deeper than 256 at byte 256");
}
