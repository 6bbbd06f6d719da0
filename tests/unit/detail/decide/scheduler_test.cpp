#include <flyhook/detail/decide/scheduler.hpp>

#include "catch.hpp"
#include "unit/detail/decide/endpoints.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

using namespace flyhook;
using namespace flyhook::detail;
using namespace std::chrono_literals;

namespace {

std::vector<Slot> all_slots(std::uint64_t epoch = 1) {
  std::vector<Slot> slots;
  for (std::uint32_t i = 0; i < slot_count; ++i) slots.push_back({i, epoch});
  return slots;
}

Claim claim_of(const Lane& lane, std::uint64_t sequence) {
  for (const auto& flying : lane.in_flight)
    if (flying.sequence == sequence) return {sequence, lane.number, flying.epoch};
  FAIL("delivery " << sequence << " is not under way");
  return {};
}

/// A scheduler that holds all slots.
struct Session {
  explicit Session(std::size_t slots = 64) : scheduler(slots) { scheduler.own(all_slots()); }

  Lane& lane(std::uint64_t number, std::size_t deliveries = 0, std::size_t max_in_flight = 2) {
    Lane& made = scheduler.lane_of(unit::endpoint_of(number, max_in_flight));
    claim(made, deliveries);
    return made;
  }
  void claim(Lane& lane, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) lane.window.push_back({++sequence});
    scheduler.update(lane);
  }
  /// Starts what can be started; the numbers of the lanes in turn.
  std::vector<std::uint64_t> start_all() {
    std::vector<std::uint64_t> turns;
    while (Lane* next = scheduler.next()) {
      turns.push_back(next->number);
      scheduler.start(*next);
    }
    return turns;
  }
  void end_one(Lane& lane) { scheduler.end(lane, claim_of(lane, lane.in_flight.front().sequence), {}); }

  Scheduler scheduler;
  std::uint64_t sequence = 0;
};

std::shared_ptr<const Resolved> some_addresses() {
  auto resolved = std::make_shared<Resolved>();
  resolved->host = "hooks.example";
  resolved->addresses = {"192.0.2.1"};
  return resolved;
}

std::shared_ptr<const Resolved> too_late() {
  auto resolved = std::make_shared<Resolved>();
  resolved->error = "dns: no answer within 5000 ms";
  return resolved;
}

EndpointPtr moved_to(const std::string& url, std::uint64_t lane, std::uint64_t version) {
  auto subscription = unit::subscription("lane-" + std::to_string(lane));
  subscription.url = url;
  return unit::endpoint(std::move(subscription), lane, version);
}

}  // namespace

TEST_CASE("without anything claimed nothing is next") {
  Session session;
  session.lane(1);
  CHECK_FALSE(session.scheduler.has_ready());
  CHECK(session.scheduler.next() == nullptr);
}

TEST_CASE("ready lanes take turns, so that a deep one costs the others one place") {
  Session session;
  session.lane(1, 100, 100);
  session.lane(2, 2);
  session.lane(3, 1);
  auto turns = session.start_all();
  REQUIRE(turns.size() >= 6);
  turns.resize(6);
  CHECK(turns == std::vector<std::uint64_t>{1, 2, 3, 1, 2, 1});
}

TEST_CASE("within a lane the oldest goes first") {
  Session session;
  Lane& lane = session.lane(1, 3, 3);
  for (std::uint64_t expected = 1; expected <= 3; ++expected) {
    REQUIRE(session.scheduler.next() == &lane);
    CHECK(session.scheduler.start(lane).claimed.sequence == expected);
  }
}

TEST_CASE("a lane has no more under way than its limit, and goes on as soon as one ends") {
  Session session;
  Lane& lane = session.lane(1, 5, 2);
  CHECK(session.start_all().size() == 2);
  CHECK_FALSE(session.scheduler.has_ready());
  session.end_one(lane);
  CHECK(session.scheduler.has_ready());
  CHECK(session.start_all().size() == 1);
  CHECK(lane.in_flight.size() == 2);
  CHECK(lane.window.size() == 2);
}

