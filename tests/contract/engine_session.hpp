#ifndef FLYHOOK_TESTS_CONTRACT_ENGINE_SESSION_HPP
#define FLYHOOK_TESTS_CONTRACT_ENGINE_SESSION_HPP

#include "contract/store_session.hpp"

#include <flyhook/publisher.hpp>
#include <flyhook/testing.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

// An engine on a store under test, a manual clock and a recording transport. With `threads = 0` everything happens on the
// test's thread, so that a test reads as a story.

namespace contract {

using namespace std::chrono_literals;

/// Remembers what it is told, and may be made to do something of its own.
class Recorder : public flyhook::Observer {
 public:
  void on_attempt(const flyhook::DeliveryRecord& delivery, const flyhook::Attempt& attempt) override;
  void on_delivered(const flyhook::DeliveryRecord& delivery) override;
  void on_dead(const flyhook::DeliveryRecord& delivery) override;
  void on_failing(const flyhook::Subscription& subscription, std::string_view reason) override;
  void on_disabled(const flyhook::Subscription& subscription, std::string_view reason) override;
  void on_recovered(const flyhook::Subscription& subscription) override;
  void on_dropped(const flyhook::EventId& event, std::string_view reason) override;
  void on_error(std::string_view what) override;

  std::vector<flyhook::DeliveryRecord> attempted() const { return copy(attempted_); }
  std::vector<flyhook::DeliveryRecord> delivered() const { return copy(delivered_); }
  std::vector<flyhook::DeliveryRecord> dead() const { return copy(dead_); }
  std::vector<std::pair<std::string, std::string>> dropped() const { return copy(dropped_); }
  std::vector<std::string> errors() const { return copy(errors_); }
  std::vector<std::string> health() const { return copy(health_); }  ///< what it was told of endpoints, as text

  std::function<void(const flyhook::DeliveryRecord&)> when_attempted{};  ///< set before the engine starts

 private:
  template <class T>
  std::vector<T> copy(const std::vector<T>& from) const {
    const std::lock_guard lock{mutex_};
    return from;
  }

  mutable std::mutex mutex_;
  std::vector<flyhook::DeliveryRecord> attempted_, delivered_, dead_;
  std::vector<std::pair<std::string, std::string>> dropped_;
  std::vector<std::string> errors_, health_;
};

/// The endpoints of these tests are internal ones.
inline const flyhook::UrlPolicy internal{.allow = {"127.0.0.0/8"}};

/// `whsec_` and the base64 of 24 bytes.
inline const std::string secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// Waits that are exact, for tests that tell the time.
flyhook::RetryPolicy exact_waits(std::vector<std::chrono::milliseconds> schedule);

flyhook::Options with(flyhook::RetryPolicy policy, flyhook::BreakerPolicy breaker = {});

/// With `threads = 0`; one attempt per delivery, unless `options.retry` is another than the default.
class EngineSession {
 public:
  explicit EngineSession(const StoreUnderTest& store, flyhook::Options options = {}, flyhook::TransportTraits traits = {});

  /// A subscription whose URL is http://127.0.0.1/NAME.
  flyhook::SubscriptionId subscribe(const std::string& name, std::vector<std::string> events = {"*"});
  flyhook::PublishResult publish(const std::string& type = "order.paid", nlohmann::json data = {{"n", 1}},
                                 flyhook::PublishOptions options = {});

  /// Lets the engine work until nothing is due any more; where the store was not at its best, until it was tried again.
  void settle();

  /// Lets time pass in steps, with the engine at work in between.
  void pass(std::chrono::nanoseconds time, std::chrono::nanoseconds step = 1s);

  /// The last part of each request's URL, in the order of sending.
  std::vector<std::string> sent_to() const;
  std::vector<nlohmann::json> sent_bodies() const;

  std::shared_ptr<flyhook::ManualClock> clock = std::make_shared<flyhook::ManualClock>();
  std::shared_ptr<flyhook::RecordingTransport> transport;
  std::shared_ptr<Recorder> recorder = std::make_shared<Recorder>();
  std::optional<flyhook::Publisher<>> publisher{};
};

}  // namespace contract

#endif
