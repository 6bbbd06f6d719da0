#ifndef FLYHOOK_STORE_MEMORY_HPP
#define FLYHOOK_STORE_MEMORY_HPP

#include <flyhook/detail/config.hpp>
#include <flyhook/options.hpp>
#include <flyhook/store.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

// The default store: everything in this process's memory, bounded, and gone with it.
//
// One owner at a time holds all slots, until it releases them. Ids of events are known for 24 h, the last 100,000 of them;
// those of events that matched nothing too, though nothing else is kept of these. It has no clock: "now" is the latest time
// that a call brought (`now`, an attempt's, a message's). What it lets go when room is short, in this order: the bodies of
// events whose deliveries are all final (their records stay, and cannot be opened again), the oldest finished records, and
// then it is `full`. A delivery added to an event counts the message once more.

namespace flyhook {

/// A store in memory. Thread-safe.
class MemoryStore final : public Store, private History {
 public:
  /// `retention`: how long finished deliveries are listed (max_deliveries 0: 100,000). `max_pending`: deliveries that are
  /// not final; `max_bytes`: of all messages and attempts. Beyond either `append` answers `full`; an event that is larger
  /// than that by itself is taken while nothing else is pending, since it would wait for ever.
  FLYHOOK_DECL explicit MemoryStore(Retention retention = {}, std::size_t max_pending = 4'000'000,
                                    std::size_t max_bytes = std::size_t{1} << 30);
  FLYHOOK_DECL ~MemoryStore() override;

  FLYHOOK_DECL StoreTraits traits() const noexcept override;
  /// The epoch is 1 for the first owner and grows whenever the slots are taken again after a release. While another
  /// holds them, the answer is no slot and `again` in a second.
  FLYHOOK_DECL Ownership acquire(const std::string& owner, TimePoint now) override;
  FLYHOOK_DECL void release(const std::string& owner) override;
  FLYHOOK_DECL AppendResult append(AppendBatch batch) override;
  FLYHOOK_DECL std::vector<LaneFetched> fetch(std::span<const LaneWant> wants, TimePoint now) override;
  FLYHOOK_DECL void give_back(std::span<const Claim> claims) override;
  FLYHOOK_DECL std::vector<FinishStatus> finish(std::span<const Outcome> outcomes) override;
  FLYHOOK_DECL Closed close(const CloseRequest& request) override;
  FLYHOOK_DECL std::size_t pending() override;
  FLYHOOK_DECL std::vector<SubscriptionRow> subscriptions() override;
  FLYHOOK_DECL PutResult put(const SubscriptionRow& row, std::uint64_t expected) override;
  FLYHOOK_DECL std::optional<std::uint64_t> remove(const SubscriptionId& id) override;
  FLYHOOK_DECL History& history() override;

 private:
  struct State;

  FLYHOOK_DECL std::vector<DeliveryRecord> deliveries(const DeliveryQuery& query) override;
  FLYHOOK_DECL std::shared_ptr<const Message> event(const EventId& id) override;
  FLYHOOK_DECL Reopened reopen(std::uint64_t sequence) override;
  FLYHOOK_DECL Recovered recover(const RecoverQuery& query) override;
  FLYHOOK_DECL Missed missed(const MissedQuery& query) override;
  FLYHOOK_DECL std::optional<AppendedDelivery> add(std::uint64_t position, const NewDelivery& delivery) override;
  FLYHOOK_DECL bool erase(const EventId& id) override;

  std::unique_ptr<State> state_;  // its mutex protects all of it
};

}  // namespace flyhook

#if defined(FLYHOOK_HEADER_ONLY)
#include <flyhook/impl/store/memory.ipp>
#endif

#endif
