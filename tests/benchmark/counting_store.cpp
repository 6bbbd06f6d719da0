#include "counting_store.hpp"

#include <utility>

using namespace flyhook;

namespace benchmark {

CountingStore::Counts CountingStore::so_far() const {
  Counts copy{};
  for (std::size_t i = 0; i < counts; ++i) copy[i] = counts_[i].load();
  return copy;
}

std::size_t CountingStore::delivery_calls() const {
  const auto all = so_far();
  return all[append_calls] + all[fetch_calls] + all[give_back_calls] + all[finish_calls];
}

Ownership CountingStore::acquire(const std::string& owner, TimePoint now) {
  note(acquire_calls);
  return store_->acquire(owner, now);
}

AppendResult CountingStore::append(AppendBatch batch) {
  note(append_calls);
  note(appended_rows, batch.deliveries.size());
  return store_->append(std::move(batch));
}

std::vector<LaneFetched> CountingStore::fetch(std::span<const LaneWant> wants, TimePoint now) {
  note(fetch_calls);
  note(fetch_wants, wants.size());
  auto fetched = store_->fetch(wants, now);
  for (const auto& lane : fetched) note(fetched_rows, lane.deliveries.size());
  return fetched;
}

void CountingStore::give_back(std::span<const Claim> claims) {
  note(give_back_calls);
  note(given_back_rows, claims.size());
  store_->give_back(claims);
}

std::vector<FinishStatus> CountingStore::finish(std::span<const Outcome> outcomes) {
  note(finish_calls);
  note(finished_rows, outcomes.size());
  return store_->finish(outcomes);
}

Closed CountingStore::close(const CloseRequest& request) {
  note(close_calls);
  return store_->close(request);
}

std::size_t CountingStore::pending() {
  note(pending_calls);
  return store_->pending();
}

std::vector<SubscriptionRow> CountingStore::subscriptions() {
  note(subscription_calls);
  return store_->subscriptions();
}

PutResult CountingStore::put(const SubscriptionRow& row, std::uint64_t expected) {
  note(subscription_calls);
  return store_->put(row, expected);
}

std::optional<std::uint64_t> CountingStore::remove(const SubscriptionId& id) {
  note(subscription_calls);
  return store_->remove(id);
}

std::vector<DeliveryRecord> CountingStore::deliveries(const DeliveryQuery& query) {
  note(history_calls);
  auto records = store_->history().deliveries(query);
  note(history_rows, records.size());
  return records;
}

std::shared_ptr<const Message> CountingStore::event(const EventId& id) {
  note(history_calls);
  return store_->history().event(id);
}

Reopened CountingStore::reopen(std::uint64_t sequence) {
  note(history_calls);
  return store_->history().reopen(sequence);
}

Recovered CountingStore::recover(const RecoverQuery& query) {
  note(history_calls);
  return store_->history().recover(query);
}

Missed CountingStore::missed(const MissedQuery& query) {
  note(history_calls);
  auto missed = store_->history().missed(query);
  note(history_rows, missed.events.size());
  return missed;
}

std::optional<AppendedDelivery> CountingStore::add(std::uint64_t position, const NewDelivery& delivery) {
  note(history_calls);
  return store_->history().add(position, delivery);
}

bool CountingStore::erase(const EventId& id) {
  note(history_calls);
  return store_->history().erase(id);
}

}  // namespace benchmark
