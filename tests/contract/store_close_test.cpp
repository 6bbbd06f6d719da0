#include "catch.hpp"
#include "contract/store_session.hpp"

#include <algorithm>
#include <string>
#include <vector>

using namespace contract;
using namespace flyhook;

// The end of what waits: close, and what becomes of the deliveries of a subscription that is removed.

namespace {

std::size_t close_all(Store& store, std::uint64_t lane, std::size_t limit = 10'000) {
  std::size_t count = 0;
  for (int calls = 0; calls < 1000; ++calls) {
    const Closed closed = store.close({lane, DeliveryStatus::cancelled, "unsubscribed", limit});
    CHECK(closed.count <= limit);
    count += closed.count;
    if (!closed.more) return count;
    REQUIRE(closed.count > 0);
  }
  FAIL("close says for ever that there is more");
  return count;
}

std::size_t count_of(const std::vector<DeliveryRecord>& records, DeliveryStatus status) {
  return static_cast<std::size_t>(
      std::count_if(records.begin(), records.end(), [&](const DeliveryRecord& record) { return record.status == status; }));
}

}  // namespace

TEST_CASE("close ends what waits, page by page, and leaves what is handed out") {
  const auto& under_test = each_store();
  CAPTURE(under_test.name);
  const auto store = under_test.make();
  StoreSession session{*store};
  const auto lane = session.subscribe("a"), other = session.subscribe("b");
  for (int i = 0; i < 10; ++i) session.append(Batch{}.event("event-" + std::to_string(i), {{lane}, {other}}));
  const auto fetched = session.fetch(lane, 4);
  REQUIRE(fetched.size() == 4);
  session.retry(lane, fetched[1].sequence, now + std::chrono::hours{1});
  const Closed first = store->close({lane, DeliveryStatus::dead, "disabled", 5});
  CHECK(first.count == 5);
  CHECK(first.more);
  CHECK(close_all(*store, lane, 1) == 2);
  CHECK(close_all(*store, lane) == 0);
  CHECK(session.fetch(lane, 100, now + std::chrono::hours{9}).empty());
  CHECK(store->pending() == 13);

  DeliveryQuery query;
  query.subscription_id = SubscriptionId{"a"};
  const auto records = session.list(query);
  CHECK(count_of(records, DeliveryStatus::pending) == 3);
  CHECK(count_of(records, DeliveryStatus::dead) == 5);
  CHECK(count_of(records, DeliveryStatus::cancelled) == 2);
  for (const auto& record : records) {
    if (record.status == DeliveryStatus::dead) CHECK(record.reason == "disabled");
    if (record.status != DeliveryStatus::pending) CHECK_FALSE(record.next_attempt_at);
  }
  CHECK(session.deliver(lane, fetched[0].sequence) == FinishStatus::done);
  CHECK(session.of_event("event-0").at(1).status == DeliveryStatus::delivered);
  CHECK(session.fetch(other).size() == 10);
}

TEST_CASE("close ends what is held back behind a delivery that is handed out") {
  const auto& under_test = each_store();
  CAPTURE(under_test.name);
  const auto store = under_test.make();
  StoreSession session{*store};
  const auto lane = session.subscribe("a");
  for (int i = 0; i < 12; ++i) {
    session.append(Batch{}.event("event-" + std::to_string(i), {{lane, static_cast<std::uint64_t>(1 + i % 3)}}));
  }
  const auto fetched = session.fetch(lane, 2);
  REQUIRE(fetched.size() == 2);
  CHECK(close_all(*store, lane, 3) == 10);
  CHECK(store->pending() == 2);
  for (const auto& delivery : fetched) session.deliver(lane, delivery.sequence);
  CHECK(session.fetch(lane).empty());
  CHECK(store->pending() == 0);
  session.append(Batch{}.event("next", {{lane, 1}}));
  CHECK(session.fetch(lane).size() == 1);
}

TEST_CASE("a lane that nobody has heard of has nothing to close") {
  const auto& under_test = each_store();
  CAPTURE(under_test.name);
  const auto store = under_test.make();
  const Closed closed = store->close({.lane = 4711});
  CHECK(closed.count == 0);
  CHECK_FALSE(closed.more);
}

TEST_CASE("deliveries of a removed subscription wait until they are closed") {
  const auto& under_test = each_store();
  CAPTURE(under_test.name);
  const auto store = under_test.make();
  StoreSession session{*store};
  const auto lane = session.subscribe("a");
  session.append(Batch{}.event("x", {{lane}}).event("y", {{lane}}));
  const auto fetched = session.fetch(lane, 1);
  REQUIRE(store->remove({"a"}));
  CHECK(store->pending() == 2);
  CHECK(close_all(*store, lane) == 1);
  CHECK(session.deliver(lane, fetched.at(0).sequence) == FinishStatus::done);
  CHECK(store->pending() == 0);
  const auto record = session.of_event("x").at(0);
  CHECK(record.status == DeliveryStatus::delivered);
  CHECK(record.subscription_id == SubscriptionId{"a"});
  CHECK(session.of_event("y").at(0).reason == "unsubscribed");
}

TEST_CASE("a delivery for a subscription that was removed meanwhile is made, and is cancelled") {
  const auto& under_test = each_exact_store();
  CAPTURE(under_test.name);
  const auto store = under_test.make();
  StoreSession session{*store};
  const auto gone = session.subscribe("gone"), here = session.subscribe("here");
  REQUIRE(store->remove({"gone"}));
  const auto result = store->append(Batch{}.event("x", {session.taken(gone), session.taken(here)}).value());
  REQUIRE(result.events == std::vector<AppendStatus>{AppendStatus::accepted});
  CHECK(result.deliveries[0].closed);
  CHECK(result.deliveries[0].as == AppendedAs::waiting);
  CHECK_FALSE(result.deliveries[1].closed);
  CHECK(result.deliveries[1].as == AppendedAs::handed_out);
  CHECK(store->pending() == 1);
  const auto records = session.of_event("x");
  REQUIRE(records.size() == 2);
  CHECK(records[1].id.value == detail::delivery_text(result.deliveries[0].sequence));
  CHECK(records[1].subscription_id == SubscriptionId{"gone"});
  CHECK(records[1].status == DeliveryStatus::cancelled);
  CHECK(records[1].reason == "unsubscribed");
  CHECK(session.fetch(gone).empty());
}
