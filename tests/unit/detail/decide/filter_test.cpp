#include <flyhook/detail/decide/filter.hpp>

#include <flyhook/error.hpp>
#include <flyhook/event.hpp>

#include "catch.hpp"
#include "unit/vectors.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

using namespace flyhook;
using detail::Filter;
using detail::FilterInput;

namespace {

Message message_of(std::string data) {
  Message message;
  message.type = "order.paid";
  message.tenant = "acme";
  message.key = "cust_1";
  message.data = std::move(data);
  return message;
}

/// As the engine asks: the data is text.
bool holds(std::string_view filter, const Message& message) {
  FilterInput input{message};
  return Filter{filter}.matches(input);
}

/// The engine's answer and that of `matches`, which must be the same.
bool holds(const std::string& filter, const std::string& data) {
  CAPTURE(filter, data);
  const auto message = message_of(data);
  const bool answer = holds(filter, message);
  CHECK(matches(filter, Event{.type = message.type,
                              .data = nlohmann::json::parse(data),
                              .tenant = message.tenant,
                              .key = message.key}) == answer);
  return answer;
}

bool fails(const std::string& filter, const std::string& data) {
  return !holds(filter, data);
}

/// What the filter is refused with.
std::string refusal(std::string_view filter) {
  try {
    static_cast<void>(Filter{filter});
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::invalid);
    CHECK(error.field() == "filter");
    return error.what();
  }
  return "accepted";
}

/// `{"/n":{"OPERATOR":OPERAND}}`
std::string test_of(const std::string& op, const std::string& operand) {
  return R"({"/n":{")" + op + R"(":)" + operand + "}}";
}

}  // namespace

static_assert(std::is_nothrow_move_constructible_v<Filter>);
static_assert(sizeof(Filter) == sizeof(std::shared_ptr<int>));

TEST_CASE("the vectors of filters hold for matches") {
  int ran = 0;
  for (const auto& each : unit::cases_of("patterns.json")) {
    const auto& subscription = each.at("subscription");
    const auto& event = each.at("event");
    const auto filter = subscription.at("filter").get<std::string>();
    if (filter.empty()) continue;
    ++ran;
    CAPTURE(each.at("name").get<std::string>(), filter, each.at("why").get<std::string>());
    const Event given{event.at("type"), event.at("data"), event.at("tenant"), event.at("key")};
    const auto expect = each.at("expect").get<std::string>();
    if (expect == "invalid_subscription") {
      CHECK_THROWS_AS(matches(filter, given), Error);
    } else {
      // None of these is decided by its pattern or its tenant.
      REQUIRE(subscription.at("events") == nlohmann::json{"*"});
      REQUIRE(subscription.at("tenant") == event.at("tenant"));
      CHECK(matches(filter, given) == (expect == "match"));
    }
  }
  CHECK(ran >= 50);
}

TEST_CASE("no filter, an empty text and an empty object match everything") {
  CHECK(holds("", "1"));
  CHECK(holds("{}", "1"));
  CHECK(holds(" \t\r\n{ } ", "1"));
  auto message = message_of("1");
  FilterInput input{message};
  CHECK(Filter{}.matches(input));
  CHECK(refusal(" ") != "accepted");
}

