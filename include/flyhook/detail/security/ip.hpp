#ifndef FLYHOOK_DETAIL_SECURITY_IP_HPP
#define FLYHOOK_DETAIL_SECURITY_IP_HPP

#include <flyhook/detail/config.hpp>

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

// IP addresses and ranges as values, and which of them are public: the IANA special-purpose registries of both families as
// one table. The URL policy judges with it; it asks no system, so the answer is the same everywhere.

namespace flyhook::detail {

/// The value of a hexadecimal digit; -1: it is none.
constexpr int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

struct IpAddress {
  bool is_v6 = false;
  std::array<std::uint8_t, 16> bytes{};  ///< network order; of IPv4 the first four, the others are 0

  friend bool operator==(const IpAddress&, const IpAddress&) = default;
  friend bool operator<(const IpAddress& a, const IpAddress& b) {  // IPv4 first
    return a.is_v6 == b.is_v6 ? a.bytes < b.bytes : b.is_v6;
  }
};

/// Strict text (U13 of tests/vectors/README.md): a dotted quad without leading zeros, or RFC 4291, 2.2 without a zone.
FLYHOOK_DECL std::optional<IpAddress> parse_ip(std::string_view text);

/// The IPv4 address of a number, the first byte its highest.
FLYHOOK_DECL IpAddress ipv4_of(std::uint32_t number);

/// Dotted decimal, or RFC 5952 as WHATWG URL serialises it: never with a dotted tail.
FLYHOOK_DECL std::string to_text(const IpAddress& address);

/// U15: an IPv4-mapped address (::ffff:0:0/96) is the IPv4 address in it; every other is itself.
FLYHOOK_DECL IpAddress unmapped(const IpAddress& address);

/// U16: the IPv4 address in a NAT64 one (64:ff9b::/96, RFC 6052); none in any other.
FLYHOOK_DECL std::optional<IpAddress> nat64_inner(const IpAddress& address);

/// 127.0.0.0/8 or ::1.
FLYHOOK_DECL bool is_loopback(const IpAddress& address);

/// A CIDR block. Bits of `base` beyond `prefix` are 0.
struct IpRange {
  IpAddress base{};
  unsigned prefix = 0;  ///< 0 to 32, or to 128

  FLYHOOK_DECL bool holds(const IpAddress& address) const;

  friend bool operator==(const IpRange&, const IpRange&) = default;
};

/// "ADDRESS/PREFIX", or an address, which is the range of itself. Bits beyond the prefix are cleared. A range of
/// IPv4-mapped addresses is the range of the IPv4 addresses in them (U15); one that also holds others although it is
/// written as mapped ("::ffff:10.0.0.0/8") is refused: its author meant something else.
FLYHOOK_DECL std::optional<IpRange> parse_ip_range(std::string_view text);

/// The range `inner` of IPv4 behind NAT64: 10.0.0.0/8 is 64:ff9b::a00:0/104.
FLYHOOK_DECL IpRange nat64_range(const IpRange& inner);

FLYHOOK_DECL std::string to_text(const IpRange& range);

/// Many ranges, searched in logarithmic time. Immutable.
class IpRanges {
 public:
  IpRanges() = default;
  FLYHOOK_DECL explicit IpRanges(std::vector<IpRange> ranges);

  /// The widest range that holds `address`; null: none. An IPv4 address is in no IPv6 range.
  FLYHOOK_DECL const IpRange* find(const IpAddress& address) const;

 private:
  std::vector<IpRange> ranges_{};  // disjoint: CIDR blocks nest or are apart, and nested ones are left out; sorted
};

/// A line of the registries (or of what is refused beyond them).
struct SpecialBlock {
  IpRange range{};
  std::string_view name{}, rfc{};
  bool is_global = false;  ///< Globally Reachable; N/A counts as false
};

/// The whole table.
FLYHOOK_DECL std::span<const SpecialBlock> special_blocks();

/// U14: the most specific block that holds `address`; null: none does. A mapped address is looked up as it stands.
FLYHOOK_DECL const SpecialBlock* special_block_of(const IpAddress& address);

/// U14 to U18: may anybody on the internet be expected behind this address?
FLYHOOK_DECL bool is_public(const IpAddress& address);

}  // namespace flyhook::detail

#if defined(FLYHOOK_HEADER_ONLY)
#include <flyhook/impl/detail/security/ip.ipp>
#endif

#endif