TEST_CASE("all lanes together have no more under way than there are slots") {
  Session session{3};
  Lane& first = session.lane(1, 2);
  session.lane(2, 2);
  CHECK(session.start_all() == std::vector<std::uint64_t>{1, 2, 1});
  CHECK(session.scheduler.in_flight() == 3);
  CHECK_FALSE(session.scheduler.has_ready());
  CHECK(session.scheduler.next() == nullptr);
  session.end_one(first);
  CHECK(session.start_all() == std::vector<std::uint64_t>{2});
}

TEST_CASE("a lane that stopped being ready is passed over") {
  Session session;
  Lane& first = session.lane(1, 1);
  session.lane(2, 1);
  first.notices = Lane::most_notices;
  CHECK(session.start_all() == std::vector<std::uint64_t>{2});
  first.notices = 0;
  session.scheduler.update(first);
  CHECK(session.start_all() == std::vector<std::uint64_t>{1});
}

TEST_CASE("the end of one request ends that one, in whatever order they end") {
  Session session;
  Lane& lane = session.lane(1, 3, 3);
  session.start_all();
  session.scheduler.end(lane, claim_of(lane, 2), {});
  REQUIRE(lane.in_flight.size() == 2);
  CHECK(lane.in_flight[0].sequence == 1);
  CHECK(lane.in_flight[1].sequence == 3);
  session.scheduler.end(lane, claim_of(lane, 1), {});
  session.scheduler.end(lane, claim_of(lane, 3), {});
  CHECK(lane.in_flight.empty());
  CHECK(session.scheduler.in_flight() == 0);
}

TEST_CASE("a lane wants a fetch once, is told how much it may take, and not again while it is under way") {
  Session session;
  Lane& lane = session.lane(1, 4);
  CHECK_FALSE(session.scheduler.has_wants());
  lane.more = true;
  session.scheduler.update(lane);
  session.scheduler.update(lane);
  CHECK(session.scheduler.has_wants());
  const auto wants = session.scheduler.wants(64);
  REQUIRE(wants.size() == 1);
  CHECK(wants[0].lane == 1);
  CHECK(wants[0].epoch == 1);
  CHECK(wants[0].room == 60);
  CHECK(lane.fetching);
  CHECK_FALSE(lane.more);

  // Appended while the fetch is under way: its answer may not know of it.
  lane.more = true;
  session.scheduler.update(lane);
  CHECK_FALSE(session.scheduler.has_wants());
  lane.fetching = false;
  session.scheduler.update(lane);
  CHECK(session.scheduler.has_wants());
}

TEST_CASE("no more wants are given than asked for, and the others stay") {
  Session session;
  for (std::uint64_t number = 1; number <= 5; ++number) {
    Lane& lane = session.lane(number);
    lane.more = true;
    session.scheduler.update(lane);
  }
  CHECK(session.scheduler.wants(2).size() == 2);
  CHECK(session.scheduler.has_wants());
  const auto rest = session.scheduler.wants(64);
  REQUIRE(rest.size() == 3);
  CHECK(rest[0].lane == 3);
  CHECK_FALSE(session.scheduler.has_wants());
}

TEST_CASE("a lane that was paused while it wanted asks for nothing") {
  Session session;
  Lane& lane = session.lane(1);
  lane.more = true;
  session.scheduler.update(lane);
  auto paused = unit::subscription("lane-1");
  paused.paused = true;
  session.scheduler.set_endpoint(lane, unit::endpoint(paused, 1, 2));
  CHECK(session.scheduler.wants(64).empty());
  CHECK(lane.more);
  session.scheduler.set_endpoint(lane, unit::endpoint_of(1, 2, 3));
  CHECK(session.scheduler.wants(64).size() == 1);
}

TEST_CASE("when a lane's next delivery is due it wants a fetch, and not before") {
  Session session;
  Lane& lane = session.lane(1);
  session.scheduler.set_due(lane, 10s);
  CHECK(session.scheduler.next_due() == 10s);
  session.scheduler.advance(10s - 1ns, too_late());
  CHECK_FALSE(session.scheduler.has_wants());
  session.scheduler.advance(10s, too_late());
  CHECK(session.scheduler.has_wants());
  CHECK_FALSE(lane.due);
  CHECK_FALSE(session.scheduler.next_due());
}