TEST_CASE("type, tenant, key and data are the event's; every other first member is one of data") {
  const std::string data = R"({"type":"t","tenant":"n","key":"k","data":{"x":1},"types":2,"":3,"x":4})";
  CHECK(holds(R"({"/type":"order.paid","/tenant":"acme","/key":"cust_1"})", data));
  CHECK(fails(R"({"/type":"t"})", data));
  CHECK(holds(R"({"/data/type":"t","/data/tenant":"n","/data/key":"k","/data/data/x":1,"/data/x":4})", data));
  CHECK(fails(R"({"/data/x":1})", data));
  CHECK(holds(R"({"/types":2,"/x":4})", data));
  CHECK(holds(R"({"/":3})", data));
  CHECK(holds(R"({"/data":{"$eq":)" + data + "}}", data));
  CHECK(holds(R"({"":)" + data + "}", data));
  CHECK(holds(R"({"":5})", "5"));
  CHECK(fails(R"({"":5})", "6"));
  // A step into a scalar.
  for (const auto* path : {"/type/x", "/type/", "/tenant/0", "/key/type"})
    CHECK(holds(std::string{R"({")"} + path + R"(":{"$exists":false}})", data));
  CHECK(holds(R"({"/type":{"$exists":true},"/tenant":{"$ne":""}})", data));
  CHECK(holds(R"({"/Type":{"$exists":false},"/dat":{"$exists":false},"/data ":{"$exists":false}})", data));
}

TEST_CASE("the event's own members are strings to every operator") {
  const std::string data = "null";
  CHECK(holds(R"({"/type":{"$prefix":"order.","$suffix":".paid","$gt":"order","$lt":"p","$in":[1,"order.paid"]}})", data));
  CHECK(holds(R"({"/type":{"$gte":"order.paid","$lte":"order.paid","$nin":["order"],"$ne":null}})", data));
  CHECK(fails(R"({"/type":{"$gt":1}})", data));
  CHECK(fails(R"({"/type":["order.paid"]})", data));
  CHECK(fails(R"({"/type":{"type":"order.paid"}})", data));
  auto message = message_of("null");
  message.tenant.clear();
  CHECK(holds(R"({"/tenant":""})", message));
}

TEST_CASE("a pointer is followed through members and elements, and escapes name what they stand for") {
  const std::string data =
      R"({"a/b":1,"m~n":2,"~1":3,"":{"":4},"l":[[5,6],{"0":7}],"o":{"0":8,"01":9,"-":10},"ü":11,"\"":12})";
  CHECK(holds(R"({"/a~1b":1,"/m~0n":2,"/~01":3,"//":4,"/l/0/1":6,"/l/1/0":7,"/o/0":8,"/o/01":9,"/o/-":10,"/\u00fc":11})",
              data));
  CHECK(holds(R"({"/\"":12})", data));
  for (const auto* missing : {"/a/b", "/l/2", "/l/00", "/l/01", "/l/-", "/l/-1", "/l/+1", "/l/1.0", "/l/ 1", "/l/1e0",
                              "/l/", "/l/18446744073709551616", "/l/18446744073709551615", "/l/99999999999999999999999",
                              "/o/1", "/a~1b/0", "/nothing/at/all", "/l/0/1/x"}) {
    CAPTURE(missing);
    CHECK(holds(std::string{R"({")"} + missing + R"(":{"$exists":false}})", data));
    CHECK(fails(std::string{R"({")"} + missing + R"(":null})", data));
  }
}

TEST_CASE("missing is not null: only $ne, $nin and $exists false hold") {
  const std::string data = R"({"null":null})";
  for (const auto* holding : {R"({"$ne":1})", R"({"$ne":null})", R"({"$nin":[null,1]})", R"({"$nin":[]})",
                              R"({"$exists":false})", R"({"$ne":1,"$nin":[2],"$exists":false})"})
    CHECK(holds(std::string{R"({"/n":)"} + holding + "}", data));
  for (const auto* failing : {"null", R"({"$eq":null})", R"({"$in":[null]})", R"({"$exists":true})", R"({"$gt":0})",
                              R"({"$gte":0})", R"({"$lt":0})", R"({"$lte":0})", R"({"$gte":""})", R"({"$prefix":""})",
                              R"({"$suffix":""})", R"({"$ne":1,"$exists":true})"})
    CHECK(fails(std::string{R"({"/n":)"} + failing + "}", data));
  CHECK(holds(R"({"/null":null})", data));
  CHECK(holds(R"({"/null":{"$exists":true,"$in":[null],"$ne":0}})", data));
  CHECK(fails(R"({"/null":{"$gte":0}})", data));
  CHECK(fails(R"({"/null":{"$ne":null}})", data));
}

TEST_CASE("values are equal as a whole and without conversion") {
  const std::vector<std::string> values{"null",
                                        "true",
                                        "false",
                                        "0",
                                        "1",
                                        "-1",
                                        R"("")",
                                        R"("0")",
                                        R"("1")",
                                        R"("true")",
                                        R"("null")",
                                        "[]",
                                        "[0]",
                                        "[1]",
                                        "[1,2]",
                                        "[2,1]",
                                        "[[]]",
                                        "[[1],[2]]",
                                        "[null]",
                                        "{}",
                                        R"({"a":1})",
                                        R"({"a":"1"})",
                                        R"({"a":1,"b":2})",
                                        R"({"b":1})",
                                        R"({"a":{}})",
                                        R"({"a":[]})",
                                        R"({"":{}})",
                                        R"([{"a":[1,{"b":null}]}])",
                                        R"([{"a":[1,{"b":false}]}])"};
  for (const auto& a : values)
    for (const auto& b : values) {
      const bool is_same = a == b;
      const auto data = R"({"n":)" + a + "}";
      CAPTURE(a, b);
      CHECK(holds(R"({"/n":)" + b + "}", data) == is_same);
      CHECK(holds(test_of("$eq", b), data) == is_same);
      CHECK(holds(test_of("$ne", b), data) == !is_same);
      CHECK(holds(test_of("$in", "[[7]," + b + "]"), data) == is_same);
      CHECK(holds(test_of("$nin", "[[7]," + b + "]"), data) == !is_same);
    }
  CHECK(holds(R"({"/n":{"b":[2,{"c":3.0}],"a":1}})", R"({"n":{"a":1.0,"b":[2.0,{"c":3}]}})"));
  CHECK(fails(R"({"/n":{"b":[2,{"c":3.5}],"a":1}})", R"({"n":{"a":1.0,"b":[2.0,{"c":3}]}})"));
  CHECK(holds(R"({"/n":"\u00fc\ud83d\ude00"})", R"({"n":"ü😀"})"));
  CHECK(fails(R"({"/n":"a\u0000b"})", R"({"n":"a"})"));
  CHECK(holds(R"({"/n":"a\u0000b"})", R"({"n":"a\u0000b"})"));
}

TEST_CASE("numbers are compared by value, of whatever type, without rounding") {
  // Ascending; those in one row are equal.
  const std::vector<std::vector<std::string>> rows{
      {"-1e300"},
      {"-9223372036854777856.0"},
      {"-9223372036854775808", "-9223372036854775808.0", "-9.223372036854775808e18"},
      {"-9223372036854775807"},
      {"-9007199254740993"},
      {"-9007199254740992", "-9007199254740992.0"},
      {"-1.5"},
      {"-1", "-1.0"},
      {"-0.5"},
      {"0", "-0", "0.0", "-0.0", "0e9"},
      {"5e-324"},
      {"0.5", "5e-1"},
      {"1", "1.0", "1e0", "10e-1"},
      {"1.0000000000000002"},
      {"1.5"},
      {"9007199254740992", "9007199254740992.0"},
      {"9007199254740993"},
      {"9007199254740994", "9007199254740994.0"},
      {"9223372036854774784.0"},
      {"9223372036854775807"},
      {"9223372036854775808", "9223372036854775808.0"},
      {"9223372036854775809"},
      {"18446744073709549568", "18446744073709549568.0"},
      {"18446744073709551615"},
      {"18446744073709551616", "18446744073709551616.0"},
      {"1e300"}};
  for (std::size_t i = 0; i < rows.size(); ++i)
    for (std::size_t j = 0; j < rows.size(); ++j)
      for (const auto& value : rows[i])
        for (const auto& operand : rows[j]) {
          const auto data = R"({"n":)" + value + "}";
          CHECK(holds(test_of("$eq", operand), data) == (i == j));
          CHECK(holds(test_of("$ne", operand), data) == (i != j));
          CHECK(holds(test_of("$gt", operand), data) == (i > j));
          CHECK(holds(test_of("$gte", operand), data) == (i >= j));
          CHECK(holds(test_of("$lt", operand), data) == (i < j));
          CHECK(holds(test_of("$lte", operand), data) == (i <= j));
          CHECK(holds(R"({"/n":[{"x":)" + operand + "}]}", R"({"n":[{"x":)" + value + "}]}") == (i == j));
        }
}

TEST_CASE("a value built in C++ is compared as what it will be written as") {
  const auto with = [](nlohmann::json n) { return Event{.type = "a", .data = {{"n", std::move(n)}}}; };
  CHECK(matches(R"({"/n":5})", with(std::int64_t{5})));
  CHECK(matches(R"({"/n":5})", with(std::uint64_t{5})));
  CHECK(matches(R"({"/n":{"$gt":4,"$lt":6}})", with(5)));
  CHECK(matches(R"({"/n":{"$gt":-6,"$lt":-4,"$eq":-5}})", with(-5)));
  CHECK(matches(R"({"/n":{"$lt":18446744073709551615}})", with(std::numeric_limits<std::int64_t>::max())));
  CHECK(matches(R"({"/n":{"$gt":-1}})", with(std::uint64_t{0})));
  for (const double none : {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity(),
                            -std::numeric_limits<double>::infinity()}) {
    CHECK(matches(R"({"/n":null})", with(none)));
    CHECK(matches(R"({"/n":{"$exists":true,"$in":[null]}})", with(none)));
    for (const auto* op : {"$gt", "$gte", "$lt", "$lte", "$eq"}) CHECK_FALSE(matches(test_of(op, "0"), with(none)));
  }
  CHECK_FALSE(matches(R"({"/n":{"$in":[null,1,"",[],{}]}})", with(nlohmann::json::binary({1}))));
}

TEST_CASE("strings are ordered by bytes; across types nothing is ordered") {
  const std::vector<std::string> ascending{
      "", "\x01", "A", "Z", "a", "aa", "ab", "b", "\x7F", "\xC3\xBC", "\xEF\xBF\xBD", "\xF0\x9F\x98\x80"};
  for (std::size_t i = 0; i < ascending.size(); ++i)
    for (std::size_t j = 0; j < ascending.size(); ++j) {
      const auto data = nlohmann::json{{"n", ascending[i]}}.dump();
      const auto operand = nlohmann::json(ascending[j]).dump();
      CHECK(holds(test_of("$gt", operand), data) == (i > j));
      CHECK(holds(test_of("$gte", operand), data) == (i >= j));
      CHECK(holds(test_of("$lt", operand), data) == (i < j));
      CHECK(holds(test_of("$lte", operand), data) == (i <= j));
    }
  for (const auto* op : {"$gt", "$gte", "$lt", "$lte"}) {
    for (const auto* value : {R"("5")", "null", "true", "[5]", R"({"n":5})", "[]", "{}"})
      CHECK(fails(test_of(op, "5"), R"({"n":)" + std::string{value} + "}"));
    for (const auto* value : {"5", "null", "false", R"(["5"])", "{}"})
      CHECK(fails(test_of(op, R"("5")"), R"({"n":)" + std::string{value} + "}"));
  }
}

TEST_CASE("$prefix and $suffix are of strings, by bytes") {
  CHECK(holds(R"({"/n":{"$prefix":"ord_","$suffix":"1"}})", R"({"n":"ord_1"})"));
  CHECK(holds(R"({"/n":{"$prefix":"ord_1","$suffix":"ord_1"}})", R"({"n":"ord_1"})"));
  CHECK(fails(R"({"/n":{"$prefix":"ord_11"}})", R"({"n":"ord_1"})"));
  CHECK(fails(R"({"/n":{"$suffix":"xord_1"}})", R"({"n":"ord_1"})"));
  CHECK(holds(R"({"/n":{"$prefix":"","$suffix":""}})", R"({"n":""})"));
  CHECK(holds(R"({"/n":{"$prefix":"\u00fc"}})", R"({"n":"über"})"));
  for (const auto* value : {"1", "null", "true", "[]", R"(["a"])", "{}"}) {
    CHECK(fails(R"({"/n":{"$prefix":""}})", R"({"n":)" + std::string{value} + "}"));
    CHECK(fails(R"({"/n":{"$suffix":""}})", R"({"n":)" + std::string{value} + "}"));
  }
}

TEST_CASE("an object with a key that starts with $ is operators, all of which must hold; below them it is a value") {
  CHECK(holds(R"({"/n":{"$gte":1,"$lte":3,"$ne":2}})", R"({"n":3})"));
  CHECK(fails(R"({"/n":{"$gte":1,"$lte":3,"$ne":2}})", R"({"n":2})"));
  CHECK(fails(R"({"/n":{"$gte":1,"$lte":3,"$ne":2}})", R"({"n":4})"));
  CHECK(holds(R"({"/n":{"$eq":{"$gt":1}}})", R"({"n":{"$gt":1}})"));
  CHECK(holds(R"({"/n":{"$in":[{"$huh":1}]}})", R"({"n":{"$huh":1}})"));
  CHECK(holds(R"({"/n":{"a":{"$gt":1}}})", R"({"n":{"a":{"$gt":1}}})"));
  CHECK(fails(R"({"/n":{"a":{"$gt":1}}})", R"({"n":{"a":2}})"));
  CHECK(holds(R"({"/n":[{"$gt":1}]})", R"({"n":[{"$gt":1}]})"));
  CHECK(holds(R"({"/$n":1})", R"({"$n":1})"));
}

TEST_CASE("$and, $or and $not combine whole filters, beside pointers and in one another") {
  const std::string data = R"({"a":1,"b":2})";
  CHECK(holds(R"({"$and":[{"/a":1},{"/b":2}]})", data));
  CHECK(fails(R"({"$and":[{"/a":1},{"/b":3}]})", data));
  CHECK(holds(R"({"$or":[{"/a":0},{"/b":2}]})", data));
  CHECK(fails(R"({"$or":[{"/a":0},{"/b":0}]})", data));
  CHECK(holds(R"({"$not":{"/a":1,"/b":3}})", data));
  CHECK(fails(R"({"$not":{"/a":1,"/b":2}})", data));
  CHECK(fails(R"({"$not":{}})", data));
  CHECK(holds(R"({"$not":{"$not":{"/a":1}}})", data));
  CHECK(holds(R"({"/a":1,"$and":[{}],"$or":[{"/b":1},{"/b":2}],"$not":{"/c":1}})", data));
  CHECK(fails(R"({"/a":1,"$and":[{}],"$or":[{"/b":1},{"/b":2}],"$not":{"/b":2}})", data));
  CHECK(fails(R"({"/a":2,"$or":[{"/b":2}]})", data));
  CHECK(holds(R"({"$or":[{"$and":[{"/a":1},{"$not":{"/b":1}}]},{"/a":9}]})", data));
  // Of nothing: as for $in.
  CHECK(holds(R"({"$and":[]})", data));
  CHECK(fails(R"({"$or":[]})", data));
  // Of missing values, as of any other.
  CHECK(holds(R"({"$not":{"/c":{"$gt":0}}})", data));
  CHECK(fails(R"({"$not":{"/c":{"$ne":0}}})", data));
}

TEST_CASE("what is wrong with a filter is said, and where, also where no event would reach it") {
  const std::vector<std::array<std::string, 2>> cases{
      {"[]", "filter: must be a filter: a JSON object"},
      {"1", "filter: must be a filter: a JSON object"},
      {"null", "filter: must be a filter: a JSON object"},
      {R"({"$nor":[]})", R"(filter: "$nor" is none of $and, $or and $not)"},
      {R"({"$eq":1})", R"(filter: "$eq" is none of $and, $or and $not)"},
      {R"({"$":1})", R"(filter: "$" is none of $and, $or and $not)"},
      {R"({"$and":{}})", "filter: at /$and: must be an array of filters"},
      {R"({"$or":"x"})", "filter: at /$or: must be an array of filters"},
      {R"({"$or":[{},{},1]})", "filter: at /$or/2: must be a filter: a JSON object"},
      {R"({"$or":[""]})", "filter: at /$or/0: must be a filter: a JSON object"},
      {R"({"$not":[]})", "filter: at /$not: must be a filter: a JSON object"},
      {R"({"$and":[{"/a":1},{"$not":{"$foo":1}}]})", R"(filter: at /$and/1/$not: "$foo" is none of $and, $or and $not)"},
      {R"({"$or":[{"/a":1},{"/a/b":{"$huh":1}}]})", R"(filter: at /$or/1/~1a~1b: "$huh" is not an operator)"},
      {R"({"/a":{"$gt":1,"x":2}})", R"(filter: at /~1a: "x" is not an operator)"},
      {R"({"/a":{"$not":{"$eq":1}}})", R"(filter: at /~1a: "$not" is not an operator)"},
      {R"({"/a":{"$GT":1}})", R"(filter: at /~1a: "$GT" is not an operator)"},
      {R"({"/a":{"$in":{}}})", "filter: at /~1a/$in: must be an array"},
      {R"({"/a":{"$nin":"x"}})", "filter: at /~1a/$nin: must be an array"},
      {R"({"/a":{"$gt":null}})", "filter: at /~1a/$gt: must be a number or a string"},
      {R"({"/a":{"$gte":true}})", "filter: at /~1a/$gte: must be a number or a string"},
      {R"({"/a":{"$lt":[]}})", "filter: at /~1a/$lt: must be a number or a string"},
      {R"({"/a":{"$lte":{}}})", "filter: at /~1a/$lte: must be a number or a string"},
      {R"({"/a":{"$exists":0}})", "filter: at /~1a/$exists: must be true or false"},
      {R"({"/a":{"$prefix":1}})", "filter: at /~1a/$prefix: must be a string"},
      {R"({"/a":{"$suffix":null}})", "filter: at /~1a/$suffix: must be a string"},
      {R"({"/a":1,"/b":2,"/a":1})", R"(filter: the key "/a" stands twice in one object)"},
      {R"({"/a":{"$in":[{"x":1,"\u0078":1}]}})", R"(filter: the key "x" stands twice in one object)"},
      {R"({"/a":[{"x":1},{"y":[1,{"z":1}],"y":1}]})", R"(filter: the key "y" stands twice in one object)"},
      {R"({"/a":1e400})", "filter: holds a number that is too large for a double"},
      {R"({"/a":-1e400})", "filter: holds a number that is too large for a double"}};
  for (const auto& [filter, expected] : cases) {
    CAPTURE(filter);
    CHECK(refusal(filter) == expected);
  }
  for (const auto* key : {"a", "a/b", " /a", "~", "/~", "/a~", "/a~2", "/a~/b", "/~01~", "#/a", "/a/~x"}) {
    const auto said = refusal(R"({")" + std::string{key} + R"(":1})");
    CHECK(said.starts_with("filter: \"" + std::string{key} + "\" is neither a JSON Pointer"));
    CHECK(refusal(R"({"$not":{")" + std::string{key} + R"(":1}})").starts_with("filter: at /$not: \""));
  }
}

TEST_CASE("what is no JSON is no filter, whatever its parser would let pass") {
  for (const auto* text : {"{",
                           "}",
                           "{}}",
                           "{} {}",
                           "{,}",
                           R"({"/a":1,})",
                           R"({"/a"})",
                           R"({'/a':1})",
                           R"({"/a":01})",
                           R"({"/a":NaN})",
                           R"({"/a":Infinity})",
                           R"(//
{})",
                           "/**/{}",
                           R"({"/a":"\ud800"})",
                           R"({"/a":"\x"})",
                           "{\"/a\":\"\n\"}",
                           "{\"/\xFF\":1}",
                           "{\"/a\":\"\xC0\x80\"}",
                           "nil",
                           "\"\"x"}) {
    CAPTURE(text);
    CHECK(refusal(text).starts_with("filter: is not JSON: byte "));
  }
  CHECK(refusal(std::string_view{"{}\0", 3}) == "filter: is not JSON: it holds a NUL byte");
  CHECK(refusal(std::string_view{"\0", 1}) == "filter: is not JSON: it holds a NUL byte");
  CHECK(refusal(std::string_view{R"({"/a":1}\0{"$huh":1})", 20}).starts_with("filter: is not JSON"));
}

