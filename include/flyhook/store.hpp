#ifndef FLYHOOK_STORE_HPP
#define FLYHOOK_STORE_HPP

#include <flyhook/clock.hpp>
#include <flyhook/delivery.hpp>
#include <flyhook/detail/config.hpp>
#include <flyhook/id.hpp>
#include <flyhook/message.hpp>
#include <flyhook/subscription.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

// The port to where deliveries live. Verbs without SQL notions, in batches; it speaks ids, numbers and bytes.
//
//   append ──► waiting ──► handed out (fetch, or append's claim) ──► finish: final, or waiting with a new due time
//                 ▲                        │
//                 └──────── give_back ─────┘
//
// A *lane* is one subscription's queue, named by the number that the store gave the subscription when it was first put;
// what is sent to no subscription has lanes of its own (`direct_lane`). Every lane belongs to one of 64 *slots*. An owner
// sends only for slots it has acquired; each carries an *epoch*, which grows with every change of owner, so that a stalled
// former owner's `finish` is refused.
//
// Calls are synchronous, come from many threads and are made under no lock of flyhook's. An exception means that nothing
// was done, unless a verb says otherwise; the engine reports it and tries again.

namespace flyhook {

/// Lanes are spread over this many slots, by FNV-1a-64 of the subscription's id. Fixed for ever.
inline constexpr std::uint32_t slot_count = 64;

/// The slot of a subscription.
FLYHOOK_DECL std::uint32_t slot_of(const SubscriptionId& id);

/// An event with a recipient of its own (Message::recipient) waits in a lane of no subscription, and the lane's number has
/// this bit, which no number that `put` gives has. Such a lane is there as soon as something is appended to it, and its
/// slot is `number % slot_count`; nothing of it need be kept but its deliveries. They are listed with Recipient::tested as
/// their subscription, so mostly with none.
inline constexpr std::uint64_t direct_lane = std::uint64_t{1} << 62;

inline constexpr bool is_direct(std::uint64_t lane) {
  return (lane & direct_lane) != 0;
}

/// What a store is.
struct StoreTraits {
  bool durable = false;  ///< what append accepted survives a crash
};

/// One slot held by the caller.
struct Slot {
  std::uint32_t index = 0;
  std::uint64_t epoch = 0;
};

/// A lane of a slot just acquired that has waiting deliveries.
struct LaneWork {
  std::uint64_t lane = 0;
  std::optional<TimePoint> next_due{};  ///< of the earliest waiting delivery; empty: due now
};

/// What acquire and renew answer.
struct Ownership {
  std::vector<Slot> slots{};                         ///< all that the caller holds now
  std::vector<LaneWork> lanes{};                     ///< of the slots that are new to the caller
  std::optional<std::chrono::milliseconds> again{};  ///< call again after this; empty: they are held until released
};

/// One delivery of an event to be appended.
struct NewDelivery {
  std::uint64_t lane = 0;
  std::uint64_t order =
      0;              ///< not 0: of the lane's deliveries with the same number only the oldest unfinished is handed out
  bool take = false;  ///< hand it out at once, if the lane's slot is held with `epoch` and it is due at once
  std::uint64_t epoch = 0;
  std::optional<TimePoint> due{};  ///< not handed out before; it holds its place all the while: what has the same order
                                   ///< number waits behind it. The message's `deliver_at` is wall time, and not asked here
};

/// One event to be appended, with `count` deliveries from `first` on in the batch's list.
struct NewEvent {
  std::shared_ptr<const Message> message{};
  std::uint64_t content_hash = 0;  ///< of tenant, type, key and data: tells a repeat from a conflict
  std::size_t first = 0, count = 0;
};

/// Events in the order in which they were published.
struct AppendBatch {
  std::vector<NewEvent> events{};
  std::vector<NewDelivery> deliveries{};
  /// A delivery beyond it ends its lane's oldest waiting one as `dead`, with the reason "overflow". 0: no limit. One ends
  /// for one that comes: where the limit was lowered, the lane stays as long as it is.
  std::size_t max_waiting_per_lane = 0;
};

enum class AppendStatus {
  accepted,
  duplicate,  ///< the id is known with the same content; nothing was made
  conflict,   ///< the id is known with other content; nothing was made
  full,       ///< no room now; nothing was made. All later events of the batch are `full` too: order is kept
  unknown  ///< it may have been made or not (a lost connection in commit), and nothing was handed out: append it again to
           ///< learn which
};

enum class AppendedAs {
  waiting,    ///< to be fetched
  handed_out  ///< the caller's, as if fetched
};

struct AppendedDelivery {
  std::uint64_t sequence = 0;
  AppendedAs as = AppendedAs::waiting;
  bool closed = false;  ///< the lane is gone (unsubscribed meanwhile): the delivery was made and is cancelled
};

/// One status per event, one entry per delivery of the batch (default ones for events that were not accepted).
struct AppendResult {
  std::vector<AppendStatus> events{};
  std::vector<AppendedDelivery> deliveries{};
  std::vector<DeliveryRecord> overflowed{};  ///< what `max_waiting_per_lane` ended, in that order
};

/// Names a delivery that was handed out.
struct Claim {
  std::uint64_t sequence = 0;
  std::uint64_t lane = 0;
  std::uint64_t epoch = 0;
};

/// A delivery handed out by fetch.
struct FetchedDelivery {
  std::uint64_t sequence = 0;
  std::shared_ptr<const Message> message{};
  std::uint32_t attempts = 0;  ///< made before
  std::uint32_t fan_out = 1;   ///< deliveries that the event was appended with: above 1, its encoded body is worth sharing
  std::uint32_t steps = 0, deferrals = 0;  ///< as its last Outcome said
};

/// A lane that wants deliveries.
struct LaneWant {
  std::uint64_t lane = 0;
  std::uint64_t epoch = 0;
  std::size_t room = 0;  ///< at most so many
};

/// The answer for one LaneWant.
struct LaneFetched {
  std::vector<FetchedDelivery> deliveries{};  ///< due ones, oldest first
  bool more = false;                          ///< further ones are due now
  std::optional<TimePoint> next_due{};        ///< of the earliest waiting one that is not due yet
  bool owned = true;                          ///< false: the slot is not held with that epoch; nothing was handed out
};

/// What became of a delivery that was handed out.
struct Outcome {
  Claim claim{};
  DeliveryStatus status = DeliveryStatus::pending;  ///< final, or pending: it waits until `next_attempt_at`
  std::optional<TimePoint> next_attempt_at{};
  std::string reason{};
  std::optional<Attempt> attempt{};        ///< added to the record
  std::uint32_t steps = 0, deferrals = 0;  ///< of the retry schedule: the engine's account, kept while it is pending
};

enum class FinishStatus {
  done,
  stale,   ///< the epoch is not the slot's: somebody else sends this delivery; nothing was recorded
  unknown  ///< it may have been recorded or not; finishing it again is harmless until its lane is fetched from again
};

/// Ends what waits, not what is handed out.
struct CloseRequest {
  std::uint64_t lane = 0;
  DeliveryStatus status = DeliveryStatus::cancelled;
  std::string reason{};
  std::size_t limit = 10'000;
  EventId event{};    ///< if given, only its deliveries: of the lane, or of every lane if that is 0
  bool list = false;  ///< answer what was ended
};

struct Closed {
  std::size_t count = 0;
  bool more = false;                      ///< call again
  std::vector<std::uint64_t> lanes{};     ///< where something ended, ascending: what was held back there may be free
  std::vector<DeliveryRecord> records{};  ///< if it was asked for, in no particular order
};

/// A secret that rotation has replaced. Requests are signed with it as well until then.
struct PreviousSecret {
  std::string secret{};
  TimePoint until{};
};

/// A subscription as stored, secrets in full.
struct SubscriptionRow {
  Subscription subscription{};
  std::uint64_t lane = 0;                          ///< never given twice
  std::uint64_t version = 0;                       ///< grows with every change of any subscription
  std::vector<PreviousSecret> previous_secrets{};  ///< the newest first
};

namespace detail {

/// Overwrites the secrets of a row that is not needed any more.
FLYHOOK_DECL void wipe_secrets(SubscriptionRow& row) noexcept;

}  // namespace detail

struct PutResult {
  bool stored = false;  ///< false: the stored version is not the expected one
  std::uint64_t lane = 0;
  std::uint64_t version = 0;
};

enum class ReopenStatus {
  done,
  not_found,
  not_final,
  no_payload,  ///< erased, or its body had to go
  gone,        ///< the subscription is removed
  full         ///< no room now
};

struct Reopened {
  ReopenStatus status{};
  std::uint64_t lane = 0;  ///< of the delivery, if there is one
};

/// Which `dead` deliveries of a lane to open again: of events created in [since, until).
struct RecoverQuery {
  std::uint64_t lane = 0;
  TimePoint since{};
  std::optional<TimePoint> until{};
  bool dry_run = false;     ///< only count them
  std::uint64_t after = 0;  ///< what the call before answered; 0: from the oldest on
  std::size_t limit = 1'000;
};

struct Recovered {
  std::size_t count = 0;
  bool more = false;        ///< call again with `after`: there may be further ones, also where `count` is 0
  std::uint64_t after = 0;  ///< where to go on
  bool full = false;        ///< it ended for want of room, and `after` is where to go on once there is some
};

/// Which published events a lane never had a delivery of: the tenant's, created in [since, until), and none that has a
/// recipient of its own.
struct MissedQuery {
  std::uint64_t lane = 0;
  std::string tenant{};
  TimePoint since{};
  std::optional<TimePoint> until{};
  std::uint64_t after = 0;  ///< what the call before answered; 0: from the oldest on
  std::size_t limit = 1'000;
};

struct MissedEvent {
  std::uint64_t position = 0;  ///< names it for `add`
  std::shared_ptr<const Message> message{};
};

struct Missed {
  std::vector<MissedEvent> events{};
  bool more = false;        ///< call again with `after`: there may be further ones, also where `events` is empty
  std::uint64_t after = 0;  ///< where to go on
};

/// The delivery log, and what is made of it again. An interface of its own, so that it can live elsewhere than the queue.
///
/// An exception from a verb that changes something says nothing about whether it was done. All may be repeated.
class History {
 public:
  virtual ~History() = default;

