#ifndef FLYHOOK_TESTS_SIMULATION_ORACLE_HPP
#define FLYHOOK_TESTS_SIMULATION_ORACLE_HPP

#include "simulation/features.hpp"
#include "simulation/ledger.hpp"
#include "simulation/run_log.hpp"
#include "simulation/simulated_endpoint.hpp"

#include <flyhook/options.hpp>
#include <flyhook/publisher.hpp>
#include <flyhook/store.hpp>
#include <flyhook/testing.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

// Judges a run. The fault store, the transport and the observer tell it what happened; each telling is checked at once, and
// checkpoints compare the whole. It knows DESIGN.md and the ports, and nothing of the engine's inside.
//
//   publish ─► published      store ─► put, removed, owned, appended, fetched, finished, ...      transport ─► sent,
//   answered observer ─► told_...      after each settle ─► settled        now and then ─► checkpoint      at the end ─►
//   ended

namespace simulation {

class Oracle {
 public:
  Oracle(const Features& features, const flyhook::Options& options, flyhook::ManualClock& clock, RunLog& log);

  /// At most so many requests at a time, all in all. `has_few`: some are kept back from slow lanes.
  void set_slots(std::size_t slots, bool has_few) {
    slots_ = slots;
    has_few_slots_ = has_few;
  }

  /// Most deliveries in the store that have not ended.
  void set_store_bound(std::size_t bound) { store_bound_ = bound; }

  // Publishing (oracle.cpp) ------------------------------------------------------------------------------------------

  struct Published {
    std::string type{}, tenant{}, key{};
    std::string target{}, tested{};  ///< as EventFacts
    int n = 0;
    std::optional<flyhook::TimePoint> deliver_at{}, expires_at{};
  };
  /// Before `cancel` or `erase`, and after it returned.
  void cancelling(const std::string& id);
  void cancelled(const std::string& id);
  void published(const flyhook::PublishResult& result, const Published& event);

  // At the store's port: what it really did, and what the engine was told (oracle_store.cpp) --------------------------

  void put(const flyhook::SubscriptionRow& row, const flyhook::PutResult& result);
  void removed(const flyhook::SubscriptionId& id);
  void owned(const flyhook::Ownership& real);
  void lost_all_slots();  ///< in the store; the engine does not know
  /// The engine has these lanes in memory, whatever comes of it.
  void appending(const std::vector<flyhook::NewEvent>& events, const std::vector<flyhook::NewDelivery>& wanted);
  /// Nobody knows whether something was changed: every lane looks.
  void looking_everywhere();
  void appended(const std::vector<flyhook::NewEvent>& events, const std::vector<flyhook::NewDelivery>& wanted,
                const flyhook::AppendResult& real, bool is_told);
  /// The engine was told `unknown`.
  void append_unknown(const std::vector<flyhook::NewEvent>& events);
  void fetched(std::span<const flyhook::LaneWant> wants, const std::vector<flyhook::LaneFetched>& real);
  void given_back(std::span<const flyhook::Claim> claims);
  void finished(const flyhook::Outcome& outcome, flyhook::FinishStatus real);
  void finish_told(const flyhook::Outcome& outcome, flyhook::FinishStatus told);
  void reopened(std::uint64_t sequence, const flyhook::Reopened& real);
  void recovered(const flyhook::RecoverQuery& query, const flyhook::Recovered& real);
  void erased(const flyhook::EventId& id);
  void closed(const flyhook::CloseRequest& request, const flyhook::Closed& real);
  /// Something failed or was refused: the engine may wait up to 5 s before it asks again.
  void store_failed() {
    last_fault_ = clock_.elapsed();
    ++faults_;
  }
  /// The host's name did not resolve.
  void could_not_resolve(const std::string& host);

  // At the transport's port (oracle_send.cpp) ----------------------------------------------------------------------------

  /// Names the request; 0: it is of no delivery.
  std::uint64_t sent(const flyhook::HttpRequest& request, SimulatedEndpoint& endpoint);
  void answered(std::uint64_t number, const flyhook::HttpResponse& response);

  // As observer (oracle.cpp) -------------------------------------------------------------------------------------------

  void told_attempt(const flyhook::DeliveryRecord& record, const flyhook::Attempt& attempt);
  void told_delivered(const flyhook::DeliveryRecord& record);
  void told_dead(const flyhook::DeliveryRecord& record);
  void told_dropped(const flyhook::EventId& id, std::string_view reason);
  void told_disabled(const flyhook::Subscription& subscription);
  void told_failing(const flyhook::Subscription& subscription);
  void told_recovered(const flyhook::Subscription& subscription);
  void told_error(std::string_view what);
  /// User code threw where the engine must catch it.
  void threw() { ++ledger_.callback_errors; }

