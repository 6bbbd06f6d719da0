#ifndef FLYHOOK_DETAIL_SECURITY_URL_HPP
#define FLYHOOK_DETAIL_SECURITY_URL_HPP

#include <flyhook/detail/config.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

// A callback URL taken apart, once, where it comes in. Stricter than WHATWG: a registered URL has no business holding
// credentials, control characters, or a host in another spelling than letters, dotted decimal or bracketed IPv6.

namespace flyhook::detail {

///     https :// [2001:db8::1] : 8443 /hooks?x=1 #dropped
///     is_https     host         port   target
struct Url {
  bool is_https = false;
  std::string host{};  ///< lower case; of IPv6 without its brackets
  std::uint16_t port = 0;
  std::string target{};     ///< path and query as given, at least "/"; a fragment is never sent
  bool is_literal = false;  ///< the host is an IP address: it is its own only answer

  /// The Host header field: brackets for IPv6, the port unless it is the scheme's default.
  FLYHOOK_DECL std::string authority() const;
};

/// A parsed URL, or in words why it is not one that can be called.
FLYHOOK_DECL std::variant<Url, std::string> parse_url(std::string_view text);

}  // namespace flyhook::detail

#if defined(FLYHOOK_HEADER_ONLY)
#include <flyhook/impl/detail/security/url.ipp>
#endif

#endif
