#ifndef FLYHOOK_DETAIL_SECURITY_URL_HPP
#define FLYHOOK_DETAIL_SECURITY_URL_HPP

#include <flyhook/detail/config.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

// A callback URL taken apart, once, where it comes in: rules U1 to U10 of tests/vectors/README.md. Its host is read as
// WHATWG URL reads it, so that no spelling of an address passes for a name; what it may lead to is url_policy.hpp's
// business.

namespace flyhook::detail {

/// A host in the one spelling that is resolved, compared and sent.
struct Host {
  /// A name in lower case, with its trailing dot if it has one; or an address as to_text of ip.hpp writes it, without
  /// brackets: 127.0.0.1 for 0x7f.1.
  std::string text{};
  bool is_literal = false;  ///< an IP address: it is its own only answer (U12)
};

///     https :// [2001:db8::1] : 8443 /hooks?x=1 #dropped
///     is_https     host         port   target
struct Url {
  bool is_https = false;
  std::string host{};  ///< Host::text
  std::uint16_t port = 0;
  std::string target{};     ///< path and query as given, non-ASCII percent-encoded, at least "/"; a fragment is never sent
  bool is_literal = false;  ///< Host::is_literal

  /// The Host header field: brackets for IPv6, the port unless it is the scheme's default.
  FLYHOOK_DECL std::string authority() const;
};

/// A host as it stands in a URL (U5 to U8), or why it is none, as a predicate: "has a host that ...". `xn--` labels are
/// taken as they stand (U6 leaves the choice): a malformed one is a name that nobody has.
FLYHOOK_DECL std::variant<Host, std::string> parse_host(std::string_view text);

/// A parsed URL, or why it is not one that can be called, as a predicate that quotes nothing of it.
FLYHOOK_DECL std::variant<Url, std::string> parse_url(std::string_view text);

}  // namespace flyhook::detail

#if defined(FLYHOOK_HEADER_ONLY)
#include <flyhook/impl/detail/security/url.ipp>
#endif

#endif
