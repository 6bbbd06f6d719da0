#ifndef FLYHOOK_IMPL_DETAIL_SECURITY_URL_IPP
#define FLYHOOK_IMPL_DETAIL_SECURITY_URL_IPP

#include <flyhook/detail/security/ip.hpp>
#include <flyhook/detail/security/url.hpp>
#include <flyhook/http.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <iterator>
#include <optional>
#include <utility>

namespace flyhook::detail {

// The Fetch standard's "bad ports", and 0. Sorted.
inline constexpr std::array<std::uint16_t, 83> bad_ports{
    0,    1,    7,    9,    11,   13,   15,   17,   19,   20,   21,   22,   23,   25,   37,   42,   43,
    53,   69,   77,   79,   87,   95,   101,  102,  103,  104,  109,  110,  111,  113,  115,  117,  119,
    123,  135,  137,  139,  143,  161,  179,  389,  427,  465,  512,  513,  514,  515,  526,  530,  531,
    532,  540,  548,  554,  556,  563,  587,  601,  636,  989,  990,  993,  995,  1719, 1720, 1723, 2049,
    3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080};

FLYHOOK_DECL bool is_digits(std::string_view text);
FLYHOOK_DECL std::string percent_decoded(std::string_view text);
FLYHOOK_DECL std::string ascii_of(std::string_view target);
FLYHOOK_DECL std::optional<std::uint64_t> read_ipv4_number(std::string_view text);
FLYHOOK_DECL bool ends_in_number(std::string_view host);
FLYHOOK_DECL std::optional<IpAddress> read_ipv4_host(std::string_view host);
FLYHOOK_DECL std::string wrong_with_name(std::string_view host);
FLYHOOK_DECL std::optional<std::uint16_t> read_port(std::string_view text);

bool is_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// Once, as WHATWG URL, 1.3: a '%' that two hexadecimal digits do not follow stands for itself.
std::string percent_decoded(std::string_view text) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool is_code =
        text[i] == '%' && i + 2 < text.size() && hex_value(text[i + 1]) >= 0 && hex_value(text[i + 2]) >= 0;
    decoded.push_back(is_code ? static_cast<char>(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2])) : text[i]);
    if (is_code) i += 2;
  }
  return decoded;
}

/// A request target is ASCII (RFC 9112, 3.2): what is not is percent-encoded, as WHATWG does.
std::string ascii_of(std::string_view target) {
  return percent_encoded(target, [](unsigned char byte) { return byte < 0x80; });
}

// Host ------------------------------------------------------------------------------------------------------------------

/// WHATWG URL, "IPv4 number parser". What is beyond 32 bits is 2^32.
std::optional<std::uint64_t> read_ipv4_number(std::string_view text) {
  if (text.empty()) return std::nullopt;
  unsigned radix = 10;
  if (text.starts_with("0x")) {
    radix = 16;
    text.remove_prefix(2);
  } else if (text.size() > 1 && text.front() == '0') {
    radix = 8;
    text.remove_prefix(1);
  }
  std::uint64_t number = 0;
  for (const char c : text) {
    const int digit = hex_value(c);
    if (digit < 0 || static_cast<unsigned>(digit) >= radix) return std::nullopt;
    number = std::min(number * radix + static_cast<unsigned>(digit), std::uint64_t{1} << 32);
  }
  return number;
}

/// WHATWG URL, "ends in a number checker": such a host is an IPv4 address or nothing.
bool ends_in_number(std::string_view host) {
  if (host.ends_with('.')) host.remove_suffix(1);
  const auto last = host.substr(host.find_last_of('.') + 1);  // npos + 1 is 0
  return is_digits(last) || (last.starts_with("0x") && read_ipv4_number(last));
}

/// WHATWG URL, "IPv4 parser": 1 to 4 numbers, the last of which fills the bytes that are left.
std::optional<IpAddress> read_ipv4_host(std::string_view host) {
  if (host.ends_with('.')) host.remove_suffix(1);
  std::uint64_t address = 0;
  for (unsigned part = 0; part < 4; ++part) {
    const auto dot = host.find('.');
    const auto number = read_ipv4_number(host.substr(0, dot));
    if (!number) return std::nullopt;
    if (dot == host.npos) {
      if (*number >= std::uint64_t{1} << (32 - 8 * part)) return std::nullopt;
      return ipv4_of(static_cast<std::uint32_t>(address | *number));
    }
    if (*number > 255) return std::nullopt;
    address |= *number << (24 - 8 * part);
    host.remove_prefix(dot + 1);
  }
  return std::nullopt;
}

