#ifndef FLYHOOK_PUBLISHER_HPP
#define FLYHOOK_PUBLISHER_HPP

#include <flyhook/delivery.hpp>
#include <flyhook/detail/config.hpp>
#include <flyhook/detail/run/intake.hpp>
#include <flyhook/error.hpp>
#include <flyhook/event.hpp>
#include <flyhook/event_type.hpp>
#include <flyhook/id.hpp>
#include <flyhook/options.hpp>
#include <flyhook/stats.hpp>
#include <flyhook/subscription.hpp>
#include <flyhook/transport.hpp>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// The face of the library: publish, subscribe, look, end. A thin typed edge over PublisherBase, which knows no event type.

namespace flyhook {

namespace detail {
class Engine;
struct Tenure;
}  // namespace detail

/// The transport of publishers that are given none. Declared here, completed by <flyhook/transport/httplib.hpp>.
struct DefaultTransport;

/// Everything that does not mention the event's type. Every member may be called from any thread, also from observers and
/// from a transport's completion; `drain`, `stop` and `settle` throw Error (`unsupported`) there. In a forked child every
/// member answers without effect: publish says `stopped`, what returns a value throws Error (`stopped`).
class PublisherBase {
 public:
  PublisherBase(const PublisherBase&) = delete;
  PublisherBase& operator=(const PublisherBase&) = delete;

  // Subscriptions ---------------------------------------------------------------------------------------------------------

  /// Registers an endpoint; events published from then on reach it. With an id that is known it updates in place, so that
  /// it can stand at every program's start: `enabled`, `paused`, queue and history stay. An empty secret keeps the secret,
  /// and so does the previous one of a running rotation; any other replaces it at once and ends the rotation. A URL that is
  /// new is looked up and judged by Options::url_policy, which may take Options::connect_timeout; one that does not resolve
  /// by then is taken, since attempts will tell. Throws Error naming the field, and then nothing was changed: `invalid`,
  /// `conflict` (an id of another tenant, too many of one tenant).
  FLYHOOK_DECL SubscriptionId subscribe(Subscription subscription);

  /// Removes it. What waits is cancelled; what is under way ends as it ends. False: no such id.
  FLYHOOK_DECL bool unsubscribe(const SubscriptionId& id);

  /// Changes what the patch has. False: no such id. Throws Error as subscribe does, and then nothing is changed.
  FLYHOOK_DECL bool update(const SubscriptionId& id, const SubscriptionPatch& patch);

  /// While paused, deliveries are made and wait. False: no such id.
  FLYHOOK_DECL bool pause(const SubscriptionId& id);
  FLYHOOK_DECL bool resume(const SubscriptionId& id);

  /// After a 410, `disable_after` or an update that disabled it: events published from then on reach it again. What was not
  /// delivered until then is dead, or was never made; `recover` brings both. False: no such id.
  FLYHOOK_DECL bool enable(const SubscriptionId& id);

  /// Gives it a new secret and returns what its receiver needs: a "whsec_", or, if it signs with a "whsk_", the "whpk_" of
  /// a new one. For `grace` (0 to 365 days) every request is signed with the old secret as well, so that the receiver may
  /// change at any time within it; 0: with the new one alone from now on. Three signatures at most: rotating again within
  /// the grace drops the oldest. A program that subscribes with its secret at every start may go on with the old one while
  /// the grace lasts; after that its old secret would replace the new one. Throws Error: `not_found`, `invalid` ("grace").
  FLYHOOK_DECL std::string rotate_secret(const SubscriptionId& id, std::chrono::seconds grace = std::chrono::hours{24});

  /// The secret in full, of a "whsk_" the "whpk_" that belongs to it: the signing key never leaves. The only call that
  /// shows it. nullopt: no such id.
  FLYHOOK_DECL std::optional<std::string> reveal_secret(const SubscriptionId& id) const;

  /// Secrets and credentials read back masked.
  FLYHOOK_DECL std::optional<Subscription> subscription(const SubscriptionId& id) const;
  FLYHOOK_DECL std::vector<Subscription> subscriptions(const SubscriptionQuery& query = {}) const;

  // Looking ---------------------------------------------------------------------------------------------------------------

  /// One page of the delivery log, newest first. Throws Error ("cursor", "without_tenant").
  FLYHOOK_DECL std::vector<DeliveryRecord> deliveries(const DeliveryQuery& query = {}) const;
  /// One delivery with all its attempts. nullopt: there is none, or no longer.
  FLYHOOK_DECL std::optional<DeliveryRecord> delivery(const DeliveryId& id) const;
  /// Why each subscription of the event's tenant did, did not or does not yet get it, in the order of their ids; then what
  /// else has a delivery of it. Throws Error: `not_found`, for an event too that matched nothing and was not one of the
  /// last 1,000 of these; `unavailable`.
  FLYHOOK_DECL std::vector<Explanation> explain(const EventId& event) const;
  /// The event catalogue: the types that Options::event_types and the publishers of this engine name, by name.
  FLYHOOK_DECL std::vector<EventType> event_types() const;
  FLYHOOK_DECL Stats stats() const;

