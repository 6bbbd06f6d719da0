#include <flyhook/store/memory.hpp>

#include "catch.hpp"

#include <flyhook/error.hpp>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

using namespace flyhook;

// What is MemoryStore's alone: its bounds, and what it lets go in which order. What every store does is in tests/contract.

namespace {

constexpr TimePoint start{std::chrono::seconds{1'704'067'200}};

class Lane {
 public:
  explicit Lane(MemoryStore& store, const std::string& id = "a") : store_(store) {
    Subscription subscription;
    subscription.id = {id};
    number = store.put({subscription}, 0).lane;
    epoch = store.acquire("engine", start).slots.front().epoch;
  }

  AppendStatus append(const std::string& id, std::string data = "1", TimePoint at = start) {
    auto message = std::make_shared<Message>();
    message->id = {id};
    message->type = "t";
    message->data = std::move(data);
    message->created_at = at;
    AppendBatch batch;
    batch.events.push_back({message, detail::fnv1a(message->data), 0, 1});
    batch.deliveries.push_back({number, 0, true, epoch});
    const auto result = store_.append(std::move(batch));
    sequence = result.deliveries.front().sequence;
    return result.events.front();
  }
  void finish(std::uint64_t which, DeliveryStatus status = DeliveryStatus::delivered, TimePoint at = start,
              std::string body = {}) {
    Outcome outcome;
    outcome.claim = {which, number, epoch};
    outcome.status = status;
    outcome.attempt = Attempt{.at = at, .status = 200, .response_body = std::move(body)};
    REQUIRE(store_.finish(std::span{&outcome, 1}).front() == FinishStatus::done);
  }
  /// Appends and finishes.
  void deliver(const std::string& id, std::string data = "1", DeliveryStatus status = DeliveryStatus::delivered,
               TimePoint at = start) {
    REQUIRE(append(id, std::move(data), at) == AppendStatus::accepted);
    finish(sequence, status, at);
  }

  std::uint64_t number = 0, epoch = 0;
  std::uint64_t sequence = 0;  // of the latest append

 private:
  MemoryStore& store_;
};

std::vector<DeliveryRecord> list(MemoryStore& store, DeliveryQuery query = {}) {
  std::vector<DeliveryRecord> all;
  query.limit = 1000;
  for (;;) {
    const auto page = store.history().deliveries(query);
    if (page.empty()) return all;
    all.insert(all.end(), page.begin(), page.end());
    query.cursor = page.back().id.value;
  }
}

std::vector<std::string> listed(MemoryStore& store, const DeliveryQuery& query = {}) {
  std::vector<std::string> ids;
  for (const auto& record : list(store, query)) ids.push_back(record.event_id.value);
  return ids;
}

std::vector<std::string> one(std::string id) {
  return {std::move(id)};
}

}  // namespace

TEST_CASE("one owner holds all slots with epoch 1, until it releases them") {
  MemoryStore store;
  const auto held = store.acquire("engine-1", start);
  CHECK(held.slots.size() == slot_count);
  CHECK(held.slots.back().epoch == 1);
  CHECK_FALSE(held.again);
  CHECK_FALSE(store.traits().durable);
}

TEST_CASE("a memory store is full at max_pending deliveries, whatever has finished") {
  MemoryStore store{{}, 2};
  Lane lane{store};
  for (int i = 0; i < 10; ++i) lane.deliver("done-" + std::to_string(i));
  CHECK(lane.append("one") == AppendStatus::accepted);
  CHECK(lane.append("two") == AppendStatus::accepted);
  CHECK(lane.append("three") == AppendStatus::full);
  CHECK(store.pending() == 2);
  lane.finish(lane.sequence == 0 ? 11 : lane.sequence);
  CHECK(lane.append("three") == AppendStatus::accepted);
}

TEST_CASE("a memory store is full at max_bytes of what is pending, and keeps what has finished") {
  MemoryStore store{{}, 1000, 10'000};
  Lane lane{store};
  lane.deliver("done", std::string(1'000, 'x'));
  for (int i = 0; i < 8; ++i)
    CHECK(lane.append("event-" + std::to_string(i), std::string(1'000, 'x')) == AppendStatus::accepted);
  CHECK(lane.append("event-8", std::string(1'990, 'x')) == AppendStatus::full);
  CHECK(listed(store, {.event_id = EventId{"done"}}) == one("done"));
  lane.finish(2);
  CHECK(lane.append("event-8", std::string(1'900, 'x')) == AppendStatus::accepted);
}

TEST_CASE("an event larger than max_bytes is taken while nothing else is pending") {
  MemoryStore store{{}, 1000, 100};
  Lane lane{store};
  lane.deliver("done");
  CHECK(lane.append("large", std::string(1'000, 'x')) == AppendStatus::accepted);
  CHECK(lane.append("small") == AppendStatus::full);
}

TEST_CASE("for want of room bodies of finished events go first, then the oldest records") {
  MemoryStore store{{}, 1000, 10'000};
  Lane lane{store};
  for (int i = 0; i < 9; ++i) lane.deliver("done-" + std::to_string(i), std::string(1'000, 'x'));
  // Nine bodies and as many records fit; for this one, bodies make room and every record stays.
  CHECK(lane.append("big", std::string(9'000, 'x')) == AppendStatus::accepted);
  CHECK(list(store).size() == 10);
  CHECK(list(store).back().event_type == "t");
  CHECK(list(store).back().attempts.size() == 1);
  // The bodies are gone; now records go, the oldest first.
  CHECK(lane.append("more", std::string(600, 'x')) == AppendStatus::accepted);
  const auto left = listed(store);
  CHECK(left.size() < 11);
  CHECK(left.size() > 2);
  CHECK(std::find(left.begin(), left.end(), "done-0") == left.end());
  CHECK(std::find(left.begin(), left.end(), "done-8") != left.end());
  CHECK(lane.append("none", std::string(600, 'x')) == AppendStatus::full);
}

TEST_CASE("what endpoints answered counts in bytes, too") {
  MemoryStore store{{}, 1000, 10'000};
  Lane lane{store};
  for (int i = 0; i < 20; ++i) {
    REQUIRE(lane.append("event-" + std::to_string(i)) == AppendStatus::accepted);
    lane.finish(lane.sequence, DeliveryStatus::dead, start, std::string(4'000, 'x'));
  }
  CHECK(list(store).size() <= 3);
}

TEST_CASE("at most max_deliveries finished records are kept, in the order in which they finished") {
  MemoryStore store{{.max_deliveries = 3}};
  Lane lane{store};
  REQUIRE(lane.append("slow") == AppendStatus::accepted);
  const auto slow = lane.sequence;
  REQUIRE(lane.append("pending") == AppendStatus::accepted);
  for (int i = 0; i < 5; ++i) {
    lane.deliver("event-" + std::to_string(i), "1", i % 2 == 0 ? DeliveryStatus::delivered : DeliveryStatus::dead);
  }
  CHECK(listed(store) == std::vector<std::string>{"event-4", "event-3", "event-2", "pending", "slow"});
  lane.finish(slow);
  CHECK(listed(store) == std::vector<std::string>{"event-4", "event-3", "pending", "slow"});
  CHECK(listed(store, {.event_id = EventId{"event-2"}}).empty());
  CHECK(listed(store, {.subscription_id = SubscriptionId{"a"}, .status = DeliveryStatus::pending}) == one("pending"));
}

TEST_CASE("finished records go when they are older than retention says, the delivered ones sooner") {
  MemoryStore store{{.delivered = std::chrono::hours{2}, .dead = std::chrono::hours{5}}};
  Lane lane{store};
  lane.deliver("delivered");
  lane.deliver("dead", "1", DeliveryStatus::dead);
  lane.deliver("cancelled", "1", DeliveryStatus::cancelled);
  lane.append("tick", "1", start + std::chrono::minutes{119});
  CHECK(list(store).size() == 4);
  lane.append("tock", "1", start + std::chrono::minutes{120});
  CHECK(listed(store) == std::vector<std::string>{"tock", "tick", "cancelled", "dead"});
  lane.append("tack", "1", start + std::chrono::hours{5});
  CHECK(listed(store) == std::vector<std::string>{"tack", "tock", "tick"});
}

TEST_CASE("a retention beyond all time keeps records") {
  MemoryStore store{{.delivered = std::chrono::hours::max(), .dead = std::chrono::hours::max()}};
  Lane lane{store};
  lane.deliver("old", "1", DeliveryStatus::delivered, TimePoint{});
  lane.deliver("new", "1", DeliveryStatus::delivered, start);
  CHECK(list(store).size() == 2);
}

TEST_CASE("a page goes on behind a row that was dropped since") {
  MemoryStore store{{.max_deliveries = 4}};
  Lane lane{store}, other{store, "b"};
  REQUIRE(lane.append("pending-a") == AppendStatus::accepted);
  REQUIRE(other.append("pending-b") == AppendStatus::accepted);
  for (int i = 0; i < 4; ++i) (i % 2 == 0 ? lane : other).deliver("event-" + std::to_string(i));
  const auto cursor = list(store).at(2).id.value;  // event-1, of the other
  for (int i = 4; i < 8; ++i) (i % 2 == 0 ? lane : other).deliver("event-" + std::to_string(i));
  CHECK(listed(store, {.cursor = cursor}) == std::vector<std::string>{"pending-b", "pending-a"});
  CHECK(listed(store, {.subscription_id = SubscriptionId{"a"}, .cursor = cursor}) == one("pending-a"));
  CHECK(listed(store, {.subscription_id = SubscriptionId{"b"}, .cursor = cursor}) == one("pending-b"));
  CHECK(listed(store, {.event_id = EventId{"event-1"}, .cursor = cursor}).empty());
}

TEST_CASE("the last 100,000 ids are known, those of dropped events as well") {
  MemoryStore store{{.max_deliveries = 10}};
  Lane lane{store};
  for (int i = 0; i < 100'000; ++i) lane.deliver("event-" + std::to_string(i));
  CHECK(lane.append("event-0") == AppendStatus::duplicate);
  CHECK(lane.append("event-0", "other") == AppendStatus::conflict);
  lane.deliver("one more");
  CHECK(lane.append("event-1") == AppendStatus::duplicate);
  CHECK(lane.append("event-0") == AppendStatus::accepted);
}

TEST_CASE("an id is known for 24 hours, and both its events are listed afterwards") {
  MemoryStore store;
  Lane lane{store};
  lane.deliver("again");
  CHECK(lane.append("again", "1", start + std::chrono::hours{24} - std::chrono::seconds{1}) == AppendStatus::duplicate);
  CHECK(lane.append("again", "2", start + std::chrono::hours{24}) == AppendStatus::accepted);
  CHECK(lane.append("again", "1", start + std::chrono::hours{24}) == AppendStatus::conflict);
  CHECK(listed(store, {.event_id = EventId{"again"}}).size() == 2);
  CHECK(store.history().deliveries({.event_id = EventId{"again"}, .limit = 1}).size() == 1);
}

TEST_CASE("an id that comes again may push out its own first event") {
  MemoryStore store{{}, 1000, 1'000};
  Lane lane{store};
  lane.deliver("again", std::string(900, 'x'));
  REQUIRE(lane.append("other", std::string(200, 'x'), start + std::chrono::hours{24}) == AppendStatus::accepted);
  CHECK(lane.append("again", std::string(785, 'x'), start + std::chrono::hours{24}) == AppendStatus::accepted);
  CHECK(listed(store) == std::vector<std::string>{"again", "other"});
  CHECK(lane.append("again", std::string(785, 'x'), start + std::chrono::hours{24}) == AppendStatus::duplicate);
}

TEST_CASE("an event that found no room is not known, and is accepted later") {
  MemoryStore store{{}, 1};
  Lane lane{store};
  REQUIRE(lane.append("first") == AppendStatus::accepted);
  for (int i = 0; i < 3; ++i) CHECK(lane.append("second") == AppendStatus::full);
  lane.finish(1);
  CHECK(lane.append("second") == AppendStatus::accepted);
  CHECK(lane.append("second") == AppendStatus::duplicate);
}

TEST_CASE("a million deliveries leave no more than the history and a bounded memory of ids") {
  MemoryStore store{{.max_deliveries = 1'000}};
  Lane lane{store};
  for (int i = 0; i < 1'000'000; ++i) lane.deliver("event-" + std::to_string(i));
  CHECK(store.pending() == 0);
  CHECK(list(store).size() == 1'000);
  CHECK(listed(store).front() == "event-999999");
}

TEST_CASE("subscriptions that come and go leave nothing, once their records are dropped") {
  MemoryStore store{{.max_deliveries = 2}};
  for (int i = 0; i < 3'000; ++i) {
    const auto id = "sub-" + std::to_string(i);
    Lane lane{store, id};
    lane.deliver("event-" + std::to_string(i));
    REQUIRE(store.remove({id}));
  }
  CHECK(listed(store) == std::vector<std::string>{"event-2999", "event-2998"});
  CHECK(listed(store, {.subscription_id = SubscriptionId{"sub-2998"}}) == one("event-2998"));
  CHECK(listed(store, {.subscription_id = SubscriptionId{"sub-0"}}).empty());
}

TEST_CASE("a batch that names deliveries it does not have is refused and changes nothing") {
  MemoryStore store;
  Lane lane{store};
  AppendBatch batch;
  auto message = std::make_shared<Message>();
  message->id = {"x"};
  batch.events.push_back({message, 1, 0, 0});
  batch.events.push_back({message, 1, 1, 1});
  CHECK_THROWS_AS(store.append(std::move(batch)), Error);
  CHECK(lane.append("x") == AppendStatus::accepted);
  AppendBatch empty;
  empty.events.push_back({});
  CHECK_THROWS_AS(store.append(std::move(empty)), Error);
}

TEST_CASE("many that failed come back one by one, each at its time") {
  MemoryStore store;
  Lane lane{store};
  constexpr int count = 200'000;
  for (int i = 0; i < count; ++i) {
    REQUIRE(lane.append("event-" + std::to_string(i)) == AppendStatus::accepted);
    Outcome outcome;
    outcome.claim = {lane.sequence, lane.number, lane.epoch};
    outcome.next_attempt_at = start + std::chrono::seconds{count - i};
    store.finish(std::span{&outcome, 1});
  }
  const LaneWant want{lane.number, lane.epoch, 1};
  for (int i = count - 1; i > count - 100; --i) {
    const auto answer = store.fetch(std::span{&want, 1}, start + std::chrono::seconds{count - i}).front();
    REQUIRE(answer.deliveries.size() == 1);
    CHECK(answer.deliveries.front().message->id.value == "event-" + std::to_string(i));
    CHECK_FALSE(answer.more);
    CHECK(answer.next_due == start + std::chrono::seconds{count - i + 1});
  }
}
