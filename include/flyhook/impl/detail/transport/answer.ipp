#ifndef FLYHOOK_IMPL_DETAIL_TRANSPORT_ANSWER_IPP
#define FLYHOOK_IMPL_DETAIL_TRANSPORT_ANSWER_IPP

#include <flyhook/detail/transport/answer.hpp>

#include <algorithm>
#include <limits>
#include <utility>

namespace flyhook::detail {

FLYHOOK_DECL bool is_ascii_digit(char c);
/// 0 to 15; negative: no hexadecimal digit.
FLYHOOK_DECL int hex_digit(char c);
/// Without the spaces and tabs around it.
FLYHOOK_DECL std::string_view without_blanks(std::string_view text);
/// The next element of a comma-separated list (RFC 9110, 5.6.1), which loses it; empty elements are elements.
FLYHOOK_DECL std::string_view next_of_list(std::string_view& list);

bool is_ascii_digit(char c) {
  return c >= '0' && c <= '9';
}

int hex_digit(char c) {
  if (is_ascii_digit(c)) return c - '0';
  const char lower = ascii_lower(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

std::string_view without_blanks(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::string_view next_of_list(std::string_view& list) {
  const auto comma = std::min(list.find(','), list.size());
  const auto element = without_blanks(list.substr(0, comma));
  list.remove_prefix(std::min(comma + 1, list.size()));
  return element;
}

AnswerReader::AnswerReader(std::string_view method, std::size_t max_body_bytes)
    : is_head_(method == "HEAD"), max_body_bytes_(max_body_bytes) {}

void AnswerReader::fail(std::string error) {
  if (is_over()) return;
  answer_ = {};
  answer_.error = std::move(error);
  state_ = State::failed;
}

/// The answer counts, but where it ends nobody knows, or it is not worth reading to its end.
void AnswerReader::give_up() {
  is_clean_ = false;
  state_ = State::done;
}

HttpResponse AnswerReader::take() {
  return std::move(answer_);
}

void AnswerReader::feed(std::string_view bytes) {
  has_begun_ = has_begun_ || !bytes.empty();
  while (!bytes.empty() && !is_over()) {
    if (state_ == State::body || state_ == State::chunk) {
      const auto part = bytes.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), left_)));
      bytes.remove_prefix(part.size());
      if (!is_until_close_) left_ -= part.size();
      on_body(part);
      if (left_ == 0 && !is_over()) state_ = state_ == State::chunk ? State::chunk_end : State::done;
    } else if (!take_line(bytes)) {
      return;
    }
  }
  if (!bytes.empty()) is_clean_ = false;
}

void AnswerReader::end() {
  if (is_over()) return;
  is_clean_ = false;
  if (is_until_close_)
    state_ = State::done;
  else if (has_begun_)
    fail("closed: the other side closed the connection within its answer");
  else
    fail("closed: the other side closed the connection without an answer");
}

/// Takes a line, or what there is of it, out of `bytes`, and counts it. False: more is needed, or it is over.
bool AnswerReader::take_line(std::string_view& bytes) {
  const auto end = bytes.find('\n');
  const bool is_whole = end != bytes.npos;
  const auto part = bytes.substr(0, is_whole ? end + 1 : bytes.size());
  const bool is_in_head = state_ == State::status_line || state_ == State::headers;
  auto& counter = is_in_head ? head_bytes_ : framing_bytes_;
  const auto limit = is_in_head ? AnswerLimits::head_bytes : AnswerLimits::framing_bytes;
  if (part.size() > limit - counter) {
    if (is_in_head)
      fail("too_large: status line and headers of more than " + std::to_string(limit) + " bytes");
    else
      give_up();
    return false;
  }
  counter += part.size();
  bytes.remove_prefix(part.size());
  if (state_ == State::status_line && line_.size() + part.size() > AnswerLimits::status_line_bytes) {
    fail("too_large: a status line of more than " + std::to_string(AnswerLimits::status_line_bytes) + " bytes");
    return false;
  }
  if (!is_whole || !line_.empty()) line_.append(part);
  if (!is_whole) {
    // H8: what can become no status line, or no chunk, is known to be none before its line has ended.
    if (!is_possible(line_)) on_line(line_);
    return false;
  }

  auto line = line_.empty() ? part : std::string_view{line_};
  line.remove_suffix(1);
  // A bare LF ends a line, too (RFC 9112, 2.2), but who sends it may see the end of its answer elsewhere than we do.
  if (line.ends_with('\r'))
    line.remove_suffix(1);
  else
    is_clean_ = false;
  on_line(line);
  line_.clear();
  return !is_over();
}

