#include "catch.hpp"
#include "contract/store_session.hpp"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

using namespace contract;
using namespace flyhook;

// Closing one event wherever it waits, and what close says about what it ended.

namespace {

using Ids = std::vector<std::string>;
using Lanes = std::vector<std::uint64_t>;

CloseRequest of_event(const std::string& id, std::uint64_t lane = 0) {
  CloseRequest request;
  request.event = EventId{id};
  request.lane = lane;
  request.reason = "cancelled";
  return request;
}

}  // namespace

TEST_CASE("closing an event ends what waits of it in every lane, and nothing else") {
  const auto& under_test = each_store();
  CAPTURE(under_test.name);
  const auto store = under_test.make();
  StoreSession session{*store};
  const auto a = session.subscribe("a"), b = session.subscribe("b"), c = session.subscribe("c");
  for (const auto* id : {"x", "y", "z"}) session.append(Batch{}.event(id, {{a}, {b}, {c}}));
  for (const auto& delivery : session.fetch(b)) {
    if (delivery.message->id.value != "y") session.give_back(b, delivery.sequence);
  }
  for (const auto& delivery : session.fetch(c)) session.retry(c, delivery.sequence, now + std::chrono::hours{1});
  const Closed closed = store->close(of_event("y"));
  CHECK(closed.count == 2);
  CHECK_FALSE(closed.more);
  CHECK(closed.lanes == Lanes{a, c});
  CHECK(closed.records.empty());
  CHECK(store->pending() == 7);
  const auto records = session.of_event("y");
  REQUIRE(records.size() == 3);
  CHECK(records[0].status == DeliveryStatus::cancelled);
  CHECK(records[0].reason == "cancelled");
  CHECK_FALSE(records[0].next_attempt_at);
  CHECK(records[1].status == DeliveryStatus::pending);
  CHECK(records[2].status == DeliveryStatus::cancelled);
  CHECK(event_ids(session.fetch(a)) == Ids{"x", "z"});
  CHECK(event_ids(session.fetch(b)) == Ids{"x", "z"});
  CHECK(event_ids(session.fetch(c, 10, now + std::chrono::hours{1})) == Ids{"x", "z"});
  CHECK(store->close(of_event("y")).count == 0);
  CHECK(store->close(of_event("nobody")).count == 0);
}

TEST_CASE("closing an event in one lane leaves its other lanes alone") {
  const auto& under_test = each_store();
  CAPTURE(under_test.name);
  const auto store = under_test.make();
  StoreSession session{*store};
  const auto a = session.subscribe("a"), b = session.subscribe("b");
  session.append(Batch{}.event("x", {{a}, {b}}).event("y", {{a}, {b}}));
  const Closed closed = store->close(of_event("x", b));
  CHECK(closed.count == 1);
  CHECK(closed.lanes == Lanes{b});
  CHECK(event_ids(session.fetch(a)) == Ids{"x", "y"});
  CHECK(event_ids(session.fetch(b)) == Ids{"y"});
}

TEST_CASE("a wide event is closed page by page, and every record is listed once") {
  const auto& under_test = each_store();
  CAPTURE(under_test.name);
  const auto store = under_test.make();
  StoreSession session{*store};
  std::vector<NewDelivery> wide;
  Lanes lanes;
  for (int i = 0; i < 10; ++i) {
    lanes.push_back(session.subscribe("sub-" + std::to_string(i)));
    wide.emplace_back().lane = lanes.back();
  }
  session.append(Batch{}.event("x", wide));
  session.retry(lanes[4], session.fetch(lanes[4]).at(0).sequence, now + std::chrono::hours{1});
  CloseRequest request = of_event("x");
  request.limit = 4;
  request.list = true;
  std::set<std::string> subscriptions;
  Lanes seen;
  for (const std::size_t expected : {4u, 4u, 2u}) {
    const Closed closed = store->close(request);
    CHECK(closed.count == expected);
    CHECK(closed.more == (expected == 4));
    CHECK(closed.lanes.size() == expected);
    CHECK(std::is_sorted(closed.lanes.begin(), closed.lanes.end()));
    seen.insert(seen.end(), closed.lanes.begin(), closed.lanes.end());
    REQUIRE(closed.records.size() == expected);
    for (const auto& record : closed.records) {
      CHECK(subscriptions.insert(record.subscription_id.value).second);
      CHECK(record.event_id == EventId{"x"});
      CHECK(record.status == DeliveryStatus::cancelled);
      CHECK(record.reason == "cancelled");
      CHECK(record.attempts.size() == (record.subscription_id.value == "sub-4" ? 1 : 0));
    }
  }
  std::sort(seen.begin(), seen.end());
  CHECK(seen == lanes);
  CHECK(store->pending() == 0);
}

