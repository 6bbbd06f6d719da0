#include <flyhook/receiver.hpp>

#include <flyhook/error.hpp>

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "catch.hpp"
#include "unit/signed_requests.hpp"

using namespace flyhook;
using namespace flyhook::test;

namespace kinds {

struct Paid {
  static constexpr std::string_view event_type = "order.paid";
  std::string order_id{};
  std::int64_t cents = 0;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Paid, order_id, cents)

struct Shipped {
  static constexpr std::string_view event_type = "order.shipped";
  std::string order_id{};
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Shipped, order_id)

/// Reads its bytes itself, and is not made without a value.
struct Exact {
  explicit Exact(std::string its_text) : text(std::move(its_text)) {}
  std::string text;
};

/// Its parse throws something of its own.
struct Picky {};

/// No type: goes by a pattern.
struct Anything {
  int n = 0;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Anything, n)

}  // namespace kinds

template <>
struct flyhook::EventTraits<kinds::Exact> {
  static constexpr std::string_view type = "exact";
  static kinds::Exact parse(std::string_view data) { return kinds::Exact{std::string{data}}; }
};

template <>
struct flyhook::EventTraits<kinds::Picky> {
  static constexpr std::string_view type = "picky";
  static kinds::Picky parse(std::string_view data) { throw std::runtime_error{"secret " + std::string{data}}; }
};

using namespace kinds;

namespace {

const std::string paid =
    R"({"type":"order.paid","timestamp":"2026-01-02T03:04:05Z","data":{"order_id":"ord_1","cents":42}})";

std::string event_of(std::string_view type, std::string_view data) {
  return R"({"type":")" + std::string{type} + R"(","data":)" + std::string{data} + "}";
}

}  // namespace

static_assert(Receivable<Paid> && Receivable<Exact> && Receivable<Picky>);
static_assert(Receivable<std::variant<Paid, Exact>> && !Receivable<std::variant<Paid, Anything>>);
static_assert(!Receivable<Anything> && !Receivable<Event> && !Receivable<int>);

// Handlers --------------------------------------------------------------------------------------------------------------

TEST_CASE("all handlers that want an event run, in the order of registration") {
  Session session;
  std::string order;
  session.receiver.on("*", [&](const Event&) { order += "a"; })
      .on<Paid>([&](const Paid&) { order += "b"; })
      .on<Shipped>([&](const Shipped&) { order += "X"; })
      .on("order.*", [&](const Event&, const Received&) { order += "c"; })
      .on("order.paid", [&](const Event& event) { order += event.data.at("order_id").get<std::string>(); })
      .on("invoice.*", [&](const Event&) { order += "X"; })
      .on<Anything>("order.shipped", [&](const Anything&) { order += "X"; })
      .on<Event>("order.*", [&](const Event&) { order += "d"; });
  CHECK(session.post(paid).status == 204);
  CHECK(order == "abcord_1d");
}

TEST_CASE("a variant takes the events of each of its alternatives") {
  using Any = std::variant<Paid, Exact, Shipped>;
  Session session;
  std::vector<Any> seen;
  session.receiver.on<Any>([&](const Any& event) { seen.push_back(event); });
  CHECK(session.post(event_of("order.shipped", R"({"order_id":"s"})"), "1").status == 204);
  CHECK(session.post(event_of("exact", "[1, 2]"), "2").status == 204);
  CHECK(session.post(paid, "3").status == 204);
  CHECK(session.post(event_of("other", "{}"), "4").status == 204);
  REQUIRE(seen.size() == 3);
  CHECK(std::get<Shipped>(seen[0]).order_id == "s");
  CHECK(std::get<Exact>(seen[1]).text == "[1, 2]");
  CHECK(std::get<Paid>(seen[2]).cents == 42);
  CHECK(session.post(event_of("order.paid", "{}"), "5").status == 400);
}

