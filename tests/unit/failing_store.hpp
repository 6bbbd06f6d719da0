#ifndef FLYHOOK_TESTS_UNIT_FAILING_STORE_HPP
#define FLYHOOK_TESTS_UNIT_FAILING_STORE_HPP

#include <flyhook/store.hpp>
#include <flyhook/store/memory.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

// A MemoryStore whose every call fails from a moment on, as if its database had gone.

namespace flyhook::test {

class FailingStore final : public Store, private History {
 public:
  StoreTraits traits() const noexcept override { return memory_.traits(); }
  Ownership acquire(const std::string& owner, TimePoint now) override { return asked().acquire(owner, now); }
  void release(const std::string& owner) override { asked().release(owner); }
  AppendResult append(AppendBatch batch) override { return asked().append(std::move(batch)); }
  std::vector<LaneFetched> fetch(std::span<const LaneWant> wants, TimePoint now) override {
    return asked().fetch(wants, now);
  }
  void give_back(std::span<const Claim> claims) override { asked().give_back(claims); }
  std::vector<FinishStatus> finish(std::span<const Outcome> outcomes) override { return asked().finish(outcomes); }
  Closed close(const CloseRequest& request) override { return asked().close(request); }
  std::size_t pending() override { return asked().pending(); }
  std::vector<SubscriptionRow> subscriptions() override { return asked().subscriptions(); }
  PutResult put(const SubscriptionRow& row, std::uint64_t expected) override { return asked().put(row, expected); }
  std::optional<std::uint64_t> remove(const SubscriptionId& id) override { return asked().remove(id); }
  History& history() override { return *this; }

  std::function<void()> fail{};  ///< throws; empty: all is well

 private:
  std::vector<DeliveryRecord> deliveries(const DeliveryQuery& query) override {
    return asked().history().deliveries(query);
  }
  std::shared_ptr<const Message> event(const EventId& id) override { return asked().history().event(id); }
  Reopened reopen(std::uint64_t sequence) override { return asked().history().reopen(sequence); }
  Recovered recover(const RecoverQuery& query) override { return asked().history().recover(query); }
  Missed missed(const MissedQuery& query) override { return asked().history().missed(query); }
  std::optional<AppendedDelivery> add(std::uint64_t position, const NewDelivery& delivery) override {
    return asked().history().add(position, delivery);
  }
  bool erase(const EventId& id) override { return asked().history().erase(id); }

  MemoryStore& asked() {
    if (fail) fail();
    return memory_;
  }

  MemoryStore memory_{};
};

}  // namespace flyhook::test

#endif
