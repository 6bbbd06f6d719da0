#ifndef FLYHOOK_HTTP_HPP
#define FLYHOOK_HTTP_HPP

#include <flyhook/detail/config.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// One HTTP exchange as values: what a transport is asked to send and what it answers. No HTTP library is involved here.

namespace flyhook {

/// Header fields in the order in which they are sent; names are compared without case.
using Headers = std::vector<std::pair<std::string, std::string>>;

/// The value of the first header of that name, compared without case; null: none. Points into `headers`.
FLYHOOK_DECL const std::string* find_header(const Headers& headers, std::string_view name);

namespace detail {
FLYHOOK_DECL char ascii_lower(char c);
FLYHOOK_DECL bool equal_letters(std::string_view a, std::string_view b);  // of texts of one length
/// Most names differ in their lengths already: seen without a call.
inline bool equal_without_case(std::string_view a, std::string_view b) {
  return a.size() == b.size() && equal_letters(a, b);
}

/// RFC 3986, 2.1, with upper-case digits: every byte that `is_kept` does not keep as %XX.
FLYHOOK_DECL std::string percent_encoded(std::string_view text, bool (*is_kept)(unsigned char));

}  // namespace detail

/// True for a field name of RFC 9110, 5.6.2 (token): no space, no control character, not empty.
FLYHOOK_DECL bool is_header_name(std::string_view name);

/// True for a field value of RFC 9110, 5.5 without CR, LF, NUL or other control characters but tab.
FLYHOOK_DECL bool is_header_value(std::string_view value);

/// A request for a transport. The body is shared by every delivery of the same event and encoding.
struct HttpRequest {
  std::string method{"POST"};
  std::string url{};
  Headers headers{};
  std::shared_ptr<const std::string> body{};
  std::chrono::milliseconds timeout{15'000};         ///< for the whole exchange, connecting included
  std::chrono::milliseconds connect_timeout{5'000};  ///< for connecting and the TLS handshake, within `timeout`
  std::vector<std::string> addresses{};   ///< connect only to these; Host, SNI and certificate name stay the URL's
  std::size_t max_response_bytes = 4096;  ///< of the body kept; what is beyond is read past or cut off
  std::string ca_file{};                  ///< PEM file of the trusted authorities; empty: the system's
  /// How long `addresses` may be connected to, counted from `send`: what was looked up counts 10 s. The first connection is
  /// not held to it; a further one is (to the next address, or where a kept connection turned out closed).
  std::chrono::milliseconds addresses_ttl{10'000};
};

/// The answer to an HttpRequest. Either `status` is a whole HTTP answer's, or `error` says why there is none: a class word
/// (dns, refused_address, connect, tls, timeout, closed, protocol, too_large, cancelled), a colon and the cause.
struct HttpResponse {
  int status = 0;
  std::string error{};
  Headers headers{};
  std::string body{};
};

/// Called exactly once per request with its answer.
using Completion = std::function<void(HttpResponse)>;

}  // namespace flyhook

#if defined(FLYHOOK_HEADER_ONLY)
#include <flyhook/impl/http.ipp>
#endif

#endif