TEST_CASE("a type without a name is read from what matches a pattern") {
  Session session;
  std::vector<std::string> seen;
  session.receiver.on<Anything>("n.*", [&](const Anything& event, const Received& meta) {
    seen.push_back(meta.type + " " + std::to_string(event.n));
  });
  CHECK(session.post(event_of("n.a", R"({"n":1})"), "1").status == 204);
  CHECK(session.post(event_of("n.b.c", R"({"n":2})"), "2").status == 204);
  CHECK(session.post(event_of("n", R"({"n":3})"), "3").status == 204);
  CHECK(seen == std::vector<std::string>{"n.a 1", "n.b.c 2"});
}

TEST_CASE("a malformed pattern is refused when it is given") {
  Session session;
  for (const std::string bad : {"", "order.", "*.paid", "order.**", "a b", "\xFF"}) {
    CAPTURE(bad);
    try {
      session.receiver.on(bad, [](const Event&) {});
      FAIL("taken");
    } catch (const Error& error) {
      CHECK(error.code() == ErrorCode::invalid);
      CHECK(error.field() == "pattern");
    }
    CHECK_THROWS_AS(session.receiver.on<Paid>(bad, [](const Paid&) {}), Error);
  }
}

TEST_CASE("a type's own parse gets the bytes of the data as they stand in the body") {
  Session session;
  std::string seen;
  session.receiver.on<Exact>([&](const Exact& event) { seen = event.text; });
  const std::vector<std::string> exact{R"({ "b" : 1.10,"a":100000000000000000000000000 })", "\"x\\u0041\\\"}\"", "1.0",
                                       "[ [\"]\"] ,{} ]", "null"};
  for (std::size_t i = 0; i < exact.size(); ++i) {
    CHECK(session.post("{ \"data\" :\t" + exact[i] + " \n,\"type\":\"exact\"}", "msg_" + std::to_string(i)).status == 204);
    CHECK(seen == exact[i]);
  }
}

TEST_CASE("handlers may be move-only, and keep what they change") {
  Session session;
  auto count = std::make_unique<int>(0);
  auto* const seen = count.get();
  session.receiver.on("*", [count = std::move(count), twice = 0](const Event&) mutable { *count = twice += 2; });
  session.post(paid, "1");
  session.post(paid, "2");
  CHECK(*seen == 4);
}

TEST_CASE("a handler that is registered while a request runs sees the next one") {
  Session session;
  int late = 0;
  session.receiver.on("*", [&](const Event&) {
    if (late == 0) session.receiver.on("*", [&](const Event&) { ++late; });
  });
  session.post(paid, "1");
  CHECK(late == 0);
  session.post(paid, "2");
  CHECK(late == 1);
}

// What cannot be read ---------------------------------------------------------------------------------------------------

TEST_CASE("data that a handler's type cannot be read from is a 400, and no handler runs") {
  Session session;
  int runs = 0;
  session.receiver.on("*", [&](const Event&) { ++runs; }).on<Paid>([&](const Paid&) { ++runs; });
  const auto missing = session.post(event_of("order.paid", R"({"order_id":"o"})"));
  CHECK(missing.status == 400);
  CHECK(said(missing, "field") == "cents");
  const auto wrong = session.post(event_of("order.paid", R"({"order_id":"o","cents":"s3cret"})"));
  CHECK(wrong.status == 400);
  CHECK(wrong.body.find("s3cret") == std::string::npos);
  CHECK(session.post(event_of("order.paid", "[]")).status == 400);
  CHECK(runs == 0);
  CHECK(session.errors.empty());

  // None of them made the id known.
  CHECK(session.post(paid).status == 204);
  CHECK(runs == 2);
}

TEST_CASE("what a type's own parse throws is a 400 without its text") {
  Session session;
  session.receiver.on<Picky>([](const Picky&) {});
  const auto answer = session.post(event_of("picky", "\"s3cret\""));
  CHECK(answer.status == 400);
  CHECK(answer.body.find("s3cret") == std::string::npos);
  CHECK(session.errors.empty());
}

TEST_CASE("a type without a handler is not read into anything") {
  Session session;
  session.receiver.on<Paid>([](const Paid&) { throw std::runtime_error{"never"}; });
  CHECK(session.post(event_of("other", R"({"order_id":1})")).status == 204);
  CHECK(session.post(event_of("order.paid.late", "7"), "msg_2").status == 204);
}
