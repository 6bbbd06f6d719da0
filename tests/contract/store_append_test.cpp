#include "catch.hpp"
#include "contract/store_session.hpp"

#include <string>
#include <vector>

using namespace contract;
using namespace flyhook;

// Appending: order, ids, room, and what a delivery is from its first moment on.

namespace {

using Statuses = std::vector<AppendStatus>;

}  // namespace

TEST_CASE("sequence numbers grow in the order of appending, within a batch and from batch to batch") {
  const auto& under_test = each_exact_store();
  CAPTURE(under_test.name);
  const auto store = under_test.make();
  StoreSession session{*store};
  const auto a = session.subscribe("a"), b = session.subscribe("b");
  std::uint64_t last = 0;
  for (int round = 0; round < 3; ++round) {
    const auto name = std::to_string(round);
    const auto result = store->append(Batch{}.event("x" + name, {{a}, {b}}).event("y" + name, {{b}}).value());
    REQUIRE(result.events == Statuses{AppendStatus::accepted, AppendStatus::accepted});
    REQUIRE(result.deliveries.size() == 3);
    for (const auto& delivery : result.deliveries) {
      CHECK(delivery.sequence > last);
      CHECK(delivery.as == AppendedAs::waiting);
      CHECK_FALSE(delivery.closed);
      last = delivery.sequence;
    }
  }
}

TEST_CASE("deliveries are fetched in the order in which their events were appended") {
  const auto& under_test = each_store();
  CAPTURE(under_test.name);
  const auto store = under_test.make();
  StoreSession session{*store};
  const auto lane = session.subscribe("a");
  std::vector<std::string> appended;
  for (int batch = 0; batch < 10; ++batch) {
    Batch events;
    for (int i = 0; i < 7; ++i) {
      appended.push_back("event-" + std::to_string(batch) + "-" + std::to_string(i));
      events.event(appended.back(), {{lane}});
    }
    for (const auto status : session.append(events)) CHECK(status == AppendStatus::accepted);
  }
  CHECK(event_ids(session.fetch(lane)) == appended);
}

TEST_CASE("a repeated id with the same content is a duplicate and makes nothing") {
  const auto& under_test = each_exact_store();
  CAPTURE(under_test.name);
  const auto store = under_test.make();
  StoreSession session{*store};
  const auto lane = session.subscribe("a");
  const auto batch = Batch{}.event("once", {{lane}});
  CHECK(session.append(batch) == Statuses{AppendStatus::accepted});
  const auto again = store->append(batch.value());
  CHECK(again.events == Statuses{AppendStatus::duplicate});
  CHECK(again.deliveries.size() == 1);
  CHECK(again.deliveries.front().as == AppendedAs::waiting);
  CHECK(session.of_event("once").size() == 1);
  CHECK(store->pending() == 1);
  SECTION("also when it has been delivered") {
    const auto fetched = session.fetch(lane);
    REQUIRE(fetched.size() == 1);
    session.deliver(lane, fetched.front().sequence);
    CHECK(store->append(batch.value()).events == Statuses{AppendStatus::duplicate});
    CHECK(session.fetch(lane).empty());
  }
}

TEST_CASE("a repeated id with other content is a conflict and makes nothing") {
  const auto& under_test = each_exact_store();
  CAPTURE(under_test.name);
  const auto store = under_test.make();
  StoreSession session{*store};
  const auto lane = session.subscribe("a");
  session.append(Batch{}.event("once", {{lane}}));
  Message other = message("once");
  other.data = "2";
  const auto result = store->append(Batch{}.event(other, {{lane}}).event("next", {{lane}}).value());
  CHECK(result.events == Statuses{AppendStatus::conflict, AppendStatus::accepted});
  const auto fetched = session.fetch(lane);
  REQUIRE(event_ids(fetched) == std::vector<std::string>{"once", "next"});
  CHECK(fetched.front().message->data == message("once").data);
}

TEST_CASE("the id of an event that matched nothing is known as well") {
  const auto& under_test = each_exact_store();
  CAPTURE(under_test.name);
  const auto store = under_test.make();
  StoreSession session{*store};
  const auto lane = session.subscribe("a");
  CHECK(session.append(Batch{}.event("unwanted", {})) == Statuses{AppendStatus::accepted});
  CHECK(session.append(Batch{}.event("unwanted", {{lane}})) == Statuses{AppendStatus::duplicate});
  Message other = message("unwanted");
  other.data = "2";
  CHECK(session.append(Batch{}.event(other, {})) == Statuses{AppendStatus::conflict});
  CHECK(session.of_event("unwanted").empty());
  CHECK(store->pending() == 0);
}

TEST_CASE("an event that stands twice in a batch is appended once") {
  const auto& under_test = each_exact_store();
  CAPTURE(under_test.name);
  const auto store = under_test.make();
  StoreSession session{*store};
  const auto lane = session.subscribe("a");
  const auto result = store->append(Batch{}.event("twin", {{lane}}).event("twin", {{lane}}).value());
  CHECK(result.events == Statuses{AppendStatus::accepted, AppendStatus::duplicate});
  CHECK(session.of_event("twin").size() == 1);
}

