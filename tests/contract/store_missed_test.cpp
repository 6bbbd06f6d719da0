#include "catch.hpp"
#include "contract/store_session.hpp"

#include <string>
#include <vector>

using namespace contract;
using namespace flyhook;

// Events that a lane never had a delivery of, and adding one later.

namespace {

using Ids = std::vector<std::string>;

Ids ids(const std::vector<MissedEvent>& events) {
  Ids found;
  for (const auto& event : events) found.push_back(event.message->id.value);
  return found;
}

}  // namespace

TEST_CASE("missed lists the tenant's events of that time without a delivery in the lane, the oldest first") {
  const auto& under_test = each_store();
  CAPTURE(under_test.name);
  const auto store = under_test.make();
  StoreSession session{*store};
  const auto had = session.subscribe("had"), lane = session.subscribe("lane");
  for (int i = 0; i < 12; ++i) {
    Message event = message("event-" + std::to_string(i));
    event.created_at = now + std::chrono::minutes{i};
    event.tenant = i % 4 == 3 ? "north" : "";
    session.append(Batch{}.event(
        event, i % 4 == 2 ? std::vector<NewDelivery>{{had}, {lane}} : std::vector<NewDelivery>{{had}, {had}}));
  }
  for (const auto& delivery : session.fetch(had, 5)) session.deliver(had, delivery.sequence);
  REQUIRE(store->history().erase({"event-5"}));
  MissedQuery query;
  query.lane = lane;
  query.since = now + std::chrono::minutes{1};
  query.until = now + std::chrono::minutes{9};
  query.limit = GENERATE(1u, 2u, 1000u);
  const auto events = session.missed(query);
  REQUIRE(ids(events) == Ids{"event-1", "event-4", "event-8"});
  CHECK(events.front().message->data == message("event-1").data);
  query.until.reset();
  CHECK(ids(session.missed(query)) == Ids{"event-1", "event-4", "event-8", "event-9"});
  query.tenant = "north";
  CHECK(ids(session.missed(query)) == Ids{"event-3", "event-7", "event-11"});
  query.lane = had;
  CHECK(session.missed(query).empty());
  query.lane = 4711;
  CHECK(session.missed(query).empty());
  REQUIRE(store->remove({"lane"}));
  query.lane = lane;
  CHECK(session.missed(query).empty());
}

TEST_CASE("a delivery that is added is one of the event's from then on") {
  const auto& under_test = each_store();
  CAPTURE(under_test.name);
  const auto store = under_test.make();
  StoreSession session{*store};
  const auto had = session.subscribe("had"), lane = session.subscribe("lane"), third = session.subscribe("third");
  session.append(Batch{}.event("x", {{had}}).event("y", {{had}}));
  const auto events = session.missed({.lane = lane});
  REQUIRE(ids(events) == Ids{"x", "y"});
  const auto added = session.add(events.front().position, {lane});
  REQUIRE(added);
  CHECK(added->as == AppendedAs::waiting);
  CHECK_FALSE(added->closed);
  CHECK(store->pending() == 3);
  CHECK_FALSE(session.add(events.front().position, {lane}));
  CHECK(ids(session.missed({.lane = lane})) == Ids{"y"});
  CHECK(ids(session.missed({.lane = third})) == Ids{"x", "y"});
  const auto records = session.of_event("x");
  REQUIRE(records.size() == 2);
  CHECK(records.front().id.value == detail::delivery_text(added->sequence));
  CHECK(records.front().subscription_id == SubscriptionId{"lane"});
  const auto fetched = session.fetch(lane);
  REQUIRE(event_ids(fetched) == Ids{"x"});
  CHECK(fetched.front().fan_out == 1);
  CHECK(fetched.front().message->data == message("x").data);
  session.end(lane, added->sequence, DeliveryStatus::dead);
  CHECK(session.reopen(added->sequence).status == ReopenStatus::done);
  CHECK(store->close({.reason = "cancelled", .event = EventId{"x"}}).lanes == std::vector<std::uint64_t>{had, lane});
  CHECK(store->history().erase({"x"}));
  CHECK(session.reopen(added->sequence).status == ReopenStatus::no_payload);
  CHECK(session.append(Batch{}.event("x", {{had}})) == std::vector<AppendStatus>{AppendStatus::duplicate});
}

TEST_CASE("a delivery is added as append would have made it") {
  const auto& under_test = each_exact_store();
  CAPTURE(under_test.name);
  const auto store = under_test.make_bounded(3);
  StoreSession session{*store};
  const auto had = session.subscribe("had"), lane = session.subscribe("lane");
  session.append(Batch{}.event("x", {{had}}).event("y", {{had}}));
  const auto events = session.missed({.lane = lane});
  REQUIRE(events.size() == 2);

  SECTION("handed out, if that was asked for") {
    const auto added = session.add(events[0].position, session.taken(lane));
    REQUIRE(added);
    CHECK(added->as == AppendedAs::handed_out);
    CHECK(session.deliver(lane, added->sequence) == FinishStatus::done);
  }
  SECTION("waiting for its time and holding its place") {
    NewDelivery later = session.taken(lane, 1);
    later.due = now + std::chrono::hours{1};
    CHECK(session.add(events[1].position, later)->as == AppendedAs::waiting);
    session.deliver(had, session.fetch(had, 1).at(0).sequence);
    CHECK(session.add(events[0].position, session.taken(lane, 1))->as == AppendedAs::waiting);
    CHECK(session.fetch(lane).empty());
    CHECK(event_ids(session.fetch(lane, 10, *later.due)) == Ids{"y"});
  }
  SECTION("not at all without room, without such an event, or without the lane") {
    CHECK_FALSE(session.add(4711, {lane}));
    CHECK_FALSE(session.add(0, {lane}));
    CHECK_FALSE(session.add(events[0].position, {4711}));
    REQUIRE(session.add(events[0].position, {lane}));
    CHECK_FALSE(session.add(events[1].position, {lane}));
    CHECK(store->pending() == 3);
    session.deliver(had, session.fetch(had, 1).at(0).sequence);
    REQUIRE(store->history().erase({"y"}));
    CHECK_FALSE(session.add(events[1].position, {lane}));
    REQUIRE(store->remove({"lane"}));
    CHECK_FALSE(session.add(events[0].position, {lane}));
  }
}
