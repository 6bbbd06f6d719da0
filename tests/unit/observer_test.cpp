#include <flyhook/observer.hpp>

#include "catch.hpp"

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

using namespace flyhook;
using namespace std::chrono_literals;

namespace {

DeliveryRecord some_delivery() {
  DeliveryRecord delivery;
  delivery.id = {"dlv_0000000000001"};
  delivery.event_id = {"msg_1"};
  delivery.subscription_id = {"crm"};
  delivery.event_type = "order.paid";
  delivery.status = DeliveryStatus::delivered;
  return delivery;
}

}  // namespace

TEST_CASE("a log has one line per attempt: what, to whom, which attempt, how it ended and how long it took") {
  std::vector<std::string> lines;
  LogObserver log{[&](std::string_view line) { lines.emplace_back(line); }};
  auto delivery = some_delivery();
  Attempt attempt;
  attempt.url = "https://crm.example.com/hooks";
  attempt.status = 204;
  attempt.duration = 1500us;
  delivery.attempts = {attempt};
  log.on_attempt(delivery, attempt);

  attempt.status = 0;
  attempt.error = "connect: refused";
  attempt.duration = 7us;
  delivery.attempts.push_back(attempt);
  delivery.status = DeliveryStatus::dead;
  log.on_attempt(delivery, attempt);

  REQUIRE(lines.size() == 2);
  CHECK(lines[0] == "order.paid msg_1 to crm https://crm.example.com/hooks attempt 1: 204 in 1500 us, delivered");
  CHECK(lines[1] == "order.paid msg_1 to crm https://crm.example.com/hooks attempt 2: connect: refused in 7 us, dead");
}

TEST_CASE("what was sent to no subscription is logged with its URL") {
  std::vector<std::string> lines;
  LogObserver log{[&](std::string_view line) { lines.emplace_back(line); }};
  auto delivery = some_delivery();
  delivery.subscription_id = {};
  delivery.reason = "overflow";
  log.on_dead(delivery);
  Attempt attempt;
  attempt.url = "https://example.com/callback";
  attempt.status = 500;
  delivery.attempts = {attempt};
  delivery.status = DeliveryStatus::dead;
  delivery.reason = "answered 500";
  log.on_attempt(delivery, attempt);
  log.on_dead(delivery);
  REQUIRE(lines.size() == 3);
  CHECK(lines[0] == "order.paid msg_1 to its target is dead: overflow");
  CHECK(lines[1] == "order.paid msg_1 to https://example.com/callback attempt 1: 500 in 0 us, dead");
  CHECK(lines[2] == "order.paid msg_1 to https://example.com/callback is dead: answered 500");
}

TEST_CASE("a log has one line per event of note, and none for what an attempt has said") {
  std::vector<std::string> lines;
  LogObserver log{[&](std::string_view line) { lines.emplace_back(line); }};
  auto delivery = some_delivery();
  log.on_delivered(delivery);
  CHECK(lines.empty());

  delivery.reason = "answered 500";
  Subscription subscription;
  subscription.id = {"crm"};
  subscription.secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
  log.on_dead(delivery);
  log.on_failing(subscription, "60 h without success");
  log.on_disabled(subscription, "410");
  log.on_recovered(subscription);
  log.on_dropped({"msg_2"}, "overflow");
  log.on_error("the store failed: disk full");
  const std::vector<std::string> expected{
      "order.paid msg_1 to crm is dead: answered 500",
      "subscription crm is failing: 60 h without success",
      "subscription crm is disabled: 410",
      "subscription crm has recovered",
      "event msg_2 was dropped: overflow",
      "error: the store failed: disk full",
  };
  CHECK(lines == expected);
  for (const auto& line : lines) CHECK(line.find("whsec_") == std::string::npos);
}

TEST_CASE("an observer that overrides nothing hears everything and does nothing") {
  Observer observer;
  observer.on_attempt({}, {});
  observer.on_delivered({});
  observer.on_dead({});
  observer.on_failing({}, "");
  observer.on_disabled({}, "");
  observer.on_recovered({});
  observer.on_dropped({}, "");
  observer.on_error("");
  SUCCEED();
}
