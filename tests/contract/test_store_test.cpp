#include "contract/test_store.hpp"

#include "catch.hpp"
#include "contract/store_bytes.hpp"
#include "contract/store_session.hpp"

#include <map>
#include <string>
#include <vector>

using namespace contract;
using namespace flyhook;

// The liberties that the test store takes, so that a test that leans on one does not pass for want of it.

namespace {

/// What a fixed run of calls is answered, as bytes.
std::string story(const TestStoreKnobs& knobs) {
  TestStore store{knobs};
  StoreSession session{store};
  const auto lane = session.subscribe("a");
  std::string answers;
  for (int i = 0; i < 40; ++i) {
    Batch batch;
    for (int event = 0; event < 5; ++event)
      batch.event("event-" + std::to_string(i) + "-" + std::to_string(event), {{lane}});
    answers += bytes_of(store.append(batch.value()));
    const auto fetched = session.fetch_once(lane, 4);
    answers += bytes_of(fetched);
    std::vector<Outcome> outcomes;
    for (const auto& delivery : fetched.deliveries) {
      outcomes.emplace_back().claim = session.claim(lane, delivery.sequence);
      outcomes.back().status = DeliveryStatus::delivered;
    }
    for (const auto status : store.finish(outcomes)) answers += std::to_string(static_cast<int>(status));
  }
  return answers;
}

}  // namespace

TEST_CASE("the test store gives half of the free slots at a time") {
  TestStore store;
  std::vector<std::size_t> held;
  for (bool again = true; again;) {
    const auto answer = store.acquire("engine-1", now);
    held.push_back(answer.slots.size());
    again = answer.again.has_value();
    if (again) CHECK(answer.again->count() == 0);
  }
  CHECK(held == std::vector<std::size_t>{32, 48, 56, 60, 62, 63, 64});
}

TEST_CASE("the test store hands out two at a time and shares no message with who appended it") {
  TestStore store{TestStoreKnobs::mild()};
  StoreSession session{store};
  const auto lane = session.subscribe("a");
  const auto batch = Batch{}.event("x", {{lane}}).event("y", {{lane}}).event("z", {{lane}});
  session.append(batch);
  const auto answer = session.fetch_once(lane, 10);
  REQUIRE(answer.deliveries.size() == 2);
  CHECK(answer.more);
  CHECK(answer.deliveries.front().message != batch.value().events.front().message);
  CHECK(bytes_of(*answer.deliveries.front().message) == bytes_of(*batch.value().events.front().message));
}

TEST_CASE("every fifth append is unknown, having been made or not, and every seventh is full") {
  TestStore store;
  StoreSession session{store};
  const auto lane = session.subscribe("a");
  std::map<AppendStatus, int> seen;
  int made = 0;
  for (int i = 1; i <= 140; ++i) {
    const auto id = "event-" + std::to_string(i);
    const auto result = store.append(Batch{}.event(id, {session.taken(lane)}).value());
    ++seen[result.events.front()];
    if (result.events.front() == AppendStatus::unknown) {
      CHECK(i % 5 == 0);
      CHECK(result.deliveries.front().as == AppendedAs::waiting);
      made += session.of_event(id).empty() ? 0 : 1;
    }
    if (result.events.front() == AppendStatus::full) CHECK(i % 7 == 0);
  }
  CHECK(seen[AppendStatus::unknown] == 28);
  CHECK(seen[AppendStatus::full] == 16);
  CHECK(made > 5);
  CHECK(made < 23);
}

TEST_CASE("the test store is the same for the same seed and another for another") {
  TestStoreKnobs knobs;
  const auto first = story(knobs);
  CHECK((story(knobs) == first));
  knobs.seed = 2;
  CHECK((story(knobs) != first));
}

TEST_CASE("slots that the test store loses come back with a higher epoch and what was handed out waits again") {
  TestStoreKnobs knobs = TestStoreKnobs::mild();
  knobs.half_slots = false;
  knobs.lose_slots_every = 2;
  TestStore store{knobs};
  const auto before = store.acquire("engine-1", now);
  REQUIRE(before.slots.size() == slot_count);
  REQUIRE(before.again);
  StoreSession session{store};  // loses some, and takes them again
  std::size_t higher = 0;
  const auto after = store.acquire("engine-1", now);
  for (const auto& slot : after.slots) higher += slot.epoch > 1 ? 1 : 0;
  CHECK(higher > 0);
  CHECK(after.slots.size() < slot_count);
  CHECK(after.again == std::chrono::milliseconds{0});
}