/// True if what comes can still make `start` a line that is right where it stands.
bool AnswerReader::is_possible(std::string_view start) const {
  if (state_ == State::status_line) {
    constexpr std::string_view shape = "HTTP/1.v ddd";
    for (std::size_t i = 0; i < std::min(start.size(), shape.size()); ++i) {
      const char c = start[i];
      const bool fits = shape[i] == 'v' ? c == '0' || c == '1' : shape[i] == 'd' ? is_ascii_digit(c) : c == shape[i];
      if (!fits) return false;
    }
    return start.size() <= shape.size() || start[shape.size()] == ' ' || start[shape.size()] == '\r';
  }
  if (state_ == State::chunk_size) return hex_digit(start[0]) >= 0;
  if (state_ == State::chunk_end) return start == "\r";
  return true;
}

void AnswerReader::on_line(std::string_view line) {
  switch (state_) {
    case State::status_line: return on_status_line(line);
    case State::headers: return line.empty() ? on_head_end() : on_header(line);
    case State::chunk_size: return on_chunk_size(line);
    case State::chunk_end:
      if (!line.empty()) return give_up();
      state_ = State::chunk_size;
      return;
    case State::trailers:
      if (line.empty()) state_ = State::done;
      return;
    default: return;
  }
}

/// RFC 9112, 4: HTTP-version SP status-code SP [ reason-phrase ]. That second space is often missing where no reason is.
void AnswerReader::on_status_line(std::string_view line) {
  constexpr std::size_t shortest = 12;  // "HTTP/1.1 200"
  if (line.size() < shortest || !is_possible(line) || !is_header_value(line))
    return fail("protocol: the answer is not HTTP/1.1: it has no status line");
  const int status = (line[9] - '0') * 100 + (line[10] - '0') * 10 + (line[11] - '0');
  if (status < 100) return fail("protocol: the answer has the status " + std::string{line.substr(9, 3)});
  // Nobody asked for another protocol, and what follows would be in it.
  if (status == 101) return fail("protocol: the other side wants to switch protocols, which nobody asked for (101)");
  answer_.status = status;
  is_clean_ = is_clean_ && (line[7] == '1' || status < 200);  // HTTP/1.0 closes
  has_header_ = false;
  state_ = State::headers;
}

/// A line that is no header is passed over: whatever it was, the status is known. Values with CR or NUL are no values
/// (RFC 9110, 5.5).
void AnswerReader::on_header(std::string_view line) {
  if (++header_lines_ > AnswerLimits::header_lines)
    return fail("too_large: more than " + std::to_string(AnswerLimits::header_lines) + " headers");
  auto& headers = answer_.headers;
  if (line.front() == ' ' || line.front() == '\t') {  // obs-fold (RFC 9112, 5.2): the line before goes on
    const auto more = without_blanks(line);
    if (!has_header_ || !is_header_value(more)) {
      is_clean_ = false;
    } else if (!more.empty()) {
      headers.back().second.append(" ").append(more);
    }
    return;
  }
  const auto colon = line.find(':');
  auto name = line.substr(0, std::min(colon, line.size()));
  const auto value = colon == line.npos ? std::string_view{} : without_blanks(line.substr(colon + 1));
  has_header_ = false;
  // A blank before the colon is none of the name (RFC 9112, 5.1); a length must not be overlooked for it.
  if (const auto trimmed = without_blanks(name); trimmed.size() != name.size()) {
    name = trimmed;
    is_clean_ = false;
  }
  if (colon == line.npos || !is_header_name(name) || !is_header_value(value)) {
    is_clean_ = false;
    // But a header that frames the body is not one that is not there.
    if (!equal_without_case(name, "content-length") && !equal_without_case(name, "transfer-encoding")) return;
    headers.emplace_back(name, "");
    return;
  }
  headers.emplace_back(name, value);
  has_header_ = true;
}

