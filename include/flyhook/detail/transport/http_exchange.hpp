#ifndef FLYHOOK_DETAIL_TRANSPORT_HTTP_EXCHANGE_HPP
#define FLYHOOK_DETAIL_TRANSPORT_HTTP_EXCHANGE_HPP

#include <flyhook/detail/config.hpp>
#include <flyhook/detail/security/url.hpp>
#include <flyhook/detail/transport/connection.hpp>
#include <flyhook/http.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

// One request and its answer on a connection that is there: the HTTP of HttplibTransport, and the only place where
// cpp-httplib is at work. It writes the request and reads the answer; what an answer may cost in bytes is decided here.

namespace flyhook::detail {

/// A connection together with what it may be used for.
class HttpConnection {
 public:
  /// `endpoint`: a hash of the URL's origin and `ca_file`, to compare quickly.
  FLYHOOK_DECL HttpConnection(const std::string& address, const Url& url, const std::string& ca_file, std::size_t endpoint);
  FLYHOOK_DECL ~HttpConnection();

  /// True if `request` may be sent on it: same origin, same authorities, and the address is one of those given.
  FLYHOOK_DECL bool serves(const Url& url, const HttpRequest& request) const;
  /// True if both serve the same.
  FLYHOOK_DECL bool is_like(const HttpConnection& other) const;

  class Codec;

  Connection& wire() { return wire_; }
  Codec& codec() { return *codec_; }

 private:
  const std::size_t endpoint_;
  const bool is_https_;
  const std::uint16_t port_;
  const std::string host_;
  const std::string ca_file_;
  Connection wire_;
  const std::unique_ptr<Codec> codec_;
};

/// One request, to be run on one connection, or on a second one where the first proves stale.
class HttpExchange {
 public:
  struct Result {
    HttpResponse response{};
    bool is_reusable = false;  ///< another request may follow on the connection
    bool is_stale = false;     ///< it was closed by the other side before a byte of the answer
  };

  /// Takes the headers out of `request`, which must outlive this, and the target out of `url`.
  FLYHOOK_DECL HttpExchange(HttpRequest& request, Url& url);
  FLYHOOK_DECL ~HttpExchange();

  FLYHOOK_DECL Result run(HttpConnection& connection);

 private:
  struct Head;

  const HttpRequest& request_;
  const std::unique_ptr<Head> head_;
};

}  // namespace flyhook::detail

#if defined(FLYHOOK_HEADER_ONLY)
#include <flyhook/impl/detail/transport/http_exchange.ipp>
#endif

#endif
