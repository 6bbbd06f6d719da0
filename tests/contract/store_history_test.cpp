#include "catch.hpp"
#include "contract/store_session.hpp"

#include <flyhook/error.hpp>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

using namespace contract;
using namespace flyhook;

// The delivery log: records as they were written, pages newest first, and every filter.

namespace {

std::string tenant_of(int number) {
  return number % 4 == 0 ? "north" : number % 4 == 1 ? "" : "south";
}

/// Three subscriptions, 30 events of two tenants or none, some delivered, some dead, some waiting, some handed out.
void fill(StoreSession& session) {
  const std::vector<std::uint64_t> lanes{session.subscribe("a"), session.subscribe("b"), session.subscribe("c")};
  for (int i = 0; i < 30; ++i) {
    Message event = message("event-" + std::to_string(i));
    event.tenant = tenant_of(i);
    std::vector<NewDelivery> deliveries{{lanes[0]}};
    if (i % 2 == 0) deliveries.push_back({lanes[1]});
    if (i % 10 == 0) deliveries.push_back({lanes[2]});
    session.append(Batch{}.event(event, deliveries));
  }
  for (std::size_t i = 0; i < 2; ++i) {
    for (const auto& delivery : session.fetch(lanes[i], 10)) {
      if (delivery.sequence % 3 == 0) {
        session.deliver(lanes[i], delivery.sequence);
      } else if (delivery.sequence % 3 == 1) {
        Outcome outcome;
        outcome.claim = session.claim(lanes[i], delivery.sequence);
        outcome.status = DeliveryStatus::dead;
        outcome.reason = "status 500";
        session.finish(outcome);
      }
    }
  }
}

std::vector<std::string> ids(const std::vector<DeliveryRecord>& records) {
  std::vector<std::string> found;
  for (const auto& record : records) found.push_back(record.id.value);
  return found;
}

}  // namespace

TEST_CASE("the log is listed newest first, and pages of any size make the same list") {
  const auto& under_test = each_store();
  CAPTURE(under_test.name);
  const auto store = under_test.make();
  StoreSession session{*store};
  fill(session);
  DeliveryQuery query;
  query.limit = 1000;
  const auto all = store->history().deliveries(query);
  REQUIRE(all.size() == 48);
  CHECK(std::is_sorted(all.begin(), all.end(), [](const auto& x, const auto& y) { return x.id > y.id; }));
  CHECK(all.front().event_id == EventId{"event-29"});
  for (const std::size_t limit : {1u, 7u, 48u}) {
    query.limit = limit;
    CHECK(store->history().deliveries(query).size() == limit);
    CHECK(ids(session.list(query)) == ids(all));
  }
  query.limit = 100;
  query.cursor = all.back().id.value;
  CHECK(store->history().deliveries(query).empty());
}

TEST_CASE("every filter and all filters together select what the whole list shows") {
  const auto& under_test = each_store();
  CAPTURE(under_test.name);
  const auto store = under_test.make();
  StoreSession session{*store};
  fill(session);
  const auto all = session.list();
  const auto is_of = [](const DeliveryRecord& record, const std::string& tenant) {
    return tenant_of(std::stoi(record.event_id.value.substr(6))) == tenant;
  };
  const std::vector<std::optional<std::string>> subscriptions{std::nullopt, "a", "b", "c", "nobody"};
  const std::vector<std::optional<std::string>> events{std::nullopt, "event-0", "event-20", "event-7", "nothing"};
  const std::vector<std::optional<DeliveryStatus>> statuses{
      std::nullopt, DeliveryStatus::pending, DeliveryStatus::delivered, DeliveryStatus::dead, DeliveryStatus::in_flight};
  for (const auto& by_subscription : subscriptions) {
    for (const auto& by_event : events) {
      for (const auto& by_status : statuses) {
        for (const std::string by_tenant : {"any", "", "north", "south", "west"}) {
          DeliveryQuery query;
          if (by_subscription) query.subscription_id = SubscriptionId{*by_subscription};
          if (by_event) query.event_id = EventId{*by_event};
          query.status = by_status;
          query.without_tenant = by_tenant.empty();
          if (by_tenant != "any") query.tenant = by_tenant;
          std::vector<DeliveryRecord> expected;
          std::copy_if(all.begin(), all.end(), std::back_inserter(expected), [&](const DeliveryRecord& record) {
            return (!query.subscription_id || *query.subscription_id == record.subscription_id) &&
                   (!query.event_id || *query.event_id == record.event_id) && (!by_status || *by_status == record.status) &&
                   (by_tenant == "any" || is_of(record, by_tenant));
          });
          for (const std::size_t limit : {2u, 100u}) {
            query.limit = limit;
            CHECK(ids(session.list(query)) == ids(expected));
          }
        }
      }
    }
  }
}

TEST_CASE("a page holds one row at least and a thousand at most, whatever the limit says") {
  const auto& under_test = each_store();
  CAPTURE(under_test.name);
  const auto store = under_test.make();
  StoreSession session{*store};
  const auto lane = session.subscribe("a");
  Batch batch;
  for (int i = 0; i < 1100; ++i) batch.event("event-" + std::to_string(i), {{lane}});
  session.append(batch);
  DeliveryQuery query;
  query.limit = 0;
  CHECK(store->history().deliveries(query).size() == 1);
  query.limit = 5000;
  CHECK(store->history().deliveries(query).size() == 1000);
  CHECK(session.list(query).size() == 1100);
}