TEST_CASE("the earliest of the timers is the next one, and a changed or dropped one is no longer one") {
  Session session;
  Lane& first = session.lane(1);
  Lane& second = session.lane(2);
  session.scheduler.set_due(first, 10s);
  session.scheduler.set_due(second, 5s);
  CHECK(session.scheduler.next_due() == 5s);
  session.scheduler.set_due(second, 20s);
  CHECK(session.scheduler.next_due() == 10s);
  session.scheduler.set_due(first, std::nullopt);
  CHECK(session.scheduler.next_due() == 20s);
  session.scheduler.advance(15s, too_late());
  CHECK_FALSE(session.scheduler.has_wants());
  session.scheduler.advance(20s, too_late());
  REQUIRE(session.scheduler.wants(64).size() == 1);
  CHECK_FALSE(first.fetching);
  CHECK(second.fetching);
}

TEST_CASE("while a lane waits for a look-up it sends nothing; the answer sets it going and ends the timer") {
  Session session;
  Lane& lane = session.lane(1, 2);
  session.scheduler.resolve(lane, 5s);
  CHECK(session.scheduler.is_resolving());
  CHECK(session.start_all().empty());
  CHECK(session.scheduler.next_due() == 5s);
  session.scheduler.answered(lane, some_addresses());
  CHECK_FALSE(session.scheduler.is_resolving());
  CHECK(lane.resolved->addresses == std::vector<std::string>{"192.0.2.1"});
  CHECK_FALSE(session.scheduler.next_due());
  CHECK(session.start_all().size() == 2);
}

TEST_CASE("a look-up that comes too late counts as failed for what would have been under way, and nothing later") {
  Session session;
  Lane& lane = session.lane(1, 5, 3);
  session.scheduler.resolve(lane, 5s);
  session.scheduler.advance(5s - 1ns, too_late());
  CHECK(session.scheduler.is_resolving());
  session.scheduler.advance(5s, too_late());
  CHECK_FALSE(session.scheduler.is_resolving());
  CHECK(lane.late_failures == 3);
  CHECK(lane.resolved->error == too_late()->error);
  CHECK(session.scheduler.has_ready());
  session.scheduler.answered(lane, some_addresses());
  CHECK(lane.late_failures == 0);

  Lane& shallow = session.lane(2, 1, 3);
  session.scheduler.resolve(shallow, 9s);
  session.scheduler.advance(9s, too_late());
  CHECK(shallow.late_failures == 1);
}

TEST_CASE("an answer about another host is not the lane's") {
  Session session;
  Lane& lane = session.lane(1, 1);
  session.scheduler.resolve(lane, 5s);
  session.scheduler.set_endpoint(lane, moved_to("http://elsewhere.example/", 1, 2));
  // The new host has to be looked up by itself, and at once.
  CHECK_FALSE(session.scheduler.is_resolving());
  CHECK(session.scheduler.has_ready());
  session.scheduler.resolve(lane, 6s);
  session.scheduler.answered(lane, some_addresses());
  CHECK(lane.resolved == nullptr);
  CHECK(session.scheduler.is_resolving());
  auto own = std::make_shared<Resolved>();
  own->host = "elsewhere.example";
  session.scheduler.answered(lane, own);
  CHECK(lane.resolved == own);
  CHECK_FALSE(session.scheduler.is_resolving());
}

TEST_CASE("addresses are kept while the host stays, and forgotten when it changes") {
  Session session;
  Lane& lane = session.lane(1);
  session.scheduler.answered(lane, some_addresses());
  session.scheduler.set_endpoint(lane, moved_to("http://hooks.example/other", 1, 2));
  CHECK(lane.resolved != nullptr);
  session.scheduler.set_endpoint(lane, moved_to("http://elsewhere.example/", 1, 3));
  CHECK(lane.resolved == nullptr);
}

