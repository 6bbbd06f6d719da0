#ifndef FLYHOOK_TESTS_CONTRACT_STORE_SESSION_HPP
#define FLYHOOK_TESTS_CONTRACT_STORE_SESSION_HPP

#include <flyhook/store.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// What the conformance suite is written in: the stores that it runs against, messages and batches in few words, and an
// owner that does what an engine has to do with any store: ask again for slots, repeat what is unknown, fetch while there
// is more.

namespace contract {

/// 2024-01-01, the present of these tests.
inline constexpr flyhook::TimePoint now{std::chrono::seconds{1'704'067'200}};

/// A store that the suite runs against.
struct StoreUnderTest {
  std::string name{};
  bool exact = true;   ///< answers `unknown` and `full` only where it must
  bool steady = true;  ///< and slots stay where they are: no endpoint is taken over in the middle of a story
  std::function<std::unique_ptr<flyhook::Store>(std::size_t max_pending)> make_bounded{};

  std::unique_ptr<flyhook::Store> make() const { return make_bounded(std::numeric_limits<std::size_t>::max()); }
};

const std::vector<StoreUnderTest>& stores_under_test();

/// Runs the rest of the test case once for each of them, or for each that is exact or steady.
const StoreUnderTest& each_store();
const StoreUnderTest& each_exact_store();
const StoreUnderTest& each_steady_store();

flyhook::Message message(std::string id);
flyhook::Subscription subscription(std::string id);

/// An AppendBatch, one event after the other.
class Batch {
 public:
  Batch& event(const flyhook::Message& message, const std::vector<flyhook::NewDelivery>& deliveries);
  Batch& event(std::string id, const std::vector<flyhook::NewDelivery>& deliveries);

  const flyhook::AppendBatch& value() const { return batch_; }
  std::size_t size() const { return batch_.events.size(); }

 private:
  flyhook::AppendBatch batch_{};
};

/// An owner of every slot.
class StoreSession {
 public:
  explicit StoreSession(flyhook::Store& store, std::string owner = "engine-1");

  /// Takes what slots it can get.
  void acquire();
  std::uint64_t epoch(std::uint64_t lane) const;

  /// Puts a new subscription; its lane.
  std::uint64_t subscribe(const std::string& id);
  /// Reads which lane belongs to which slot, for an owner that did not subscribe itself.
  void learn();

  flyhook::NewDelivery taken(std::uint64_t lane, std::uint64_t order = 0) const { return {lane, order, true, epoch(lane)}; }

  /// Repeats until every event's status is known; what a repeat finds is as good as accepted.
  std::vector<flyhook::AppendStatus> append(const Batch& batch);
  /// Until there is no more, or `room` are there.
  std::vector<flyhook::FetchedDelivery> fetch(std::uint64_t lane, std::size_t room = 1000, flyhook::TimePoint at = now);
  flyhook::LaneFetched fetch_once(std::uint64_t lane, std::size_t room, flyhook::TimePoint at = now);

  flyhook::Claim claim(std::uint64_t lane, std::uint64_t sequence) const { return {sequence, lane, epoch(lane)}; }
  flyhook::FinishStatus finish(const flyhook::Outcome& outcome);
  flyhook::FinishStatus deliver(std::uint64_t lane, std::uint64_t sequence);
  flyhook::FinishStatus retry(std::uint64_t lane, std::uint64_t sequence, flyhook::TimePoint at);
  void give_back(std::uint64_t lane, std::uint64_t sequence);

  /// Final, for good or, with a reason, not.
  flyhook::FinishStatus end(std::uint64_t lane, std::uint64_t sequence, flyhook::DeliveryStatus status,
                            std::string reason = {});

  /// Repeats where the store had no room for once.
  flyhook::Reopened reopen(std::uint64_t sequence);
  std::optional<flyhook::AppendedDelivery> add(std::uint64_t position, const flyhook::NewDelivery& delivery);
  /// How many, call by call until there is no more.
  std::size_t recover(flyhook::RecoverQuery query);
  std::vector<flyhook::MissedEvent> missed(flyhook::MissedQuery query);

  std::vector<flyhook::DeliveryRecord> of_event(const std::string& id);
  /// Every record that the query finds, page by page.
  std::vector<flyhook::DeliveryRecord> list(flyhook::DeliveryQuery query = {});

  std::vector<flyhook::LaneWork> work{};  ///< of the slots that acquire() got last

 private:
  flyhook::Store& store_;
  std::string owner_;
  std::map<std::uint32_t, std::uint64_t> epochs_{};  // by slot
  std::map<std::uint64_t, std::uint32_t> slot_by_lane_{};
};

std::vector<std::string> event_ids(const std::vector<flyhook::FetchedDelivery>& fetched);
std::vector<std::string> event_ids(const std::vector<flyhook::DeliveryRecord>& records);

}  // namespace contract

#endif
