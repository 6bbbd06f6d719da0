#ifndef FLYHOOK_DETAIL_TRANSPORT_ANSWER_HPP
#define FLYHOOK_DETAIL_TRANSPORT_ANSWER_HPP

#include <flyhook/detail/config.hpp>
#include <flyhook/http.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

// What a server answers, read as RFC 9112 has it, from bytes as they come. Called by the transports; has no socket, no
// clock and no HTTP library, so that what a hostile server may cost is decided, tested and fuzzed in one place.

namespace flyhook::detail {

/// Bounds of one answer, interim answers (1xx) included. An answer whose status line was whole and whose head ended keeps
/// its status when its body passes a bound; before that it is an error.
struct AnswerLimits {
  static constexpr std::size_t status_line_bytes = 8 * 1024;
  static constexpr std::size_t head_bytes = 64 * 1024;       ///< status lines and headers, all of them, interim ones too
  static constexpr std::size_t header_lines = 1000;          ///< of them, since each costs more than its bytes
  static constexpr std::size_t read_past_bytes = 64 * 1024;  ///< of a body beyond what is kept, to save the connection
  static constexpr std::size_t framing_bytes = 64 * 1024;    ///< chunk sizes, their extensions, and trailers
};

///     status line ─► headers ─► (1xx: again) ─► body ─► done
///                                                └► chunk size ─► chunk ─► … ─► trailers
/// H3 and H4 of tests/vectors/README.md: a status counts only from a whole status line, and 1xx is passed over.
///
/// Once the head is whole the answer counts, however badly its body is framed: the receiver has done its work, and a
/// repetition would make it do so twice. But such an answer is not clean (H7), and where its end is unknown its body ends
/// at once, since waiting for a wrong length is waiting for the timeout.
class AnswerReader {
 public:
  /// `method` of the request; `max_body_bytes` of the body are kept.
  FLYHOOK_DECL AnswerReader(std::string_view method, std::size_t max_body_bytes);

  /// The next bytes received. What comes after the answer's end is not taken, and makes it unclean.
  FLYHOOK_DECL void feed(std::string_view bytes);

  /// The other side has closed: the end of a body without length, and a broken answer else.
  FLYHOOK_DECL void end();

  /// Nothing more is to be read: the answer is there, or `error()` says why it never will be.
  bool is_over() const { return state_ == State::done || state_ == State::failed; }
  bool is_done() const { return state_ == State::done; }

  /// Something, if only a byte, has come.
  bool has_begun() const { return has_begun_; }

  /// The answer ended where its framing said, and left no doubt: another one may follow on its connection.
  bool is_clean() const { return is_done() && is_clean_; }

  /// The answer, or `error`, when it is over. Leaves this empty.
  FLYHOOK_DECL HttpResponse take();

 private:
  enum class State { status_line, headers, body, chunk_size, chunk, chunk_end, trailers, done, failed };

  FLYHOOK_DECL void fail(std::string error);
  FLYHOOK_DECL void give_up();
  FLYHOOK_DECL bool take_line(std::string_view& bytes);
  FLYHOOK_DECL void on_line(std::string_view line);
  FLYHOOK_DECL bool is_possible(std::string_view start) const;
  FLYHOOK_DECL void on_status_line(std::string_view line);
  FLYHOOK_DECL void on_header(std::string_view line);
  FLYHOOK_DECL void on_head_end();
  FLYHOOK_DECL bool read_length(std::uint64_t& length) const;
  FLYHOOK_DECL bool is_chunked() const;
  FLYHOOK_DECL void on_chunk_size(std::string_view line);
  FLYHOOK_DECL void on_body(std::string_view bytes);

  const bool is_head_;
  const std::size_t max_body_bytes_;
  State state_ = State::status_line;
  bool has_begun_ = false;
  bool is_clean_ = true;
  bool is_until_close_ = false;
  bool has_header_ = false;  // a line of this head was one: the next may be its continuation
  std::string line_{};       // of which the end has not come
  std::size_t head_bytes_ = 0;
  std::size_t header_lines_ = 0;
  std::size_t framing_bytes_ = 0;
  std::uint64_t left_ = 0;  // of the body, or of the chunk
  std::uint64_t body_bytes_ = 0;
  HttpResponse answer_{};
};

}  // namespace flyhook::detail

#if defined(FLYHOOK_HEADER_ONLY)
#include <flyhook/impl/detail/transport/answer.ipp>
#endif

#endif