TEST_CASE("addresses are judged anew when the endpoint becomes public only, or is so no more") {
  Session session;
  Lane& lane = session.lane(1, 1);
  const auto judged = [](AllowList allow) {
    auto resolved = std::make_shared<Resolved>();
    resolved->host = "hooks.example";
    resolved->judged = allow;
    return resolved;
  };
  const auto version = [](bool public_only, std::uint64_t number) {
    auto subscription = unit::subscription("lane-1");
    subscription.public_only = public_only;
    return unit::endpoint(subscription, 1, number);
  };
  session.scheduler.answered(lane, judged(AllowList::counts));
  session.scheduler.resolve(lane, 5s);
  session.scheduler.set_endpoint(lane, version(true, 2));
  CHECK(lane.resolved == nullptr);
  CHECK_FALSE(session.scheduler.is_resolving());
  session.scheduler.answered(lane, judged(AllowList::counts));  // of a look-up that began before
  CHECK(lane.resolved == nullptr);
  session.scheduler.answered(lane, judged(AllowList::ignored));
  REQUIRE(lane.resolved != nullptr);
  session.scheduler.set_endpoint(lane, version(true, 3));
  CHECK(lane.resolved != nullptr);
  session.scheduler.set_endpoint(lane, version(false, 4));
  CHECK(lane.resolved == nullptr);
  session.scheduler.answered(lane, judged(AllowList::ignored));
  CHECK(lane.resolved == nullptr);
  auto not_found = std::make_shared<Resolved>();  // there is no address to judge
  not_found->host = "hooks.example";
  session.scheduler.answered(lane, not_found);
  CHECK(lane.resolved == not_found);
}

TEST_CASE("an older version of an endpoint changes nothing") {
  Session session;
  Lane& lane = session.scheduler.lane_of(unit::endpoint_of(1, 2, 5));
  const auto newer = lane.endpoint;
  CHECK(&session.scheduler.lane_of(unit::endpoint_of(1, 9, 4)) == &lane);
  CHECK(lane.endpoint == newer);
  const auto newest = unit::endpoint_of(1, 9, 6);
  session.scheduler.lane_of(newest);
  CHECK(lane.endpoint == newest);
}

TEST_CASE("what was unsubscribed does not come back by a matching that began before") {
  Session session;
  Lane& lane = session.lane(1, 1);
  session.scheduler.set_endpoint(lane, nullptr);
  CHECK_FALSE(lane.is_open());
  session.scheduler.lane_of(unit::endpoint_of(1, 2, 9));
  CHECK(lane.endpoint == nullptr);
  CHECK(session.start_all().empty());
}

TEST_CASE("what was claimed and not sent can be withdrawn, with the names the store knows it by") {
  Session session;
  Lane& lane = session.lane(1, 3, 1);
  session.start_all();
  const auto claims = session.scheduler.withdraw(lane);
  REQUIRE(claims.size() == 2);
  CHECK(claims[0].sequence == 2);
  CHECK(claims[1].sequence == 3);
  CHECK(claims[0].lane == 1);
  CHECK(claims[0].epoch == 1);
  CHECK(lane.window.empty());
  CHECK(lane.in_flight.size() == 1);
}

TEST_CASE("a lane whose slot is not held sends nothing and drops what it had claimed") {
  Session session;
  Lane& lane = session.lane(1, 3, 1);
  session.start_all();
  session.scheduler.set_due(lane, 5s);
  session.scheduler.own({});
  CHECK_FALSE(lane.owned);
  CHECK(lane.window.empty());
  CHECK_FALSE(lane.due);
  CHECK_FALSE(lane.more);
  CHECK_FALSE(session.scheduler.next_due());
  CHECK(lane.in_flight.size() == 1);
  session.end_one(lane);
  CHECK(session.start_all().empty());

  session.scheduler.own(all_slots(2));
  CHECK(lane.owned);
  CHECK(lane.epoch == 2);
  CHECK(session.scheduler.wants(64).size() == 1);  // what waits in the store is its own again
}

TEST_CASE("a slot taken anew has another epoch, under which nothing is claimed yet; one that stays keeps its window") {
  Session session;
  Lane& lane = session.lane(1, 2);
  session.scheduler.own(all_slots(1));
  CHECK(lane.window.size() == 2);
  session.scheduler.own(all_slots(2));
  CHECK(lane.window.empty());
  CHECK(lane.epoch == 2);
  CHECK(lane.more);
}

