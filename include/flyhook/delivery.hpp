#ifndef FLYHOOK_DELIVERY_HPP
#define FLYHOOK_DELIVERY_HPP

#include <flyhook/clock.hpp>
#include <flyhook/detail/config.hpp>
#include <flyhook/id.hpp>

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// The delivery log: what became of one event on its way to one subscription.

namespace flyhook {

/// Where a delivery stands. `delivered`, `dead`, `expired` and `cancelled` are final.
enum class DeliveryStatus { pending, in_flight, delivered, dead, expired, cancelled };

/// The status as its name in C++.
FLYHOOK_DECL std::string_view to_string(DeliveryStatus status);

/// False for `pending` and `in_flight`.
FLYHOOK_DECL bool is_final(DeliveryStatus status);

/// Why an attempt was made. `replay`: the first one after a replay. `probe`: to see whether an endpoint whose breaker is
/// open has recovered; it spends a step of the schedule like any other.
enum class AttemptTrigger { schedule, replay, test, probe };

/// One HTTP exchange.
struct Attempt {
  TimePoint at{};
  int status = 0;                         ///< of the HTTP answer; 0: there was none, `error` says why
  std::string error{};                    ///< a class word of HttpResponse::error and the cause
  std::chrono::microseconds duration{0};  ///< from sending to the end of the answer
  std::string response_body{};            ///< its first 4 KiB
  std::string url{};
  AttemptTrigger trigger{};
};

/// A delivery with what happened to it.
struct DeliveryRecord {
  DeliveryId id{};
  EventId event_id{};
  SubscriptionId subscription_id{};  ///< empty: it was sent to a Target
  std::string event_type{};
  DeliveryStatus status{};
  std::vector<Attempt> attempts{};  ///< oldest first
  TimePoint created_at{};
  std::optional<TimePoint> next_attempt_at{};  ///< not before then, nor before its endpoint's hold or cool-down ends
  std::string reason{};                        ///< why it is dead, expired or cancelled
  std::size_t attempt_count = 0;               ///< all that were made, where `attempts` shows only the last one, too
};

/// Why one subscription did, did not or does not yet get one event.
struct Explanation {
  SubscriptionId subscription_id{};  ///< empty: the event was sent to a Target
  bool matched = false;              ///< there is a delivery, or the subscription as it is now asks for such events
  std::string reason{};              ///< a sentence for people
  std::optional<DeliveryId> delivery_id{};
  std::optional<TimePoint> next_attempt_at{};  ///< of a delivery that waits for a time
};

/// Which deliveries to list: all given members must hold.
struct DeliveryQuery {
  std::optional<SubscriptionId> subscription_id{};
  std::optional<EventId> event_id{};
  std::optional<DeliveryStatus> status{};
  std::string tenant{};         ///< empty: every tenant's
  std::size_t limit = 100;      ///< 1 to 1,000 rows
  std::string cursor{};         ///< the id of the previous page's last row; empty: the first page
  bool without_tenant = false;  ///< only of events without a tenant; not together with `tenant`
};

}  // namespace flyhook

#if defined(FLYHOOK_HEADER_ONLY)
#include <flyhook/impl/delivery.ipp>
#endif

#endif
