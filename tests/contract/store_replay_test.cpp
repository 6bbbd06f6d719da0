#include "catch.hpp"
#include "contract/store_session.hpp"

#include <string>
#include <vector>

using namespace contract;
using namespace flyhook;

// Opening again what has ended: one delivery, or the dead ones of a lane.

namespace {

using Ids = std::vector<std::string>;

std::uint64_t sequence_of(const DeliveryRecord& record) {
  return detail::delivery_sequence(record.id.value).value();
}

/// One event, tried once and ended so.
std::uint64_t ended(StoreSession& session, std::uint64_t lane, const std::string& id, DeliveryStatus status,
                    TimePoint created_at = now) {
  Message event = message(id);
  event.created_at = created_at;
  session.append(Batch{}.event(event, {{lane}}));
  const auto sequence = session.fetch(lane).at(0).sequence;
  session.retry(lane, sequence, now);
  session.fetch(lane);
  session.end(lane, sequence, status, "because");
  return sequence;
}

}  // namespace

TEST_CASE("a final delivery that is reopened waits again, with its attempts and without its reason") {
  const auto& under_test = each_store();
  CAPTURE(under_test.name);
  const auto store = under_test.make();
  StoreSession session{*store};
  const auto lane = session.subscribe("a");
  const auto status =
      GENERATE(DeliveryStatus::delivered, DeliveryStatus::dead, DeliveryStatus::expired, DeliveryStatus::cancelled);
  session.append(Batch{}.event("older", {{lane}}));
  session.fetch(lane);
  const auto sequence = ended(session, lane, "x", status);
  session.append(Batch{}.event("newer", {{lane}}));
  const Reopened reopened = session.reopen(sequence);
  CHECK(reopened.status == ReopenStatus::done);
  CHECK(reopened.lane == lane);
  CHECK(store->pending() == 3);
  auto record = session.of_event("x").at(0);
  CHECK(record.status == DeliveryStatus::pending);
  CHECK(record.reason.empty());
  CHECK(record.attempts.size() == 1);
  CHECK_FALSE(record.next_attempt_at);
  CHECK(session.reopen(sequence).status == ReopenStatus::not_final);
  const auto fetched = session.fetch(lane);
  REQUIRE(event_ids(fetched) == Ids{"x", "newer"});
  CHECK(fetched.front().attempts == 1);
  CHECK(fetched.front().message->data == message("x").data);
  CHECK(session.deliver(lane, sequence) == FinishStatus::done);
  record = session.of_event("x").at(0);
  CHECK(record.status == DeliveryStatus::delivered);
  CHECK(record.attempts.size() == 2);
  CHECK(record.reason.empty());
  CHECK(store->pending() == 2);
}

TEST_CASE("what cannot be reopened says why") {
  const auto& under_test = each_store();
  CAPTURE(under_test.name);
  const auto store = under_test.make();
  StoreSession session{*store};
  const auto lane = session.subscribe("a");
  const auto sequence = ended(session, lane, "x", DeliveryStatus::dead);
  CHECK(session.reopen(sequence + 1).status == ReopenStatus::not_found);
  CHECK(session.reopen(0).status == ReopenStatus::not_found);
  session.append(Batch{}.event("handed out", {{lane}}));
  CHECK(session.reopen(session.fetch(lane).at(0).sequence).status == ReopenStatus::not_final);
  const bool erased = GENERATE(false, true);
  if (erased) REQUIRE(store->history().erase({"x"}));
  if (erased) CHECK(session.reopen(sequence).status == ReopenStatus::no_payload);
  REQUIRE(store->remove({"a"}));
  CHECK(session.reopen(sequence).status == ReopenStatus::gone);
  CHECK(store->pending() == 1);
}