TEST_CASE("a key may be the same in different objects") {
  CHECK(refusal(R"({"$or":[{"/a":{"x":{"x":1}}},{"/a":[{"x":1},{"x":1}]}],"/a":1,"$and":[{"$or":[]},{"$or":[]}]})") ==
        "accepted");
}

TEST_CASE("a filter is bounded in bytes and in depth") {
  const auto padded = [](std::size_t size) { return "{}" + std::string(size - 2, ' '); };
  CHECK(refusal(padded(8192)) == "accepted");
  CHECK(refusal(padded(8193)) == "filter: has 8193 bytes, the most are 8192");
  CHECK(refusal(std::string(1u << 20, '[')) == "filter: has 1048576 bytes, the most are 8192");

  const auto nested = [](std::size_t deep) {  // `deep` objects in one another
    std::string text;
    for (std::size_t i = 1; i < deep; ++i) text += R"({"$not":)";
    return text + "{}" + std::string(deep - 1, '}');
  };
  CHECK(refusal(nested(16)) == "accepted");
  CHECK(refusal(nested(17)) == "filter: is more than 16 objects and arrays deep");
  const auto arrays = [](std::size_t deep) { return R"({"/a":)" + std::string(deep, '[') + std::string(deep, ']') + "}"; };
  CHECK(refusal(arrays(15)) == "accepted");
  CHECK(refusal(arrays(16)) == "filter: is more than 16 objects and arrays deep");
  CHECK(refusal(std::string(8192, '[')) == "filter: is more than 16 objects and arrays deep");
  CHECK(refusal(R"({"/a":)" + std::string(8000, '[')) == "filter: is more than 16 objects and arrays deep");

  // As many conditions as there is room for.
  std::string many = R"({"/a":{"$in":[1)";
  while (many.size() < 8180) many += ",1";
  CHECK(holds(many + "]}}", R"({"a":1})"));
  std::string filters = R"({"$or":[{})";
  while (filters.size() < 8180) filters += ",{}";
  CHECK(holds(filters + "]}", "1"));
}

