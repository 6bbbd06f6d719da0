#include "catch.hpp"
#include "contract/store_session.hpp"

#include <string>
#include <vector>

using namespace contract;
using namespace flyhook;

// A lane that may hold so many waiting deliveries: the oldest one makes way.

namespace {

using Ids = std::vector<std::string>;

AppendResult append(Store& store, const Batch& batch, std::size_t max_waiting) {
  AppendBatch limited = batch.value();
  limited.max_waiting_per_lane = max_waiting;
  return store.append(limited);
}

AppendResult append(Store& store, const std::string& id, NewDelivery delivery, std::size_t max_waiting) {
  return append(store, Batch{}.event(id, {delivery}), max_waiting);
}

}  // namespace

TEST_CASE("beyond max_waiting_per_lane the lane's oldest waiting delivery ends as dead, for overflow") {
  const auto& under_test = each_exact_store();
  CAPTURE(under_test.name);
  const auto store = under_test.make();
  StoreSession session{*store};
  const auto lane = session.subscribe("a"), other = session.subscribe("b");
  for (const auto* id : {"1", "2", "3"}) {
    CHECK(append(*store, Batch{}.event(id, {{lane}, {other}}), 3).overflowed.empty());
  }
  const auto result = append(*store, "4", {lane}, 3);
  CHECK(result.events == std::vector<AppendStatus>{AppendStatus::accepted});
  REQUIRE(event_ids(result.overflowed) == Ids{"1"});
  CHECK(result.overflowed.front().status == DeliveryStatus::dead);
  CHECK(result.overflowed.front().reason == "overflow");
  CHECK(result.overflowed.front().subscription_id == SubscriptionId{"a"});
  CHECK(session.of_event("1").at(1).status == DeliveryStatus::dead);
  CHECK(session.of_event("1").at(0).status == DeliveryStatus::pending);
  CHECK(store->pending() == 6);
  CHECK(event_ids(session.fetch(lane)) == Ids{"2", "3", "4"});
  CHECK(session.fetch(other).size() == 3);
}

TEST_CASE("what is handed out is neither counted nor ended for overflow") {
  const auto& under_test = each_exact_store();
  CAPTURE(under_test.name);
  const auto store = under_test.make();
  StoreSession session{*store};
  const auto lane = session.subscribe("a");
  session.append(Batch{}.event("1", {{lane}}).event("2", {{lane}}));
  REQUIRE(session.fetch(lane, 2).size() == 2);
  CHECK(append(*store, "3", {lane}, 1).overflowed.empty());
  CHECK(append(*store, "taken", session.taken(lane), 1).overflowed.empty());
  CHECK(event_ids(append(*store, "4", {lane}, 1).overflowed) == Ids{"3"});
  CHECK(store->pending() == 4);
}

TEST_CASE("the oldest is who was appended first, whatever it waits for") {
  const auto& under_test = each_exact_store();
  CAPTURE(under_test.name);
  const auto store = under_test.make();
  StoreSession session{*store};
  const auto lane = session.subscribe("a");
  session.append(Batch{}.event("1", {{lane}}).event("2", {{lane}}).event("3", {{lane}}));
  const auto fetched = session.fetch(lane, 2);
  REQUIRE(fetched.size() == 2);
  session.give_back(lane, fetched[1].sequence);
  session.retry(lane, fetched[0].sequence, now + std::chrono::hours{9});
  CHECK(event_ids(append(*store, "4", {lane}, 3).overflowed) == Ids{"1"});
  CHECK(event_ids(append(*store, "5", {lane}, 3).overflowed) == Ids{"2"});
  CHECK_FALSE(session.fetch_once(lane, 0).next_due);
  CHECK(event_ids(session.fetch(lane)) == Ids{"3", "4", "5"});
}

TEST_CASE("overflow in a lane with order numbers takes the head that waits, or the first that is held back") {
  const auto& under_test = each_exact_store();
  CAPTURE(under_test.name);
  const auto store = under_test.make();
  StoreSession session{*store};
  const auto lane = session.subscribe("a");
  for (const auto* id : {"1", "2", "3"}) session.append(Batch{}.event(id, {{lane, 1}}));

  SECTION("the head waits") {
    CHECK(event_ids(append(*store, "4", {lane, 1}, 3).overflowed) == Ids{"1"});
    CHECK(event_ids(session.fetch(lane)) == Ids{"2"});
  }
  SECTION("the head waits for a time") {
    session.retry(lane, session.fetch(lane).at(0).sequence, now + std::chrono::hours{9});
    CHECK(event_ids(append(*store, "4", {lane, 1}, 3).overflowed) == Ids{"1"});
    CHECK(event_ids(session.fetch(lane)) == Ids{"2"});
  }
  SECTION("the head is handed out") {
    const auto fetched = session.fetch(lane);
    CHECK(event_ids(append(*store, "4", {lane, 1}, 2).overflowed) == Ids{"2"});
    CHECK(event_ids(append(*store, "5", {lane, 2}, 2).overflowed) == Ids{"3"});
    session.deliver(lane, fetched.at(0).sequence);
    CHECK(event_ids(session.fetch(lane)) == Ids{"4", "5"});
  }
}

TEST_CASE("a batch may push out what it brought itself") {
  const auto& under_test = each_exact_store();
  CAPTURE(under_test.name);
  const auto store = under_test.make();
  StoreSession session{*store};
  const auto lane = session.subscribe("a");
  const auto result = append(*store, Batch{}.event("1", {{lane}, {lane}}).event("2", {{lane}}), 1);
  CHECK(event_ids(result.overflowed) == Ids{"1", "1"});
  CHECK(store->pending() == 1);
  CHECK(event_ids(session.fetch(lane)) == Ids{"2"});
}

TEST_CASE("one ends for one that comes: a limit that was lowered does not empty the lane") {
  const auto& under_test = each_exact_store();
  CAPTURE(under_test.name);
  const auto store = under_test.make();
  StoreSession session{*store};
  const auto lane = session.subscribe("a");
  for (const auto* id : {"1", "2", "3", "4"}) session.append(Batch{}.event(id, {{lane}}));
  CHECK(event_ids(append(*store, "5", {lane}, 2).overflowed) == Ids{"1"});
  CHECK(append(*store, "6", {lane}, 0).overflowed.empty());
  CHECK(store->pending() == 5);
}

TEST_CASE("a lane at its limit takes 200,000 in the time of any other") {
  const auto& under_test = each_exact_store();
  CAPTURE(under_test.name);
  const auto store = under_test.make();
  StoreSession session{*store};
  const auto lane = session.subscribe("a");
  const int count = under_test.name == "MemoryStore" ? 200'000 : 500;
  const auto limit = static_cast<std::size_t>(count / 2);
  for (int i = 0; i < count; ++i) {
    const std::uint64_t order = i % 3 == 0 ? 0 : static_cast<std::uint64_t>(i % 1'000);
    append(*store, "event-" + std::to_string(i), {lane, order}, limit);
    if (i % 50 == 0) {
      for (const auto& delivery : session.fetch(lane, 3)) {
        session.retry(lane, delivery.sequence, now + std::chrono::hours{1});
      }
    }
  }
  CHECK(store->pending() == limit);
}