/// RFC 9112, 6.3: how long the body is.
void AnswerReader::on_head_end() {
  const int status = answer_.status;
  if (status < 200) {
    answer_ = {};
    state_ = State::status_line;
    return;
  }
  bool closes = false;
  for (const auto& [name, value] : answer_.headers) {
    if (!equal_without_case(name, "connection")) continue;
    for (std::string_view rest = value; !rest.empty();) closes = equal_without_case(next_of_list(rest), "close") || closes;
  }
  if (closes) is_clean_ = false;

  const bool has_length = find_header(answer_.headers, "content-length") != nullptr;
  const bool has_coding = find_header(answer_.headers, "transfer-encoding") != nullptr;
  std::uint64_t length = 0;
  const bool is_readable_length = has_length && read_length(length);
  if (has_length && !is_readable_length) is_clean_ = false;

  if (is_head_ || status == 304) {
    state_ = State::done;
  } else if (status == 204 || (status == 205 && !has_length && !has_coding)) {
    // Without a body by definition: one that was announced all the same may come yet.
    if (has_coding || length != 0 || status == 205) is_clean_ = false;
    state_ = State::done;
  } else if (has_coding) {
    if (has_length) is_clean_ = false;  // RFC 9112, 6.1: the sender may be up to something
    if (!is_chunked()) return give_up();
    state_ = State::chunk_size;
  } else if (has_length) {
    if (!is_readable_length) return give_up();
    left_ = length;
    state_ = length == 0 ? State::done : State::body;
  } else {
    is_until_close_ = true;
    is_clean_ = false;
    left_ = std::numeric_limits<std::uint64_t>::max();
    state_ = State::body;
  }
  if (state_ == State::body && max_body_bytes_ == 0) on_body({});
}

/// False: no number, one beyond 64 bits, or two that differ. Repeated equal ones are one (RFC 9110, 8.6).
bool AnswerReader::read_length(std::uint64_t& length) const {
  bool is_first = true;
  for (const auto& [name, value] : answer_.headers) {
    if (!equal_without_case(name, "content-length")) continue;
    std::string_view rest = value;
    do {
      const auto digits = next_of_list(rest);
      if (digits.empty()) return false;
      std::uint64_t number = 0;
      for (const char c : digits) {
        if (!is_ascii_digit(c)) return false;
        const auto digit = static_cast<std::uint64_t>(c - '0');
        if (number > (std::numeric_limits<std::uint64_t>::max() - digit) / 10) return false;
        number = number * 10 + digit;
      }
      if (!is_first && number != length) return false;
      length = number;
      is_first = false;
    } while (!rest.empty());
  }
  return !is_first;
}

/// True if `chunked` is the last coding and stands there once (RFC 9112, 6.1). Another coding beneath it does not concern
/// who looks for the end.
bool AnswerReader::is_chunked() const {
  std::size_t times = 0;
  bool is_last = false;
  for (const auto& [name, value] : answer_.headers) {
    if (!equal_without_case(name, "transfer-encoding")) continue;
    std::string_view rest = value;
    do {
      is_last = equal_without_case(next_of_list(rest), "chunked");
      times += is_last;
    } while (!rest.empty());
  }
  return is_last && times == 1;
}

/// RFC 9112, 7.1: hexadecimal digits, then perhaps an extension, which nobody knows.
void AnswerReader::on_chunk_size(std::string_view line) {
  std::uint64_t size = 0;
  std::size_t at = 0;
  for (; at < line.size() && hex_digit(line[at]) >= 0; ++at) {
    if (size >> 60 != 0) return give_up();
    size = size << 4 | static_cast<std::uint64_t>(hex_digit(line[at]));
  }
  const auto extension = without_blanks(line.substr(at));
  if (at == 0 || !is_header_value(extension) || (!extension.empty() && extension.front() != ';')) return give_up();
  left_ = size;
  state_ = size == 0 ? State::trailers : State::chunk;
  if (size != 0 && max_body_bytes_ == 0) on_body({});
}

/// Keeps what is to be kept. A rest too long to be read past, announced or come, ends the answer here.
void AnswerReader::on_body(std::string_view bytes) {
  const auto room = max_body_bytes_ - answer_.body.size();
  answer_.body.append(bytes.substr(0, room));
  body_bytes_ += bytes.size();
  const bool is_full = answer_.body.size() == max_body_bytes_;
  const auto coming = is_until_close_ ? 0 : left_;
  const auto past = body_bytes_ - answer_.body.size();
  if (is_full && (past > AnswerLimits::read_past_bytes || coming > AnswerLimits::read_past_bytes - past)) give_up();
}

}  // namespace flyhook::detail

#endif