TEST_CASE("a cursor that is no delivery's id is refused by name") {
  const auto& under_test = each_store();
  CAPTURE(under_test.name);
  const auto store = under_test.make();
  StoreSession session{*store};
  fill(session);
  for (const std::string cursor : {"nonsense", "dlv_", "dlv_000000000000!", "dlv_0000000000000", "dlv_FZZZZZZZZZZZZ",
                                   "dlv_ZZZZZZZZZZZZZ", "msg_0000000000001"}) {
    CAPTURE(cursor);
    DeliveryQuery query;
    query.cursor = cursor;
    try {
      store->history().deliveries(query);
      FAIL("was taken");
    } catch (const Error& error) {
      CHECK(error.code() == ErrorCode::invalid);
      CHECK(error.field() == "cursor");
    }
  }
}

TEST_CASE("a cursor is a place in the log: the number after the newest one's is one, and nothing beyond") {
  const auto& under_test = each_store();
  CAPTURE(under_test.name);
  const auto store = under_test.make();
  StoreSession session{*store};
  fill(session);
  const auto all = session.list();
  DeliveryQuery query;
  query.limit = 1000;
  const auto newest = detail::delivery_sequence(all.front().id.value).value();
  query.cursor = detail::delivery_text(newest + 1);
  CHECK(ids(store->history().deliveries(query)) == ids(all));
  query.event_id = EventId{"event-20"};
  CHECK(ids(store->history().deliveries(query)) == ids(session.of_event("event-20")));
  query.cursor = detail::delivery_text(newest + 2);
  CHECK_THROWS_AS(store->history().deliveries(query), Error);
}

TEST_CASE("a record says what happened, attempt by attempt") {
  const auto& under_test = each_store();
  CAPTURE(under_test.name);
  const auto store = under_test.make();
  StoreSession session{*store};
  const auto lane = session.subscribe("a");
  session.append(Batch{}.event("x", {{lane}}));
  const Attempt failed{.at = now + std::chrono::microseconds{1},
                       .status = 0,
                       .error = "connect: refused",
                       .duration = std::chrono::microseconds{77},
                       .response_body = {},
                       .url = "https://example.com/hooks",
                       .trigger = AttemptTrigger::schedule};
  const Attempt answered{.at = now + std::chrono::hours{1},
                         .status = 410,
                         .error = {},
                         .duration = std::chrono::minutes{15},
                         .response_body = std::string("go\0ne\xff\r\n", 8) + std::string(4000, '\0'),
                         .url = "https://example.com/" + std::string(8000, 'x'),
                         .trigger = AttemptTrigger::probe};
  Outcome outcome;
  outcome.claim = session.claim(lane, session.fetch(lane).at(0).sequence);
  outcome.next_attempt_at = now;
  outcome.attempt = failed;
  session.finish(outcome);
  REQUIRE(session.fetch(lane).size() == 1);
  outcome.status = DeliveryStatus::dead;
  outcome.next_attempt_at.reset();
  outcome.reason = std::string("st\0p", 4);
  outcome.attempt = answered;
  session.finish(outcome);

  const auto records = session.of_event("x");
  REQUIRE(records.size() == 1);
  const DeliveryRecord& record = records.front();
  CHECK(record.id.value == detail::delivery_text(outcome.claim.sequence));
  CHECK(record.event_id == EventId{"x"});
  CHECK(record.subscription_id == SubscriptionId{"a"});
  CHECK(record.event_type == "order.paid");
  CHECK(record.status == DeliveryStatus::dead);
  CHECK(record.created_at == now);
  CHECK(record.reason == std::string("st\0p", 4));
  CHECK_FALSE(record.next_attempt_at);
  REQUIRE(record.attempts.size() == 2);
  std::size_t i = 0;
  for (const Attempt& expected : {failed, answered}) {
    const Attempt& found = record.attempts[i++];
    CHECK(found.at == expected.at);
    CHECK(found.status == expected.status);
    CHECK(found.error == expected.error);
    CHECK(found.duration == expected.duration);
    CHECK((found.response_body == expected.response_body));
    CHECK((found.url == expected.url));
    CHECK(found.trigger == expected.trigger);
  }
}

TEST_CASE("what is handed out is pending in the log and in the count") {
  const auto& under_test = each_store();
  CAPTURE(under_test.name);
  const auto store = under_test.make();
  StoreSession session{*store};
  const auto lane = session.subscribe("a");
  session.append(Batch{}.event("x", {{lane}}).event("y", {{lane}}));
  const auto sequence = session.fetch(lane, 1).at(0).sequence;
  CHECK(store->pending() == 2);
  CHECK(session.of_event("x").at(0).status == DeliveryStatus::pending);
  session.retry(lane, sequence, now);
  CHECK(store->pending() == 2);
  session.fetch(lane);
  session.deliver(lane, sequence);
  CHECK(store->pending() == 1);
}

TEST_CASE("a subscription's log goes on under its id when it is removed and made again") {
  const auto& under_test = each_store();
  CAPTURE(under_test.name);
  const auto store = under_test.make();
  StoreSession session{*store};
  const auto first = session.subscribe("a");
  session.append(Batch{}.event("x", {{first}}));
  REQUIRE(store->remove({"a"}));
  const auto second = session.subscribe("a");
  REQUIRE(second != first);
  session.append(Batch{}.event("y", {{second}}));
  DeliveryQuery query;
  query.subscription_id = SubscriptionId{"a"};
  query.limit = 1;
  CHECK(event_ids(session.list(query)) == std::vector<std::string>{"y", "x"});
}