TEST_CASE("a test store that is told to throws, and afterwards all is as the port says") {
  TestStoreKnobs knobs = TestStoreKnobs::mild();
  knobs.half_slots = false;
  TestStoreKnobs throwing = knobs;
  throwing.throw_every = 3;
  TestStore store{throwing};
  int thrown = 0;
  const auto repeat = [&](auto call) {
    for (;;) {
      try {
        return call();
      } catch (const std::runtime_error&) {
        ++thrown;
      }
    }
  };
  const auto slots = repeat([&] { return store.acquire("engine-1", now); });
  const auto put = repeat([&] { return store.put({subscription("a")}, 0); });
  REQUIRE(put.stored);
  for (int i = 0; i < 30; ++i) {
    repeat([&] { return store.append(Batch{}.event("event-" + std::to_string(i), {{put.lane}}).value()); });
  }
  CHECK(store.pending() == 30);
  const LaneWant want{put.lane, 1, 2};
  for (std::size_t left = 30; left > 0;) {
    const auto answer = repeat([&] { return store.fetch(std::span{&want, 1}, now); });
    REQUIRE_FALSE(answer.front().deliveries.empty());
    for (const auto& delivery : answer.front().deliveries) {
      Outcome outcome;
      outcome.claim = {delivery.sequence, put.lane, 1};
      outcome.status = DeliveryStatus::delivered;
      repeat([&] { return store.finish(std::span{&outcome, 1}); });
      --left;
    }
  }
  CHECK(store.pending() == 0);
  CHECK(thrown > 20);
}

TEST_CASE("every fourth reopen finds the test store full, and recover goes two at a time") {
  TestStore store;
  StoreSession session{store};
  const auto lane = session.subscribe("a");
  for (int i = 0; i < 8; ++i) session.append(Batch{}.event("event-" + std::to_string(i), {{lane}}));
  const auto fetched = session.fetch(lane);
  REQUIRE(fetched.size() == 8);
  for (const auto& delivery : fetched) session.end(lane, delivery.sequence, DeliveryStatus::dead);
  for (int i = 1; i <= 4; ++i) {
    const auto status = store.history().reopen(fetched[static_cast<std::size_t>(i - 1)].sequence).status;
    CHECK(status == (i == 4 ? ReopenStatus::full : ReopenStatus::done));
  }
  const Recovered recovered = store.history().recover({.lane = lane});
  CHECK(recovered.count == 2);
  CHECK(recovered.more);
  CHECK(session.recover({.lane = lane}) == 3);
}

TEST_CASE("a change that the test store throws out of was made or not, and may be repeated") {
  TestStoreKnobs knobs = TestStoreKnobs::mild();
  knobs.half_slots = false;
  knobs.throw_every = 2;
  TestStore store{knobs};
  const auto repeat = [](auto call) {
    for (;;) {
      try {
        return call();
      } catch (const std::runtime_error&) {
      }
    }
  };
  repeat([&] { return store.acquire("engine-1", now); });
  const auto lane = repeat([&] { return store.put({subscription("a")}, 0); }).lane;
  int made = 0, thrown = 0;
  for (int i = 0; i < 40; ++i) {
    const auto id = "event-" + std::to_string(i);
    repeat([&] { return store.append(Batch{}.event(id, {{lane}}).value()); });
    repeat([&] { return store.close({.lane = lane, .status = DeliveryStatus::dead}); });
    const auto row = repeat([&] { return store.history().deliveries({.event_id = EventId{id}}); }).at(0);
    const auto sequence = detail::delivery_sequence(row.id.value).value();
    ReopenStatus status = ReopenStatus::done;
    try {
      store.history().reopen(sequence);
    } catch (const std::runtime_error&) {
      ++thrown;
      status = repeat([&] { return store.history().reopen(sequence); }).status;
      made += status == ReopenStatus::not_final ? 1 : 0;
    }
    CHECK((status == ReopenStatus::done || status == ReopenStatus::not_final));
    CHECK(store.pending() == 1);
  }
  CHECK(thrown > 5);
  CHECK(made > 0);
  CHECK(made < thrown);
}
