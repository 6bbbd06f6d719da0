#ifndef FLYHOOK_IMPL_DETAIL_RECEIVE_READING_IPP
#define FLYHOOK_IMPL_DETAIL_RECEIVE_READING_IPP

#include <flyhook/detail/receive/reading.hpp>
#include <flyhook/detail/rfc3339.hpp>
#include <flyhook/detail/security/crypto.hpp>
#include <flyhook/detail/serve/exchange.hpp>
#include <flyhook/encoding.hpp>
#include <flyhook/error.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <limits>
#include <system_error>
#include <utility>
#include <vector>

namespace flyhook::detail {

/// How the event stands in the request.
enum class ContentMode { json, structured, binary, unsupported };

FLYHOOK_DECL Error malformed(std::string_view field, const std::string& reason);
FLYHOOK_DECL const std::string* only_header(const Headers& headers, std::string_view name);
FLYHOOK_DECL ContentMode content_mode(Scheme scheme, std::string_view content_type, bool has_attributes);
FLYHOOK_DECL bool is_identity(std::string_view content_encoding);
FLYHOOK_DECL TimePoint time_of(std::int64_t seconds);
FLYHOOK_DECL TimePoint signed_time(const Headers& headers, TimePoint otherwise);
FLYHOOK_DECL bool is_utf8(std::string_view text);
FLYHOOK_DECL const std::string& text_member(const nlohmann::json& object, const char* name);
FLYHOOK_DECL const std::string* optional_text(const nlohmann::json& object, const char* name);
FLYHOOK_DECL std::string attribute(const Headers& headers, std::string_view name);
FLYHOOK_DECL void take_bytes(ReceivedEvent& event);
FLYHOOK_DECL void take_member(ReceivedEvent& event, nlohmann::json& body, const char* name);
FLYHOOK_DECL void take_body(ReceivedEvent& event);
FLYHOOK_DECL void read_standard(ReceivedEvent& event, TimePoint now);
FLYHOOK_DECL void read_structured(ReceivedEvent& event, TimePoint now);
FLYHOOK_DECL void read_binary(ReceivedEvent& event, TimePoint now, std::string_view content_type);
FLYHOOK_DECL void read_github(ReceivedEvent& event, TimePoint now);
FLYHOOK_DECL void read_stripe(ReceivedEvent& event);
FLYHOOK_DECL std::size_t skip_space(std::string_view text, std::size_t at);
FLYHOOK_DECL std::size_t skip_value(std::string_view text, std::size_t at);

std::variant<ReceivedEvent, Refusal> read_event(Scheme scheme, Received meta, TimePoint now) {
  ReceivedEvent event;
  event.meta = std::move(meta);
  const auto& headers = event.meta.headers;
  try {
    const auto* given = only_header(headers, "content-type");
    const auto content_type = given != nullptr ? std::string_view{*given} : std::string_view{};
    const auto* encoding = only_header(headers, "content-encoding");
    if (encoding != nullptr && !is_identity(*encoding))
      return Refusal{415, "content-encoding: the body is taken as it is signed, not compressed", "content-encoding"};
    const auto mode = content_mode(scheme, content_type, find_header(headers, "ce-specversion") != nullptr);
    if (mode == ContentMode::unsupported) return Refusal{415, "content-type: JSON is taken here", "content-type"};

    if (scheme == Scheme::github) {
      read_github(event, now);
    } else if (scheme == Scheme::stripe) {
      read_stripe(event);
    } else if (mode == ContentMode::structured) {
      read_structured(event, now);
    } else if (mode == ContentMode::binary) {
      read_binary(event, now, content_type);
    } else {
      read_standard(event, now);
    }
  } catch (const Error& error) {
    return Refusal{400, error.what(), error.field()};
  }
  return event;
}

// Headers ---------------------------------------------------------------------------------------------------------------

Error malformed(std::string_view field, const std::string& reason) {
  return Error{ErrorCode::invalid, std::string{field}, reason};
}

/// Null: it is not there. Which of two the sender meant is unknown.
const std::string* only_header(const Headers& headers, std::string_view wanted) {
  const std::string* found = nullptr;
  for (const auto& [name, value] : headers) {
    if (!equal_without_case(name, wanted)) continue;
    if (found != nullptr) throw malformed(wanted, "is there twice");
    found = &value;
  }
  return found;
}

/// CloudEvents HTTP binding 1.0.2, 3: the media type tells structured (and batched) mode, else the attributes binary mode.
ContentMode content_mode(Scheme scheme, std::string_view content_type, bool has_attributes) {
  if (scheme == Scheme::standard) {
    constexpr std::string_view prefix = "application/cloudevents";
    auto type = content_type.substr(0, content_type.find(';'));
    while (type.ends_with(' ') || type.ends_with('\t')) type.remove_suffix(1);
    if (equal_without_case(type, "application/cloudevents+json")) return ContentMode::structured;
    if (equal_without_case(type.substr(0, prefix.size()), prefix)) return ContentMode::unsupported;
    if (has_attributes) return ContentMode::binary;
  }
  return is_json_type(content_type) ? ContentMode::json : ContentMode::unsupported;
}

bool is_identity(std::string_view content_encoding) {
  return content_encoding.empty() || equal_without_case(content_encoding, "identity");
}

/// As near as TimePoint comes to it.
TimePoint time_of(std::int64_t seconds) {
  constexpr std::int64_t most = 9'000'000'000;  // in the year 2255; nanoseconds in 64 bits end in 2262
  return TimePoint{std::chrono::seconds{std::clamp(seconds, -most, most)}};
}

/// What the verifier judged.
TimePoint signed_time(const Headers& headers, TimePoint otherwise) {
  const auto* text = find_header(headers, "webhook-timestamp");
  if (text == nullptr) text = find_header(headers, "svix-timestamp");
  std::int64_t seconds = 0;
  if (text == nullptr || std::from_chars(text->data(), text->data() + text->size(), seconds).ec != std::errc{})
    return otherwise;
  return time_of(seconds);
}

bool is_utf8(std::string_view text) {
  try {
    nlohmann::json(text).dump();
    return true;
  } catch (const nlohmann::json::exception&) {
    return false;
  }
}

/// The value of a CloudEvents attribute that must be there (HTTP binding 1.0.2, 3.1.3.2: quotes, then percent-encoding).
std::string attribute(const Headers& headers, std::string_view name) {
  const auto* value = only_header(headers, name);
  if (value == nullptr) throw malformed(name, "is missing");
  std::string unquoted;
  std::string_view rest = *value;
  if (rest.size() >= 2 && rest.starts_with('"') && rest.ends_with('"')) {
    rest = rest.substr(1, rest.size() - 2);
    for (std::size_t i = 0; i < rest.size(); ++i) {
      if (rest[i] == '\\' && i + 1 < rest.size()) ++i;
      unquoted.push_back(rest[i]);
    }
    rest = unquoted;
  }
  auto decoded = percent_decoded(rest, false);
  if (!decoded || decoded->empty() || !is_utf8(*decoded)) throw malformed(name, "is empty, or no percent-encoded UTF-8");
  return *std::move(decoded);
}

// Modes -----------------------------------------------------------------------------------------------------------------

const std::string& text_member(const nlohmann::json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_string() || found->get_ref<const std::string&>().empty())
    throw malformed(name, "must be a string that is not empty");
  return found->get_ref<const std::string&>();
}

