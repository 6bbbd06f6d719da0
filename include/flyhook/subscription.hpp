#ifndef FLYHOOK_SUBSCRIPTION_HPP
#define FLYHOOK_SUBSCRIPTION_HPP

#include <flyhook/clock.hpp>
#include <flyhook/detail/config.hpp>
#include <flyhook/encoding.hpp>
#include <flyhook/http.hpp>
#include <flyhook/id.hpp>
#include <flyhook/rate_limit.hpp>
#include <flyhook/retry_policy.hpp>

#include <chrono>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

// A registered callback URL and what it asked for.

namespace flyhook {

/// In which order the deliveries of one subscription are made. Where there is one, a delivery is first sent when the one
/// before it has ended, with success or without: a retry holds back what is behind it, and so does a `deliver_at`.
/// Its price: one event that the endpoint cannot take stalls what is behind it for the whole schedule, about three days by
/// default. A shorter `RetryPolicy::schedule`, and `stop_on` with the statuses that no retry will change, bound that. What
/// is dead, expired or cancelled holds nothing back; a replay runs out of order. A change of it holds for later events.
enum class Ordering {
  none,     ///< any, up to `max_in_flight` at a time
  per_key,  ///< one at a time of events with the same key, in the order of publish; those without a key in any
  strict    ///< one at a time of all, in the order of publish
};

/// An endpoint. Left empty, `timeout`, `max_in_flight`, `encoding` and `retry` follow Options.
struct Subscription {
  std::string url{};                     ///< http or https, absolute, at most 8,000 bytes
  std::vector<std::string> events{"*"};  ///< patterns, any of which suffices: "order.paid", "order.*", "*"
  std::string tenant{};                  ///< only events of the same tenant match; the empty one is one of its own
  /// JSON text; empty: no further condition. An object of JSON Pointers, each with a value or with operators, all of which
  /// must hold: {"/total": {"$gte": 100}, "/country": "DE"}. Pointers lead into the event's data, but for /type, /tenant,
  /// /key and /data. Operators: $eq $ne $gt $gte $lt $lte $in $nin $exists $prefix $suffix; $and, $or and $not combine
  /// filters. At most 8 KiB, and 16 objects and arrays deep.
  std::string filter{};
  /// "whsec_" and base64 of 24 to 64 bytes, or "whsk_" and base64 of an ed25519 key (signing.hpp says how one is made);
  /// empty: a whsec_ is generated. Reads back masked.
  std::string secret{};
  Headers headers{};  ///< sent with every request; win over Options::headers. Credentials read back masked
  std::optional<Encoding> encoding{};
  RateLimit rate_limit{};  ///< of all attempts, retries and replays too: what is too early waits, and nothing is dropped
  /// Most requests at a time; at least 1. After 429, 502, 503, 504 and time-outs it is half as many, down to one, and one
  /// more with each success.
  std::optional<std::size_t> max_in_flight{};
  Ordering ordering = Ordering::none;
  std::optional<std::chrono::milliseconds> timeout{};  ///< for a whole exchange; 1 ms to 1 h
  std::optional<RetryPolicy> retry{};                  ///< a change holds for what waits from its next attempt on
  std::string description{};
  std::map<std::string, std::string> metadata{};  ///< the application's own; flyhook only keeps it
  SubscriptionId id{};                            ///< empty: one is made. Given and known: subscribe updates in place
  bool enabled = true;                            ///< false: no deliveries are made, and what waits is dead
  bool paused = false;                            ///< true: deliveries are made and wait; their age and expires_at count
  std::string disabled_reason{};                  ///< read back only: after a 410, or `Options::disable_after`
  TimePoint created_at{};                         ///< read back only
  /// Only public addresses, whatever `Options::url_policy.allow` says: for URLs that come from strangers, such as a
  /// tenant's registration. `deny` and `https_only` hold as ever, and a refusal does not tell what a name resolves to.
  bool public_only = false;
};

/// What to change: members left empty stay as they are. What is optional in Subscription is cleared by an empty inner
/// optional: `.timeout = std::optional<std::chrono::milliseconds>{}`.
struct SubscriptionPatch {
  std::optional<std::string> url{};
  std::optional<std::vector<std::string>> events{};
  std::optional<std::string> filter{};
  std::optional<std::string> secret{};
  std::optional<Headers> headers{};
  std::optional<std::optional<Encoding>> encoding{};
  std::optional<RateLimit> rate_limit{};
  std::optional<std::optional<std::size_t>> max_in_flight{};
  std::optional<Ordering> ordering{};
  std::optional<std::optional<std::chrono::milliseconds>> timeout{};
  std::optional<std::optional<RetryPolicy>> retry{};
  std::optional<std::string> description{};
  std::optional<std::map<std::string, std::string>> metadata{};
  std::optional<bool> enabled{};
  std::optional<bool> paused{};
  std::optional<bool> public_only{};
};

/// Which subscriptions to list, in the order of their ids.
struct SubscriptionQuery {
  std::optional<std::string> tenant{};  ///< only this tenant's; empty optional: every tenant's
  std::string event_type{};             ///< only those that want events of this type; empty: all
  std::size_t limit = 1000;             ///< 1 to 10,000 rows
  std::string cursor{};                 ///< the id of the previous page's last row; empty: the first page
};

}  // namespace flyhook

#endif
