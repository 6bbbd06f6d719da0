#ifndef FLYHOOK_TESTS_CONTRACT_TEST_STORE_HPP
#define FLYHOOK_TESTS_CONTRACT_TEST_STORE_HPP

#include "contract/model_store.hpp"

#include <flyhook/store.hpp>

#include <chrono>
#include <cstdint>
#include <limits>
#include <mutex>
#include <random>
#include <span>
#include <string>
#include <vector>

// A store that takes every liberty that the port allows, for whoever uses one: engines are tested on this. The same knobs
// and the same calls in the same order give the same answers.

namespace contract {

/// Which liberties. `every` n: every n-th such call; 0: never.
struct TestStoreKnobs {
  std::uint64_t seed = 1;
  std::size_t window = 2;                   ///< most deliveries per lane and fetch, and per recover; 0: as asked for
  bool half_slots = true;                   ///< acquire gives half of what is free, until all is given
  unsigned unknown_append_every = 5;        ///< answers `unknown`, having appended or not
  unsigned full_append_every = 7;           ///< answers `full` from some event of the batch on, for this once
  unsigned unknown_finish_every = 6;        ///< answers `unknown` for some outcomes, having recorded them or not
  unsigned full_reopen_every = 4;           ///< reopen answers `full`, and add nothing, for this once
  unsigned lose_slots_every = 0;            ///< acquire takes some slots away; a later one gives them back
  unsigned throw_every = 0;                 ///< throws out of any call but release, pending and traits
  std::chrono::milliseconds renew{10'000};  ///< how soon to acquire again, if slots may be lost
  std::size_t max_pending = std::numeric_limits<std::size_t>::max();

  /// No surprises: all by bytes, the window, half of the slots at a time.
  static TestStoreKnobs mild() {
    TestStoreKnobs knobs;
    knobs.unknown_append_every = knobs.full_append_every = knobs.unknown_finish_every = knobs.full_reopen_every = 0;
    return knobs;
  }
};

class TestStore final : public flyhook::Store, private flyhook::History {
 public:
  explicit TestStore(TestStoreKnobs knobs = {});

  flyhook::StoreTraits traits() const noexcept override { return {}; }
  flyhook::Ownership acquire(const std::string& owner, flyhook::TimePoint now) override;
  void release(const std::string& owner) override;
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

 private:
  std::vector<flyhook::DeliveryRecord> deliveries(const flyhook::DeliveryQuery& query) override;
  std::shared_ptr<const flyhook::Message> event(const flyhook::EventId& id) override;
  flyhook::Reopened reopen(std::uint64_t sequence) override;
  flyhook::Recovered recover(const flyhook::RecoverQuery& query) override;
  flyhook::Missed missed(const flyhook::MissedQuery& query) override;
  std::optional<flyhook::AppendedDelivery> add(std::uint64_t position, const flyhook::NewDelivery& delivery) override;
  bool erase(const flyhook::EventId& id) override;

  /// What `change` answers, through bytes; or an exception in its turn, the change having been made or not.
  template <class Change>
  auto changed(Change change);
  std::size_t windowed(std::size_t limit) const;

  /// True if it is this call's turn; counts in `calls`.
  bool turn(std::uint64_t& calls, unsigned every);
  bool coin();
  std::size_t below(std::size_t limit);
  void maybe_throw();

  const TestStoreKnobs knobs_;
  ModelStore model_;
  std::mutex mutex_{};  // protects what is below
  std::mt19937_64 random_;
  std::uint64_t appends_for_unknown_ = 0, appends_for_full_ = 0, finishes_ = 0, reopens_ = 0, acquires_ = 0, calls_ = 0;
};

}  // namespace contract

#endif
