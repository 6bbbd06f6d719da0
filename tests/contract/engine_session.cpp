#include "contract/engine_session.hpp"

#include "catch.hpp"

using namespace flyhook;

namespace contract {

void Recorder::on_attempt(const DeliveryRecord& delivery, const Attempt& attempt) {
  {
    const std::lock_guard lock{mutex_};
    attempted_.push_back(delivery);
    if (attempt.at != delivery.attempts.back().at) errors_.push_back("the attempt shown is not the delivery's last");
  }
  if (when_attempted) when_attempted(delivery);
}

void Recorder::on_delivered(const DeliveryRecord& delivery) {
  const std::lock_guard lock{mutex_};
  delivered_.push_back(delivery);
}

void Recorder::on_dead(const DeliveryRecord& delivery) {
  const std::lock_guard lock{mutex_};
  dead_.push_back(delivery);
}

void Recorder::on_failing(const Subscription& subscription, std::string_view reason) {
  const std::lock_guard lock{mutex_};
  health_.push_back("failing " + subscription.id.value + ": " + std::string{reason});
}

void Recorder::on_disabled(const Subscription& subscription, std::string_view reason) {
  const std::lock_guard lock{mutex_};
  health_.push_back("disabled " + subscription.id.value + ": " + std::string{reason});
}

void Recorder::on_recovered(const Subscription& subscription) {
  const std::lock_guard lock{mutex_};
  health_.push_back("recovered " + subscription.id.value);
}

void Recorder::on_dropped(const EventId& event, std::string_view reason) {
  const std::lock_guard lock{mutex_};
  dropped_.emplace_back(event.value, reason);
}

void Recorder::on_error(std::string_view what) {
  const std::lock_guard lock{mutex_};
  errors_.emplace_back(what);
}

RetryPolicy exact_waits(std::vector<std::chrono::milliseconds> schedule) {
  RetryPolicy policy;
  policy.schedule = std::move(schedule);
  policy.jitter = 0;
  return policy;
}

Options with(RetryPolicy policy, BreakerPolicy breaker) {
  Options options;
  options.retry = std::move(policy);
  options.breaker = breaker;
  return options;
}

EngineSession::EngineSession(const StoreUnderTest& store, Options options, TransportTraits traits)
    : transport(std::make_shared<RecordingTransport>(clock, traits)) {
  INFO("on " << store.name);
  options.store = store.make();
  options.clock = clock;
  options.observer = recorder;
  if (options.threads == Options{}.threads) options.threads = 0;
  options.shutdown_timeout = 0ms;
  if (options.retry == RetryPolicy{}) options.retry = RetryPolicy::none();
  if (options.url_policy.allow.empty()) options.url_policy.allow = internal.allow;
  publisher.emplace(transport, options);
}

SubscriptionId EngineSession::subscribe(const std::string& name, std::vector<std::string> events) {
  Subscription subscription;
  subscription.url = "http://127.0.0.1/" + name;
  subscription.events = std::move(events);
  subscription.secret = secret;
  subscription.id = {name};
  return publisher->subscribe(subscription);
}

PublishResult EngineSession::publish(const std::string& type, nlohmann::json data, PublishOptions options) {
  return publisher->publish(Event{type, std::move(data), {}, {}}, std::move(options));
}

void EngineSession::settle() {
  // The engine waits at most 5 s before it tries a store again.
  for (int i = 0; i < 200; ++i) {
    if (publisher->settle(0ms)) return;
    if (publisher->stats().in_flight > 0 && i > 50) return;  // scripted to hang
    clock->advance(100ms);
  }
  FAIL("the engine does not come to rest");
}

void EngineSession::pass(std::chrono::nanoseconds time, std::chrono::nanoseconds step) {
  settle();
  for (std::chrono::nanoseconds passed{0}; passed < time; passed += step) {
    clock->advance(step);
    settle();
  }
}

std::vector<std::string> EngineSession::sent_to() const {
  std::vector<std::string> names;
  for (const auto& request : transport->requests()) names.push_back(request.url.substr(request.url.rfind('/') + 1));
  return names;
}

std::vector<nlohmann::json> EngineSession::sent_bodies() const {
  std::vector<nlohmann::json> bodies;
  for (const auto& request : transport->requests()) bodies.push_back(nlohmann::json::parse(*request.body));
  return bodies;
}

}  // namespace contract