/// Null: it is not there, or is null, which says the same (CloudEvents JSON format 1.0.2, 2.2).
const std::string* optional_text(const nlohmann::json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || found->is_null()) return nullptr;
  if (!found->is_string()) throw malformed(name, "must be a string");
  return &found->get_ref<const std::string&>();
}

/// The data is no JSON.
void take_bytes(ReceivedEvent& event) {
  const auto bytes = event.data();
  event.is_json = false;
  if (is_utf8(bytes)) {
    event.json = bytes;
  } else {
    event.json = nlohmann::json::binary({bytes.begin(), bytes.end()});
  }
}

void take_member(ReceivedEvent& event, nlohmann::json& body, const char* name) {
  const auto found = body.find(name);
  if (found == body.end()) throw malformed(name, "is missing");
  event.member = name;
  event.json = std::move(*found);
}

void take_body(ReceivedEvent& event) {
  event.json = parse_json(event.meta.body);
}

void read_standard(ReceivedEvent& event, TimePoint now) {
  auto& meta = event.meta;
  meta.timestamp = signed_time(meta.headers, now);
  take_body(event);
  const auto type = event.json.is_object() ? event.json.find("type") : event.json.end();
  if (type == event.json.end() || !type->is_string() || type->get_ref<const std::string&>().empty() ||
      !event.json.contains("data"))
    return;  // raw
  auto body = std::move(event.json);
  meta.type = body.at("type").get<std::string>();
  const auto time = body.find("timestamp");
  if (time != body.end() && time->is_string())
    if (const auto given = parse_rfc3339(time->get_ref<const std::string&>())) meta.timestamp = *given;
  take_member(event, body, "data");
}

/// CloudEvents JSON format 1.0.2, 3.
void read_structured(ReceivedEvent& event, TimePoint now) {
  auto& meta = event.meta;
  auto body = parse_json(meta.body);
  if (!body.is_object()) throw malformed("", "a CloudEvent must be an object");
  if (!text_member(body, "specversion").starts_with("1.")) throw malformed("specversion", "must be 1.0");
  text_member(body, "id");
  text_member(body, "source");
  meta.type = text_member(body, "type");
  meta.timestamp = signed_time(meta.headers, now);
  if (const auto* text = optional_text(body, "time")) {
    const auto time = parse_rfc3339(*text);
    if (!time) throw malformed("time", "must be a date-time of RFC 3339");
    meta.timestamp = *time;
  }
  const auto* content_type = optional_text(body, "datacontenttype");
  const bool is_text = content_type != nullptr && !is_json_type(*content_type);
  const bool has_data = body.contains("data");
  if (const auto* encoded = optional_text(body, "data_base64")) {
    if (has_data) throw malformed("data_base64", "is there beside data");
    event.decoded = base64_decode(*encoded);
    if (!event.decoded) throw malformed("data_base64", "is not base64");
    take_bytes(event);
  } else if (!has_data) {
    event.decoded.emplace();  // none
  } else {
    take_member(event, body, "data");
    if (is_text && event.json.is_string()) {
      event.decoded = event.json.get<std::string>();  // 3.1: text of that type
      event.is_json = false;
    }
  }
}

