#ifndef FLYHOOK_ENCODING_HPP
#define FLYHOOK_ENCODING_HPP

#include <flyhook/detail/config.hpp>
#include <flyhook/http.hpp>
#include <flyhook/message.hpp>

#include <string>
#include <string_view>

// How a message becomes the body and the headers that no attempt changes. Pure: the same event gives the same bytes for
// ever, so that a receiver may compare repeats.

namespace flyhook {

/// What a request carries.
enum class Encoding {
  standard,                ///< {"type","timestamp","data"} (Standard Webhooks)
  raw,                     ///< the data alone
  cloudevents_structured,  ///< CloudEvents 1.0, JSON format
  cloudevents_binary       ///< CloudEvents 1.0, attributes as ce- headers
};

/// An encoded message: content-type, webhook-id, traceparent, then the message's own headers; and the body.
struct Encoded {
  Headers headers{};
  std::string body{};
};

/// Encodes `message`. `source` is the application's CloudEvents source (`Options::source`).
/// Throws Error (`unsupported`, "encoding") for what this version can't encode: the two CloudEvents modes, and `standard`
/// for data that is not JSON (a content_type of its own).
FLYHOOK_DECL Encoded encode(const Message& message, Encoding encoding, std::string_view source);

namespace detail {

/// UTC as YYYY-MM-DDTHH:MM:SS.ffffffZ (RFC 3339), microseconds truncated.
FLYHOOK_DECL std::string rfc3339(TimePoint time);

}  // namespace detail
}  // namespace flyhook

#if defined(FLYHOOK_HEADER_ONLY)
#include <flyhook/impl/encoding.ipp>
#endif

#endif
