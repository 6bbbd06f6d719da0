#ifndef FLYHOOK_TESTS_BENCHMARK_COUNTING_STORE_HPP
#define FLYHOOK_TESTS_BENCHMARK_COUNTING_STORE_HPP

#include <flyhook/store.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <memory>

// A store that counts what another one is asked: how often each verb was called, and how many rows went in and came out.

namespace benchmark {

class CountingStore final : public flyhook::Store, private flyhook::History {
 public:
  enum Count : std::size_t {
    acquire_calls,
    append_calls,
    appended_rows,
    fetch_calls,
    fetch_wants,
    fetched_rows,
    give_back_calls,
    given_back_rows,
    finish_calls,
    finished_rows,
    close_calls,
    pending_calls,
    subscription_calls,
    history_calls,
    history_rows,
    counts
  };
  using Counts = std::array<std::size_t, counts>;

  explicit CountingStore(std::shared_ptr<flyhook::Store> store) : store_(std::move(store)) {}

  /// So far.
  Counts so_far() const;
  /// Of the verbs that a delivery may cost.
  std::size_t delivery_calls() const;

  flyhook::StoreTraits traits() const noexcept override { return store_->traits(); }
  flyhook::Ownership acquire(const std::string& owner, flyhook::TimePoint now) override;
  void release(const std::string& owner) override { store_->release(owner); }
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

  void note(Count count, std::size_t by = 1) { counts_[count].fetch_add(by, std::memory_order_relaxed); }

  const std::shared_ptr<flyhook::Store> store_;
  std::array<std::atomic<std::size_t>, counts> counts_{};
};

}  // namespace benchmark

#endif
