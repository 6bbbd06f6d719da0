#ifndef FLYHOOK_IMPL_DETAIL_SECURITY_URL_IPP
#define FLYHOOK_IMPL_DETAIL_SECURITY_URL_IPP

#include <flyhook/detail/security/url.hpp>
#include <flyhook/http.hpp>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>

namespace flyhook::detail {

FLYHOOK_DECL bool is_digits(std::string_view text);
FLYHOOK_DECL std::string check_host(std::string_view host, bool bracketed, bool& is_literal);

bool is_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// Empty, or what is wrong with a lower-case host.
std::string check_host(std::string_view host, bool bracketed, bool& is_literal) {
  const std::string text{host};
  if (bracketed) {
    in6_addr address{};
    is_literal = true;
    return inet_pton(AF_INET6, text.c_str(), &address) == 1 ? "" : "[" + text + "] is not an IPv6 address";
  }
  auto name = host;
  if (name.ends_with('.')) name.remove_suffix(1);
  if (name.empty()) return "has no host";
  if (name.size() > 253) return "its host is longer than 253 characters";
  std::string_view last;
  for (std::size_t from = 0; from <= name.size();) {
    const auto dot = std::min(name.find('.', from), name.size());
    last = name.substr(from, dot - from);
    if (last.empty() || last.size() > 63) return "its host has a label that is empty or longer than 63 characters";
    for (const char c : last)
      if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_'))
        return "its host has a character other than letters, digits, '-', '_' and '.'";
    from = dot + 1;
  }
  // WHATWG reads a host whose last label is a number as an IPv4 address, in many spellings. Only one of them is taken here.
  if (is_digits(last) || last.starts_with("0x")) {
    in_addr address{};
    is_literal = true;
    if (host.ends_with('.') || inet_pton(AF_INET, text.c_str(), &address) != 1)
      return "its host is a number, but not an IPv4 address in dotted decimal";
  }
  return "";
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
    return "its scheme must be http or https";
  }

  auto rest = text.substr(colon + 3);
  const auto end = std::min(rest.find_first_of("/?#"), rest.size());
  auto authority = rest.substr(0, end);
  rest.remove_prefix(end);
  if (authority.find('@') != authority.npos) return "holds credentials: put them in a header";

  std::string_view host = authority;
  std::string_view port;
  const bool bracketed = authority.starts_with('[');
  if (bracketed) {
    const auto close = authority.find(']');
    if (close == authority.npos) return "its host has no closing bracket";
    host = authority.substr(1, close - 1);
    authority.remove_prefix(close + 1);
    if (!authority.empty() && authority.front() != ':') return "its host has something after the closing bracket";
    port = authority.empty() ? authority : authority.substr(1);
  } else if (const auto at = authority.find(':'); at != authority.npos) {
    host = authority.substr(0, at);
    port = authority.substr(at + 1);
  }
  if (host.empty()) return "has no host";
  url.host.resize(host.size());
  std::transform(host.begin(), host.end(), url.host.begin(), ascii_lower);
  if (auto wrong = check_host(url.host, bracketed, url.is_literal); !wrong.empty()) return wrong;

  url.port = url.is_https ? 443 : 80;
  if (!port.empty()) {
    unsigned long value = 0;
    const auto [parsed, failed] = std::from_chars(port.data(), port.data() + port.size(), value);
    if (!is_digits(port) || failed != std::errc{} || parsed != port.data() + port.size() || value == 0 || value > 65'535)
      return "its port is not a number from 1 to 65,535";
    url.port = static_cast<std::uint16_t>(value);
  }

  rest = rest.substr(0, rest.find('#'));
  if (rest.empty() || rest.front() == '?') url.target = "/";
  url.target.append(rest);
  return url;
}

}  // namespace flyhook::detail

#endif
