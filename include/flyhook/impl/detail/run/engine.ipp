#ifndef FLYHOOK_IMPL_DETAIL_RUN_ENGINE_IPP
#define FLYHOOK_IMPL_DETAIL_RUN_ENGINE_IPP

#include <flyhook/detail/decide/validation.hpp>
#include <flyhook/detail/run/engine.hpp>
#include <flyhook/error.hpp>

#include <algorithm>
#include <cstring>

// The engine's doors: start, publish, change subscriptions. The way of an event goes on in engine/accept.ipp, turn.ipp and
// settle.ipp; what ends otherwise is in engine/end.ipp, what is shown in engine/look.ipp; waiting, and the end, are in
// engine/stop.ipp.

#include <flyhook/impl/detail/run/engine/accept.ipp>
#include <flyhook/impl/detail/run/engine/end.ipp>
#include <flyhook/impl/detail/run/engine/look.ipp>
#include <flyhook/impl/detail/run/engine/settle.ipp>
#include <flyhook/impl/detail/run/engine/stop.ipp>
#include <flyhook/impl/detail/run/engine/turn.ipp>

namespace flyhook::detail {

FLYHOOK_DECL std::size_t sending_slots(const TransportTraits& traits, std::size_t threads);
FLYHOOK_DECL std::array<std::uint64_t, 4> seed_part(const std::array<std::uint64_t, 12>& seed, std::size_t from);

std::size_t sending_slots(const TransportTraits& traits, std::size_t threads) {
  if (!traits.blocking) return traits.max_in_flight == 0 ? static_cast<std::size_t>(-1) : traits.max_in_flight;
  if (threads == 0) return traits.max_in_flight == 0 ? 64 : traits.max_in_flight;
  return traits.max_in_flight == 0 ? threads : std::min(threads, traits.max_in_flight);
}

std::array<std::uint64_t, 4> seed_part(const std::array<std::uint64_t, 12>& seed, std::size_t from) {
  return {seed[from], seed[from + 1], seed[from + 2], seed[from + 3]};
}

// Start -----------------------------------------------------------------------------------------------------------------

std::shared_ptr<Engine> Engine::start(Options options) {
  initialise_openssl();
  check_options(options);
  if (options.transport == nullptr) throw Error{ErrorCode::invalid, "transport", "is null"};
  if (options.store == nullptr) throw Error{ErrorCode::invalid, "store", "is null"};
  if (options.clock == nullptr) options.clock = system_clock();
  if (options.user_agent.empty()) options.user_agent = "flyhook/" FLYHOOK_VERSION;
  std::array<std::uint64_t, 12> seed{};
  (options.random ? options.random : openssl_random)(seed.data(), sizeof seed);

  std::shared_ptr<Engine> engine{new Engine{std::move(options), seed}};
  engine->subscriptions_.load();
  Hand hand;
  hand.role_step = Next::own;
  engine->acquire(hand);
  // Last, so that a construction that failed leaves the transport free.
  if (!engine->transport_.take_for_engine()) {
    engine->store_.release(engine->owner_);
    throw Error{ErrorCode::conflict, "transport", "serves another engine; give each engine its own"};
  }
  {
    const std::lock_guard lock{engine->mutex_};
    engine->base_ = engine->clock_.now().time_since_epoch() - engine->clock_.elapsed();
    engine->settle_held_ = true;
    engine->apply(hand, engine->clock_.elapsed());
  }
  engine->pool_.start(engine);
  return engine;
}

Engine::Engine(Options options, const std::array<std::uint64_t, 12>& seed)
    : options_(std::move(options)),
      traits_(options_.transport->traits()),
      fork_generation_(fork_generation()),
      sends_in_done_(!traits_.blocking && options_.threads > 0),
      owner_(ulid_text("eng_", UlidSequence{seed_part(seed, 8)}.next(options_.clock->now()))),
      jitter_seed_(seed[8]),
      late_([this] {
        auto late = std::make_shared<Resolved>();
        late->error = "dns: no answer within " + std::to_string(options_.connect_timeout.count()) + " ms";
        return late;
      }()),
      transport_(*options_.transport),
      store_(*options_.store),
      clock_(*options_.clock),
      intake_(options_, seed_part(seed, 0)),
      pool_(options_.threads, options_.clock),
      guard_(options_.url_policy, options_.resolver, options_.clock, options_.threads == 0),
      subscriptions_(options_, store_, seed_part(seed, 4),
                     [this](const Url& url, AllowList allow) { guard_.check(url, allow, options_.connect_timeout); }),
      scheduler_(sending_slots(traits_, options_.threads), options_.breaker) {}

Engine::~Engine() {
  // Stopped on a thread of flyhook's, where nothing could be waited for: the last one out ends it.
  if (stop_called_ && !stopped_) finish_stop();
}

// Publish ---------------------------------------------------------------------------------------------------------------

PublishResult Engine::refuse(PublishStatus status, std::string reason) {
  counters_.rejected.fetch_add(1, std::memory_order_relaxed);
  return {{}, status, std::move(reason)};
}

std::string Engine::refusal_of(const Target& target) const {
  return guard_.refusal_of(parse_checked_url(target.url), allow_list_of(target.public_only));
}

/// What a test sends.
class TestEvent final : public QueuedEvent {
 public:
  explicit TestEvent(const EndpointPtr& endpoint) : endpoint_(endpoint) {
    recipient = recipient_of(endpoint_->subscription.id);
    bytes = 128;
  }
  void encode(Message& message) override {
    message.type = "webhook.test";
    message.tenant = endpoint_->subscription.tenant;
    message.data = R"({"subscription_id":")" + endpoint_->subscription.id.value + R"("})";  // an id needs no escapes
  }