TEST_CASE("a message is one line of ASCII, however long or odd what it quotes") {
  for (const std::string& key : {std::string(8000, 'x'), std::string{"\\n\\u0001\\\"\xC3\xBC"},
                                 std::string{"\xE2\x82\xAC"} + std::string(199, 'y')}) {
    for (const auto& filter :
         {R"({")" + key + R"(":1})", R"({"/)" + key + R"(":{"$huh":1}})", R"({"/a":{"$)" + key + R"(":1}})"}) {
      const auto said = refusal(filter);
      CHECK(said != "accepted");
      CHECK(said.size() < 2000);
      for (const char c : said) CHECK((c >= ' ' && c <= '~'));
    }
  }
}

TEST_CASE("what a message quotes is cut after 200 bytes, and not before") {
  const std::string most = "$" + std::string(199, 'x');
  CHECK(refusal(R"({")" + most + R"(":1})").find("\"" + most + "\" is none of") != std::string::npos);
  CHECK(refusal(R"({")" + most + R"(x":1})").find("\"" + most + "\"... is none of") != std::string::npos);
}

TEST_CASE("data may be as deep and as large as it likes") {
  const std::size_t deep = 200'000;
  const auto data = R"({"n":)" + std::string(deep, '[') + std::string(deep, ']') + R"(,"m":1})";
  const auto message = message_of(data);
  CHECK(holds(R"({"/m":1})", message));
  CHECK(holds(R"({"/n/0/0/0/0":{"$exists":true}})", message));
  CHECK_FALSE(holds(R"({"/n":[[[[]]]]})", message));
}

