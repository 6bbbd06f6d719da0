#ifndef FLYHOOK_OPTIONS_HPP
#define FLYHOOK_OPTIONS_HPP

#include <flyhook/breaker.hpp>
#include <flyhook/clock.hpp>
#include <flyhook/detail/config.hpp>
#include <flyhook/encoding.hpp>
#include <flyhook/event_type.hpp>
#include <flyhook/http.hpp>
#include <flyhook/id.hpp>
#include <flyhook/observer.hpp>
#include <flyhook/retry_policy.hpp>
#include <flyhook/store.hpp>
#include <flyhook/transport.hpp>
#include <flyhook/url_policy.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

// Everything that an application may decide about an engine, as one aggregate.

namespace flyhook {

/// What publish does when the intake is full.
enum class Overflow {
  reject,      ///< answers `queue_full`: the caller's request is never prolonged
  block,       ///< waits for room (on a flyhook thread, and with `threads = 0`: as reject)
  drop_oldest  ///< drops the event that waits longest, with a counter and Observer::on_dropped
};

/// What an engine does with its store.
enum class Role {
  all,      ///< publishes and delivers
  publish,  ///< appends only: a web process
  deliver   ///< a worker
};

/// How long finished deliveries are kept. A payload lives as long as any delivery of it.
struct Retention {
  std::chrono::hours delivered{168}, dead{2160};  ///< `dead` holds for expired and cancelled ones as well
  std::size_t max_deliveries = 0;  ///< finished records kept, the oldest go first; 0: no limit (MemoryStore: 100,000)

  friend bool operator==(const Retention&, const Retention&) = default;
};

/// The engine's settings. Not built yet, and refused with `unsupported` unless left at its default: `role`.
struct Options {
  /// Most threads that send at a time; they come when needed and go after 10 s idle. 0: none at all, `settle` and `drain`
  /// run the engine on the caller's thread.
  std::size_t threads = 64;
  std::size_t queue_capacity = 65'536;         ///< events that publish may be ahead of the pool; at least 1
  std::size_t queue_bytes = 256u << 20;        ///< the same in estimated bytes of their data; at least 1
  Overflow overflow = Overflow::reject;        ///< what happens beyond either
  std::size_t max_payload_bytes = 256 * 1024;  ///< a larger event is dropped when it is encoded (Observer::on_dropped)
  std::chrono::milliseconds timeout{15'000};   ///< for a whole exchange; 1 ms to 1 h
  std::chrono::milliseconds connect_timeout{5'000};   ///< for a look-up (subscribe's too), and for connecting; 1 ms to 1 h
  std::chrono::milliseconds shutdown_timeout{3'000};  ///< what the destructor gives pending deliveries, in real time
  RetryPolicy retry{};                                ///< of subscriptions that have none
  BreakerPolicy breaker{};                            ///< of each subscription
  std::size_t max_in_flight_per_endpoint = 8;         ///< of subscriptions that have no max_in_flight; at least 1
  /// A subscription that has answered nothing but failures for so long is disabled: at least 10 of them, of at least 2
  /// deliveries, with no pause of over 36 h in between, after which the time begins anew. Half-way it is reported as
  /// failing (Observer::on_failing), however few they are. A failed attempt finds it so, no timer. Default 120 h; 0:
  /// neither, ever.
  std::chrono::seconds disable_after{432'000};
  Encoding encoding = Encoding::standard;  ///< of subscriptions that name none
  UrlPolicy url_policy{};                  ///< what may be called; asked by subscribe, and of every look-up
  Resolver resolver{};                     ///< empty: the system's (getaddrinfo)
  std::shared_ptr<Transport> transport{};  ///< empty: HttplibTransport, which <flyhook/flyhook.hpp> brings
  std::shared_ptr<Store> store{};          ///< empty: a MemoryStore with `retention`
  std::shared_ptr<Observer> observer{};    ///< empty: none
  std::shared_ptr<Clock> clock{};          ///< empty: the system's
  std::string source = "/flyhook";         ///< CloudEvents source, a URI-reference; not empty
  std::string user_agent{};                ///< empty: flyhook/<version>
  Headers headers{};                       ///< sent with every request
  Retention retention{};                   ///< of the default store; a store given has its own
  Role role = Role::all;
  std::string ca_file{};                             ///< PEM file of the trusted authorities; empty: the system's
  std::size_t max_subscriptions_per_tenant = 0;      ///< 0: no limit
  std::size_t max_pending_per_endpoint = 1'000'000;  ///< beyond it the oldest that waits is dead, "overflow"; at least 1
  /// The event catalogue, beside what EventTraits say. If given, other types than these and the publishers' own are
  /// `invalid`, and patterns that match none are refused. An example or schema that is not JSON is refused.
  std::vector<EventType> event_types{};
  /// Fills a buffer with random bytes, for ids and secrets; empty: OpenSSL. Thread-safe.
  std::function<void(void* buffer, std::size_t size)> random{};
};

/// What publish and send take besides the event. What is wrong is refused as `invalid`, and named.
struct PublishOptions {
  std::string id{};      ///< [A-Za-z0-9_-]{1,64}: a repeat with the same content makes nothing; empty: one is made
  std::string tenant{};  ///< wins over EventTraits; so does `key`
  std::string key{};
  Headers headers{};           ///< of this event's requests; win over the subscription's
  std::string trace_parent{};  ///< W3C Trace Context: version 00, sent as `traceparent`
  /// No attempt before this wall-clock time; in the past: at once. Until then it waits in the store, and in an ordered
  /// subscription holds back what is behind it.
  std::optional<TimePoint> deliver_at{};
  /// No attempt at this wall-clock time or later: a delivery that has not succeeded by then ends as `expired`, the schedule
  /// notwithstanding, and no observer is told that it is dead. One that is paused or held then ends when that is over, and
  /// an attempt under way ends as it ends. Must be in the future and after `deliver_at`.
  std::optional<TimePoint> expires_at{};
};

/// Which deliveries `recover` brings.
struct RecoverOptions {
  TimePoint since{};                 ///< of events published from then on
  std::optional<TimePoint> until{};  ///< and before that; empty: until now
  bool include_missed = false;       ///< also events that never had a delivery here, while it was disabled or not yet there
  bool dry_run = false;              ///< only count
};

enum class PublishStatus { accepted, queue_full, invalid, stopped };

/// What became of a publish. True: accepted.
struct PublishResult {
  EventId id{};  ///< empty unless accepted
  PublishStatus status = PublishStatus::invalid;
  std::string reason{};  ///< why not
  explicit operator bool() const noexcept { return status == PublishStatus::accepted; }
};

}  // namespace flyhook

#endif
