#include "contract/test_store.hpp"

#include "contract/store_bytes.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

using namespace flyhook;

namespace contract {

TestStore::TestStore(TestStoreKnobs knobs) : knobs_(knobs), model_(knobs.max_pending), random_(knobs.seed) {}

bool TestStore::turn(std::uint64_t& calls, unsigned every) {
  const std::lock_guard lock{mutex_};
  return ++calls, every != 0 && calls % every == 0;
}

bool TestStore::coin() {
  return below(2) == 0;
}

std::size_t TestStore::below(std::size_t limit) {
  const std::lock_guard lock{mutex_};
  return static_cast<std::size_t>(random_() % limit);
}

void TestStore::maybe_throw() {
  if (turn(calls_, knobs_.throw_every)) throw std::runtime_error{"the test store was told to fail"};
}

Ownership TestStore::acquire(const std::string& owner, TimePoint now) {
  maybe_throw();
  if (turn(acquires_, knobs_.lose_slots_every)) {
    const Ownership held = model_.acquire_some(owner, now, 0);
    for (const Slot& slot : held.slots) {
      if (below(4) == 0) model_.lose(slot.index);
    }
    Ownership rest = model_.acquire_some(owner, now, 0);
    rest.again = std::chrono::milliseconds{0};
    return through_bytes(rest);
  }
  const std::size_t free = model_.free_slots();
  Ownership answer = model_.acquire_some(owner, now, knobs_.half_slots ? (free + 1) / 2 : free);
  if (model_.free_slots() > 0) {
    answer.again = std::chrono::milliseconds{0};
  } else if (knobs_.lose_slots_every != 0 && !answer.again) {
    answer.again = knobs_.renew;
  }
  return through_bytes(answer);
}

void TestStore::release(const std::string& owner) {
  model_.release(std::string{owner});
}

AppendResult TestStore::append(AppendBatch given) {
  AppendBatch batch = through_bytes(given);
  given = {};
  const bool throws = turn(calls_, knobs_.throw_every);
  const bool unknown = turn(appends_for_unknown_, knobs_.unknown_append_every);
  const bool full = turn(appends_for_full_, knobs_.full_append_every);
  if (throws || unknown) {
    AppendResult result;
    result.events.resize(batch.events.size(), AppendStatus::unknown);
    result.deliveries.resize(batch.deliveries.size());
    // Nobody would learn that they were handed out, so they are not.
    for (NewDelivery& delivery : batch.deliveries) delivery.take = false;
    if (coin()) model_.append(std::move(batch));
    if (throws) throw std::runtime_error{"the test store lost its connection"};
    return through_bytes(result);
  }
  if (!full || batch.events.empty()) return through_bytes(model_.append(std::move(batch)));
  const std::size_t events = batch.events.size();
  batch.events.resize(below(events));
  AppendResult result = model_.append(std::move(batch));
  result.events.resize(events, AppendStatus::full);
  return through_bytes(result);
}

std::vector<LaneFetched> TestStore::fetch(std::span<const LaneWant> wants, TimePoint now) {
  maybe_throw();
  auto capped = through_bytes(std::vector<LaneWant>(wants.begin(), wants.end()));
  if (capped.size() > 64) throw std::logic_error{"fetch: more than 64 wants"};
  if (knobs_.window != 0) {
    for (LaneWant& want : capped) want.room = std::min(want.room, knobs_.window);
  }
  return through_bytes(model_.fetch(capped, now));
}

void TestStore::give_back(std::span<const Claim> claims) {
  maybe_throw();
  model_.give_back(through_bytes(std::vector<Claim>(claims.begin(), claims.end())));
}

std::vector<FinishStatus> TestStore::finish(std::span<const Outcome> given) {
  const auto outcomes = through_bytes(std::vector<Outcome>(given.begin(), given.end()));
  const bool throws = turn(calls_, knobs_.throw_every);
  if (!throws && !turn(finishes_, knobs_.unknown_finish_every)) return model_.finish(outcomes);
  std::vector<FinishStatus> statuses;
  for (const Outcome& outcome : outcomes) {
    const bool unknown = throws || coin();
    const bool done = !unknown || coin();
    const auto status = done ? model_.finish(std::span{&outcome, 1}).front() : FinishStatus::unknown;
    statuses.push_back(unknown ? FinishStatus::unknown : status);
  }
  if (throws) throw std::runtime_error{"the test store lost its connection"};
  return statuses;
}

Closed TestStore::close(const CloseRequest& request) {
  maybe_throw();
  return through_bytes(model_.close(through_bytes(request)));
}

std::size_t TestStore::pending() {
  return model_.pending();
}

std::vector<SubscriptionRow> TestStore::subscriptions() {
  maybe_throw();
  return through_bytes(model_.subscriptions());
}

PutResult TestStore::put(const SubscriptionRow& row, std::uint64_t expected) {
  maybe_throw();
  return through_bytes(model_.put(through_bytes(row), expected));
}

std::optional<std::uint64_t> TestStore::remove(const SubscriptionId& id) {
  maybe_throw();
  return model_.remove(through_bytes(id));
}

std::vector<DeliveryRecord> TestStore::deliveries(const DeliveryQuery& query) {
  maybe_throw();
  return through_bytes(model_.history().deliveries(through_bytes(query)));
}

std::shared_ptr<const Message> TestStore::event(const EventId& id) {
  maybe_throw();
  return through_bytes(model_.history().event(through_bytes(id)));
}

template <class Change>
auto TestStore::changed(Change change) {
  if (!turn(calls_, knobs_.throw_every)) return through_bytes(change());
  if (coin()) change();
  throw std::runtime_error{"the test store lost its connection"};
}

std::size_t TestStore::windowed(std::size_t limit) const {
  return knobs_.window == 0 ? limit : std::min(limit, knobs_.window);
}

Reopened TestStore::reopen(std::uint64_t sequence) {
  const bool full = turn(reopens_, knobs_.full_reopen_every);
  return changed([&] { return full ? Reopened{ReopenStatus::full, 0} : model_.history().reopen(sequence); });
}

Recovered TestStore::recover(const RecoverQuery& given) {
  RecoverQuery query = through_bytes(given);
  query.limit = windowed(query.limit);
  return changed([&] { return model_.history().recover(query); });
}

Missed TestStore::missed(const MissedQuery& given) {
  maybe_throw();
  MissedQuery query = through_bytes(given);
  query.limit = windowed(query.limit);
  return through_bytes(model_.history().missed(query));
}

std::optional<AppendedDelivery> TestStore::add(std::uint64_t position, const NewDelivery& given) {
  const bool full = turn(reopens_, knobs_.full_reopen_every);
  NewDelivery delivery = through_bytes(given);
  return changed([&] { return full ? std::nullopt : model_.history().add(position, delivery); });
}

bool TestStore::erase(const EventId& id) {
  return changed([&] { return model_.history().erase(through_bytes(id)); });
}

}  // namespace contract