  // Deliveries ------------------------------------------------------------------------------------------------------------

  /// Sends a "webhook.test" event to one subscription, to see whether it works: one attempt, at once, whatever holds its
  /// deliveries back, also while it is paused or disabled. It stands in the delivery log and is told to the observer; no
  /// breaker, no `disable_after` and of Stats only `cancelled` counts it. Throws Error: `not_found`, `queue_full`,
  /// `stopped`.
  FLYHOOK_DECL EventId send_test(const SubscriptionId& id);

  /// Sends a delivery that has ended once more: the same webhook-id, a new schedule, the first attempt at once and in no
  /// order. Of a disabled subscription it is dead again, and beyond `max_age` or `expires_at` it ends as it would have.
  /// False: no such delivery, it has not ended, its payload or its subscription is gone.
  FLYHOOK_DECL bool replay(const DeliveryId& delivery);

  /// Sends what is dead once more, oldest first and in no order, and with `include_missed` makes the deliveries that never
  /// were, of events that the store still holds (MemoryStore keeps none that matched nothing). How many. Throws Error:
  /// `not_found`, `conflict` (it is disabled), `invalid` ("until"), `queue_full` (the store has no room for more: what was
  /// recovered until then goes on), `unavailable`.
  FLYHOOK_DECL std::size_t recover(const SubscriptionId& id, const RecoverOptions& options);

  /// Ends every delivery of the event that has not succeeded: what waits at once, what is under way when it fails. How many
  /// waited.
  FLYHOOK_DECL std::size_t cancel(const EventId& event);

  /// Removes the event's payload and the bodies of its answers for good, and cancels what waits. False: no such event.
  FLYHOOK_DECL bool erase(const EventId& event);

  // Ending ----------------------------------------------------------------------------------------------------------------

  /// Waits until nothing is pending any more. False: the time is over, or what is left cannot become due within it (then at
  /// once). Real time, whatever the clock.
  FLYHOOK_DECL bool drain(std::chrono::milliseconds timeout);

  /// Publish answers `stopped` from the call on; pending deliveries get `timeout`, requests under way are then cancelled,
  /// and what is left is reported (Observer::on_dropped, "shutdown") unless the store is durable. Returns within `timeout`
  /// and 0.5 s, but for user code that does not return.
  FLYHOOK_DECL void stop(std::chrono::milliseconds timeout);

  /// Waits until nothing is due now, queued or in flight; for tests. With `threads = 0` it does the work itself, and
  /// returns false at once when only a manual clock could go on.
  FLYHOOK_DECL bool settle(std::chrono::milliseconds real_limit = std::chrono::seconds{10});

 protected:
  FLYHOOK_DECL explicit PublisherBase(Options options);
  FLYHOOK_DECL explicit PublisherBase(const std::shared_ptr<detail::Tenure>& shared);
  FLYHOOK_DECL ~PublisherBase();

  FLYHOOK_DECL static const std::shared_ptr<detail::Tenure>& tenure_of(PublisherBase& shared);
  /// For a face that keeps the engine without keeping it at work.
  FLYHOOK_DECL static std::shared_ptr<detail::Engine> engine_of(PublisherBase& shared);
  FLYHOOK_DECL void add_types(const std::vector<EventType>& types);

  /// Checks what costs no encoding, then hands the event over.
  FLYHOOK_DECL PublishResult offer(std::unique_ptr<detail::QueuedEvent> event, std::string_view type,
                                   std::string_view tenant, std::string_view key, PublishOptions&& options);
  /// The same, to a target.
  FLYHOOK_DECL PublishResult offer(Target&& target, std::unique_ptr<detail::QueuedEvent> event, std::string_view type,
                                   std::string_view tenant, std::string_view key, PublishOptions&& options);

 private:
  FLYHOOK_DECL detail::Engine& engine() const;           // throws in a forked child
  FLYHOOK_DECL detail::Engine& waitable_engine() const;  // and on a flyhook thread

  std::shared_ptr<detail::Tenure> tenure_;
};

namespace detail {

/// An event with its type, on the way from publish() to the pool.
template <class E>
class TypedEvent final : public QueuedEvent {
 public:
  explicit TypedEvent(E&& its_event) : event(std::move(its_event)) {}

  void encode(Message& message) override {
    using Access = EventAccess<E>;
    message.type = Access::type(event);
    message.tenant = Access::tenant(event);
    message.key = Access::key(event);
    Access::write(event, message);
  }

