#ifndef FLYHOOK_IMPL_PUBLISHER_IPP
#define FLYHOOK_IMPL_PUBLISHER_IPP

#include <flyhook/detail/decide/validation.hpp>
#include <flyhook/detail/run/engine.hpp>
#include <flyhook/detail/security/crypto.hpp>
#include <flyhook/publisher.hpp>
#include <flyhook/store/memory.hpp>

#include <algorithm>
#include <new>

namespace flyhook {

namespace detail {

/// What the publishers of one engine hold together. The last one to go stops it.
struct Tenure {
  explicit Tenure(Options options)
      : shutdown_timeout(options.shutdown_timeout), engine(Engine::start(std::move(options))) {}
  Tenure(const Tenure&) = delete;
  Tenure& operator=(const Tenure&) = delete;
  ~Tenure() {
    if (engine->is_forked()) {
      // Its threads are not in this process, and its locks may be held for ever: nothing of it can be destroyed.
      static_cast<void>(new (std::nothrow) std::shared_ptr<Engine>(std::move(engine)));
      return;
    }
    try {
      engine->stop(shutdown_timeout);
    } catch (...) {  // out of memory, at most: destructors do not throw
    }
  }

  std::chrono::milliseconds shutdown_timeout;
  std::shared_ptr<Engine> engine;
};

FLYHOOK_DECL bool is_trace_parent(std::string_view text);
FLYHOOK_DECL std::string check_publish(std::string_view type, std::string_view tenant, std::string_view key,
                                       const PublishOptions& options, TimePoint now);
FLYHOOK_DECL bool is_default(const PublishOptions& options);

/// W3C Trace Context, 3.2.2: version-format, lower-case hex, neither id all zero.
bool is_trace_parent(std::string_view text) {
  if (text.size() != 55 || text[2] != '-' || text[35] != '-' || text[52] != '-') return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool is_hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
    if (i != 2 && i != 35 && i != 52 && !is_hex) return false;
  }
  return text.substr(0, 2) == "00" && text.substr(3, 32).find_first_not_of('0') != text.npos &&
         text.substr(36, 16).find_first_not_of('0') != text.npos;
}

/// Empty, or the field and why it is refused.
std::string check_publish(std::string_view type, std::string_view tenant, std::string_view key,
                          const PublishOptions& options, TimePoint now) {
  constexpr std::size_t most = 1024;
  if (!is_event_type(type))
    return "type: \"" + std::string{type.substr(0, 200)} +
           "\" is not an event type: dotted [A-Za-z0-9_-]+, at most 128 bytes";
  if (tenant.size() > most || options.tenant.size() > most) return "tenant: is longer than 1,024 bytes";
  if (key.size() > most || options.key.size() > most) return "key: is longer than 1,024 bytes";
  if (!options.id.empty() && !is_id(options.id))
    return "id: \"" + options.id.substr(0, 200) + "\" is not [A-Za-z0-9_-]{1,64}";
  if (!options.trace_parent.empty() && !is_trace_parent(options.trace_parent))
    return "trace_parent: is not a W3C traceparent of version 00";
  if (options.expires_at && *options.expires_at <= now) return "expires_at: is in the past";
  if (options.expires_at && options.deliver_at && *options.deliver_at >= *options.expires_at)
    return "deliver_at: is not before expires_at";
  try {
    check_headers(options.headers);
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

bool is_default(const PublishOptions& options) {
  return options.id.empty() && options.tenant.empty() && options.key.empty() && options.headers.empty() &&
         options.trace_parent.empty() && !options.deliver_at && !options.expires_at;
}

}  // namespace detail

PublisherBase::PublisherBase(Options options) {
  if (options.store == nullptr) options.store = std::make_shared<MemoryStore>(options.retention);
  tenure_ = std::make_shared<detail::Tenure>(std::move(options));
}

PublisherBase::PublisherBase(const std::shared_ptr<detail::Tenure>& shared) : tenure_(shared) {}

PublisherBase::~PublisherBase() = default;

const std::shared_ptr<detail::Tenure>& PublisherBase::tenure_of(PublisherBase& shared) {
  return shared.tenure_;
}

std::shared_ptr<detail::Engine> PublisherBase::engine_of(PublisherBase& shared) {
  return shared.tenure_->engine;
}

detail::Engine& PublisherBase::engine() const {
  if (tenure_->engine->is_forked())
    throw Error{ErrorCode::stopped, "", "this publisher was made before fork(); make another one in the child"};
  return *tenure_->engine;
}

detail::Engine& PublisherBase::waitable_engine() const {
  if (detail::on_flyhook_thread())
    throw Error{ErrorCode::unsupported, "",
                "drain, stop and settle cannot wait on a thread of flyhook's: it would wait for itself"};
  return engine();
}

void PublisherBase::add_types(const std::vector<EventType>& types) {
  engine().add_types(types);
}

PublishResult PublisherBase::offer(std::unique_ptr<detail::QueuedEvent> event, std::string_view type,
                                   std::string_view tenant, std::string_view key, PublishOptions&& options) {
  auto& engine = *tenure_->engine;
  if (engine.is_forked()) return {{}, PublishStatus::stopped, "this publisher was made before fork()"};
  if (auto refusal = detail::check_publish(type, tenant, key, options, engine.now()); !refusal.empty())
    return engine.refuse(PublishStatus::invalid, std::move(refusal));
  if (!engine.subscriptions().knows_type(type))
    return engine.refuse(PublishStatus::invalid, "type: \"" + std::string{type} + "\" is not in Options::event_types");
  if (!detail::is_default(options)) event->options = std::make_unique<PublishOptions>(std::move(options));
  return engine.publish(std::move(event));
}

PublishResult PublisherBase::offer(Target&& target, std::unique_ptr<detail::QueuedEvent> event, std::string_view type,
                                   std::string_view tenant, std::string_view key, PublishOptions&& options) {
  const detail::WipeAtEnd wiped{target.secret};
  auto& engine = *tenure_->engine;
  if (engine.is_forked()) return {{}, PublishStatus::stopped, "this publisher was made before fork()"};
  try {
    detail::check_target(target);
  } catch (const Error& error) {
    return engine.refuse(PublishStatus::invalid, error.what());
  }
  if (auto refusal = engine.refusal_of(target); !refusal.empty())
    return engine.refuse(PublishStatus::invalid, "url: " + refusal);
  event->recipient = detail::recipient_of(std::move(target));
  return offer(std::move(event), type, tenant, key, std::move(options));
}

SubscriptionId PublisherBase::subscribe(Subscription subscription) {
  return engine().subscribe(std::move(subscription));
}

bool PublisherBase::unsubscribe(const SubscriptionId& id) {
  return !tenure_->engine->is_forked() && engine().unsubscribe(id);
}

bool PublisherBase::update(const SubscriptionId& id, const SubscriptionPatch& patch) {
  return !tenure_->engine->is_forked() && engine().update(id, patch);
}

bool PublisherBase::pause(const SubscriptionId& id) {
  SubscriptionPatch patch;
  patch.paused = true;
  return update(id, patch);
}

bool PublisherBase::resume(const SubscriptionId& id) {
  SubscriptionPatch patch;
  patch.paused = false;
  return update(id, patch);
}

bool PublisherBase::enable(const SubscriptionId& id) {
  SubscriptionPatch patch;
  patch.enabled = true;
  return update(id, patch);
}

std::string PublisherBase::rotate_secret(const SubscriptionId& id, std::chrono::seconds grace) {
  return engine().rotate_secret(id, grace);
}

std::optional<std::string> PublisherBase::reveal_secret(const SubscriptionId& id) const {
  const auto endpoint = engine().subscriptions().find(id);
  return endpoint == nullptr ? std::nullopt : std::optional{detail::receivers_secret(endpoint->subscription.secret)};
}

std::optional<Subscription> PublisherBase::subscription(const SubscriptionId& id) const {
  const auto endpoint = engine().subscriptions().find(id);
  return endpoint == nullptr ? std::nullopt : std::optional{detail::masked(endpoint->subscription)};
}

std::vector<Subscription> PublisherBase::subscriptions(const SubscriptionQuery& query) const {
  SubscriptionQuery asked = query;
  asked.limit = std::clamp<std::size_t>(asked.limit, 1, 10'000);
  std::vector<Subscription> page;
  for (const auto& endpoint : engine().subscriptions().list(asked)) page.push_back(detail::masked(endpoint->subscription));
  return page;
}

std::vector<DeliveryRecord> PublisherBase::deliveries(const DeliveryQuery& query) const {
  DeliveryQuery asked = query;
  asked.limit = std::clamp<std::size_t>(asked.limit, 1, 1'000);
  return engine().deliveries(asked);
}

std::optional<DeliveryRecord> PublisherBase::delivery(const DeliveryId& id) const {
  return engine().delivery(id);
}

std::vector<Explanation> PublisherBase::explain(const EventId& event) const {
  return engine().explain(event);
}

std::vector<EventType> PublisherBase::event_types() const {
  return engine().event_types();
}

Stats PublisherBase::stats() const {
  return engine().stats();
}

EventId PublisherBase::send_test(const SubscriptionId& id) {
  return engine().send_test(id);
}

bool PublisherBase::replay(const DeliveryId& delivery) {
  return !tenure_->engine->is_forked() && engine().replay(delivery);
}

std::size_t PublisherBase::recover(const SubscriptionId& id, const RecoverOptions& options) {
  return engine().recover(id, options);
}

std::size_t PublisherBase::cancel(const EventId& event) {
  return tenure_->engine->is_forked() ? 0 : engine().cancel(event);
}

bool PublisherBase::erase(const EventId& event) {
  return !tenure_->engine->is_forked() && engine().erase(event);
}

bool PublisherBase::drain(std::chrono::milliseconds timeout) {
  return !tenure_->engine->is_forked() && waitable_engine().drain(timeout);
}

void PublisherBase::stop(std::chrono::milliseconds timeout) {
  if (!tenure_->engine->is_forked()) waitable_engine().stop(timeout);
}

bool PublisherBase::settle(std::chrono::milliseconds real_limit) {
  return !tenure_->engine->is_forked() && waitable_engine().settle(real_limit);
}

}  // namespace flyhook

#endif