TEST_CASE("a reopened delivery starts a new account of the schedule and runs out of order") {
  const auto& under_test = each_store();
  CAPTURE(under_test.name);
  const auto store = under_test.make();
  StoreSession session{*store};
  const auto lane = session.subscribe("a");
  session.append(Batch{}.event("1", {{lane, 7}}).event("2", {{lane, 7}}).event("3", {{lane, 7}}));
  const auto first = session.fetch(lane).at(0).sequence;
  Outcome outcome;
  outcome.claim = session.claim(lane, first);
  outcome.steps = 3;
  outcome.deferrals = 2;
  session.finish(outcome);
  REQUIRE(session.fetch(lane).size() == 1);
  session.end(lane, first, DeliveryStatus::dead);
  REQUIRE(event_ids(session.fetch(lane)) == Ids{"2"});
  REQUIRE(session.reopen(first).status == ReopenStatus::done);
  const auto again = session.fetch(lane);
  REQUIRE(event_ids(again) == Ids{"1"});
  CHECK(again.front().steps == 0);
  CHECK(again.front().deferrals == 0);
  session.retry(lane, first, now + std::chrono::hours{1});
  session.deliver(lane, sequence_of(session.of_event("2").at(0)));
  CHECK(event_ids(session.fetch(lane)) == Ids{"3"});
  CHECK(event_ids(session.fetch(lane, 10, now + std::chrono::hours{1})) == Ids{"1"});
}

TEST_CASE("a full store reopens nothing until there is room") {
  const auto& under_test = each_exact_store();
  CAPTURE(under_test.name);
  const auto store = under_test.make_bounded(2);
  StoreSession session{*store};
  const auto lane = session.subscribe("a");
  const auto sequence = ended(session, lane, "x", DeliveryStatus::dead);
  session.append(Batch{}.event("y", {{lane}}).event("z", {{lane}}));
  CHECK(session.reopen(sequence).status == ReopenStatus::full);
  const Recovered recovered = store->history().recover({.lane = lane});
  CHECK(recovered.full);
  CHECK(recovered.count == 0);
  CHECK_FALSE(recovered.more);
  CHECK(store->history().recover({.lane = lane, .dry_run = true}).count == 1);
  session.deliver(lane, session.fetch(lane, 1).at(0).sequence);
  CHECK(store->history().recover({.lane = lane, .after = recovered.after}).count == 1);
  CHECK(store->pending() == 2);
}

TEST_CASE("recover reopens the dead deliveries of a lane whose events are of that time") {
  const auto& under_test = each_store();
  CAPTURE(under_test.name);
  const auto store = under_test.make();
  StoreSession session{*store};
  const auto lane = session.subscribe("a"), other = session.subscribe("b");
  for (int i = 0; i < 10; ++i) {
    const auto status = i == 4 ? DeliveryStatus::delivered : i == 5 ? DeliveryStatus::cancelled : DeliveryStatus::dead;
    ended(session, lane, "event-" + std::to_string(i), status, now + std::chrono::minutes{i});
    ended(session, other, "other-" + std::to_string(i), DeliveryStatus::dead, now + std::chrono::minutes{i});
  }
  REQUIRE(store->history().erase({"event-6"}));
  RecoverQuery query;
  query.lane = lane;
  query.since = now + std::chrono::minutes{2};
  query.until = now + std::chrono::minutes{9};
  query.limit = GENERATE(1u, 3u, 1000u);
  query.dry_run = true;
  CHECK(session.recover(query) == 4);
  CHECK(store->pending() == 0);
  query.dry_run = false;
  CHECK(session.recover(query) == 4);
  CHECK(session.recover(query) == 0);
  CHECK(store->pending() == 4);
  CHECK(session.fetch(other).empty());
  CHECK(event_ids(session.fetch(lane)) == Ids{"event-2", "event-3", "event-7", "event-8"});
  query.until.reset();
  CHECK(session.recover(query) == 1);
  CHECK(store->history().recover({.lane = 4711}).count == 0);
  REQUIRE(store->remove({"b"}));
  query.lane = other;
  CHECK(session.recover(query) == 0);
}