  // The whole (oracle_checks.cpp) ---------------------------------------------------------------------------------------

  /// After each settle: what could be sent was sent.
  void settled();
  /// At any time.
  void check_queue(flyhook::PublisherBase& publisher);
  /// Counters, and the log as the publisher lists it.
  void checkpoint(flyhook::PublisherBase& publisher);
  /// One row of the log, as it was listed just now.
  void check_record(const flyhook::DeliveryRecord& record);
  /// After the last drain: every delivery has an end that can be explained.
  void ended(flyhook::PublisherBase& publisher);

  // Facts, for who drives ------------------------------------------------------------------------------------------------

  const Ledger& ledger() const { return ledger_; }
  bool is_calm() const { return clock_.elapsed() - last_fault_ > std::chrono::milliseconds{5'200} && !is_unaware_; }
  std::uint64_t faults() const { return faults_; }
  std::uint64_t sends() const { return sends_; }
  /// The earliest time that a delivery waits for.
  std::chrono::nanoseconds next_due() const;

 private:
  using Time = std::chrono::nanoseconds;

  void breach(std::string sentence) { log_.breach(std::move(sentence)); }
  void check(bool holds, const char* sentence, const DeliveryFacts& delivery);
  void note(Rule rule) { ledger_.exercised.note(rule); }
  void watch_wall();
  std::string name_of(const DeliveryFacts& delivery) const;
  void add_direct_lane(LaneFacts& lane, std::uint64_t number, const flyhook::Recipient& recipient);
  /// The subscription, or target, that a request of the event has to be as.
  const flyhook::Subscription* asked_by(const EventFacts& event, const LaneFacts& lane) const;
  LaneFacts& lane_of(const DeliveryFacts& delivery) { return ledger_.lanes.at(delivery.lane); }
  bool is_owned(const LaneFacts& lane, std::uint64_t epoch) const;
  DeliveryFacts* find(std::uint64_t sequence);
  void close_event(EventFacts& event);
  void hand_out(DeliveryFacts& delivery, std::uint64_t epoch);
  void wait(DeliveryFacts& delivery, std::optional<flyhook::TimePoint> due);
  void leave(DeliveryFacts& delivery);
  void end(DeliveryFacts& delivery, flyhook::DeliveryStatus status, const std::string& reason);
  void wait_or_erase(DeliveryFacts& delivery);
  bool has_due(const LaneFacts& lane, flyhook::TimePoint stored) const;
  void lose(const std::vector<bool>& slots);
  void check_targets(const EventFacts& event, const flyhook::NewEvent& appended,
                     const std::vector<flyhook::NewDelivery>& wanted);
  void check_order(const EventFacts& event, const DeliveryFacts& delivery);
  void check_first_wait(const EventFacts& event, const DeliveryFacts& delivery);
  void overflowed(const std::vector<flyhook::DeliveryRecord>& records, bool is_told);
  void check_outcome(DeliveryFacts& delivery, const flyhook::Outcome& outcome);
  void check_slow_share(const DeliveryFacts& delivery);
  void check_request(const flyhook::HttpRequest& request, const flyhook::Subscription& subscription,
                     const SimulatedEndpoint& endpoint, const EventFacts& event);
  void check_log(flyhook::PublisherBase& publisher);
  void check_end(const DeliveryFacts& delivery);

  const Features features_;
  const flyhook::Options& options_;
  flyhook::ManualClock& clock_;
  RunLog& log_;
  Ledger ledger_{};
  std::size_t slots_ = static_cast<std::size_t>(-1);
  std::size_t store_bound_ = static_cast<std::size_t>(-1);
  Time last_fault_{-3'600'000'000'000};
  Time base_moved_{-3'600'000'000'000 * 5};
  Time base_{0};                                              // stored time = base_ + elapsed, as the engine's
  Time wall_offset_{0}, wall_moved_{-3'600'000'000'000 * 5};  // wall = offset + elapsed, and since when
  flyhook::TimePoint latest_wall_{};
  bool has_few_slots_ = false;
  std::uint64_t faults_ = 0;
  bool is_unaware_ = false;  // slots were lost, and the engine has not asked since
  std::uint64_t sends_ = 0;
  struct UnderWay {
    std::uint64_t sequence = 0;
    std::string url{};
  };
  std::unordered_map<std::uint64_t, UnderWay> under_way_{};
  std::unordered_map<std::string, Time> unresolved_{};  ///< hosts, when that was last so
};

}  // namespace simulation

#endif
