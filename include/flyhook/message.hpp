#ifndef FLYHOOK_MESSAGE_HPP
#define FLYHOOK_MESSAGE_HPP

#include <flyhook/clock.hpp>
#include <flyhook/detail/config.hpp>
#include <flyhook/http.hpp>
#include <flyhook/id.hpp>

#include <optional>
#include <string>

// The event as the core carries it: its C++ type is gone, its data is bytes.

namespace flyhook {

/// A serialised event. Immutable once made; stores keep it, lanes share it.
struct Message {
  EventId id{};
  std::string type{}, tenant{}, key{};
  std::string data{};  ///< one JSON value, unless content_type says otherwise
  TimePoint created_at{};
  Headers headers{};           ///< of this event's requests, besides the subscription's
  std::string trace_parent{};  ///< W3C Trace Context, sent as `traceparent`
  std::optional<TimePoint> deliver_at{}, expires_at{};
  std::string content_type{};  ///< empty: application/json

  friend bool operator==(const Message&, const Message&) = default;
};

}  // namespace flyhook

#endif
