#ifndef FLYHOOK_IMPL_ENCODING_IPP
#define FLYHOOK_IMPL_ENCODING_IPP

#include <flyhook/encoding.hpp>
#include <flyhook/error.hpp>

namespace flyhook {

namespace detail {

FLYHOOK_DECL void append_json(std::string& out, std::string_view text);
FLYHOOK_DECL void append_member(std::string& out, std::string_view name, std::string_view text);
FLYHOOK_DECL void require_json(const Message& message, const char* encoding);
FLYHOOK_DECL std::string standard_body(const Message& message);
FLYHOOK_DECL std::string structured_body(const Message& message, std::string_view content_type, std::string_view source);
FLYHOOK_DECL void add_attributes(Headers& headers, const Message& message, std::string_view source);

bool is_json_type(std::string_view content_type) {
  if (content_type.empty()) return true;
  auto type = content_type.substr(0, content_type.find(';'));
  while (type.ends_with(' ') || type.ends_with('\t')) type.remove_suffix(1);
  const auto slash = type.find('/');
  if (slash == type.npos || slash == 0) return false;
  const auto subtype = type.substr(slash + 1);
  if (equal_without_case(subtype, "json")) return true;
  constexpr std::string_view suffix = "+json";
  return subtype.size() > suffix.size() && equal_without_case(subtype.substr(subtype.size() - suffix.size()), suffix);
}

std::string ce_header_value(std::string_view text) {
  return percent_encoded(text,
                         [](unsigned char byte) { return byte >= 0x21 && byte <= 0x7E && byte != '"' && byte != '%'; });
}

/// `text` as a JSON string. Bytes from 0x80 on stay what they are.
void append_json(std::string& out, std::string_view text) {
  constexpr std::string_view digits = "0123456789abcdef";
  out.push_back('"');
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20) {
      out.append({'\\', 'u', '0', '0', digits[byte >> 4], digits[byte & 15u]});
    } else {
      if (c == '"' || c == '\\') out.push_back('\\');
      out.push_back(c);
    }
  }
  out.push_back('"');
}

/// `"name":"text",`
void append_member(std::string& out, std::string_view name, std::string_view text) {
  append_json(out, name);
  out.push_back(':');
  append_json(out, text);
  out.push_back(',');
}

void require_json(const Message& message, const char* encoding) {
  if (is_json_type(message.content_type)) return;
  throw Error{ErrorCode::unsupported, "encoding",
              std::string{encoding} + " carries JSON only, and this event's content type is " + message.content_type +
                  "; use raw or cloudevents_binary"};
}

std::string standard_body(const Message& message) {
  std::string body;
  body.reserve(message.data.size() + message.type.size() + 72);
  body.push_back('{');
  append_member(body, "type", message.type);
  append_member(body, "timestamp", rfc3339(message.created_at));
  body.append(R"("data":)").append(message.data).append("}");
  return body;
}

std::string structured_body(const Message& message, std::string_view content_type, std::string_view source) {
  std::string body;
  body.reserve(message.data.size() + message.id.value.size() + message.type.size() + source.size() + content_type.size() +
               160);
  body.push_back('{');
  append_member(body, "specversion", "1.0");
  append_member(body, "id", message.id.value);
  append_member(body, "source", source);
  append_member(body, "type", message.type);
  append_member(body, "time", rfc3339(message.created_at));
  append_member(body, "datacontenttype", content_type);
  body.append(R"("data":)").append(message.data).append("}");
  return body;
}

void add_attributes(Headers& headers, const Message& message, std::string_view source) {
  headers.emplace_back("ce-specversion", "1.0");
  headers.emplace_back("ce-id", ce_header_value(message.id.value));
  headers.emplace_back("ce-source", ce_header_value(source));
  headers.emplace_back("ce-type", ce_header_value(message.type));
  headers.emplace_back("ce-time", ce_header_value(rfc3339(message.created_at)));
}

}  // namespace detail

Encoded encode(const Message& message, Encoding encoding, std::string_view source) {
  const bool is_structured = encoding == Encoding::cloudevents_structured;
  const bool is_binary = encoding == Encoding::cloudevents_binary;
  if ((is_structured || is_binary) && source.empty())
    throw Error{ErrorCode::invalid, "source", "is empty; CloudEvents need a URI-reference"};
  const std::string own_type = message.content_type.empty() ? "application/json" : message.content_type;

  Encoded encoded;
  auto& headers = encoded.headers;
  headers.reserve((is_binary ? 8 : 3) + message.headers.size());
  if (encoding == Encoding::standard) {
    detail::require_json(message, "standard");
    encoded.body = detail::standard_body(message);
    headers.emplace_back("content-type", "application/json");
  } else if (is_structured) {
    detail::require_json(message, "cloudevents_structured");
    encoded.body = detail::structured_body(message, own_type, source);
    headers.emplace_back("content-type", "application/cloudevents+json");
  } else {
    encoded.body = message.data;
    headers.emplace_back("content-type", own_type);
  }
  headers.emplace_back("webhook-id", message.id.value);
  if (!message.trace_parent.empty()) headers.emplace_back("traceparent", message.trace_parent);
  if (is_binary) detail::add_attributes(headers, message, source);
  headers.insert(headers.end(), message.headers.begin(), message.headers.end());
  return encoded;
}

}  // namespace flyhook

#endif