  E event;
};

template <class T>
concept Complete = requires {
  sizeof(T);
};

template <class T>
std::shared_ptr<Transport> make_default_transport() {
  static_assert(
      Complete<T>,
      "no default transport here: include <flyhook/flyhook.hpp> or <flyhook/transport/httplib.hpp>, or pass your own "
      "first: Publisher p{transport, options}");
  if constexpr (Complete<T>) return T::make();
  return nullptr;
}

template <class T>
Options with_default_transport(Options options) {
  if (options.transport == nullptr) options.transport = make_default_transport<T>();
  return options;
}

inline Options with_transport(std::shared_ptr<Transport> transport, Options options) {
  if (transport == nullptr) throw Error{ErrorCode::invalid, "transport", "is null"};
  options.transport = std::move(transport);
  return options;
}

}  // namespace detail

/// Publishes events of one type, or of any alternative of a std::variant, or (`Publisher<>`) run-time typed ones. Several
/// publishers of different types can share one engine.
template <class Event = flyhook::Event>
class Publisher : public PublisherBase {
  static_assert(Publishable<Event>,
                "this type cannot be published: specialise flyhook::EventTraits for it (or give it `static constexpr "
                "std::string_view event_type`), and give it JSON by NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE or "
                "EventTraits::to_json or serialize; a local class can have neither");

 public:
  /// With all defaults. Not explicit, so that it may be a member of an aggregate.
  template <class T = DefaultTransport>
  Publisher() : Publisher(Options{}, static_cast<T*>(nullptr)) {}

  /// Throws Error naming the option that is out of range, or the event type whose example or schema is not JSON.
  template <class T = DefaultTransport>
  explicit Publisher(Options options) : Publisher(std::move(options), static_cast<T*>(nullptr)) {}

  /// With a transport of one's own, which wins over Options::transport.
  template <std::derived_from<Transport> T>
  explicit Publisher(std::shared_ptr<T> transport, Options options = {})
      : PublisherBase(detail::with_transport(std::move(transport), std::move(options))) {
    bring_types();
  }

  /// Another publisher on the same engine, registry and store. They own it together and go in any order.
  explicit Publisher(PublisherBase& shared) : PublisherBase(tenure_of(shared)) { bring_types(); }
  explicit Publisher(Publisher& shared) : Publisher(static_cast<PublisherBase&>(shared)) {}

  Publisher(const Publisher&) = delete;
  Publisher& operator=(const Publisher&) = delete;
  /// The last publisher of an engine stops it: `stop(options.shutdown_timeout)`.
  ~Publisher() = default;

  /// Hands the event over to the pool and returns: no I/O, no encoding, no waiting for an endpoint. The event owns its
  /// data, for it is encoded on another thread.
  PublishResult publish(Event event, PublishOptions options = {}) {
    return hand_over(std::move(event),
                     [&](auto queued, std::string_view type, std::string_view tenant, std::string_view key) {
                       return offer(std::move(queued), type, tenant, key, std::move(options));
                     });
  }

  /// Publishes the event to one URL that is in no registry, say a callback URL that came with a request; no subscription
  /// gets it. Otherwise it is as any delivery: stored, retried, judged by the same policies, listed (without a
  /// subscription's id), replayed. All that a tenant sends to one origin (scheme, host and port) shares a breaker and
  /// Options::max_in_flight_per_endpoint, and nothing is ever disabled. A target that is refused without a look-up is
  /// `invalid`.
  PublishResult send(Target target, Event event, PublishOptions options = {}) {
    return hand_over(std::move(event),
                     [&](auto queued, std::string_view type, std::string_view tenant, std::string_view key) {
                       return offer(std::move(target), std::move(queued), type, tenant, key, std::move(options));
                     });
  }

 private:
  template <class Offer>
  PublishResult hand_over(Event&& event, Offer its_offer) {
    if constexpr (Publishable<Event>) {
      using Access = detail::EventAccess<Event>;
      auto queued = std::make_unique<detail::TypedEvent<Event>>(std::move(event));
      const Event& held = queued->event;
      queued->bytes = Access::size_hint(held);
      if (queued->bytes == 0) {
        queued->bytes = estimate_->mean.load(std::memory_order_relaxed);
        queued->estimate = estimate_;
      }
      const auto type = Access::type(held);
      const auto tenant = Access::tenant(held);
      const auto key = Access::key(held);
      return its_offer(std::move(queued), type, tenant, key);
    } else {
      return {};
    }
  }

  template <class T>
  Publisher(Options options, T*) : PublisherBase(detail::with_default_transport<T>(std::move(options))) {
    bring_types();
  }

  void bring_types() {
    if constexpr (Publishable<Event>) {
      std::vector<EventType> types;
      detail::EventAccess<Event>::add_types(types);
      add_types(types);
    }
  }

  std::shared_ptr<detail::SizeEstimate> estimate_ = std::make_shared<detail::SizeEstimate>();
};

}  // namespace flyhook

#if defined(FLYHOOK_HEADER_ONLY)
#include <flyhook/impl/publisher.ipp>
#endif

#endif
