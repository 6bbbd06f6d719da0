#include "catch.hpp"
#include "contract/store_session.hpp"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

using namespace contract;
using namespace flyhook;

// Handing out and coming back: fetch, give_back, finish, and one head per order number.

namespace {

using Ids = std::vector<std::string>;

void append_many(StoreSession& session, std::uint64_t lane, int count, std::uint64_t order = 0,
                 std::string name = "event-") {
  constexpr int per_batch = 250;
  for (int from = 0; from < count; from += per_batch) {
    Batch batch;
    for (int i = from; i < std::min(count, from + per_batch); ++i) batch.event(name + std::to_string(i), {{lane, order}});
    for (const auto status : session.append(batch)) REQUIRE(status == AppendStatus::accepted);
  }
}

}  // namespace

TEST_CASE("fetch hands out at most what there is room for, says that there is more, and never hands out twice") {
  const auto& under_test = each_store();
  CAPTURE(under_test.name);
  const auto store = under_test.make();
  StoreSession session{*store};
  const auto lane = session.subscribe("a");
  append_many(session, lane, 10);
  const auto none = session.fetch_once(lane, 0);
  CHECK(none.deliveries.empty());
  CHECK(none.more);
  std::set<std::uint64_t> seen;
  std::uint64_t last = 0;
  for (bool more = true; more;) {
    const auto answer = session.fetch_once(lane, 3);
    CHECK(answer.owned);
    CHECK_FALSE(answer.next_due);
    for (const auto& delivery : answer.deliveries) {
      CHECK(seen.insert(delivery.sequence).second);
      CHECK(delivery.sequence > last);
      last = delivery.sequence;
    }
    more = answer.more;
    CHECK(more == (seen.size() < 10));
  }
  CHECK(session.fetch_once(lane, 3).deliveries.empty());
  CHECK(store->pending() == 10);
}

