#include "simulation/fault_store.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

using namespace flyhook;

namespace simulation {

FaultStore::FaultStore(FaultPlan plan, std::shared_ptr<Store> real, std::shared_ptr<ManualClock> clock, Oracle& oracle,
                       Random random)
    : plan_(plan), real_(std::move(real)), clock_(std::move(clock)), oracle_(oracle), random_(random) {}

bool FaultStore::strikes(double share) {
  if (plan_.troubled.count() == 0) return false;
  while (phase_until_ <= clock_->elapsed()) {
    is_troubled_ = !is_troubled_;
    phase_until_ += random_.between(std::chrono::milliseconds{100}, is_troubled_ ? plan_.troubled : plan_.quiet);
  }
  if (!is_troubled_ || !random_.chance(share)) return false;
  ++faults_;
  return true;
}

bool FaultStore::breaks() {
  if (strikes(plan_.slow)) fail_next_ = 1 + random_.below(6);
  if (plan_.troubled.count() == 0 || fail_next_ == 0) return strikes(plan_.throws);
  --fail_next_;
  return true;
}

void FaultStore::maybe_throw() {
  if (!breaks()) return;
  oracle_.store_failed();
  throw std::runtime_error{"the store was told to fail"};
}

/// Of a call of which nobody learns whether it was done.
void FaultStore::lose_answer(bool is_lost) {
  if (!is_lost) return;
  oracle_.looking_everywhere();
  oracle_.store_failed();
  throw std::runtime_error{"the store was told to fail"};
}

Ownership FaultStore::acquire(const std::string& owner, TimePoint now) {
  next_acquire_ = clock_->elapsed() + std::chrono::milliseconds{100};
  if (!owner_.empty()) maybe_throw();  // the first one is the constructor's
  owner_ = owner;
  if (strikes(plan_.loses_slots)) {
    real_->release(owner);
    oracle_.lost_all_slots();
  }
  auto answer = real_->acquire(owner, now);
  oracle_.owned(answer);
  if (plan_.leases && !answer.again) answer.again = std::chrono::seconds{10};
  next_acquire_ = answer.again ? clock_->elapsed() + *answer.again : std::chrono::nanoseconds::max();
  return answer;
}

AppendResult FaultStore::append(AppendBatch batch) {
  const auto events = batch.events;
  const auto wanted = batch.deliveries;
  oracle_.appending(events, wanted);
  const bool throws = breaks();
  if (throws || strikes(plan_.unknown)) {
    AppendResult answer;
    answer.events.assign(events.size(), AppendStatus::unknown);
    answer.deliveries.resize(wanted.size());
    if (random_.chance(0.5)) {
      // Nobody would learn that they were handed out, so they are not.
      for (auto& delivery : batch.deliveries) delivery.take = false;
      oracle_.appended(events, wanted, real_->append(std::move(batch)), false);
    }
    oracle_.append_unknown(events);
    if (throws) throw std::runtime_error{"the store lost its connection"};
    return answer;
  }
  if (strikes(plan_.full) && !events.empty()) {
    batch.events.resize(random_.below(events.size()));
    auto answer = real_->append(std::move(batch));
    answer.events.resize(events.size(), AppendStatus::full);
    oracle_.appended(events, wanted, answer, true);
    return answer;
  }
  auto answer = real_->append(std::move(batch));
  oracle_.appended(events, wanted, answer, true);
  return answer;
}

std::vector<LaneFetched> FaultStore::fetch(std::span<const LaneWant> wants, TimePoint now) {
  maybe_throw();
  if (strikes(plan_.loses_slots)) {
    real_->release(owner_);
    oracle_.lost_all_slots();
  }
  std::vector<LaneWant> capped{wants.begin(), wants.end()};
  if (plan_.window != 0)
    for (auto& want : capped) want.room = std::min(want.room, plan_.window);
  auto answer = real_->fetch(capped, now);
  oracle_.fetched(capped, answer);
  return answer;
}

void FaultStore::give_back(std::span<const Claim> claims) {
  maybe_throw();
  real_->give_back(claims);
  oracle_.given_back(claims);
}

std::vector<FinishStatus> FaultStore::finish(std::span<const Outcome> outcomes) {
  const bool throws = breaks();
  const bool is_unsure = throws || strikes(plan_.unknown);
  std::vector<FinishStatus> told;
  told.reserve(outcomes.size());
  for (const auto& outcome : outcomes) {
    const bool unknown = is_unsure && (throws || random_.chance(0.5));
    if (!unknown || random_.chance(0.5)) {
      const auto real = real_->finish(std::span{&outcome, 1}).front();
      oracle_.finished(outcome, real);
      told.push_back(unknown ? FinishStatus::unknown : real);
    } else {
      told.push_back(FinishStatus::unknown);
    }
    oracle_.finish_told(outcome, told.back());
  }
  if (throws) throw std::runtime_error{"the store lost its connection"};
  return told;
}

Closed FaultStore::close(const CloseRequest& request) {
  maybe_throw();
  const auto answer = real_->close(request);
  oracle_.closed(request, answer);
  return answer;
}

std::size_t FaultStore::pending() {
  return real_->pending();
}

std::vector<SubscriptionRow> FaultStore::subscriptions() {
  return real_->subscriptions();
}

PutResult FaultStore::put(const SubscriptionRow& row, std::uint64_t expected) {
  maybe_throw();
  const auto answer = real_->put(row, expected);
  oracle_.put(row, answer);
  return answer;
}

std::optional<std::uint64_t> FaultStore::remove(const SubscriptionId& id) {
  maybe_throw();
  const auto answer = real_->remove(id);
  if (answer) oracle_.removed(id);
  return answer;
}

std::vector<DeliveryRecord> FaultStore::deliveries(const DeliveryQuery& query) {
  maybe_throw();
  return real_->history().deliveries(query);
}

std::shared_ptr<const Message> FaultStore::event(const EventId& id) {
  maybe_throw();
  return real_->history().event(id);
}

Reopened FaultStore::reopen(std::uint64_t sequence) {
  const bool throws = breaks();
  Reopened answer;
  if (!throws || random_.chance(0.5)) {
    answer = real_->history().reopen(sequence);
    oracle_.reopened(sequence, answer);
  }
  lose_answer(throws);
  return answer;
}

Recovered FaultStore::recover(const RecoverQuery& query) {
  const bool throws = breaks();
  Recovered answer;
  if (!throws || random_.chance(0.5)) {
    answer = real_->history().recover(query);
    oracle_.recovered(query, answer);
  }
  lose_answer(throws);
  return answer;
}

Missed FaultStore::missed(const MissedQuery& query) {
  maybe_throw();
  return real_->history().missed(query);
}

std::optional<AppendedDelivery> FaultStore::add(std::uint64_t position, const NewDelivery& delivery) {
  maybe_throw();
  return real_->history().add(position, delivery);
}

bool FaultStore::erase(const EventId& id) {
  const bool throws = breaks();
  bool is_known = false;
  if (!throws || random_.chance(0.5)) {
    is_known = real_->history().erase(id);
    oracle_.erased(id);
  }
  lose_answer(throws);
  return is_known;
}

}  // namespace simulation
