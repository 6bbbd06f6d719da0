#ifndef FLYHOOK_TESTS_CONTRACT_MODEL_STORE_HPP
#define FLYHOOK_TESTS_CONTRACT_MODEL_STORE_HPP

#include <flyhook/store.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

// The port's docstrings taken at their word, with maps and loops and no thought of speed: what another store answers is
// right if this one answers the same. Forgets nothing. Unlike MemoryStore it knows slots one by one.

namespace contract {

class ModelStore final : public flyhook::Store, private flyhook::History {
 public:
  explicit ModelStore(std::size_t max_pending = std::numeric_limits<std::size_t>::max()) : max_pending_(max_pending) {}

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

  /// As acquire, but takes at most `most` slots anew.
  flyhook::Ownership acquire_some(const std::string& owner, flyhook::TimePoint now, std::size_t most);
  std::size_t free_slots();
  /// Takes a slot away from whoever holds it, as a lease does that ran out.
  void lose(std::uint32_t slot);

 private:
  struct SlotState {
    std::string owner{};
    bool held = false;
    std::uint64_t epoch = 0;
  };
  struct Row {
    std::uint64_t sequence = 0, lane = 0, order = 0;
    std::shared_ptr<const flyhook::Message> message{};
    std::uint32_t fan_out = 0, steps = 0, deferrals = 0;
    std::optional<flyhook::TimePoint> due{};
    flyhook::DeliveryStatus status = flyhook::DeliveryStatus::pending;
    bool handed_out = false;
    bool erased = false;
    std::string reason{};
    std::vector<flyhook::Attempt> attempts{};
  };
  struct Lane {
    flyhook::SubscriptionId subscription{};
    bool removed = false;
    std::set<std::uint64_t> open{};  // sequences of rows that are not final
  };

  std::vector<flyhook::DeliveryRecord> deliveries(const flyhook::DeliveryQuery& query) override;
  std::shared_ptr<const flyhook::Message> event(const flyhook::EventId& id) override;
  flyhook::Reopened reopen(std::uint64_t sequence) override;
  flyhook::Recovered recover(const flyhook::RecoverQuery& query) override;
  flyhook::Missed missed(const flyhook::MissedQuery& query) override;
  std::optional<flyhook::AppendedDelivery> add(std::uint64_t position, const flyhook::NewDelivery& delivery) override;
  bool erase(const flyhook::EventId& id) override;

  std::uint32_t slot_of_lane(std::uint64_t number) const;
  bool holds(std::uint64_t lane, std::uint64_t epoch) const;
  /// Rows of the lane that may be handed out: waiting, and the oldest unfinished of their order number.
  std::vector<Row*> eligible(Lane& lane);
  std::vector<Row*> waiting_in(std::uint64_t lane);
  flyhook::DeliveryRecord record_of(const Row& row) const;
  void end(Row& row, flyhook::DeliveryStatus status, const std::string& reason);
  flyhook::AppendedDelivery make(std::shared_ptr<const flyhook::Message> message, std::size_t fan_out,
                                 const flyhook::NewDelivery& wanted);
  void wait_again(Row& row);
  flyhook::ReopenStatus reopen(Row& row);
  bool has_delivery(const flyhook::EventId& event, std::uint64_t lane) const;
  Row* handed_out(const flyhook::Claim& claim);
  void free(std::uint32_t slot);

  std::mutex mutex_{};  // protects all below
  const std::size_t max_pending_;
  std::array<SlotState, flyhook::slot_count> slots_{};
  std::map<std::string, std::uint64_t> ids_{};
  std::map<std::uint64_t, Row> rows_{};
  std::map<std::uint64_t, Lane> lanes_{};
  std::map<flyhook::SubscriptionId, flyhook::SubscriptionRow> subscriptions_{};
  std::uint64_t next_sequence_ = 1, next_lane_ = 1, version_ = 0;
  std::size_t pending_ = 0;
};

}  // namespace contract

#endif
