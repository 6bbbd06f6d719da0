#ifndef FLYHOOK_IMPL_DETAIL_SECURITY_IP_IPP
#define FLYHOOK_IMPL_DETAIL_SECURITY_IP_IPP

#include <flyhook/detail/security/ip.hpp>

#include <algorithm>
#include <cstddef>
#include <tuple>
#include <utility>

namespace flyhook::detail {

// Text ------------------------------------------------------------------------------------------------------------------
// constexpr, so that the table below is read by the compiler: a block that does not parse does not compile.

/// At most `most` decimal digits without a leading zero, taken off the front of `text`; -1: there are none such.
constexpr int read_decimal(std::string_view& text, std::size_t most) {
  int value = 0;
  std::size_t digits = 0;
  for (; digits < text.size() && text[digits] >= '0' && text[digits] <= '9'; ++digits) {
    if (digits == most || (digits == 1 && value == 0)) return -1;
    value = value * 10 + (text[digits] - '0');
  }
  text.remove_prefix(digits);
  return digits == 0 ? -1 : value;
}

constexpr std::optional<IpAddress> read_ipv4(std::string_view text) {
  IpAddress address;
  for (std::size_t part = 0; part < 4; ++part) {
    if (part > 0) {
      if (!text.starts_with('.')) return std::nullopt;
      text.remove_prefix(1);
    }
    const int value = read_decimal(text, 3);
    if (value < 0 || value > 255) return std::nullopt;
    address.bytes[part] = static_cast<std::uint8_t>(value);
  }
  if (!text.empty()) return std::nullopt;
  return address;
}

/// RFC 4291, 2.2, which is WHATWG's IPv6 parser as well. "::" stands for at least one piece.
constexpr std::optional<IpAddress> read_ipv6(std::string_view text) {
  std::array<std::uint8_t, 16> given{};  // as written, without what "::" stands for
  std::size_t size = 0;
  std::optional<std::size_t> gap;
  if (text.starts_with("::")) {
    gap = 0;
    text.remove_prefix(2);
  }
  while (!text.empty()) {
    unsigned piece = 0;
    std::size_t digits = 0;
    for (; digits < text.size() && digits < 4 && hex_value(text[digits]) >= 0; ++digits)
      piece = piece * 16 + static_cast<unsigned>(hex_value(text[digits]));
    if (digits == 0 || size == 16) return std::nullopt;
    if (digits < text.size() && text[digits] == '.') {
      const auto tail = read_ipv4(text);
      if (!tail || size > 12) return std::nullopt;
      for (std::size_t i = 0; i < 4; ++i) given[size++] = tail->bytes[i];
      break;
    }
    given[size++] = static_cast<std::uint8_t>(piece >> 8);
    given[size++] = static_cast<std::uint8_t>(piece & 0xFFu);
    text.remove_prefix(digits);
    if (text.empty()) break;
    if (text.front() != ':') return std::nullopt;
    text.remove_prefix(1);
    if (text.starts_with(':')) {
      if (gap) return std::nullopt;
      gap = size;
      text.remove_prefix(1);
    } else if (text.empty()) {
      return std::nullopt;
    }
  }
  if (gap ? size == 16 : size != 16) return std::nullopt;
  IpAddress address{true, {}};
  const auto before = gap.value_or(16);
  for (std::size_t i = 0; i < size; ++i) address.bytes[i < before ? i : 16 - size + i] = given[i];
  return address;
}

constexpr IpAddress network_of(IpAddress address, unsigned prefix) {
  for (std::size_t i = 0; i < address.bytes.size(); ++i) {
    const auto kept = static_cast<unsigned>(std::clamp(static_cast<int>(prefix) - static_cast<int>(i) * 8, 0, 8));
    address.bytes[i] = static_cast<std::uint8_t>(address.bytes[i] & (0xFF00u >> kept));
  }
  return address;
}

constexpr std::optional<IpRange> read_range(std::string_view text) {
  const auto slash = text.find('/');
  const auto name = text.substr(0, slash);
  const auto address = name.find(':') == name.npos ? read_ipv4(name) : read_ipv6(name);
  if (!address) return std::nullopt;
  const int most = address->is_v6 ? 128 : 32;
  if (slash == text.npos) return IpRange{*address, static_cast<unsigned>(most)};
  text.remove_prefix(slash + 1);
  const int prefix = read_decimal(text, 3);
  if (prefix < 0 || prefix > most || !text.empty()) return std::nullopt;
  return IpRange{network_of(*address, static_cast<unsigned>(prefix)), static_cast<unsigned>(prefix)};
}

// Special-purpose addresses ---------------------------------------------------------------------------------------------

consteval SpecialBlock special_block(std::string_view cidr, std::string_view name, std::string_view rfc, bool is_global) {
  return {read_range(cidr).value(), name, rfc, is_global};
}

// The IANA IPv4 and IPv6 Special-Purpose Address Registries, and what is refused beyond them (U18). No order is needed: the
// longest prefix decides. 64:ff9b::/96 is only as public as the IPv4 address in it (U16), and nothing outside 2000::/3 is.
inline constexpr std::array special_table{
    special_block("0.0.0.0/8", "\"This network\"", "RFC 791", false),
    special_block("0.0.0.0/32", "\"This host on this network\"", "RFC 1122", false),
    special_block("10.0.0.0/8", "Private-Use", "RFC 1918", false),
    special_block("100.64.0.0/10", "Shared Address Space (CGNAT)", "RFC 6598", false),
    special_block("127.0.0.0/8", "Loopback", "RFC 1122", false),
    special_block("169.254.0.0/16", "Link Local", "RFC 3927", false),
    special_block("172.16.0.0/12", "Private-Use", "RFC 1918", false),
    special_block("192.0.0.0/24", "IETF Protocol Assignments", "RFC 6890", false),
    special_block("192.0.0.0/29", "IPv4 Service Continuity Prefix", "RFC 7335", false),
    special_block("192.0.0.8/32", "IPv4 dummy address", "RFC 7600", false),
    special_block("192.0.0.9/32", "Port Control Protocol Anycast", "RFC 7723", true),
    special_block("192.0.0.10/32", "TURN Anycast", "RFC 8155", true),
    special_block("192.0.0.170/32", "NAT64/DNS64 Discovery", "RFC 8880", false),
    special_block("192.0.0.171/32", "NAT64/DNS64 Discovery", "RFC 8880", false),
    special_block("192.0.2.0/24", "Documentation (TEST-NET-1)", "RFC 5737", false),
    special_block("192.31.196.0/24", "AS112-v4", "RFC 7535", true),
    special_block("192.52.193.0/24", "AMT", "RFC 7450", true),
    special_block("192.88.99.0/24", "Deprecated (6to4 Relay Anycast)", "RFC 7526", false),  // N/A
    special_block("192.88.99.2/32", "6a44-relay anycast address", "RFC 6751", false),
    special_block("192.168.0.0/16", "Private-Use", "RFC 1918", false),
    special_block("192.175.48.0/24", "Direct Delegation AS112 Service", "RFC 7534", true),
    special_block("198.18.0.0/15", "Benchmarking", "RFC 2544", false),
    special_block("198.51.100.0/24", "Documentation (TEST-NET-2)", "RFC 5737", false),
    special_block("203.0.113.0/24", "Documentation (TEST-NET-3)", "RFC 5737", false),
    special_block("240.0.0.0/4", "Reserved", "RFC 1112", false),
    special_block("255.255.255.255/32", "Limited Broadcast", "RFC 919", false),

    special_block("::1/128", "Loopback Address", "RFC 4291", false),
    special_block("::/128", "Unspecified Address", "RFC 4291", false),
    special_block("::ffff:0:0/96", "IPv4-mapped Address", "RFC 4291", false),
    special_block("64:ff9b::/96", "IPv4-IPv6 Translation (NAT64)", "RFC 6052", true),
    special_block("64:ff9b:1::/48", "IPv4-IPv6 Translation, local use", "RFC 8215", false),
    special_block("100::/64", "Discard-Only Address Block", "RFC 6666", false),
    special_block("100:0:0:1::/64", "Dummy IPv6 Prefix", "RFC 9780", false),
    special_block("2001::/23", "IETF Protocol Assignments", "RFC 2928", false),
    special_block("2001::/32", "TEREDO", "RFC 4380", false),  // N/A
    special_block("2001:1::1/128", "Port Control Protocol Anycast", "RFC 7723", true),
    special_block("2001:1::2/128", "TURN Anycast", "RFC 8155", true),
    special_block("2001:1::3/128", "DNS-SD Service Registration Protocol Anycast", "RFC 9665", true),
    special_block("2001:2::/48", "Benchmarking", "RFC 5180", false),
    special_block("2001:3::/32", "AMT", "RFC 7450", true),
    special_block("2001:4:112::/48", "AS112-v6", "RFC 7535", true),
    special_block("2001:10::/28", "Deprecated (previously ORCHID)", "RFC 4843", false),  // N/A
    special_block("2001:20::/28", "ORCHIDv2", "RFC 7343", true),
    special_block("2001:30::/28", "Drone Remote ID Protocol Entity Tags", "RFC 9374", true),
    special_block("2001:db8::/32", "Documentation", "RFC 3849", false),
    special_block("2002::/16", "6to4", "RFC 3056", false),  // N/A
    special_block("2620:4f:8000::/48", "Direct Delegation AS112 Service", "RFC 7534", true),
    special_block("3fff::/20", "Documentation", "RFC 9637", false),
    special_block("5f00::/16", "Segment Routing (SRv6) SIDs", "RFC 9602", false),
    special_block("fc00::/7", "Unique-Local", "RFC 4193", false),
    special_block("fe80::/10", "Link-Local Unicast", "RFC 4291", false),

    special_block("224.0.0.0/4", "Multicast", "RFC 5771", false),
    special_block("168.63.129.16/32", "Azure platform address (WireServer)", "none", false),  // public by number only
    special_block("::/96", "IPv4-compatible, deprecated", "RFC 4291", false),
    special_block("fec0::/10", "Site-local, deprecated", "RFC 3879", false),
    special_block("ff00::/8", "Multicast", "RFC 4291", false),
};

inline constexpr IpRange mapped_block = read_range("::ffff:0:0/96").value();
inline constexpr IpRange nat64_block = read_range("64:ff9b::/96").value();
inline constexpr IpRange global_unicast = read_range("2000::/3").value();
inline constexpr IpRange loopback_block = read_range("127.0.0.0/8").value();
inline constexpr IpAddress loopback_v6 = read_ipv6("::1").value();

FLYHOOK_DECL IpAddress last_four_bytes(const IpAddress& address);

std::span<const SpecialBlock> special_blocks() {
  return special_table;
}

const SpecialBlock* special_block_of(const IpAddress& address) {
  const SpecialBlock* found = nullptr;
  for (const auto& block : special_table)
    if (block.range.holds(address) && (found == nullptr || block.range.prefix > found->range.prefix)) found = &block;
  return found;
}

bool is_public(const IpAddress& address) {
  if (const auto inner = nat64_inner(address)) return is_public(*inner);
  const auto plain = unmapped(address);
  if (plain.is_v6 && !global_unicast.holds(plain)) return false;
  const auto* const block = special_block_of(plain);
  return block == nullptr || block->is_global;
}

// Addresses -------------------------------------------------------------------------------------------------------------

std::optional<IpAddress> parse_ip(std::string_view text) {
  return text.find(':') == text.npos ? read_ipv4(text) : read_ipv6(text);
}

IpAddress ipv4_of(std::uint32_t number) {
  IpAddress address;
  for (unsigned i = 0; i < 4; ++i) address.bytes[i] = static_cast<std::uint8_t>(number >> (24 - 8 * i) & 0xFFu);
  return address;
}

std::string to_text(const IpAddress& address) {
  std::string text;
  const auto& bytes = address.bytes;
  if (!address.is_v6) {
    for (std::size_t i = 0; i < 4; ++i) text.append(i == 0 ? "" : ".").append(std::to_string(bytes[i]));
    return text;
  }
  // "::" stands for the first of the longest runs of two or more zero pieces.
  const auto piece = [&](std::size_t i) { return unsigned{bytes[2 * i]} << 8 | bytes[2 * i + 1]; };
  std::size_t gap = 8, longest = 1;
  for (std::size_t from = 0; from < 8; ++from) {
    std::size_t end = from;
    while (end < 8 && piece(end) == 0) ++end;
    if (end - from > longest) {
      gap = from;
      longest = end - from;
    }
  }
  for (std::size_t i = 0; i < 8;) {
    if (i == gap) {
      text.append("::");
      i += longest;
      continue;
    }
    if (!text.empty() && text.back() != ':') text.push_back(':');
    bool has_begun = false;
    for (int shift = 12; shift >= 0; shift -= 4) {
      const auto digit = piece(i) >> shift & 0xFu;
      has_begun = has_begun || digit != 0 || shift == 0;
      if (has_begun) text.push_back("0123456789abcdef"[digit]);
    }
    ++i;
  }
  return text;
}

IpAddress last_four_bytes(const IpAddress& address) {
  IpAddress inner;
  std::copy(address.bytes.begin() + 12, address.bytes.end(), inner.bytes.begin());
  return inner;
}

IpAddress unmapped(const IpAddress& address) {
  return mapped_block.holds(address) ? last_four_bytes(address) : address;
}

std::optional<IpAddress> nat64_inner(const IpAddress& address) {
  if (!nat64_block.holds(address)) return std::nullopt;
  return last_four_bytes(address);
}

bool is_loopback(const IpAddress& address) {
  return loopback_block.holds(address) || address == loopback_v6;
}

// Ranges ----------------------------------------------------------------------------------------------------------------

bool IpRange::holds(const IpAddress& address) const {
  const auto& bytes = address.bytes;
  const std::size_t whole = prefix / 8;
  return address.is_v6 == base.is_v6 && std::equal(bytes.begin(), bytes.begin() + whole, base.bytes.begin()) &&
         (prefix % 8 == 0 || ((bytes[whole] ^ base.bytes[whole]) & (0xFF00u >> prefix % 8)) == 0);
}

std::optional<IpRange> parse_ip_range(std::string_view text) {
  auto range = read_range(text);
  if (!range) return std::nullopt;
  // As it is written: the range's own base has lost the bits beyond the prefix.
  const auto written = parse_ip(text.substr(0, text.find('/'))).value();
  if (!mapped_block.holds(written)) return range;
  if (range->prefix < mapped_block.prefix) return std::nullopt;
  return IpRange{last_four_bytes(range->base), range->prefix - mapped_block.prefix};
}

IpRange nat64_range(const IpRange& inner) {
  IpRange range{nat64_block.base, nat64_block.prefix + inner.prefix};
  std::copy(inner.base.bytes.begin(), inner.base.bytes.begin() + 4, range.base.bytes.begin() + 12);
  return range;
}

std::string to_text(const IpRange& range) {
  return to_text(range.base) + "/" + std::to_string(range.prefix);
}

IpRanges::IpRanges(std::vector<IpRange> ranges) : ranges_(std::move(ranges)) {
  std::sort(ranges_.begin(), ranges_.end(),
            [](const IpRange& a, const IpRange& b) { return std::tie(a.base, a.prefix) < std::tie(b.base, b.prefix); });
  std::size_t kept = 0;
  for (const auto& range : ranges_)
    if (kept == 0 || !ranges_[kept - 1].holds(range.base)) ranges_[kept++] = range;
  ranges_.resize(kept);
}

const IpRange* IpRanges::find(const IpAddress& address) const {
  const auto after = std::upper_bound(ranges_.begin(), ranges_.end(), address,
                                      [](const IpAddress& a, const IpRange& range) { return a < range.base; });
  if (after == ranges_.begin() || !std::prev(after)->holds(address)) return nullptr;
  return &*std::prev(after);
}

}  // namespace flyhook::detail

#endif