  /// One page, newest first: by falling id, from below `query.cursor` on. There need be no delivery at the cursor; one that
  /// is no id, or is more than one above the newest delivery that ever was, is refused (Error, "cursor"). Handed out ones
  /// are `pending` here; whether a request is under way is not the store's to know.
  virtual std::vector<DeliveryRecord> deliveries(const DeliveryQuery& query) = 0;

  /// The newest stored event of that id, without its payload if that is gone. Null: unknown. A store need not keep events
  /// that were appended without deliveries.
  virtual std::shared_ptr<const Message> event(const EventId& id) = 0;

  /// Lets a final delivery wait again, whatever its end was: due at once, with order number 0, so that it runs out of
  /// order, and with a new account of the schedule. Its attempts stay; the reason goes.
  virtual Reopened reopen(std::uint64_t sequence) = 0;

  /// Reopens dead deliveries whose payload is there, the oldest first, at most `limit`. A call does bounded work.
  virtual Recovered recover(const RecoverQuery& query) = 0;

  /// Stored events with payload and without any delivery in that lane, past ones included, the oldest first, at most
  /// `limit`. A call does bounded work. A store need not keep events that were appended without deliveries.
  virtual Missed missed(const MissedQuery& query) = 0;

  /// Adds one delivery to a stored event, as append would have made it. nullopt: the event or its payload is gone, it has
  /// such a delivery meanwhile, the lane is gone, or there is no room.
  virtual std::optional<AppendedDelivery> add(std::uint64_t position, const NewDelivery& delivery) = 0;

