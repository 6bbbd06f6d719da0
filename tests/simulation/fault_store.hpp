#ifndef FLYHOOK_TESTS_SIMULATION_FAULT_STORE_HPP
#define FLYHOOK_TESTS_SIMULATION_FAULT_STORE_HPP

#include "simulation/oracle.hpp"
#include "simulation/random.hpp"

#include <flyhook/store.hpp>
#include <flyhook/testing.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

// A store that fails as the port allows, over a real one: throws, answers `unknown` having done it or not, `full`, hands
// out less than it could, is slow, and lets go of slots. Troubled and quiet phases take turns. It tells the oracle what the
// real store did and what the engine was told.

namespace simulation {

struct FaultPlan {
  double throws = 0;                               ///< of any call that may
  double unknown = 0;                              ///< of append and finish
  double full = 0;                                 ///< of append
  double slow = 0;                                 ///< of any call: the next few fail
  double loses_slots = 0;                          ///< of acquire and fetch
  bool leases = false;                             ///< acquire is asked again after 10 s
  std::size_t window = 0;                          ///< most deliveries per lane and fetch; 0: as many as asked for
  std::chrono::nanoseconds troubled{0}, quiet{0};  ///< how long either phase lasts, at most
};

class FaultStore final : public flyhook::Store, private flyhook::History {
 public:
  FaultStore(FaultPlan plan, std::shared_ptr<flyhook::Store> real, std::shared_ptr<flyhook::ManualClock> clock,
             Oracle& oracle, Random random);

  flyhook::StoreTraits traits() const noexcept override { return real_->traits(); }
  flyhook::Ownership acquire(const std::string& owner, flyhook::TimePoint now) override;
  void release(const std::string& owner) override { real_->release(owner); }
  flyhook::AppendResult append(flyhook::AppendBatch batch) override;
  std::vector<flyhook::LaneFetched> fetch(std::span<const flyhook::LaneWant> wants, flyhook::TimePoint now) override;
  void give_back(std::span<const flyhook::Claim> claims) override;
  std::vector<flyhook::FinishStatus> finish(std::span<const flyhook::Outcome> outcomes) override;
  flyhook::Closed close(const flyhook::CloseRequest& request) override;
  std::size_t pending() override;
  std::vector<flyhook::SubscriptionRow> subscriptions() override;
  flyhook::PutResult put(const flyhook::SubscriptionRow& row, std::uint64_t expected) override;
  std::optional<std::uint64_t> remove(const flyhook::SubscriptionId& id) override;
  flyhook::History& history() override { return *this; }

  /// No faults from now on.
  void heal() { plan_ = {.leases = plan_.leases}; }
  /// When slots have to be acquired again.
  std::chrono::nanoseconds next_acquire() const { return next_acquire_; }
  std::uint64_t faults() const { return faults_; }

 private:
  std::vector<flyhook::DeliveryRecord> deliveries(const flyhook::DeliveryQuery& query) override;
  std::shared_ptr<const flyhook::Message> event(const flyhook::EventId& id) override;
  flyhook::Reopened reopen(std::uint64_t sequence) override;
  flyhook::Recovered recover(const flyhook::RecoverQuery& query) override;
  flyhook::Missed missed(const flyhook::MissedQuery& query) override;
  std::optional<flyhook::AppendedDelivery> add(std::uint64_t position, const flyhook::NewDelivery& delivery) override;
  bool erase(const flyhook::EventId& id) override;

  /// True with this share, in a troubled phase only.
  bool strikes(double share);
  /// True for a call that throws.
  bool breaks();
  void maybe_throw();
  void lose_answer(bool is_lost);

  FaultPlan plan_;
  const std::shared_ptr<flyhook::Store> real_;
  const std::shared_ptr<flyhook::ManualClock> clock_;
  Oracle& oracle_;
  Random random_;
  bool is_troubled_ = false;
  std::chrono::nanoseconds phase_until_{0};
  std::size_t fail_next_ = 0;
  std::uint64_t faults_ = 0;
  std::string owner_{};
  std::chrono::nanoseconds next_acquire_ = std::chrono::nanoseconds::max();
};

}  // namespace simulation

#endif