TEST_CASE("an event with another content type matches no filter, not even one that does not look into its data") {
  auto message = message_of("{}");
  for (const auto* filter :
       {"{}", R"({"/type":"order.paid"})", R"({"$not":{"/type":"x"}})", R"({"/a":{"$exists":false}})"}) {
    for (const auto* json : {"", "application/json", "application/json; charset=utf-8", "application/geo+json"}) {
      message.content_type = json;
      CHECK(holds(filter, message));
    }
    for (const auto* other : {"text/csv", "application/octet-stream", "x"}) {
      message.content_type = other;
      CHECK_FALSE(holds(filter, message));
    }
  }
  CHECK(holds("", message));
}

TEST_CASE("data that is no JSON matches no filter that looks into it, not even by way of $not") {
  for (const auto data : {std::string_view{""}, std::string_view{"{"}, std::string_view{"{} {}"},
                          std::string_view{"{\"a\":1e999}"}, std::string_view{"\xFF"}, std::string_view{"\"\xFF\""},
                          std::string_view{"1\0", 2}, std::string_view{"{\"a\":1}\0x", 9}, std::string_view{"nan"}}) {
    const auto message = message_of(std::string{data});
    for (const auto* filter :
         {R"({"/a":1})", R"({"/a":{"$ne":1}})", R"({"$not":{"/a":1}})", R"({"":{"$exists":false}})",
          R"({"/type":"order.paid","/data":{"$ne":0}})", R"({"$or":[{"/type":"order.paid"},{"/a":1}]})",
          R"({"$and":[{"$not":{"$or":[{"/data":1}]}}]})"})
      CHECK_FALSE(holds(filter, message));
    // It is not looked into, and so not parsed.
    CHECK(holds(R"({"/type":"order.paid"})", message));
    CHECK(holds(R"({"$and":[{"$not":{"/key":"x"}}]})", message));
    CHECK(holds("{}", message));
  }
}