  /// Removes the payload of all stored events of that id and the response bodies of their attempts for good. What waits
  /// ends `cancelled`, with the reason "erased". What is handed out ends by `finish`, and in that way too where it would
  /// wait again; response bodies that it still brings are not stored. A repeat of the id is recognised as before. False:
  /// unknown.
  virtual bool erase(const EventId& id) = 0;
};

/// The queue and the subscriptions.
class Store {
 public:
  Store() = default;
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;
  virtual ~Store() = default;

  /// Constant for the store's life.
  virtual StoreTraits traits() const noexcept = 0;

  // Slots ------------------------------------------------------------------------------------------------------------

  /// Takes free slots for `owner` (a name of one engine, unique in time and space) and prolongs those it holds. Slots that
  /// are missing from the answer are lost. While others hold all of them the answer is no slot, and when to ask `again`.
  /// After a crash a lease runs out by itself.
  virtual Ownership acquire(const std::string& owner, TimePoint now) = 0;

  /// Gives up all slots of `owner`; what was handed out to it waits again.
  virtual void release(const std::string& owner) = 0;

  // The way of a delivery --------------------------------------------------------------------------------------------

  /// Adds events with their deliveries, in order. What is `accepted` by a durable store survives a crash from then on.
  /// An exception is taken as `unknown` for every event of the batch.
  virtual AppendResult append(AppendBatch batch) = 0;

  /// Hands out deliveries that are due, at most `room` per lane: each at most once per epoch, until `finish` gives it a new
  /// due time or `give_back` returns it. One answer per want, in the same order. At most 64 wants a call.
  virtual std::vector<LaneFetched> fetch(std::span<const LaneWant> wants, TimePoint now) = 0;

  /// Returns deliveries that were handed out and not sent: they wait again, due as before. Stale claims are ignored.
  virtual void give_back(std::span<const Claim> claims) = 0;

  /// Records outcomes. One status per outcome, in the same order. Final is final: a later outcome changes nothing. In a
  /// lane with order numbers it frees the next delivery, which only a later fetch hands out. An exception is taken as
  /// `unknown` for every outcome.
  virtual std::vector<FinishStatus> finish(std::span<const Outcome> outcomes) = 0;

  /// Ends waiting deliveries of a lane or an event, at most `limit`, of a lane the oldest first. Those handed out end by
  /// `finish`. In a lane with order numbers it frees what was held back, as `finish` does.
  virtual Closed close(const CloseRequest& request) = 0;

  /// Deliveries that are not final, handed out ones included.
  virtual std::size_t pending() = 0;

  // Subscriptions ----------------------------------------------------------------------------------------------------

  /// All subscriptions.
  virtual std::vector<SubscriptionRow> subscriptions() = 0;

  /// Writes a subscription and its previous secrets if its stored version is `expected` (0: it must not exist). The lane
  /// and the version of `row` are the store's to give, and not read.
  virtual PutResult put(const SubscriptionRow& row, std::uint64_t expected) = 0;

  /// Removes a subscription; its waiting deliveries stay until `close`. The version of the removal, or nullopt: unknown id.
  virtual std::optional<std::uint64_t> remove(const SubscriptionId& id) = 0;

  virtual History& history() = 0;
};

}  // namespace flyhook

#if defined(FLYHOOK_HEADER_ONLY)
#include <flyhook/impl/store.ipp>
#endif

#endif
