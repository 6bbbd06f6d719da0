#ifndef FLYHOOK_ENCODING_HPP
#define FLYHOOK_ENCODING_HPP

#include <flyhook/detail/config.hpp>
#include <flyhook/detail/rfc3339.hpp>
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

/// An encoded message: content-type, webhook-id, traceparent, ce- attributes, then the message's own headers; and the body.
struct Encoded {
  Headers headers{};
  std::string body{};
};

/// Encodes `message` (rules E1 to E9 of tests/vectors/README.md). `source` is the application's CloudEvents source
/// (`Options::source`); the CloudEvents encodings alone use it.
///
///     encoding                 content-type                   body
///     standard                 application/json               {"type","timestamp","data"}
///     raw                      the message's                  the data
///     cloudevents_structured   application/cloudevents+json   {"specversion","id","source","type","time",
///                                                              "datacontenttype","data"}
///     cloudevents_binary       the message's                  the data; specversion, id, source, type, time as ce- headers
///
/// The data's bytes go out as they are. What `EventTraits::serialize` wrote is not checked here: what is no JSON, or no
/// UTF-8, makes a `standard` or structured body that is none either. Attributes are escaped, whatever bytes they hold.
/// Throws Error: `unsupported` ("encoding") for `standard` and `cloudevents_structured` where the content type is not
/// JSON's, `invalid` ("source") for a CloudEvents encoding with an empty source.
FLYHOOK_DECL Encoded encode(const Message& message, Encoding encoding, std::string_view source);

namespace detail {

/// True for the media types of JSON: subtype json or ending in +json, in any case, parameters aside (CloudEvents JSON
/// format, 3.1); and for the empty text, which means application/json.
FLYHOOK_DECL bool is_json_type(std::string_view content_type);

/// The value of a ce- header (CloudEvents HTTP binding 1.0.2, 3.1.3.2): bytes outside 0x21 to 0x7E, `"` and `%` as %XX.
FLYHOOK_DECL std::string ce_header_value(std::string_view text);

}  // namespace detail
}  // namespace flyhook

#if defined(FLYHOOK_HEADER_ONLY)
#include <flyhook/impl/encoding.ipp>
#endif

#endif
