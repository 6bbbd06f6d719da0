#ifndef FLYHOOK_IMPL_ENCODING_IPP
#define FLYHOOK_IMPL_ENCODING_IPP

#include <flyhook/encoding.hpp>
#include <flyhook/error.hpp>

#include <chrono>
#include <cstdint>

namespace flyhook {

namespace detail {

std::string rfc3339(TimePoint time) {
  using namespace std::chrono;
  const auto whole = floor<microseconds>(time);
  const auto day = floor<days>(whole);
  const year_month_day date{day};
  const auto in_day = whole - day;

  std::string text = "0000-00-00T00:00:00.000000Z";
  const auto put = [&](std::size_t at, std::size_t width, std::int64_t value) {
    for (std::size_t i = width; i-- > 0; value /= 10) text[at + i] = static_cast<char>('0' + value % 10);
  };
  put(0, 4, static_cast<int>(date.year()));
  put(5, 2, static_cast<unsigned>(date.month()));
  put(8, 2, static_cast<unsigned>(date.day()));
  put(11, 2, duration_cast<hours>(in_day).count());
  put(14, 2, duration_cast<minutes>(in_day).count() % 60);
  put(17, 2, duration_cast<seconds>(in_day).count() % 60);
  put(20, 6, in_day.count() % 1'000'000);
  return text;
}

}  // namespace detail

Encoded encode(const Message& message, Encoding encoding, std::string_view source) {
  static_cast<void>(source);  // CloudEvents' alone
  const bool is_json = message.content_type.empty() || message.content_type == "application/json";
  Encoded encoded;
  switch (encoding) {
    case Encoding::standard:
      if (!is_json)
        throw Error{ErrorCode::unsupported, "encoding",
                    "standard carries JSON only, and this event's content type is " + message.content_type + "; use raw"};
      encoded.body.reserve(message.data.size() + message.type.size() + 72);
      // The type needs no escaping: its grammar has no quote, backslash or control character.
      encoded.body.append(R"({"type":")").append(message.type);
      encoded.body.append(R"(","timestamp":")").append(detail::rfc3339(message.created_at));
      encoded.body.append(R"(","data":)").append(message.data).append("}");
      break;
    case Encoding::raw: encoded.body = message.data; break;
    case Encoding::cloudevents_structured:
    case Encoding::cloudevents_binary:
      throw Error{ErrorCode::unsupported, "encoding", "this version encodes standard and raw only"};
  }
  encoded.headers.reserve(3 + message.headers.size());
  encoded.headers.emplace_back("content-type", is_json ? "application/json" : message.content_type);
  encoded.headers.emplace_back("webhook-id", message.id.value);
  if (!message.trace_parent.empty()) encoded.headers.emplace_back("traceparent", message.trace_parent);
  encoded.headers.insert(encoded.headers.end(), message.headers.begin(), message.headers.end());
  return encoded;
}

}  // namespace flyhook

#endif
