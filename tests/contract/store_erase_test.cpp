#include "catch.hpp"
#include "contract/store_session.hpp"

#include <string>
#include <vector>

using namespace contract;
using namespace flyhook;

// Erasing: the payload and the answers go for good, the record of what happened stays.

namespace {

Outcome answered(const Claim& claim, DeliveryStatus status) {
  Outcome outcome;
  outcome.claim = claim;
  outcome.status = status;
  outcome.attempt = Attempt{.at = now, .status = 500, .error = "status 500", .response_body = "who is Ann Example?"};
  return outcome;
}

}  // namespace

TEST_CASE("erasing an event ends what waits of it, and takes response bodies out of the log") {
  const auto& under_test = each_store();
  CAPTURE(under_test.name);
  const auto store = under_test.make();
  StoreSession session{*store};
  const auto done = session.subscribe("done"), waits = session.subscribe("waits");
  session.append(Batch{}.event("x", {{done, 1}, {waits, 1}}).event("y", {{done, 1}, {waits, 1}}));
  Outcome outcome = answered(session.claim(done, session.fetch(done).at(0).sequence), DeliveryStatus::dead);
  outcome.reason = "status 500";
  session.finish(outcome);
  outcome = answered(session.claim(waits, session.fetch(waits).at(0).sequence), DeliveryStatus::pending);
  outcome.next_attempt_at = now + std::chrono::hours{1};
  session.finish(outcome);
  CHECK(store->history().erase({"x"}));
  CHECK(store->history().erase({"x"}));
  CHECK_FALSE(store->history().erase({"nobody"}));
  CHECK(store->pending() == 2);
  const auto records = session.of_event("x");
  REQUIRE(records.size() == 2);
  for (const auto& record : records) {
    const bool waited = record.subscription_id == SubscriptionId{"waits"};
    CHECK(record.status == (waited ? DeliveryStatus::cancelled : DeliveryStatus::dead));
    CHECK(record.reason == (waited ? "erased" : "status 500"));
    CHECK(record.event_type == "order.paid");
    CHECK(record.created_at == now);
    REQUIRE(record.attempts.size() == 1);
    CHECK(record.attempts.front().error == "status 500");
    CHECK(record.attempts.front().response_body.empty());
  }
  CHECK(event_ids(session.fetch(waits)) == std::vector<std::string>{"y"});
  CHECK(session.append(Batch{}.event("x", {{done}})) == std::vector<AppendStatus>{AppendStatus::duplicate});
  CHECK(session.recover({.lane = done}) == 0);
}

TEST_CASE("what is handed out while its event is erased ends by finish, and brings no response body") {
  const auto& under_test = each_store();
  CAPTURE(under_test.name);
  const auto store = under_test.make();
  StoreSession session{*store};
  const auto lane = session.subscribe("a");
  session.append(Batch{}.event("x", {{lane, 1}}).event("behind", {{lane, 1}}));
  const auto fetched = session.fetch(lane);
  REQUIRE(fetched.size() == 1);
  const Claim claim = session.claim(lane, fetched.front().sequence);
  REQUIRE(store->history().erase({"x"}));
  CHECK(session.of_event("x").at(0).status == DeliveryStatus::pending);
  CHECK(session.fetch(lane).empty());
  DeliveryStatus status = DeliveryStatus::cancelled;
  std::size_t attempts = 0;

  SECTION("delivered") {
    CHECK(session.finish(answered(claim, DeliveryStatus::delivered)) == FinishStatus::done);
    status = DeliveryStatus::delivered;
    attempts = 1;
  }
  SECTION("to be tried again, which it cannot") {
    CHECK(session.finish(answered(claim, DeliveryStatus::pending)) == FinishStatus::done);
    attempts = 1;
  }
  SECTION("given back") {
    session.give_back(lane, claim.sequence);
  }
  SECTION("with an owner that leaves") {
    store->release("engine-1");
    session.acquire();
  }
  const auto record = session.of_event("x").at(0);
  CHECK(record.status == status);
  CHECK(record.reason == (status == DeliveryStatus::cancelled ? "erased" : ""));
  REQUIRE(record.attempts.size() == attempts);
  for (const auto& attempt : record.attempts) CHECK(attempt.response_body.empty());
  CHECK(event_ids(session.fetch(lane)) == std::vector<std::string>{"behind"});
  CHECK(store->pending() == 1);
}

TEST_CASE("an event that matched nothing can be erased, too: its id is known") {
  const auto& under_test = each_store();
  CAPTURE(under_test.name);
  const auto store = under_test.make();
  StoreSession session{*store};
  session.append(Batch{}.event("unwanted", {}));
  CHECK(store->history().erase({"unwanted"}));
}