 private:
  EndpointPtr endpoint_;
};

EventId Engine::send_test(const SubscriptionId& id) {
  const auto endpoint = subscriptions_.find(id);
  if (endpoint == nullptr) throw Error{ErrorCode::not_found, "id", "no subscription \"" + id.value.substr(0, 200) + "\""};
  std::unique_ptr<QueuedEvent> event = std::make_unique<TestEvent>(endpoint);
  event->created_at = clock_.now();
  Ulid ulid{};
  switch (intake_.push(event, ulid, false)) {
    case Intake::Pushed::stopped: throw Error{ErrorCode::stopped, "", "the publisher was stopped"};
    case Intake::Pushed::full: throw Error{ErrorCode::queue_full, "", "the queue is full"};
    case Intake::Pushed::accepted: break;
  }
  pool_.ring();
  return EventId{ulid_text("msg_", ulid)};
}

PublishResult Engine::publish(std::unique_ptr<QueuedEvent> event) {
  event->created_at = clock_.now();
  auto own_id = event->options == nullptr ? std::string{} : event->options->id;
  Ulid ulid{};
  switch (intake_.push(event, ulid, !on_flyhook_thread() && !has_no_threads())) {
    case Intake::Pushed::stopped: return refuse(PublishStatus::stopped, "the publisher was stopped");
    case Intake::Pushed::full: return refuse(PublishStatus::queue_full, "the queue is full");
    case Intake::Pushed::accepted: break;
  }
  counters_.published.fetch_add(1, std::memory_order_relaxed);
  pool_.ring();
  return {EventId{own_id.empty() ? ulid_text("msg_", ulid) : std::move(own_id)}, PublishStatus::accepted, {}};
}

// Subscriptions ---------------------------------------------------------------------------------------------------------

SubscriptionId Engine::subscribe(Subscription subscription) {
  bool is_new = false;
  const auto endpoint = subscriptions_.subscribe(std::move(subscription), clock_.now(), is_new);
  if (!is_new) changed(endpoint);
  return endpoint->subscription.id;
}

SubscriptionId Engine::create(Subscription subscription) {
  return subscriptions_.create(std::move(subscription), clock_.now())->subscription.id;
}

bool Engine::update(const SubscriptionId& id, const SubscriptionPatch& patch, std::uint64_t lane) {
  const auto endpoint = subscriptions_.update(id, patch, clock_.now(), lane);
  if (endpoint != nullptr) changed(endpoint);
  return endpoint != nullptr;
}

std::string Engine::rotate_secret(const SubscriptionId& id, std::chrono::seconds grace, std::uint64_t lane) {
  const auto endpoint = subscriptions_.rotate(id, grace, clock_.now(), lane);
  if (endpoint == nullptr) throw Error{ErrorCode::not_found, "id", "no subscription \"" + id.value.substr(0, 200) + "\""};
  changed(endpoint);
  return receivers_secret(endpoint->subscription.secret);
}

bool Engine::unsubscribe(const SubscriptionId& id) {
  const auto endpoint = subscriptions_.remove(id);
  if (endpoint == nullptr) return false;
  {
    const std::lock_guard lock{mutex_};
    Lane& lane = scheduler_.lane_of(endpoint);
    scheduler_.note_change(lane);
    scheduler_.set_endpoint(lane, nullptr);
  }
  end_lane(endpoint, DeliveryStatus::cancelled, "unsubscribed");
  return true;
}

void Engine::changed(const EndpointPtr& endpoint) {
  {
    const std::lock_guard lock{mutex_};
    // Made if there is none: a batch matched before the change must find the endpoint as it is now.
    Lane& lane = scheduler_.lane_of(endpoint);
    scheduler_.note_change(lane);
    if (!lane.is_open()) give_back_window(lane);
    scheduler_.update(lane);
  }
  if (!endpoint->subscription.enabled) end_lane(endpoint, DeliveryStatus::dead, disabled_reason(endpoint->subscription));
  pool_.ring();
}

/// Of a message with a recipient of its own; null: it was to try out a subscription that is gone, or cannot be read.
EndpointPtr Engine::endpoint_of(const Message& message) const {
  const auto& recipient = *message.recipient;
  try {
    if (!is_test(message)) return target_endpoint(recipient.target, message.tenant, options_);
    const auto tested = subscriptions_.find(recipient.tested);
    return tested == nullptr ? nullptr : test_endpoint(*tested, options_);
  } catch (const Error&) {  // it was checked when it was sent: a store has changed it
    return nullptr;
  }
}

/// Of a lane that is known by its number; null: its subscription is gone.
EndpointPtr Engine::lane_endpoint(std::uint64_t lane,
                                  const std::unordered_map<std::uint64_t, EndpointPtr>& endpoints) const {
  if (is_direct(lane)) return unknown_endpoint(lane, options_);
  const auto known = endpoints.find(lane);
  return known == endpoints.end() ? nullptr : known->second;
}

TimePoint Engine::stored_time(Clock_ns elapsed) const {
  return TimePoint{std::chrono::duration_cast<TimePoint::duration>(base_ + elapsed)};
}

}  // namespace flyhook::detail

#endif