TEST_CASE("lanes of slots that are not held are made closed") {
  Scheduler scheduler{64};
  Lane& lane = scheduler.lane_of(unit::endpoint_of(1));
  CHECK_FALSE(lane.owned);
  CHECK_FALSE(lane.may_take());
}

TEST_CASE("lanes with nothing to remember are forgotten, the others never") {
  Session session;
  session.lane(1, 1);
  Lane& waiting = session.lane(2);
  session.scheduler.set_due(waiting, 1h);
  for (std::uint64_t number = 3; number <= 3000; ++number) session.lane(number);
  std::size_t count = 0;
  session.scheduler.each([&](Lane&) { ++count; });
  CHECK(count < 2000);
  REQUIRE(session.scheduler.find(1) != nullptr);
  CHECK(session.scheduler.find(1)->window.size() == 1);
  CHECK(session.scheduler.find(2) == &waiting);
  CHECK(session.start_all() == std::vector<std::uint64_t>{1});
}

TEST_CASE("a lane whose subscription changed is remembered while an older matching may bring it back as it was") {
  Session session;
  auto& scheduler = session.scheduler;
  std::uint64_t number = 100;
  const auto crowd = [&] {
    for (int i = 0; i < 10'000; ++i) scheduler.lane_of(unit::endpoint_of(++number));
  };
  const auto before = unit::endpoint_of(1, 2, 1), after = unit::endpoint_of(1, 2, 2);
  scheduler.note_change(scheduler.lane_of(after));
  crowd();
  CHECK(scheduler.lane_of(before).endpoint == after);
  scheduler.forget_changes();
  crowd();
  CHECK(scheduler.find(1) == nullptr);
}

// Isolation ---------------------------------------------------------------------------------------------------------------

namespace {

constexpr Bearing good{Bearing::Breaker::success, false, false, {}};

/// 64 slots, and lanes that answer at once or never.
struct Isolation : Session {
  /// A lane that has answered a request within `duration`.
  Lane& known(std::uint64_t number, std::chrono::nanoseconds duration, std::size_t max_in_flight = 8) {
    Lane& made = lane(number, 1, max_in_flight);
    REQUIRE(scheduler.next() == &made);
    const auto sent = scheduler.start(made).claimed.sequence;
    now += duration;
    scheduler.see(now);
    scheduler.end(made, claim_of(made, sent), good);
    return made;
  }
  std::size_t under_way(const std::vector<Lane*>& lanes) const {
    std::size_t count = 0;
    for (const Lane* lane : lanes) count += lane->in_flight.size();
    return count;
  }
  std::chrono::nanoseconds now{0};
};

}  // namespace

TEST_CASE("eight endpoints that hang with eight requests each leave a slot for the ninth, known or not") {
  Isolation session;
  const bool is_known = GENERATE(true, false);
  Lane& ninth = is_known ? session.known(9, 1ms) : session.lane(9, 0, 8);
  std::vector<Lane*> hanging;
  for (std::uint64_t i = 1; i <= 8; ++i) hanging.push_back(&session.lane(i, 100, 8));
  session.start_all();
  CHECK(session.under_way(hanging) == 56);
  session.claim(ninth, 1);
  CHECK(session.start_all() == std::vector<std::uint64_t>{9});
}

TEST_CASE("known endpoints that begin to hang are held to their share as soon as it shows") {
  Isolation session;
  Lane& healthy = session.known(9, 1ms);
  std::vector<Lane*> hanging;
  for (std::uint64_t i = 1; i <= 20; ++i) hanging.push_back(&session.known(i + 100, 1ms));
  for (Lane* lane : hanging) session.claim(*lane, 2);
  session.start_all();  // two each
  CHECK(session.under_way(hanging) == 40);
  session.now += 501ms;
  session.scheduler.see(session.now);
  for (Lane* lane : hanging) session.claim(*lane, 100);
  session.start_all();
  CHECK(session.under_way(hanging) <= 56);
  for (int i = 0; i < 8; ++i) {
    session.claim(healthy, 1);
    REQUIRE(session.start_all() == std::vector<std::uint64_t>{9});
    session.end_one(healthy);
  }
}

TEST_CASE("where many fast requests were under way lately, the slow get no more than half") {
  Isolation session;
  std::vector<Lane*> fast;
  for (std::uint64_t i = 1; i <= 10; ++i) fast.push_back(&session.known(i, 1ms));
  std::vector<Lane*> slow;
  for (std::uint64_t i = 101; i <= 110; ++i) slow.push_back(&session.known(i, 1s));
  for (Lane* lane : fast) session.claim(*lane, 3);
  session.start_all();
  for (Lane* lane : fast)
    while (!lane->in_flight.empty()) session.end_one(*lane);
  for (Lane* lane : slow) session.claim(*lane, 100);
  session.start_all();
  CHECK(session.under_way(slow) == 32);
  session.now += 21s;  // and when nobody has needed them for a while, more
  session.scheduler.see(session.now);
  session.claim(*fast[0], 1);
  session.start_all();
  CHECK(session.under_way(slow) == 56);
}

TEST_CASE("where fast ones find no slot, what ends of the slow ones is theirs, up to half") {
  Isolation session;
  std::vector<Lane*> slow, fast;
  for (std::uint64_t i = 101; i <= 110; ++i) slow.push_back(&session.known(i, 1s));
  for (std::uint64_t i = 1; i <= 10; ++i) fast.push_back(&session.known(i, 1ms));
  for (Lane* lane : slow) session.claim(*lane, 100);
  session.start_all();
  CHECK(session.under_way(slow) == 56);
  for (Lane* lane : fast) session.claim(*lane, 100);
  session.start_all();
  CHECK(session.under_way(fast) == 8);
  for (std::size_t ended = 0; ended < 40; ++ended) {
    for (Lane* lane : slow)
      if (lane->in_flight.size() * slow.size() >= session.under_way(slow)) {
        session.end_one(*lane);
        break;
      }
    session.start_all();
  }
  CHECK(session.under_way(slow) == 32);
  CHECK(session.under_way(fast) >= 24);
}

TEST_CASE("endpoints never asked cannot take what is left for those that answer") {
  Isolation session;
  std::vector<Lane*> healthy;
  for (std::uint64_t i = 1'001; i <= 1'004; ++i) healthy.push_back(&session.known(i, 1ms));
  std::vector<Lane*> unknown;
  for (std::uint64_t i = 1; i <= 100; ++i) unknown.push_back(&session.lane(i, 1, 8));
  session.start_all();
  CHECK(session.under_way(unknown) == 60);
  for (Lane* lane : healthy) session.claim(*lane, 1);
  CHECK(session.start_all().size() == 4);
}

TEST_CASE("one endpoint alone may have every slot") {
  Session session;
  session.lane(1, 100, 100);
  CHECK(session.start_all().size() == 64);
}

TEST_CASE("a slow endpoint that has become fast is counted as one again, and a fast one that has become slow too") {
  Isolation session;
  Lane& lane = session.known(1, 2s);
  CHECK(lane.is_slow);
  for (int i = 0; i < 8; ++i) {
    session.claim(lane, 1);
    session.start_all();
    session.now += 1ms;
    session.scheduler.see(session.now);
    session.scheduler.end(lane, claim_of(lane, lane.in_flight[0].sequence), good);
  }
  CHECK_FALSE(lane.is_slow);
  session.claim(lane, 1);
  session.start_all();
  session.now += 5s;
  session.scheduler.see(session.now);
  session.scheduler.end(lane, claim_of(lane, lane.in_flight[0].sequence), good);
  CHECK(lane.is_slow);
}

// What holds a lane back
// ----------------------------------------------------------------------------------------------------

TEST_CASE("a lane that is asked to wait is ready again at its time, and one timer says when") {
  Isolation session;
  Lane& lane = session.known(1, 1ms);
  session.claim(lane, 1);
  session.start_all();
  session.claim(lane, 3);
  session.scheduler.end(lane, claim_of(lane, lane.in_flight[0].sequence), {Bearing::Breaker::none, true, false, 60s});
  CHECK_FALSE(session.scheduler.has_ready());
  CHECK(session.scheduler.next_due() == session.now + 60s);
  session.scheduler.advance(session.now + 60s - 1ns, too_late());
  CHECK_FALSE(session.scheduler.has_ready());
  session.scheduler.advance(session.now + 60s, too_late());
  CHECK(session.start_all().size() == 3);
  CHECK_FALSE(session.scheduler.next_due());
}

TEST_CASE("an open breaker lets one request through after its cool-down, and all after a success") {
  Session session;
  Lane& lane = session.lane(1, 20, 8);
  const Bearing bad{Bearing::Breaker::failure, false, false, {}};
  for (int i = 0; i < 10; ++i) {
    REQUIRE(session.scheduler.next() == &lane);
    session.scheduler.end(lane, claim_of(lane, session.scheduler.start(lane).claimed.sequence), bad);
  }
  CHECK(session.scheduler.next() == nullptr);
  session.scheduler.advance(30s, too_late());
  REQUIRE(session.scheduler.next() == &lane);
  const auto probe = session.scheduler.start(lane);
  CHECK(probe.is_probe);
  CHECK(session.scheduler.next() == nullptr);
  CHECK_FALSE(session.scheduler.next_due());
  session.scheduler.end(lane, claim_of(lane, probe.claimed.sequence), good);
  REQUIRE(session.scheduler.next() == &lane);
  CHECK_FALSE(session.scheduler.start(lane).is_probe);
}

TEST_CASE("a lane that has nothing left to send is no longer ready") {
  Session session;
  Lane& lane = session.lane(1, 5, 8);
  CHECK(session.scheduler.has_ready());
  session.scheduler.withdraw(lane);
  session.scheduler.update(lane);
  CHECK_FALSE(session.scheduler.has_ready());
}

TEST_CASE("an event that is cancelled leaves the windows, and what is under way is marked") {
  Session session;
  const auto message = [](const char* id) {
    auto made = std::make_shared<Message>();
    made->id = {id};
    return made;
  };
  Lane& one = session.lane(1, 0, 1);
  Lane& two = session.lane(2, 0, 1);
  std::uint64_t sequence = 0;
  for (Lane* lane : {&one, &two}) {
    for (const char* id : {"msg_a", "msg_b", "msg_a"})
      lane->window.push_back({++sequence, message(id), nullptr, 0, {}, {}});
    session.scheduler.update(*lane);
  }
  session.start_all();
  std::vector<Claim> claims;
  for (Lane* lane : {&one, &two}) session.scheduler.cancel(*lane, {"msg_a"}, claims);
  CHECK(claims.size() == 2);
  CHECK(one.window.size() == 1);
  CHECK(session.scheduler.end(one, claim_of(one, 1), good));
  session.start_all();
  CHECK_FALSE(session.scheduler.end(one, claim_of(one, 2), good));
}

TEST_CASE("a lane of no subscription has the endpoint of whichever delivery is next, and addresses of its host alone") {
  Session session;
  const auto at = [](const std::string& url) {
    SubscriptionRow row;
    row.lane = direct_lane | 1;
    row.subscription.url = url;
    return std::make_shared<const Endpoint>(std::move(row), Options{});
  };
  const auto first = at("http://a.example/1"), same_host = at("http://a.example/2"), other_host = at("http://b.example/");
  Lane& lane = session.scheduler.lane_of(first);
  CHECK(&session.scheduler.lane_of(other_host) == &lane);
  CHECK(lane.endpoint == first);
  for (const auto& endpoint : {same_host, other_host})
    lane.window.push_back({1, std::make_shared<Message>(), nullptr, 0, {}, endpoint});
  const auto resolved = std::make_shared<Resolved>();
  resolved->host = "a.example";
  lane.resolved = resolved;
  session.scheduler.aim(lane);
  CHECK(lane.endpoint == same_host);
  CHECK(lane.resolved == resolved);
  lane.window.pop_front();
  session.scheduler.aim(lane);
  CHECK(lane.endpoint == other_host);
  CHECK(lane.resolved == nullptr);
  session.scheduler.answered(lane, resolved);
  CHECK(lane.resolved == nullptr);
}