/// U7; empty: nothing.
std::string wrong_with_name(std::string_view host) {
  if (host.ends_with('.')) host.remove_suffix(1);
  if (host.size() > 253) return "has a host longer than 253 characters";
  for (std::size_t from = 0; from <= host.size();) {
    const auto dot = std::min(host.find('.', from), host.size());
    if (dot == from || dot - from > 63) return "has a host with a label that is empty or longer than 63 characters";
    from = dot + 1;
  }
  const bool is_right = std::all_of(host.begin(), host.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
  });
  return is_right ? "" : "has a host with a character other than letters, digits, '-', '_' and '.'";
}

std::variant<Host, std::string> parse_host(std::string_view text) {
  if (text.empty()) return "has no host";
  if (text.starts_with('[')) {
    if (!text.ends_with(']')) return "has a host without its closing bracket";
    const auto inner = text.substr(1, text.size() - 2);
    const auto address = parse_ip(inner);
    if (!address || !address->is_v6) return "has a host in brackets that is not an IPv6 address (zones are not taken)";
    return Host{to_text(*address), true};
  }
  auto name = percent_decoded(text);
  if (std::any_of(name.begin(), name.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x80; }))
    return "has a host that is not ASCII: give an international name as its A-label (xn--...)";
  std::transform(name.begin(), name.end(), name.begin(), ascii_lower);
  if (ends_in_number(name)) {
    const auto address = read_ipv4_host(name);
    if (!address) return "has a host that ends in a number but is not an IPv4 address";
    return Host{to_text(*address), true};
  }
  if (auto wrong = wrong_with_name(name); !wrong.empty()) return wrong;
  return Host{std::move(name), false};
}

// URL -------------------------------------------------------------------------------------------------------------------

/// U9, without the bad ones.
std::optional<std::uint16_t> read_port(std::string_view text) {
  if (!is_digits(text)) return std::nullopt;
  std::uint32_t port = 0;
  for (const char c : text) port = std::min(port * 10 + static_cast<std::uint32_t>(c - '0'), std::uint32_t{65'536});
  if (port > 65'535) return std::nullopt;
  return static_cast<std::uint16_t>(port);
}

std::string Url::authority() const {
  std::string text = host.find(':') == host.npos ? host : "[" + host + "]";
  if (port != (is_https ? 443 : 80)) text.append(":").append(std::to_string(port));
  return text;
}

std::variant<Url, std::string> parse_url(std::string_view text) {
  if (text.empty()) return "is empty";
  if (text.size() > 8000) return "is longer than 8,000 bytes";
  for (const char c : text)
    if (static_cast<unsigned char>(c) <= 0x20 || c == 0x7F || c == '\\')
      return "holds a space, a control character or a backslash";

  Url url;
  const auto colon = text.find(':');
  const auto scheme = text.substr(0, colon);
  if (colon == text.npos || text.substr(colon, 3) != "://")
    return "is not absolute: it must start with http:// or https://";
  if (equal_without_case(scheme, "https")) {
    url.is_https = true;
  } else if (!equal_without_case(scheme, "http")) {
    return "has another scheme than http or https";
  }

  auto rest = text.substr(colon + 3);
  auto authority = rest.substr(0, rest.find_first_of("/?#"));
  rest.remove_prefix(authority.size());
  if (authority.find('@') != authority.npos) return "holds credentials: put them in a header";

  // The port begins at the first colon that is not within brackets.
  const auto bracket = authority.starts_with('[') ? authority.find(']') : 0;
  if (bracket == authority.npos) return "has a host without its closing bracket";
  const auto end = authority.find(':', bracket);
  auto host = parse_host(authority.substr(0, end));
  if (auto* wrong = std::get_if<std::string>(&host)) return std::move(*wrong);
  url.host = std::move(std::get<Host>(host).text);
  url.is_literal = std::get<Host>(host).is_literal;

  url.port = url.is_https ? 443 : 80;
  if (end != authority.npos && end + 1 < authority.size()) {
    const auto port = read_port(authority.substr(end + 1));
    if (!port) return "has a port that is not a number from 0 to 65535";
    if (std::binary_search(bad_ports.begin(), bad_ports.end(), *port))
      return "has port " + std::to_string(*port) + ", which is blocked: HTTP clients do not connect to it (Fetch standard)";
    url.port = *port;
  }

  rest = rest.substr(0, rest.find('#'));
  url.target = ascii_of(rest);
  if (!url.target.starts_with('/')) url.target.insert(0, "/");
  return url;
}

}  // namespace flyhook::detail

#endif
