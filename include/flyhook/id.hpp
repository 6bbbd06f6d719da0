#ifndef FLYHOOK_ID_HPP
#define FLYHOOK_ID_HPP

#include <flyhook/clock.hpp>
#include <flyhook/detail/config.hpp>

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

// Identifiers: one type each, so that none is taken for another. Events and subscriptions are named by ULIDs (or by the
// application), deliveries by the store's append sequence.

namespace flyhook {

/// An event: the `webhook-id` of every attempt to deliver it. "msg_" and a ULID unless the application gave its own.
struct EventId {
  std::string value{};
  friend bool operator==(const EventId&, const EventId&) = default;
  friend std::strong_ordering operator<=>(const EventId& a, const EventId& b) { return a.value.compare(b.value) <=> 0; }
};

/// One event on its way to one subscription: "dlv_" and 13 Crockford characters, in the order of appending.
struct DeliveryId {
  std::string value{};
  friend bool operator==(const DeliveryId&, const DeliveryId&) = default;
  friend std::strong_ordering operator<=>(const DeliveryId& a, const DeliveryId& b) {
    return a.value.compare(b.value) <=> 0;
  }
};

/// A registered endpoint. "sub_" and a ULID unless the application gave its own ([A-Za-z0-9_-]{1,64}).
struct SubscriptionId {
  std::string value{};
  friend bool operator==(const SubscriptionId&, const SubscriptionId&) = default;
  friend std::strong_ordering operator<=>(const SubscriptionId& a, const SubscriptionId& b) {
    return a.value.compare(b.value) <=> 0;
  }
};

/// True for an id that an application may choose: [A-Za-z0-9_-]{1,64}. A dot would make the signed content ambiguous.
FLYHOOK_DECL bool is_id(std::string_view text);

namespace detail {

/// One of [A-Za-z0-9_-]: what ids and the segments of event types are made of.
FLYHOOK_DECL bool is_identifier_char(char c);

/// 128 bits, most significant byte first: 48 of Unix milliseconds, 80 of randomness (the ULID specification).
using Ulid = std::array<std::uint8_t, 16>;

/// `prefix` and the 26 Crockford base-32 characters of a ULID.
FLYHOOK_DECL std::string ulid_text(std::string_view prefix, const Ulid& ulid);

/// A DeliveryId's text for an append sequence, and back; nullopt: not such an id.
FLYHOOK_DECL std::string delivery_text(std::uint64_t sequence);
FLYHOOK_DECL std::optional<std::uint64_t> delivery_sequence(std::string_view text);

/// 64 bits of FNV-1a, going on from `state`. Fixed for ever: slots and content hashes are stored.
FLYHOOK_DECL std::uint64_t fnv1a(std::string_view bytes, std::uint64_t state = 0xcbf29ce484222325u);

/// Strictly increasing ULIDs: a new millisecond draws new randomness, within one the last id is counted up, and a wall
/// clock that goes back is ignored. Not thread-safe: its owner calls it under its own lock.
class UlidSequence {
 public:
  /// `seed`: 32 bytes of the application's random source; everything drawn later derives from it.
  FLYHOOK_DECL explicit UlidSequence(const std::array<std::uint64_t, 4>& seed);
  FLYHOOK_DECL Ulid next(TimePoint now);

 private:
  FLYHOOK_DECL std::uint64_t draw();

  std::array<std::uint64_t, 4> state_;  // xoshiro256**
  std::uint64_t milliseconds_ = 0;
  std::uint16_t high_ = 0;
  std::uint64_t low_ = 0;
};

}  // namespace detail
}  // namespace flyhook

template <>
struct std::hash<flyhook::EventId> {
  std::size_t operator()(const flyhook::EventId& id) const noexcept { return std::hash<std::string>{}(id.value); }
};
template <>
struct std::hash<flyhook::DeliveryId> {
  std::size_t operator()(const flyhook::DeliveryId& id) const noexcept { return std::hash<std::string>{}(id.value); }
};
template <>
struct std::hash<flyhook::SubscriptionId> {
  std::size_t operator()(const flyhook::SubscriptionId& id) const noexcept { return std::hash<std::string>{}(id.value); }
};

#if defined(FLYHOOK_HEADER_ONLY)
#include <flyhook/impl/id.ipp>
#endif

#endif