TEST_CASE("one input answers any number of filters, and a filter any number of inputs") {
  const auto message = message_of(R"({"a":1})");
  const Filter one{R"({"/a":1})"};
  Filter same;
  same = one;
  const Filter other{R"({"/a":2})"};
  FilterInput input{message};
  for (int i = 0; i < 3; ++i) {
    CHECK(one.matches(input));
    CHECK(same.matches(input));
    CHECK_FALSE(other.matches(input));
  }
  const auto* const parsed = input.data();
  CHECK(parsed != nullptr);
  CHECK(input.data() == parsed);  // and parses its data once
  const auto broken = message_of("{");
  FilterInput no_json{broken};
  for (int i = 0; i < 3; ++i) CHECK_FALSE(one.matches(no_json));
}

// A second opinion ------------------------------------------------------------------------------------------------------

namespace {

/// The rules once more, straight from their text: on the event as one document, with nlohmann's pointers and comparisons.
/// Right for the small numbers that are drawn here.
struct Model {
  nlohmann::json event;

  bool holds(const nlohmann::json& filter) const {
    for (const auto& [key, value] : filter.items()) {
      bool each = true;
      if (key == "$not") {
        each = !holds(value);
      } else if (key == "$and") {
        for (const auto& inner : value) each = holds(inner) && each;
      } else if (key == "$or") {
        each = false;
        for (const auto& inner : value) each = holds(inner) || each;
      } else {
        each = holds_at(key, value);
      }
      if (!each) return false;
    }
    return true;
  }

