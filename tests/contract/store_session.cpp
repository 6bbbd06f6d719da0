#include "contract/store_session.hpp"

#include "catch.hpp"
#include "contract/model_store.hpp"
#include "contract/test_store.hpp"

#include <flyhook/store/memory.hpp>

#include <algorithm>
#include <utility>

using namespace flyhook;

namespace contract {

const std::vector<StoreUnderTest>& stores_under_test() {
  static const std::vector<StoreUnderTest> stores{
      {"MemoryStore", true, true,
       [](std::size_t max_pending) { return std::make_unique<MemoryStore>(Retention{}, max_pending); }},
      {"the model", true, true, [](std::size_t max_pending) { return std::make_unique<ModelStore>(max_pending); }},
      {"the test store, mild", true, false,
       [](std::size_t max_pending) {
         TestStoreKnobs knobs = TestStoreKnobs::mild();
         knobs.max_pending = max_pending;
         return std::make_unique<TestStore>(knobs);
       }},
      {"the test store", false, false,
       [](std::size_t max_pending) {
         TestStoreKnobs knobs;
         knobs.max_pending = max_pending;
         return std::make_unique<TestStore>(knobs);
       }},
  };
  return stores;
}

static const StoreUnderTest& each_with(bool StoreUnderTest::*quality) {
  std::vector<const StoreUnderTest*> found;
  for (const auto& store : stores_under_test())
    if (store.*quality) found.push_back(&store);
  // One place for both: the index is what Catch2 goes on with, and it must be the same generator each time.
  const auto index = GENERATE_COPY(Catch::Generators::range(std::size_t{0}, found.size()));
  return *found[index];
}

const StoreUnderTest& each_store() {
  const auto index = GENERATE(Catch::Generators::range(std::size_t{0}, stores_under_test().size()));
  return stores_under_test()[index];
}

const StoreUnderTest& each_exact_store() {
  return each_with(&StoreUnderTest::exact);
}

const StoreUnderTest& each_steady_store() {
  return each_with(&StoreUnderTest::steady);
}

Message message(std::string id) {
  Message made;
  made.id = {std::move(id)};
  made.type = "order.paid";
  made.data = R"({"order_id":"ord_1"})";
  made.created_at = now;
  return made;
}

Subscription subscription(std::string id) {
  Subscription made;
  made.url = "https://example.com/hooks";
  made.secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
  made.id = {std::move(id)};
  return made;
}

Batch& Batch::event(const Message& message, const std::vector<NewDelivery>& deliveries) {
  const std::uint64_t hash = detail::fnv1a(message.data, detail::fnv1a(message.type));
  batch_.events.push_back({std::make_shared<Message>(message), hash, batch_.deliveries.size(), deliveries.size()});
  batch_.deliveries.insert(batch_.deliveries.end(), deliveries.begin(), deliveries.end());
  return *this;
}

Batch& Batch::event(std::string id, const std::vector<NewDelivery>& deliveries) {
  return event(message(std::move(id)), deliveries);
}

StoreSession::StoreSession(Store& store, std::string owner) : store_(store), owner_(std::move(owner)) {
  acquire();
  learn();
}

void StoreSession::acquire() {
  work.clear();
  for (int tries = 0; tries < 100; ++tries) {
    const Ownership held = store_.acquire(owner_, now);
    epochs_.clear();
    for (const Slot& slot : held.slots) epochs_[slot.index] = slot.epoch;
    work.insert(work.end(), held.lanes.begin(), held.lanes.end());
    if (!held.again || held.again->count() > 0) return;
  }
  FAIL("acquire asks to be called again for ever");
}

std::uint64_t StoreSession::epoch(std::uint64_t lane) const {
  const auto slot = slot_by_lane_.find(lane);
  REQUIRE((is_direct(lane) || slot != slot_by_lane_.end()));
  const auto held = epochs_.find(is_direct(lane) ? static_cast<std::uint32_t>(lane % slot_count) : slot->second);
  return held == epochs_.end() ? 0 : held->second;
}

std::uint64_t StoreSession::subscribe(const std::string& id) {
  const PutResult put = store_.put({subscription(id)}, 0);
  REQUIRE(put.stored);
  slot_by_lane_[put.lane] = slot_of({id});
  return put.lane;
}

void StoreSession::learn() {
  for (const auto& row : store_.subscriptions()) slot_by_lane_[row.lane] = slot_of(row.subscription.id);
}

std::vector<AppendStatus> StoreSession::append(const Batch& batch) {
  std::vector<AppendStatus> known(batch.size(), AppendStatus::unknown);
  for (int tries = 0; tries < 20; ++tries) {
    const AppendResult result = store_.append(batch.value());
    REQUIRE(result.events.size() == batch.size());
    REQUIRE(result.deliveries.size() == batch.value().deliveries.size());
    bool again = false;
    for (std::size_t i = 0; i < batch.size(); ++i) {
      const AppendStatus status = result.events[i];
      if (status == AppendStatus::duplicate && tries > 0 && known[i] != AppendStatus::duplicate) {
        known[i] = AppendStatus::accepted;
      } else {
        known[i] = status;
      }
      again = again || status == AppendStatus::unknown || status == AppendStatus::full;
    }
    if (!again) break;
  }
  return known;
}

LaneFetched StoreSession::fetch_once(std::uint64_t lane, std::size_t room, TimePoint at) {
  const LaneWant want{lane, epoch(lane), room};
  const auto answers = store_.fetch(std::span{&want, 1}, at);
  REQUIRE(answers.size() == 1);
  REQUIRE(answers.front().deliveries.size() <= room);
  return answers.front();
}

std::vector<FetchedDelivery> StoreSession::fetch(std::uint64_t lane, std::size_t room, TimePoint at) {
  std::vector<FetchedDelivery> all;
  for (bool more = true; more && all.size() < room;) {
    const LaneFetched answer = fetch_once(lane, room - all.size(), at);
    if (answer.more) REQUIRE_FALSE(answer.deliveries.empty());
    all.insert(all.end(), answer.deliveries.begin(), answer.deliveries.end());
    more = answer.more;
  }
  return all;
}

FinishStatus StoreSession::finish(const Outcome& outcome) {
  for (int tries = 0; tries < 20; ++tries) {
    const auto statuses = store_.finish(std::span{&outcome, 1});
    REQUIRE(statuses.size() == 1);
    if (statuses.front() != FinishStatus::unknown) return statuses.front();
  }
  FAIL("finish is unknown for ever");
  return FinishStatus::unknown;
}

FinishStatus StoreSession::deliver(std::uint64_t lane, std::uint64_t sequence) {
  Outcome outcome;
  outcome.claim = claim(lane, sequence);
  outcome.status = DeliveryStatus::delivered;
  outcome.attempt = Attempt{.at = now, .status = 200, .url = "https://example.com/hooks"};
  return finish(outcome);
}

FinishStatus StoreSession::retry(std::uint64_t lane, std::uint64_t sequence, TimePoint at) {
  Outcome outcome;
  outcome.claim = claim(lane, sequence);
  outcome.next_attempt_at = at;
  outcome.attempt = Attempt{.at = now, .status = 500, .url = "https://example.com/hooks"};
  return finish(outcome);
}

void StoreSession::give_back(std::uint64_t lane, std::uint64_t sequence) {
  const Claim given = claim(lane, sequence);
  store_.give_back(std::span{&given, 1});
}

FinishStatus StoreSession::end(std::uint64_t lane, std::uint64_t sequence, DeliveryStatus status, std::string reason) {
  Outcome outcome;
  outcome.claim = claim(lane, sequence);
  outcome.status = status;
  outcome.reason = std::move(reason);
  return finish(outcome);
}

Reopened StoreSession::reopen(std::uint64_t sequence) {
  Reopened answer{ReopenStatus::full, 0};
  for (int tries = 0; tries < 2 && answer.status == ReopenStatus::full; ++tries) answer = store_.history().reopen(sequence);
  return answer;
}

std::optional<AppendedDelivery> StoreSession::add(std::uint64_t position, const NewDelivery& delivery) {
  auto answer = store_.history().add(position, delivery);
  return answer ? answer : store_.history().add(position, delivery);
}

std::size_t StoreSession::recover(RecoverQuery query) {
  std::size_t count = 0;
  for (int calls = 0; calls < 1000; ++calls) {
    const Recovered answer = store_.history().recover(query);
    REQUIRE(answer.count <= query.limit);
    count += answer.count;
    if (!answer.more) return count;
    REQUIRE(answer.after > query.after);
    query.after = answer.after;
  }
  FAIL("recover says for ever that there is more");
  return count;
}

std::vector<MissedEvent> StoreSession::missed(MissedQuery query) {
  std::vector<MissedEvent> all;
  for (int calls = 0; calls < 1000; ++calls) {
    const Missed answer = store_.history().missed(query);
    REQUIRE(answer.events.size() <= query.limit);
    all.insert(all.end(), answer.events.begin(), answer.events.end());
    if (!answer.more) return all;
    REQUIRE(answer.after > query.after);
    query.after = answer.after;
  }
  FAIL("missed says for ever that there is more");
  return all;
}

std::vector<DeliveryRecord> StoreSession::of_event(const std::string& id) {
  DeliveryQuery query;
  query.event_id = EventId{id};
  return list(query);
}

std::vector<DeliveryRecord> StoreSession::list(DeliveryQuery query) {
  std::vector<DeliveryRecord> all;
  for (;;) {
    const auto page = store_.history().deliveries(query);
    if (page.empty()) return all;
    all.insert(all.end(), page.begin(), page.end());
    query.cursor = page.back().id.value;
  }
}

std::vector<std::string> event_ids(const std::vector<FetchedDelivery>& fetched) {
  std::vector<std::string> ids;
  for (const auto& delivery : fetched) ids.push_back(delivery.message->id.value);
  return ids;
}

std::vector<std::string> event_ids(const std::vector<DeliveryRecord>& records) {
  std::vector<std::string> ids;
  for (const auto& record : records) ids.push_back(record.event_id.value);
  return ids;
}

}  // namespace contract
