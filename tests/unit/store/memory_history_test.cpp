#include <flyhook/store/memory.hpp>

#include "catch.hpp"

#include <memory>
#include <string>
#include <vector>

using namespace flyhook;

// MemoryStore's bounds where deliveries are opened again, added and erased.

namespace {

constexpr TimePoint start{std::chrono::seconds{1'704'067'200}};

class Session {
 public:
  explicit Session(Retention retention = {}, std::size_t max_pending = 1'000'000, std::size_t max_bytes = 1 << 30)
      : store{retention, max_pending, max_bytes} {
    epoch = store.acquire("engine", start).slots.front().epoch;
  }
  std::uint64_t lane(const std::string& id) {
    Subscription subscription;
    subscription.id = {id};
    return store.put({subscription}, 0).lane;
  }
  /// The sequence of the first delivery; 0: there is no room.
  std::uint64_t append(const std::string& id, const std::vector<std::uint64_t>& lanes, std::size_t size = 1) {
    auto message = std::make_shared<Message>();
    message->id = {id};
    message->data = std::string(size, 'x');
    message->created_at = start;
    AppendBatch batch;
    batch.events.push_back({message, 1, 0, lanes.size()});
    for (const auto number : lanes) batch.deliveries.push_back({number, 0, true, epoch});
    return store.append(batch).deliveries.front().sequence;
  }
  void finish(std::uint64_t lane, std::uint64_t sequence, DeliveryStatus status = DeliveryStatus::dead,
              std::size_t size = 0) {
    const LaneWant want{lane, epoch, 1'000'000};
    store.fetch(std::span{&want, 1}, start);
    Outcome outcome;
    outcome.claim = {sequence, lane, epoch};
    outcome.status = status;
    outcome.attempt = Attempt{.at = start, .status = 500, .response_body = std::string(size, 'x')};
    store.finish(std::span{&outcome, 1});
  }
  std::size_t listed(DeliveryQuery query = {}) {
    query.limit = 1000;
    return store.history().deliveries(query).size();
  }
  ReopenStatus reopen(std::uint64_t sequence) { return store.history().reopen(sequence).status; }

  MemoryStore store;
  std::uint64_t epoch = 0;
};

}  // namespace

TEST_CASE("what is reopened is not dropped by retention, until it has ended again") {
  Session session{{.max_deliveries = 3}};
  const auto lane = session.lane("a");
  std::vector<std::uint64_t> sequences;
  for (int i = 0; i < 3; ++i) {
    sequences.push_back(session.append("event-" + std::to_string(i), {lane}));
    session.finish(lane, sequences.back());
  }
  // Out of the list of finished ones from its middle, its end and its beginning.
  for (const auto i : {1u, 2u, 0u}) REQUIRE(session.reopen(sequences[i]) == ReopenStatus::done);
  for (int i = 3; i < 10; ++i) session.finish(lane, session.append("event-" + std::to_string(i), {lane}));
  CHECK(session.listed() == 6);
  CHECK(session.store.pending() == 3);
  for (const auto sequence : sequences) session.finish(lane, sequence);
  CHECK(session.listed() == 3);
  CHECK(session.listed({.event_id = EventId{"event-1"}}) == 1);
  CHECK(session.store.pending() == 0);
}

TEST_CASE("an event whose body had to go cannot be reopened, one that was reopened keeps it") {
  Session session{{}, 1000, 5'000};
  const auto lane = session.lane("a");
  const auto first = session.append("first", {lane}, 2'000), second = session.append("second", {lane}, 2'000);
  session.finish(lane, first);
  session.finish(lane, second);
  REQUIRE(session.reopen(first) == ReopenStatus::done);
  REQUIRE(session.append("third", {lane}, 2'000) != 0);
  CHECK(session.reopen(second) == ReopenStatus::no_payload);
  CHECK(session.append("fourth", {lane}, 2'000) == 0);
  session.finish(lane, first);
  CHECK(session.append("fourth", {lane}, 2'000) != 0);
  CHECK(session.reopen(first) == ReopenStatus::no_payload);
}

TEST_CASE("bytes that erasing sets free are there for others, and are not counted twice when the rows go") {
  Session session{{.max_deliveries = 2}, 1000, 10'000};
  const auto lane = session.lane("a");
  for (int round = 0; round < 50; ++round) {
    const auto id = "event-" + std::to_string(round);
    const auto sequence = session.append(id, {lane, lane}, 4'000);
    REQUIRE(sequence != 0);
    session.finish(lane, sequence, DeliveryStatus::dead, 2'000);
    if (round % 3 == 0) REQUIRE(session.reopen(sequence) == ReopenStatus::done);
    if (round % 2 == 0) {
      REQUIRE(session.store.history().erase({id}));
      REQUIRE(session.append(id + "-next", {lane}, 9'000) != 0);
      session.finish(lane, session.append(id + "-after", {lane}) - 1);
    }
    for (std::uint64_t old = sequence; old < sequence + 4; ++old) session.finish(lane, old);
  }
  CHECK(session.store.pending() == 0);
  CHECK(session.append("all", {lane}, 9'900) != 0);
  CHECK(session.append("none", {lane}, 200) == 0);
}

TEST_CASE("a delivery that retention dropped was not missed") {
  Session session{{.max_deliveries = 2}};
  const auto had = session.lane("had"), slow = session.lane("slow"), lane = session.lane("lane");
  const auto sequence = session.append("x", {had, slow});
  session.finish(had, sequence, DeliveryStatus::delivered);
  const auto position = session.store.history().missed({.lane = lane}).events.at(0).position;
  const bool added = GENERATE(false, true);
  std::uint64_t kin = 0;
  if (added) kin = session.store.history().add(position, {lane}).value().sequence;
  for (int i = 0; i < 3; ++i) session.finish(slow, session.append("other-" + std::to_string(i), {slow}));
  REQUIRE(session.listed({.event_id = EventId{"x"}}) == (added ? 2 : 1));
  const auto of_x = [&](std::uint64_t which) {
    std::size_t found = 0;
    for (const auto& event : session.store.history().missed({.lane = which}).events)
      found += event.message->id.value == "x";
    return found;
  };
  CHECK(of_x(had) == 0);
  CHECK(of_x(slow) == 0);
  CHECK(of_x(lane) == (added ? 0 : 1));
  if (!added) return;
  // The event that was appended goes; what was added to it still knows.
  session.finish(slow, sequence + 1);
  for (int i = 3; i < 6; ++i) session.finish(slow, session.append("other-" + std::to_string(i), {slow}));
  REQUIRE(session.listed({.event_id = EventId{"x"}}) == 1);
  for (const auto which : {had, slow, lane}) CHECK(of_x(which) == 0);
  CHECK(of_x(session.lane("new")) == 1);
  session.finish(lane, kin, DeliveryStatus::delivered);
  CHECK(session.store.pending() == 0);
}

TEST_CASE("room for a delivery that is added may cost its event the body, or the event: then nothing is added") {
  Session session{{}, 1000, 5'000};
  const auto had = session.lane("had"), lane = session.lane("lane");
  const std::string id(40, 'x');
  session.finish(had, session.append(id, {had}, 2'000), DeliveryStatus::dead, 500);
  const auto position = session.store.history().missed({.lane = lane}).events.at(0).position;
  const bool fits = GENERATE(true, false);
  // Without its body the event is 40 bytes, which is what may be wanting.
  REQUIRE(session.append("big", {had}, fits ? 2'380 : 2'420) != 0);
  const auto added = session.store.history().add(position, {lane});
  CHECK(added.has_value() == fits);
  CHECK(session.listed({.event_id = EventId{id}}) == (fits ? 2 : 0));
  CHECK(session.store.pending() == (fits ? 2 : 1));
  if (added) CHECK(session.reopen(position) == ReopenStatus::no_payload);
}

TEST_CASE("recover and missed go through a long log in parts, with nothing left out") {
  Session session;
  const auto lane = session.lane("a"), idle = session.lane("b");
  for (int i = 0; i < 20'000; ++i) {
    session.finish(lane, session.append("event-" + std::to_string(i), {lane}),
                   i % 1'000 == 0 ? DeliveryStatus::dead : DeliveryStatus::delivered);
  }
  RecoverQuery query{.lane = lane};
  std::size_t count = 0, calls = 0;
  for (bool more = true; more; ++calls) {
    const auto part = session.store.history().recover(query);
    count += part.count;
    more = part.more;
    query.after = part.after;
  }
  CHECK(count == 20);
  CHECK(calls > 3);
  CHECK(session.store.pending() == 20);
  MissedQuery missed{.lane = idle, .limit = 1'000'000};
  for (count = calls = 0;; ++calls) {
    const auto part = session.store.history().missed(missed);
    count += part.events.size();
    missed.after = part.after;
    if (!part.more) break;
  }
  CHECK(count == 20'000);
  CHECK(calls > 3);
}