  bool holds_at(const std::string& pointer, const nlohmann::json& value) const {
    const auto first = pointer.substr(0, pointer.find('/', 1));
    const bool is_own = first == "/type" || first == "/tenant" || first == "/key" || first == "/data";
    const nlohmann::json::json_pointer full{is_own ? pointer : "/data" + pointer};
    bool is_there = false;
    try {
      is_there = event.contains(full);
    } catch (const nlohmann::json::exception&) {
    }
    const nlohmann::json* found = is_there ? &event.at(full) : nullptr;
    bool is_operators = false;
    if (value.is_object())
      for (const auto& [key, operand] : value.items()) is_operators = is_operators || key[0] == '$';
    if (!is_operators) return found != nullptr && *found == value;
    for (const auto& [op, operand] : value.items())
      if (!holds_for(op, operand, found)) return false;
    return true;
  }

  static bool holds_for(const std::string& op, const nlohmann::json& operand, const nlohmann::json* found) {
    if (op == "$exists") return operand == (found != nullptr);
    if (op == "$ne") return !holds_for("$eq", operand, found);
    if (op == "$nin") return !holds_for("$in", operand, found);
    if (found == nullptr) return false;
    if (op == "$eq") return *found == operand;
    if (op == "$in") return std::find(operand.begin(), operand.end(), *found) != operand.end();
    if (op == "$prefix") return found->is_string() && found->get<std::string>().rfind(operand.get<std::string>(), 0) == 0;
    if (op == "$suffix") {
      const auto tail = operand.get<std::string>();
      if (!found->is_string() || found->get<std::string>().size() < tail.size()) return false;
      const auto text = found->get<std::string>();
      return text.substr(text.size() - tail.size()) == tail;
    }
    const bool is_comparable = (found->is_number() && operand.is_number()) || (found->is_string() && operand.is_string());
    if (!is_comparable) return false;
    if (op == "$gt") return *found > operand;
    if (op == "$gte") return *found >= operand;
    if (op == "$lt") return *found < operand;
    return *found <= operand;
  }
};

/// Draws filters and data that often have something to say to each other.
class Drawing {
 public:
  explicit Drawing(std::uint64_t seed) : random_(seed) {}