TEST_CASE("closing a lane lists what it ended, the oldest of it first, and names the lane") {
  const auto& under_test = each_store();
  CAPTURE(under_test.name);
  const auto store = under_test.make();
  StoreSession session{*store};
  const auto lane = session.subscribe("a"), other = session.subscribe("b");
  for (const auto* id : {"1", "2", "3", "4"}) session.append(Batch{}.event(id, {{lane}, {other}}));
  auto fetched = session.fetch(lane, 3);
  REQUIRE(fetched.size() == 3);
  session.retry(lane, fetched[0].sequence, now + std::chrono::hours{1});
  session.give_back(lane, fetched[2].sequence);
  CloseRequest request;
  request.lane = lane;
  request.limit = 2;
  request.list = true;
  const Closed closed = store->close(request);
  CHECK(closed.more);
  CHECK(closed.lanes == Lanes{lane});
  auto ids = event_ids(closed.records);
  std::sort(ids.begin(), ids.end());
  CHECK(ids == Ids{"1", "3"});
  CHECK(event_ids(session.fetch(lane)) == Ids{"4"});
  CHECK(store->close(request).lanes.empty());
}

TEST_CASE("closing in a lane with order numbers frees the successor of a head and moves nobody else") {
  const auto& under_test = each_store();
  CAPTURE(under_test.name);
  const auto store = under_test.make();
  StoreSession session{*store};
  const auto lane = session.subscribe("a");
  for (const auto* id : {"1", "2", "3", "4", "5"}) session.append(Batch{}.event(id, {{lane, 7}}));

  SECTION("a head that waits") {
    CHECK(store->close(of_event("1")).count == 1);
    CHECK(event_ids(session.fetch(lane)) == Ids{"2"});
  }
  SECTION("a head that waits for a time") {
    session.retry(lane, session.fetch(lane).at(0).sequence, now + std::chrono::hours{1});
    CHECK(store->close(of_event("1")).count == 1);
    CHECK(event_ids(session.fetch(lane)) == Ids{"2"});
    CHECK_FALSE(session.fetch_once(lane, 1, now).next_due);
  }
  SECTION("the middle and the end, behind a head that waits or is handed out") {
    const bool handed_out = GENERATE(false, true);
    if (handed_out) REQUIRE(event_ids(session.fetch(lane)) == Ids{"1"});
    for (const auto* id : {"2", "4", "5"}) CHECK(store->close(of_event(id)).count == 1);
    session.append(Batch{}.event("6", {{lane, 7}}));
    const auto head = handed_out ? session.of_event("1").at(0) : DeliveryRecord{};
    auto sequence = handed_out ? *detail::delivery_sequence(head.id.value) : session.fetch(lane).at(0).sequence;
    for (const auto* id : {"3", "6"}) {
      CHECK(session.fetch(lane).empty());
      session.deliver(lane, sequence);
      const auto fetched = session.fetch(lane);
      REQUIRE(event_ids(fetched) == Ids{id});
      sequence = fetched.front().sequence;
    }
    session.deliver(lane, sequence);
    CHECK(store->pending() == 0);
  }
}

TEST_CASE("100,000 events of one lane are closed one by one, whichever comes first") {
  const auto& under_test = each_exact_store();
  CAPTURE(under_test.name);
  const auto store = under_test.make();
  StoreSession session{*store};
  const auto lane = session.subscribe("a");
  const int count = under_test.name == "MemoryStore" ? 100'000 : 200;
  const std::uint64_t order = GENERATE(0u, 1u);
  for (int i = 0; i < count; ++i) session.append(Batch{}.event("event-" + std::to_string(i), {{lane, order}}));
  // From both ends and the middle towards each other: 7 and the count have no common factor.
  for (int i = 1; i < count; ++i) {
    const auto id = "event-" + std::to_string(static_cast<std::int64_t>(i) * 7 % count);
    const Closed closed = store->close(of_event(id));
    if (closed.count != 1) FAIL(id << " was not closed");
  }
  CHECK(event_ids(session.fetch(lane)) == Ids{"event-0"});
  CHECK(store->pending() == 1);
}
