#ifndef FLYHOOK_EVENT_TYPE_HPP
#define FLYHOOK_EVENT_TYPE_HPP

#include <flyhook/detail/config.hpp>

#include <string>
#include <string_view>

// The grammar of event types and of the patterns that subscriptions choose them by (DESIGN.md section 3).

namespace flyhook {

/// One entry of the event catalogue (`Options::event_types`).
struct EventType {
  std::string name{};         ///< the type, in the grammar of is_event_type
  std::string description{};  ///< one sentence for who subscribes
  std::string example{};      ///< JSON text of an example's data
  std::string schema{};       ///< JSON Schema text of the data
};

/// Dotted identifiers: [A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*, at most 128 bytes.
FLYHOOK_DECL bool is_event_type(std::string_view text);

/// An event type, an event type followed by ".*", or "*".
FLYHOOK_DECL bool is_event_pattern(std::string_view text);

/// "order.*" matches what is beneath "order." at any depth, and not "order" itself. Case matters.
/// Both arguments are taken to be well formed.
FLYHOOK_DECL bool pattern_matches(std::string_view pattern, std::string_view type);

}  // namespace flyhook

#if defined(FLYHOOK_HEADER_ONLY)
#include <flyhook/impl/event_type.ipp>
#endif

#endif
