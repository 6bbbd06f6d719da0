#ifndef FLYHOOK_MESSAGE_HPP
#define FLYHOOK_MESSAGE_HPP

#include <flyhook/clock.hpp>
#include <flyhook/detail/config.hpp>
#include <flyhook/http.hpp>
#include <flyhook/id.hpp>
#include <flyhook/retry_policy.hpp>

#include <memory>
#include <optional>
#include <string>

// The event as the core carries it: its C++ type is gone, its data is bytes.

namespace flyhook {

/// An endpoint that is in no registry: a callback URL that came with a request, say. What it leaves open follows Options.
struct Target {
  std::string url{};                   ///< http or https, absolute, at most 8,000 bytes; judged by Options::url_policy
  std::string secret{};                ///< as Subscription::secret; empty: its requests are not signed
  Headers headers{};                   ///< sent with its requests; win over Options::headers
  std::optional<RetryPolicy> retry{};  ///< empty: Options::retry
  bool public_only = false;            ///< as Subscription::public_only: for a URL that came with a stranger's request
};

/// For whom an event is that was not published to subscriptions.
struct Recipient {
  Target target{};          ///< of `send`
  SubscriptionId tested{};  ///< of `send_test`: not empty, and then `target` is
};

/// A serialised event. Immutable once made; stores keep it, lanes share it.
struct Message {
  EventId id{};
  std::string type{}, tenant{}, key{};
  std::string data{};  ///< one JSON value, unless content_type says otherwise
  TimePoint created_at{};
  Headers headers{};           ///< of this event's requests, besides the subscription's
  std::string trace_parent{};  ///< W3C Trace Context, sent as `traceparent`
  std::optional<TimePoint> deliver_at{}, expires_at{};
  std::string content_type{};                    ///< empty: application/json
  std::shared_ptr<const Recipient> recipient{};  ///< null: published. Equal if it is the same one

  friend bool operator==(const Message&, const Message&) = default;
};

}  // namespace flyhook

#endif
