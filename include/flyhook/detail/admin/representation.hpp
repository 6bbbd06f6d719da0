#ifndef FLYHOOK_DETAIL_ADMIN_REPRESENTATION_HPP
#define FLYHOOK_DETAIL_ADMIN_REPRESENTATION_HPP

#include <flyhook/delivery.hpp>
#include <flyhook/detail/config.hpp>
#include <flyhook/event.hpp>
#include <flyhook/event_type.hpp>
#include <flyhook/options.hpp>
#include <flyhook/stats.hpp>
#include <flyhook/subscription.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

// What the Admin API reads and writes: the library's values as JSON, and back. Members are named as in C++, headers are an
// object, times are RFC 3339 in UTC, durations integers in the member's unit, enums their names, ids plain strings. Pure;
// who may call what is Admin's business, who may set what is told here. detail/admin/schemas.hpp says the same as OpenAPI.

namespace flyhook::detail {

// Names of enums --------------------------------------------------------------------------------------------------------

/// In the order of the enum, which begins with 0.
template <class Enum>
inline constexpr std::array<std::string_view, 0> enum_names{};
template <>
inline constexpr std::array<std::string_view, 6> enum_names<DeliveryStatus>{"pending", "in_flight", "delivered",
                                                                            "dead",    "expired",   "cancelled"};
template <>
inline constexpr std::array<std::string_view, 4> enum_names<AttemptTrigger>{"schedule", "replay", "test", "probe"};
template <>
inline constexpr std::array<std::string_view, 4> enum_names<Encoding>{"standard", "raw", "cloudevents_structured",
                                                                      "cloudevents_binary"};
template <>
inline constexpr std::array<std::string_view, 3> enum_names<Ordering>{"none", "per_key", "strict"};

/// The name of a value in C++: "cloudevents_structured".
template <class Enum>
std::string_view enum_name(Enum value) {
  const auto at = static_cast<std::size_t>(value);
  return at < enum_names<Enum>.size() ? enum_names<Enum>[at] : "unknown";
}

/// The value of that name; nullopt: there is none.
template <class Enum>
std::optional<Enum> enum_value(std::string_view name) {
  for (std::size_t at = 0; at < enum_names<Enum>.size(); ++at)
    if (enum_names<Enum>[at] == name) return static_cast<Enum>(at);
  return std::nullopt;
}

// Writing ---------------------------------------------------------------------------------------------------------------

/// As PublisherBase::subscription returns it: what is masked stays so. Every member but `secret`; empty optionals are null.
/// Of headers that come more than once the values are joined by ", ", and are the mask if one of them is.
FLYHOOK_DECL nlohmann::json representation(const Subscription& subscription);
FLYHOOK_DECL nlohmann::json representation(const DeliveryRecord& record);
FLYHOOK_DECL nlohmann::json representation(const Explanation& explanation);
/// `example` and `schema` as the JSON that they hold, null where they hold none.
FLYHOOK_DECL nlohmann::json representation(const EventType& type);
FLYHOOK_DECL nlohmann::json representation(const Stats& stats);

/// The text of `json`, UTF-8 whatever bytes its strings hold: what endpoints answered may be anything, and U+FFFD stands
/// for what is none.
FLYHOOK_DECL std::string dump(const nlohmann::json& json);

/// Prometheus' text exposition format 0.0.4 ("text/plain; version=0.0.4"). `subscriptions`: how many there are.
FLYHOOK_DECL std::string metrics_text(const Stats& stats, std::size_t subscriptions);

// Reading ---------------------------------------------------------------------------------------------------------------
// What is wrong is refused with Error (`invalid`) naming the member, a nested one by its path ("retry.schedule"); no text
// of an Error holds a secret or the value of a header. Nothing else is thrown, memory apart. Bounds are the API's, narrower
// than those of C++; what the engine checks anyway (URLs, patterns, filters, secrets, ids, masked values) is not looked at.

/// On whose behalf a body is read.
struct ApiCaller {
  bool is_operator = false;
  std::string tenant{};  ///< whose, where it is no operator
};

/// A new subscription; `url` alone must be there. null stands for the default where a patch clears with it. A tenant's is
/// of that tenant and public_only; what only operators may set is refused.
FLYHOOK_DECL Subscription read_subscription(const nlohmann::json& body, const ApiCaller& caller);

/// What to change: members that are not there stay as they are, null clears, `retry` and `rate_limit` are replaced as
/// wholes. Where a tenant changes `url`, the subscription becomes public_only.
FLYHOOK_DECL SubscriptionPatch read_patch(const nlohmann::json& body, const ApiCaller& caller);

/// `since` must be there.
FLYHOOK_DECL RecoverOptions read_recover(const nlohmann::json& body);

/// For what takes no members.
FLYHOOK_DECL void read_nothing(const nlohmann::json& body);

/// For rotate_secret: {"grace": seconds}, 0 to 365 days; without it 24 h.
FLYHOOK_DECL std::chrono::seconds read_grace(const nlohmann::json& body);

}  // namespace flyhook::detail

#if defined(FLYHOOK_HEADER_ONLY)
#include <flyhook/impl/detail/admin/representation.ipp>
#endif

#endif
