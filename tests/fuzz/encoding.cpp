#include <flyhook/encoding.hpp>

#include <flyhook/error.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

// Four lines (id, type, source, content type), then data. What a receiver reads is what was sent: a structured or standard
// body parsed by somebody else's JSON library, a binary event's headers decoded.

namespace {

using namespace flyhook;

void require(bool condition) {
  if (!condition) std::abort();
}

std::string_view take_line(std::string_view& rest) {
  const auto line = rest.substr(0, rest.find('\n'));
  rest.remove_prefix(std::min(line.size() + 1, rest.size()));
  return line;
}

bool is_json(const std::string& text) {
  return text.find('\0') == text.npos && nlohmann::json::accept(text);
}

bool is_utf8(const std::string& text) {
  try {
    static_cast<void>(nlohmann::json(text).dump());
    return true;
  } catch (const nlohmann::json::type_error&) {
    return false;
  }
}

std::string percent_decoded(const std::string& value) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string text;
  for (std::size_t i = 0; i < value.size(); ++i) {
    require(value[i] >= '!' && value[i] <= '~' && value[i] != '"');
    if (value[i] != '%') {
      text.push_back(value[i]);
      continue;
    }
    require(i + 2 < value.size());
    const auto high = digits.find(value[i + 1]), low = digits.find(value[i + 2]);
    require(high != digits.npos && low != digits.npos);
    text.push_back(static_cast<char>(high * 16 + low));
    i += 2;
  }
  return text;
}

void check_binary(const Message& message, const Encoded& encoded, const std::string& source) {
  const auto& headers = encoded.headers;
  require(encoded.body == message.data);
  require(percent_decoded(*find_header(headers, "ce-id")) == message.id.value);
  require(percent_decoded(*find_header(headers, "ce-type")) == message.type);
  require(percent_decoded(*find_header(headers, "ce-source")) == source);
  require(*find_header(headers, "ce-specversion") == "1.0");
  require(percent_decoded(*find_header(headers, "ce-time")) == detail::rfc3339(message.created_at));
}

void check_structured(const Message& message, const Encoded& encoded, const std::string& source) {
  const auto body = nlohmann::json::parse(encoded.body);
  require(body.size() == 7);
  require(body.at("specversion") == "1.0");
  require(body.at("id") == message.id.value);
  require(body.at("source") == source);
  require(body.at("type") == message.type);
  require(body.at("time") == detail::rfc3339(message.created_at));
  require(body.at("datacontenttype") == (message.content_type.empty() ? "application/json" : message.content_type));
  require(body.at("data") == nlohmann::json::parse(message.data));
}

void check_standard(const Message& message, const Encoded& encoded) {
  const auto body = nlohmann::json::parse(encoded.body);
  require(body.size() == 3);
  require(body.at("type") == message.type);
  require(body.at("timestamp") == detail::rfc3339(message.created_at));
  require(body.at("data") == nlohmann::json::parse(message.data));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // Exactly as large as the input, so that a byte read beyond it is found.
  const std::unique_ptr<char[]> bytes{new char[size]};
  if (size > 0) std::memcpy(bytes.get(), data, size);
  std::string_view rest{bytes.get(), size};
  Message message;
  message.id.value = take_line(rest);
  message.type = take_line(rest);
  const std::string source{take_line(rest)};
  message.content_type = take_line(rest);
  message.data = rest;
  message.created_at = TimePoint{std::chrono::microseconds{1'760'000'000'123'456}};

  const bool is_text =
      is_utf8(message.id.value) && is_utf8(message.type) && is_utf8(source) && is_utf8(message.content_type);
  for (const auto encoding :
       {Encoding::standard, Encoding::raw, Encoding::cloudevents_structured, Encoding::cloudevents_binary}) {
    Encoded encoded;
    const bool embeds = encoding == Encoding::standard || encoding == Encoding::cloudevents_structured;
    try {
      encoded = encode(message, encoding, source);
    } catch (const Error& error) {
      const bool lacks_source = source.empty() && encoding != Encoding::standard && encoding != Encoding::raw;
      const bool is_other_data = embeds && !detail::is_json_type(message.content_type);
      require(lacks_source || is_other_data);
      require(error.field() == (lacks_source ? "source" : "encoding"));
      continue;
    }
    const auto again = encode(message, encoding, source);
    require(again.body == encoded.body && again.headers == encoded.headers);
    require(*find_header(encoded.headers, "webhook-id") == message.id.value);
    if (encoding == Encoding::raw) require(encoded.body == message.data);
    if (encoding == Encoding::cloudevents_binary) check_binary(message, encoded, source);
    if (!embeds || !is_text || !is_json(message.data)) continue;
    if (encoding == Encoding::standard) check_standard(message, encoded);
    if (encoding == Encoding::cloudevents_structured) check_structured(message, encoded, source);
  }
  return 0;
}