  nlohmann::json value(std::size_t deep) {
    switch (below(deep == 0 ? 7 : 9)) {
      case 0: return nullptr;
      case 1: return below(2) == 0;
      case 2: return static_cast<int>(below(3)) - 1;
      case 3: return static_cast<double>(below(5)) / 2 - 1;
      case 4: return static_cast<std::uint64_t>(below(2));
      case 5:
      case 6: return word();
      case 7: {
        auto array = nlohmann::json::array();
        for (auto count = below(4); count > 0; --count) array.push_back(value(deep - 1));
        return array;
      }
      default: {
        auto object = nlohmann::json::object();
        for (auto count = below(4); count > 0; --count) object[name()] = value(deep - 1);
        return object;
      }
    }
  }

  nlohmann::json filter(std::size_t deep) {
    auto filter = nlohmann::json::object();
    for (auto count = below(3); count > 0; --count) filter[pointer()] = below(3) == 0 ? value(2) : operators();
    if (deep == 0 || below(2) == 0) return filter;
    if (below(2) == 0) {
      filter["$not"] = this->filter(deep - 1);
    } else {
      auto filters = nlohmann::json::array();
      for (auto count = below(4); count > 0; --count) filters.push_back(this->filter(deep - 1));
      filter[below(2) == 0 ? "$and" : "$or"] = std::move(filters);
    }
    return filter;
  }

  std::string word() { return std::vector<std::string>{"", "a", "ab", "b", "0", "ba"}[below(6)]; }

 private:
  std::size_t below(std::size_t limit) { return static_cast<std::size_t>(random_() % limit); }
  std::string name() { return std::vector<std::string>{"a", "b", "0", "type", "data"}[below(5)]; }
  std::string pointer() {
    std::string text;
    for (auto steps = below(4); steps > 0; --steps) text += "/" + (below(4) == 0 ? std::to_string(below(3)) : name());
    if (text.empty() && below(2) == 0) text = below(2) == 0 ? "/key" : "/tenant";
    return text;
  }
  nlohmann::json operators() {
    auto object = nlohmann::json::object();
    for (auto count = 1 + below(2); count > 0; --count) switch (below(6)) {
        case 0: object["$eq"] = value(2); break;
        case 1: object["$ne"] = value(2); break;
        case 2: object[below(2) == 0 ? "$in" : "$nin"] = {value(1), value(1), value(0)}; break;
        case 3: object["$exists"] = below(2) == 0; break;
        case 4: object[below(2) == 0 ? "$prefix" : "$suffix"] = word(); break;
        default: {
          const auto op = std::vector<std::string>{"$gt", "$gte", "$lt", "$lte"}[below(4)];
          object[op] = below(2) == 0 ? nlohmann::json(word()) : nlohmann::json(static_cast<double>(below(5)) / 2 - 1);
        }
      }
    return object;
  }

  std::mt19937_64 random_;
};

}  // namespace

TEST_CASE("random filters say of random events what a second reading of the rules says") {
  const auto seed = static_cast<std::uint64_t>(GENERATE(range(1, 11)));
  CAPTURE(seed);
  Drawing drawing{seed};
  int held = 0;
  constexpr int rounds = 2000;
  for (int i = 0; i < rounds; ++i) {
    auto message = message_of(drawing.value(3).dump());
    message.type = "a";
    message.tenant = drawing.word();
    message.key = drawing.word();
    const auto filter = drawing.filter(3);
    const Model model{{{"type", message.type},
                       {"tenant", message.tenant},
                       {"key", message.key},
                       {"data", nlohmann::json::parse(message.data)}}};
    const bool expected = model.holds(filter);
    held += expected ? 1 : 0;
    const auto text = filter.dump();
    CAPTURE(text, message.data, message.tenant, message.key);
    REQUIRE(holds(text, message) == expected);
    REQUIRE(holds(R"({"$not":)" + text + "}", message) == !expected);
  }
  CHECK(held > rounds / 10);
  CHECK(held < rounds - rounds / 10);
}
