#ifndef FLYHOOK_DETAIL_SERVE_EXCHANGE_HPP
#define FLYHOOK_DETAIL_SERVE_EXCHANGE_HPP

#include <flyhook/detail/config.hpp>
#include <flyhook/http.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// One exchange as a server of ours sees it, whatever HTTP library took it: the request as values, its target taken apart,
// and the one shape of an answer that says what was wrong. Receiver and Admin judge these.

namespace flyhook::detail {

/// A request that a server took.
struct ServerRequest {
  std::string method{};
  std::string target{};  ///< as received: path and query, still percent-encoded
  Headers headers{};
  std::string body{};
  bool is_too_large = false;  ///< the body was longer than the limit, and is not here
  std::string peer{};         ///< the client's address as text; empty: unknown
  int port = 0;               ///< on which the server took it; 0: unknown
};

/// The request that `handle` is given, its body within `limit` bytes.
FLYHOOK_DECL ServerRequest request_of(std::string_view method, std::string_view target, const Headers& headers,
                                      std::string_view body, std::size_t limit);

/// A request target (RFC 9112, 3.2) in its decoded parts.
struct RequestTarget {
  std::string path{};
  std::vector<std::pair<std::string, std::string>> query{};  ///< in the order of the target; '+' is a space
};

/// Nullopt as of percent_decoded. A fragment is cut off.
FLYHOOK_DECL std::optional<RequestTarget> parse_target(std::string_view target);

/// Nullopt: a '%' without two hexadecimal digits behind it, or a NUL.
FLYHOOK_DECL std::optional<std::string> percent_decoded(std::string_view text, bool plus_is_space);

/// The answer for a request that was refused (RFC 9457): `application/problem+json` with title, status and detail, and the
/// member that was refused as `field`, unless it is empty. What is no UTF-8 in them is replaced.
FLYHOOK_DECL HttpResponse problem(int status, std::string_view detail, std::string_view field = {});

}  // namespace flyhook::detail

#if defined(FLYHOOK_HEADER_ONLY)
#include <flyhook/impl/detail/serve/exchange.ipp>
#endif

#endif