TEST_CASE("repeating until the answer is known makes exactly one delivery") {
  const auto& under_test = each_store();
  CAPTURE(under_test.name);
  const auto store = under_test.make();
  StoreSession session{*store};
  const auto lane = session.subscribe("a");
  for (int i = 0; i < 50; ++i) {
    const auto name = "event-" + std::to_string(i);
    CHECK(session.append(Batch{}.event(name, {session.taken(lane)}).event(name + "b", {})) ==
          Statuses{AppendStatus::accepted, AppendStatus::accepted});
    CHECK(session.of_event(name).size() == 1);
  }
  CHECK(store->pending() == 50);
}

TEST_CASE("a full store refuses all later events of the batch, so that order is kept") {
  const auto& under_test = each_exact_store();
  CAPTURE(under_test.name);
  const auto store = under_test.make_bounded(3);
  StoreSession session{*store};
  const auto lane = session.subscribe("a");
  const auto batch =
      Batch{}.event("one", {{lane}}).event("two", {{lane}}).event("wide", {{lane}, {lane}}).event("small", {{lane}});
  const Statuses refused{AppendStatus::accepted, AppendStatus::accepted, AppendStatus::full, AppendStatus::full};
  CHECK(store->append(batch.value()).events == refused);
  CHECK(store->pending() == 2);
  CHECK(session.of_event("wide").empty());
  SECTION("has room again once something is final, not sooner") {
    const auto fetched = session.fetch(lane);
    REQUIRE(fetched.size() == 2);
    const auto rest = Batch{}.event("wide", {{lane}, {lane}}).event("small", {{lane}});
    CHECK(store->append(rest.value()).events == Statuses{AppendStatus::full, AppendStatus::full});
    session.retry(lane, fetched[0].sequence, now);
    CHECK(store->append(rest.value()).events == Statuses{AppendStatus::full, AppendStatus::full});
    session.deliver(lane, fetched[1].sequence);
    CHECK(store->append(rest.value()).events == Statuses{AppendStatus::accepted, AppendStatus::full});
  }
}

TEST_CASE("an event that is wider than the store is taken while the store is empty, or it would wait for ever") {
  const auto& under_test = each_exact_store();
  CAPTURE(under_test.name);
  const auto store = under_test.make_bounded(2);
  StoreSession session{*store};
  const auto lane = session.subscribe("a");
  CHECK(session.append(Batch{}.event("wide", {{lane}, {lane}, {lane}})) == Statuses{AppendStatus::accepted});
  CHECK(session.append(Batch{}.event("next", {{lane}})) == Statuses{AppendStatus::full});
}

TEST_CASE("a delivery is handed out by append where that was asked for and the epoch fits") {
  const auto& under_test = each_exact_store();
  CAPTURE(under_test.name);
  const auto store = under_test.make();
  StoreSession session{*store};
  const auto lane = session.subscribe("a"), other = session.subscribe("b");
  const auto result = store->append(Batch{}.event("x", {session.taken(lane), {other}}).value());
  REQUIRE(result.deliveries.size() == 2);
  CHECK(result.deliveries[0].as == AppendedAs::handed_out);
  CHECK(result.deliveries[1].as == AppendedAs::waiting);
  CHECK(session.fetch(lane).empty());
  CHECK(session.fetch(other).size() == 1);
  CHECK(session.deliver(lane, result.deliveries[0].sequence) == FinishStatus::done);
  CHECK(store->pending() == 1);
}

TEST_CASE("a delivery waits in spite of being asked for") {
  const auto& under_test = each_exact_store();
  CAPTURE(under_test.name);
  const auto store = under_test.make();
  StoreSession session{*store};
  const auto lane = session.subscribe("a");
  SECTION("when the epoch is not the slot's") {
    const auto epoch = session.epoch(lane) + 1;
    const auto result = store->append(Batch{}.event("x", {{lane, 0, true, epoch}}).value());
    CHECK(result.deliveries.front().as == AppendedAs::waiting);
    CHECK(session.fetch(lane).size() == 1);
  }
  SECTION("when nobody holds the slot") {
    const auto wanted = session.taken(lane);
    store->release("engine-1");
    CHECK(store->append(Batch{}.event("x", {wanted}).value()).deliveries.front().as == AppendedAs::waiting);
  }
  SECTION("when an older one of the same order number is not finished") {
    const auto result =
        store->append(Batch{}.event("x", {session.taken(lane, 7)}).event("y", {session.taken(lane, 7)}).value());
    CHECK(result.deliveries[0].as == AppendedAs::handed_out);
    CHECK(result.deliveries[1].as == AppendedAs::waiting);
    CHECK(session.fetch(lane).empty());
    session.deliver(lane, result.deliveries[0].sequence);
    CHECK(event_ids(session.fetch(lane)) == std::vector<std::string>{"y"});
  }
}