TEST_CASE("one call answers many lanes, each for itself and in the order of asking") {
  const auto& under_test = each_store();
  CAPTURE(under_test.name);
  const auto store = under_test.make();
  StoreSession session{*store};
  const auto deep = session.subscribe("deep"), idle = session.subscribe("idle"), shallow = session.subscribe("shallow");
  append_many(session, deep, 5'000);
  append_many(session, shallow, 1, 0, "shallow-");
  const std::vector<LaneWant> wants{{shallow, session.epoch(shallow), 2},
                                    {deep, session.epoch(deep) + 1, 2},
                                    {idle, session.epoch(idle), 2},
                                    {deep, session.epoch(deep), 2}};
  const auto answers = store->fetch(wants, now);
  REQUIRE(answers.size() == 4);
  CHECK(event_ids(answers[0].deliveries) == Ids{"shallow-0"});
  CHECK_FALSE(answers[0].more);
  CHECK_FALSE(answers[1].owned);
  CHECK(answers[1].deliveries.empty());
  CHECK(answers[2].owned);
  CHECK(answers[2].deliveries.empty());
  CHECK_FALSE(answers[2].more);
  CHECK(event_ids(answers[3].deliveries) == Ids{"event-0", "event-1"});
  CHECK(answers[3].more);
}

TEST_CASE("a delivery that waits for a time is handed out from then on, with its attempts counted") {
  const auto& under_test = each_store();
  CAPTURE(under_test.name);
  const auto store = under_test.make();
  StoreSession session{*store};
  const auto lane = session.subscribe("a");
  append_many(session, lane, 1);
  TimePoint at = now;
  for (std::uint32_t attempts = 0; attempts < 3; ++attempts) {
    const auto fetched = session.fetch(lane, 10, at);
    REQUIRE(fetched.size() == 1);
    CHECK(fetched.front().attempts == attempts);
    at += std::chrono::minutes{5};
    CHECK(session.retry(lane, fetched.front().sequence, at) == FinishStatus::done);
    const auto early = session.fetch_once(lane, 10, at - std::chrono::microseconds{1});
    CHECK(early.deliveries.empty());
    CHECK_FALSE(early.more);
    CHECK(early.next_due == at);
    CHECK(session.of_event("event-0").at(0).next_attempt_at == at);
  }
  CHECK(store->pending() == 1);
}

TEST_CASE("the account of the retry schedule comes back with the delivery, and give_back leaves it alone") {
  const auto& under_test = each_store();
  CAPTURE(under_test.name);
  const auto store = under_test.make();
  StoreSession session{*store};
  const auto lane = session.subscribe("a");
  append_many(session, lane, 1);
  auto fetched = session.fetch(lane);
  REQUIRE(fetched.size() == 1);
  CHECK(fetched.front().steps == 0);
  CHECK(fetched.front().deferrals == 0);
  Outcome outcome;
  outcome.claim = session.claim(lane, fetched.front().sequence);
  outcome.steps = 3;
  outcome.deferrals = 2;
  CHECK(session.finish(outcome) == FinishStatus::done);
  for (int i = 0; i < 2; ++i) {
    fetched = session.fetch(lane);
    REQUIRE(fetched.size() == 1);
    CHECK(fetched.front().attempts == 0);
    CHECK(fetched.front().steps == 3);
    CHECK(fetched.front().deferrals == 2);
    session.give_back(lane, fetched.front().sequence);
  }
}

TEST_CASE("next_due is the earliest time that has not come, whatever is due before") {
  const auto& under_test = each_store();
  CAPTURE(under_test.name);
  const auto store = under_test.make();
  StoreSession session{*store};
  const auto lane = session.subscribe("a");
  append_many(session, lane, 4);
  const auto fetched = session.fetch(lane);
  REQUIRE(fetched.size() == 4);
  for (std::size_t i = 0; i < 4; ++i) {
    session.retry(lane, fetched[i].sequence, now + std::chrono::hours{4 - static_cast<int>(i)});
  }
  const auto answer = session.fetch_once(lane, 1, now + std::chrono::hours{2});
  CHECK(event_ids(answer.deliveries) == Ids{"event-3"});
  CHECK(answer.more);
  CHECK(answer.next_due == now + std::chrono::hours{3});
  CHECK(event_ids(session.fetch(lane, 10, now + std::chrono::hours{2})) == Ids{"event-2"});
}

TEST_CASE("deliveries that fall due together come in the order of appending") {
  const auto& under_test = each_store();
  CAPTURE(under_test.name);
  const auto store = under_test.make();
  StoreSession session{*store};
  const auto lane = session.subscribe("a");
  append_many(session, lane, 6);
  auto fetched = session.fetch(lane);
  std::reverse(fetched.begin(), fetched.end());
  for (const auto& delivery : fetched) session.retry(lane, delivery.sequence, now + std::chrono::hours{1});
  CHECK(event_ids(session.fetch(lane, 10, now + std::chrono::hours{1})) ==
        Ids{"event-0", "event-1", "event-2", "event-3", "event-4", "event-5"});
}

TEST_CASE("what is given back is handed out again in its place, without an attempt") {
  const auto& under_test = each_store();
  CAPTURE(under_test.name);
  const auto store = under_test.make();
  StoreSession session{*store};
  const auto lane = session.subscribe("a");
  append_many(session, lane, 5);
  const auto fetched = session.fetch(lane, 4);
  REQUIRE(fetched.size() == 4);
  for (const auto i : {2u, 0u, 3u}) session.give_back(lane, fetched[i].sequence);
  session.give_back(lane, fetched[2].sequence);
  session.give_back(lane, 987'654'321);
  const auto again = session.fetch(lane);
  CHECK(event_ids(again) == Ids{"event-0", "event-2", "event-3", "event-4"});
  CHECK(again.front().attempts == 0);
  CHECK(store->pending() == 5);
  SECTION("a claim that names another lane gives nothing back") {
    const auto other = session.subscribe("b");
    session.give_back(other, again.front().sequence);
    CHECK(session.fetch(lane).empty());
  }
}

TEST_CASE("what waited for a time is due as before when it is given back") {
  const auto& under_test = each_store();
  CAPTURE(under_test.name);
  const auto store = under_test.make();
  StoreSession session{*store};
  const auto lane = session.subscribe("a");
  append_many(session, lane, 1);
  const auto at = now + std::chrono::hours{1};
  const auto sequence = session.fetch(lane).at(0).sequence;
  session.retry(lane, sequence, at);
  REQUIRE(session.fetch(lane, 1, at).size() == 1);
  session.give_back(lane, sequence);
  CHECK(session.fetch_once(lane, 1).next_due == at);
  CHECK(session.fetch(lane, 1, at).size() == 1);
}

TEST_CASE("final is final: a later outcome changes nothing") {
  const auto& under_test = each_store();
  CAPTURE(under_test.name);
  const auto store = under_test.make();
  StoreSession session{*store};
  const auto lane = session.subscribe("a");
  append_many(session, lane, 1);
  const auto sequence = session.fetch(lane).at(0).sequence;
  Outcome outcome;
  outcome.claim = session.claim(lane, sequence);
  outcome.status = DeliveryStatus::dead;
  outcome.reason = "status 400";
  outcome.attempt = Attempt{.at = now, .status = 400};
  CHECK(session.finish(outcome) == FinishStatus::done);
  CHECK(session.deliver(lane, sequence) == FinishStatus::done);
  CHECK(session.retry(lane, sequence, now) == FinishStatus::done);
  session.give_back(lane, sequence);
  const auto record = session.of_event("event-0").at(0);
  CHECK(record.status == DeliveryStatus::dead);
  CHECK(record.reason == "status 400");
  CHECK(record.attempts.size() == 1);
  CHECK_FALSE(record.next_attempt_at);
  CHECK(session.fetch(lane, 10, now + std::chrono::hours{9}).empty());
  CHECK(store->pending() == 0);
}

TEST_CASE("repeating an outcome is harmless while the delivery waits") {
  const auto& under_test = each_store();
  CAPTURE(under_test.name);
  const auto store = under_test.make();
  StoreSession session{*store};
  const auto lane = session.subscribe("a");
  append_many(session, lane, 1);
  const auto sequence = session.fetch(lane).at(0).sequence;
  for (int i = 0; i < 3; ++i) CHECK(session.retry(lane, sequence, now + std::chrono::hours{1}) == FinishStatus::done);
  CHECK(session.of_event("event-0").at(0).attempts.size() == 1);
  CHECK(session.fetch(lane, 1, now + std::chrono::hours{1}).size() == 1);
}

TEST_CASE("outcomes are answered one by one, in the same order") {
  const auto& under_test = each_exact_store();
  CAPTURE(under_test.name);
  const auto store = under_test.make();
  StoreSession session{*store};
  const auto lane = session.subscribe("a");
  append_many(session, lane, 3);
  const auto fetched = session.fetch(lane);
  std::vector<Outcome> outcomes(3);
  for (std::size_t i = 0; i < 3; ++i) {
    outcomes[i].claim = session.claim(lane, fetched[i].sequence);
    outcomes[i].status = DeliveryStatus::delivered;
  }
  ++outcomes[1].claim.epoch;
  CHECK(store->finish(outcomes) == std::vector<FinishStatus>{FinishStatus::done, FinishStatus::stale, FinishStatus::done});
  CHECK(store->finish({}).empty());
  CHECK(store->pending() == 1);
}

TEST_CASE("of deliveries with one order number only the oldest unfinished is handed out") {
  const auto& under_test = each_store();
  CAPTURE(under_test.name);
  const auto store = under_test.make();
  StoreSession session{*store};
  const auto lane = session.subscribe("a");
  session.append(
      Batch{}.event("a1", {{lane, 1}}).event("b1", {{lane, 2}}).event("a2", {{lane, 1}}).event("b2", {{lane, 2}}));
  auto fetched = session.fetch(lane);
  REQUIRE(event_ids(fetched) == Ids{"a1", "b1"});
  const auto held_back = session.fetch_once(lane, 10);
  CHECK(held_back.deliveries.empty());
  CHECK_FALSE(held_back.more);

  SECTION("a final outcome frees the next") {
    session.deliver(lane, fetched[0].sequence);
    CHECK(event_ids(session.fetch(lane)) == Ids{"a2"});
  }
  SECTION("dead holds nothing back either") {
    Outcome outcome;
    outcome.claim = session.claim(lane, fetched[1].sequence);
    outcome.status = DeliveryStatus::dead;
    session.finish(outcome);
    CHECK(event_ids(session.fetch(lane)) == Ids{"b2"});
  }
  SECTION("a retry goes on holding back what is behind it") {
    session.retry(lane, fetched[0].sequence, now + std::chrono::hours{1});
    session.deliver(lane, fetched[1].sequence);
    CHECK(event_ids(session.fetch(lane)) == Ids{"b2"});
    CHECK(event_ids(session.fetch(lane, 10, now + std::chrono::hours{1})) == Ids{"a1"});
  }
  SECTION("what is given back comes again before what is behind it") {
    session.give_back(lane, fetched[0].sequence);
    CHECK(event_ids(session.fetch(lane)) == Ids{"a1"});
  }
}

TEST_CASE("order numbers of different lanes have nothing to do with each other") {
  const auto& under_test = each_store();
  CAPTURE(under_test.name);
  const auto store = under_test.make();
  StoreSession session{*store};
  const auto a = session.subscribe("a"), b = session.subscribe("b");
  session.append(Batch{}.event("x", {{a, 1}, {b, 1}}));
  CHECK(session.fetch(a).size() == 1);
  CHECK(session.fetch(b).size() == 1);
}

TEST_CASE("a key that waits for hours with 100,000 behind it leaves another key alone") {
  const auto& under_test = each_exact_store();
  CAPTURE(under_test.name);
  const auto store = under_test.make();
  StoreSession session{*store};
  const auto lane = session.subscribe("a");
  append_many(session, lane, 1, 1, "head-");
  session.retry(lane, session.fetch(lane).at(0).sequence, now + std::chrono::hours{5});
  append_many(session, lane, 100'000, 1);
  append_many(session, lane, 3, 2, "other-");
  for (const auto* next : {"other-0", "other-1", "other-2"}) {
    const auto answer = session.fetch_once(lane, 10);
    REQUIRE(event_ids(answer.deliveries) == Ids{next});
    CHECK_FALSE(answer.more);
    CHECK(answer.next_due == now + std::chrono::hours{5});
    session.deliver(lane, answer.deliveries.front().sequence);
  }
  CHECK(event_ids(session.fetch(lane, 10, now + std::chrono::hours{5})) == Ids{"head-0"});
  CHECK(store->pending() == 100'001);
}