void read_binary(ReceivedEvent& event, TimePoint now, std::string_view content_type) {
  auto& meta = event.meta;
  if (!attribute(meta.headers, "ce-specversion").starts_with("1.")) throw malformed("ce-specversion", "must be 1.0");
  attribute(meta.headers, "ce-id");
  attribute(meta.headers, "ce-source");
  meta.type = attribute(meta.headers, "ce-type");
  meta.timestamp = signed_time(meta.headers, now);
  if (find_header(meta.headers, "ce-time") != nullptr) {
    const auto time = parse_rfc3339(attribute(meta.headers, "ce-time"));
    if (!time) throw malformed("ce-time", "must be a date-time of RFC 3339");
    meta.timestamp = *time;
  }
  if (is_json_type(content_type)) {
    if (!meta.body.empty()) take_body(event);  // an event need not have data
  } else {
    take_bytes(event);
  }
}

void read_github(ReceivedEvent& event, TimePoint now) {
  auto& meta = event.meta;
  for (auto* const field : {&meta.type, &meta.id}) {
    const auto* const name = field == &meta.type ? "x-github-event" : "x-github-delivery";
    const auto* value = only_header(meta.headers, name);
    if (value == nullptr || value->empty()) throw malformed(name, "is missing");
    *field = *value;
  }
  meta.timestamp = now;
  take_body(event);
}

void read_stripe(ReceivedEvent& event) {
  auto& meta = event.meta;
  auto body = parse_json(meta.body);
  if (!body.is_object()) throw malformed("", "a Stripe event must be an object");
  meta.type = text_member(body, "type");
  meta.id = text_member(body, "id");
  const auto created = body.find("created");
  if (created == body.end() || !created->is_number_integer()) throw malformed("created", "must be an integer");
  constexpr auto most = std::numeric_limits<std::int64_t>::max();
  const bool is_over = created->is_number_unsigned() && created->get<std::uint64_t>() > std::uint64_t{most};
  meta.timestamp = time_of(is_over ? most : created->get<std::int64_t>());
  take_member(event, body, "data");
}

// Where a member stands -------------------------------------------------------------------------------------------------

std::size_t skip_space(std::string_view text, std::size_t at) {
  return std::min(text.find_first_not_of(" \t\r\n", at), text.size());
}

/// Behind the value that begins at `at`; what follows one is a comma, a bracket or space.
std::size_t skip_value(std::string_view text, std::size_t at) {
  std::size_t depth = 0;
  while (at < text.size()) {
    const char c = text[at];
    if (c == '"') {
      at = behind_json_string(text, at);
    } else if (c == '{' || c == '[') {
      ++depth;
      ++at;
    } else if (c == '}' || c == ']') {
      if (depth == 0) return at;
      --depth;
      ++at;
    } else if (depth == 0) {
      at = std::min(text.find_first_of(",}] \t\r\n", at), text.size());
    } else {
      ++at;
      continue;
    }
    if (depth == 0) return at;
  }
  return at;
}

std::string_view ReceivedEvent::data() const {
  if (decoded) return *decoded;
  if (member == nullptr) return meta.body;
  const auto span = find_member(meta.body, member);
  return span ? std::string_view{meta.body}.substr(span->at, span->size) : std::string_view{};
}

std::optional<Span> find_member(std::string_view text, std::string_view name) {
  std::optional<Span> found;
  auto at = skip_space(text, text.starts_with("\xEF\xBB\xBF") ? 3 : 0);
  if (at == text.size() || text[at] != '{') return found;
  for (at = skip_space(text, at + 1); at < text.size() && text[at] == '"';) {
    const auto key = text.substr(at, behind_json_string(text, at) - at);
    at = skip_space(text, at + key.size());  // the colon
    at = skip_space(text, std::min(at + 1, text.size()));
    const auto end = skip_value(text, at);
    const bool is_it = key.find('\\') == key.npos ? key.size() == name.size() + 2 && key.substr(1, name.size()) == name
                                                  : nlohmann::json::parse(key, nullptr, false) == nlohmann::json(name);
    if (is_it) found = Span{at, end - at};
    at = skip_space(text, end);
    if (at < text.size() && text[at] == ',') at = skip_space(text, at + 1);
  }
  return found;
}

}  // namespace flyhook::detail

#endif
