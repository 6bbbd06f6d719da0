#ifndef FLYHOOK_DETAIL_RECEIVE_READING_HPP
#define FLYHOOK_DETAIL_RECEIVE_READING_HPP

#include <flyhook/clock.hpp>
#include <flyhook/detail/config.hpp>
#include <flyhook/event.hpp>
#include <flyhook/received.hpp>
#include <flyhook/verifier.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

// A verified request taken apart: which encoding it is, whose event, and where in the body the data stands. Pure; no
// handler and no server is known here.
//
//   standard scheme   application/cloudevents+json   structured   type, data or data_base64 of the body
//                     a ce-specversion header        binary       ce-type; data is the body, of its own content type
//                     {"type","data"}                standard     type and data of the body
//                     any other JSON                 raw          no type; data is the body
//   github            JSON                                        X-GitHub-Event; data is the body
//   stripe            JSON                                        type and data of the body

namespace flyhook::detail {

/// What one request brought.
struct ReceivedEvent {
  /// The data's bytes as they stand in the body (of data_base64 and of text in a JSON string: decoded). Empty: there is
  /// none. Looked for at each call: most handlers take `json`.
  FLYHOOK_DECL std::string_view data() const;

  Received meta{};
  nlohmann::json json{};  ///< the data; what is no JSON as a string if it is UTF-8, else as binary
  bool is_json = true;
  const char* member = nullptr;  ///< of meta.body that is the data; null: all of it is
  std::optional<std::string> decoded{};
};

/// Why a request is not taken, for its answer.
struct Refusal {
  int status = 400;
  std::string detail{}, field{};
};

/// `meta` comes with headers, body, scope and, of the standard scheme, the id. `now` is the time of what has none.
FLYHOOK_DECL std::variant<ReceivedEvent, Refusal> read_event(Scheme scheme, Received meta, TimePoint now);

/// Where the value of the member `name` of an object stands in `text`, which is JSON; the last one if there are several, as
/// nlohmann's parser has it. Nullopt: there is none, or it is no object.
struct Span {
  std::size_t at = 0, size = 0;
};
FLYHOOK_DECL std::optional<Span> find_member(std::string_view text, std::string_view name);

}  // namespace flyhook::detail

#if defined(FLYHOOK_HEADER_ONLY)
#include <flyhook/impl/detail/receive/reading.ipp>
#endif

#endif
