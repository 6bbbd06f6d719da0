#include "catch.hpp"
#include "contract/store_session.hpp"

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

using namespace contract;
using namespace flyhook;

// Who may send: slots, epochs, and what a change of owner does to what was handed out.

TEST_CASE("an owner that asks as often as it is told to holds every slot") {
  const auto& under_test = each_store();
  CAPTURE(under_test.name);
  const auto store = under_test.make();
  std::set<std::uint32_t> held;
  for (int tries = 0; tries < 100; ++tries) {
    const auto answer = store->acquire("engine-1", now);
    held.clear();
    for (const auto& slot : answer.slots) {
      CHECK(slot.index < slot_count);
      CHECK(slot.epoch >= 1);
      held.insert(slot.index);
    }
    CHECK(held.size() == answer.slots.size());
    if (!answer.again) break;
  }
  CHECK(held.size() == slot_count);
}

TEST_CASE("no slot has two owners, and one who got none is told to ask again") {
  const auto& under_test = each_store();
  CAPTURE(under_test.name);
  const auto store = under_test.make();
  const StoreSession first{*store};
  const auto second = store->acquire("engine-2", now);
  CHECK(second.slots.empty());
  CHECK(second.lanes.empty());
  REQUIRE(second.again);
  CHECK(second.again->count() > 0);
}

TEST_CASE("prolonging keeps slots and epochs and names no lane again") {
  const auto& under_test = each_store();
  CAPTURE(under_test.name);
  const auto store = under_test.make();
  StoreSession session{*store};
  const auto lane = session.subscribe("a");
  const auto epoch = session.epoch(lane);
  session.append(Batch{}.event("x", {{lane}}));
  session.acquire();
  CHECK(session.epoch(lane) == epoch);
  CHECK(session.work.empty());
}

TEST_CASE("after a release the next owner's epoch is higher and what was handed out waits again") {
  const auto& under_test = each_store();
  CAPTURE(under_test.name);
  const auto store = under_test.make();
  StoreSession first{*store, "engine-1"};
  const auto lane = first.subscribe("a");
  first.append(Batch{}.event("x", {{lane}}).event("y", {{lane}}).event("z", {{lane}}));
  const auto fetched = first.fetch(lane, 2);
  REQUIRE(fetched.size() == 2);
  const Claim stale = first.claim(lane, fetched[0].sequence);
  store->release("engine-1");
  StoreSession second{*store, "engine-2"};
  CHECK(second.epoch(lane) > stale.epoch);
  REQUIRE(second.work.size() == 1);
  CHECK(second.work.front().lane == lane);
  CHECK_FALSE(second.work.front().next_due);

  SECTION("and are handed out in their old order") {
    CHECK(event_ids(second.fetch(lane)) == std::vector<std::string>{"x", "y", "z"});
  }
  SECTION("a finish of the former owner is stale and records nothing") {
    Outcome outcome;
    outcome.claim = stale;
    outcome.status = DeliveryStatus::delivered;
    outcome.attempt = Attempt{};
    CHECK(first.finish(outcome) == FinishStatus::stale);
    CHECK(store->pending() == 3);
    CHECK(first.of_event("x").at(0).attempts.empty());
    CHECK(second.fetch(lane).size() == 3);
    SECTION("also when the delivery is with the new owner") {
      CHECK(first.finish(outcome) == FinishStatus::stale);
      CHECK(store->pending() == 3);
    }
  }
  SECTION("the former owner fetches nothing and is told why") {
    const LaneWant want{lane, stale.epoch, 10};
    const auto answer = store->fetch(std::span{&want, 1}, now);
    REQUIRE(answer.size() == 1);
    CHECK_FALSE(answer.front().owned);
    CHECK(answer.front().deliveries.empty());
    CHECK(second.fetch(lane).size() == 3);
  }
  SECTION("the former owner gives nothing back") {
    CHECK(second.fetch(lane).size() == 3);
    store->give_back(std::span{&stale, 1});
    CHECK(second.fetch(lane).empty());
  }
}

TEST_CASE("a release of somebody who holds nothing changes nothing") {
  const auto& under_test = each_store();
  CAPTURE(under_test.name);
  const auto store = under_test.make();
  StoreSession session{*store};
  const auto lane = session.subscribe("a");
  session.append(Batch{}.event("x", {{lane}}));
  REQUIRE(session.fetch(lane).size() == 1);
  store->release("engine-2");
  CHECK(session.fetch(lane).empty());
}

TEST_CASE("whoever acquires slots learns which of their lanes have work and when") {
  const auto& under_test = each_store();
  CAPTURE(under_test.name);
  const auto store = under_test.make();
  StoreSession first{*store, "engine-1"};
  const auto due = first.subscribe("due"), later = first.subscribe("later"), done = first.subscribe("done");
  first.subscribe("idle");
  first.append(Batch{}.event("x", {{due}, {later}, {done}}));
  const auto at = now + std::chrono::hours{2};
  for (const auto& delivery : first.fetch(later)) first.retry(later, delivery.sequence, at);
  for (const auto& delivery : first.fetch(done)) first.deliver(done, delivery.sequence);
  store->release("engine-1");
  const StoreSession second{*store, "engine-2"};
  std::map<std::uint64_t, std::optional<TimePoint>> found;
  for (const auto& work : second.work) found[work.lane] = work.next_due;
  CHECK(found == std::map<std::uint64_t, std::optional<TimePoint>>{{due, std::nullopt}, {later, at}});
}