TEST_CASE("a delivery with a due time waits for it") {
  const auto& under_test = each_store();
  CAPTURE(under_test.name);
  const auto store = under_test.make();
  StoreSession session{*store};
  const auto lane = session.subscribe("a");
  NewDelivery later = session.taken(lane);
  later.due = now + std::chrono::minutes{5};
  session.append(Batch{}.event("later", {later}).event("at once", {{lane}}));
  CHECK(event_ids(session.fetch(lane)) == std::vector<std::string>{"at once"});
  const auto answer = session.fetch_once(lane, 10);
  CHECK_FALSE(answer.more);
  CHECK(answer.next_due == later.due);
  CHECK(session.of_event("later").at(0).next_attempt_at == later.due);
  CHECK(event_ids(session.fetch(lane, 10, now + std::chrono::minutes{5})) == std::vector<std::string>{"later"});
}

TEST_CASE("a fetched delivery knows how many its event has") {
  const auto& under_test = each_store();
  CAPTURE(under_test.name);
  const auto store = under_test.make();
  StoreSession session{*store};
  const auto a = session.subscribe("a"), b = session.subscribe("b");
  session.append(Batch{}.event("wide", {{a}, {b}, {b}}).event("single", {{a}}));
  const auto fetched = session.fetch(a);
  REQUIRE(fetched.size() == 2);
  CHECK(fetched[0].fan_out == 3);
  CHECK(fetched[1].fan_out == 1);
  CHECK(fetched[0].attempts == 0);
}

TEST_CASE("a message comes back byte for byte, NULs included, and its times to the microsecond") {
  const auto& under_test = each_store();
  CAPTURE(under_test.name);
  const auto store = under_test.make();
  StoreSession session{*store};
  const auto lane = session.subscribe("a");
  Message given = message("bytes");
  given.tenant = std::string("ten\0ant", 7);
  given.key = std::string("\0key\xff", 5);
  given.data = std::string("\0\x01\xfe\xff\r\n", 6) + std::string(300'000, '\0');
  given.headers = {{"x-one", "1"}, {"x-one", ""}};
  given.trace_parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  given.content_type = "application/octet-stream";
  given.created_at = now + std::chrono::nanoseconds{1'234'567};
  given.deliver_at = now - std::chrono::nanoseconds{1};
  given.expires_at = now + std::chrono::hours{1};
  session.append(Batch{}.event(given, {{lane}}));
  const auto fetched = session.fetch(lane);
  REQUIRE(fetched.size() == 1);
  const Message& back = *fetched.front().message;
  const auto same_time = [](TimePoint a, TimePoint b) {
    return std::chrono::floor<std::chrono::microseconds>(a) == std::chrono::floor<std::chrono::microseconds>(b);
  };
  CHECK(back.id == given.id);
  CHECK(back.type == given.type);
  CHECK(back.tenant == given.tenant);
  CHECK(back.key == given.key);
  CHECK((back.data == given.data));
  CHECK(back.headers == given.headers);
  CHECK(back.trace_parent == given.trace_parent);
  CHECK(back.content_type == given.content_type);
  CHECK(same_time(back.created_at, given.created_at));
  REQUIRE(back.deliver_at);
  CHECK(same_time(*back.deliver_at, *given.deliver_at));
  REQUIRE(back.expires_at);
  CHECK(same_time(*back.expires_at, *given.expires_at));
}

TEST_CASE("a delivery with a due time is not handed out before it, asked for or not") {
  const auto& under_test = each_store();
  CAPTURE(under_test.name);
  const auto store = under_test.make();
  StoreSession session{*store};
  const auto lane = session.subscribe("a");
  const auto at = now + std::chrono::minutes{5};
  NewDelivery held = session.taken(lane);
  held.due = at;
  session.append(Batch{}.event("held", {held}).event("at once", {{lane}}));
  CHECK(session.of_event("held").at(0).next_attempt_at == at);
  CHECK(event_ids(session.fetch(lane)) == std::vector<std::string>{"at once"});
  CHECK(session.fetch_once(lane, 10).next_due == at);
  CHECK(session.fetch(lane, 10, at - std::chrono::microseconds{1}).empty());
  CHECK(event_ids(session.fetch(lane, 10, at)) == std::vector<std::string>{"held"});
}

TEST_CASE("a delivery with a due time holds its place: what has its order number waits behind it") {
  const auto& under_test = each_store();
  CAPTURE(under_test.name);
  const auto store = under_test.make();
  StoreSession session{*store};
  const auto lane = session.subscribe("a");
  const auto at = now + std::chrono::minutes{5};
  NewDelivery held = session.taken(lane, 1);
  held.due = at;
  session.append(Batch{}.event("held", {held}).event("behind", {session.taken(lane, 1)}).event("beside", {{lane, 2}}));
  CHECK(event_ids(session.fetch(lane)) == std::vector<std::string>{"beside"});
  const auto fetched = session.fetch(lane, 10, at);
  REQUIRE(event_ids(fetched) == std::vector<std::string>{"held"});
  session.deliver(lane, fetched.front().sequence);
  CHECK(event_ids(session.fetch(lane)) == std::vector<std::string>{"behind"});
}
