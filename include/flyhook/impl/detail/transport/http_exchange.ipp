#ifndef FLYHOOK_IMPL_DETAIL_TRANSPORT_HTTP_EXCHANGE_IPP
#define FLYHOOK_IMPL_DETAIL_TRANSPORT_HTTP_EXCHANGE_IPP

#if !defined(CPPHTTPLIB_OPENSSL_SUPPORT)
#error \
    "define CPPHTTPLIB_OPENSSL_SUPPORT for every file that includes httplib.h (pkg-config --cflags cpp-httplib, or the CMake target, does): with and without it cpp-httplib has classes of the same name and another layout"
#endif

#include <flyhook/detail/transport/http_exchange.hpp>

#include <httplib.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <string_view>
#include <utility>

namespace flyhook::detail {

// What an answer may cost, whatever its sender does. A status line is kept short because cpp-httplib 0.11 matches it by
// std::regex, which recurses once per character.
inline constexpr std::size_t max_status_line_bytes = 512;
inline constexpr std::size_t max_header_bytes = 64 * 1024;
inline constexpr std::size_t max_read_past_bytes = 64 * 1024;  // of a body beyond what is kept, to save the connection
inline constexpr std::size_t max_framing_bytes = 64 * 1024;    // chunk sizes and trailers

FLYHOOK_DECL bool may_be_status_line(std::string_view start);
FLYHOOK_DECL bool has_readable_framing(const httplib::Headers& headers);
FLYHOOK_DECL bool announces_body(const httplib::Headers& headers);
FLYHOOK_DECL bool says_close(const httplib::Headers& headers);

/// cpp-httplib's Stream over a Connection for one exchange. The request is held back until the first read, so that its head
/// and body leave in one system call, the body from where it lies. A server may answer before it has the whole request and
/// read no further: what it says then is read all the same. Interim answers (1xx) never reach cpp-httplib: 0.11
/// knows only a bare 100, and takes 103 for the answer.
///
/// Versions of cpp-httplib differ in the virtual functions of Stream: here are those of all, none marked `override`.
// NOLINTBEGIN(modernize-use-override)
class ExchangeStream : public httplib::Stream {
 public:
  ExchangeStream(Connection& connection, std::string_view body, std::size_t max_body_bytes)
      : connection_(connection), body_left_(body), max_body_bytes_(max_body_bytes) {}

  virtual bool is_readable() const { return true; }
  virtual bool is_writable() const { return true; }
  virtual bool wait_readable() const { return true; }
  virtual bool wait_writable() const { return true; }
  virtual bool is_peer_alive() const { return true; }
  FLYHOOK_DECL virtual ssize_t read(char* to, size_t size);
  virtual ssize_t write(const char* bytes, size_t size) {
    head_.append(bytes, size);
    return static_cast<ssize_t>(size);
  }
  virtual void get_remote_ip_and_port(std::string&, int&) const {}
  virtual void get_local_ip_and_port(std::string&, int&) const {}
  virtual socket_t socket() const { return INVALID_SOCKET; }
  virtual time_t duration() const { return 0; }
  virtual const char* buffered_data(size_t& size) const {
    size = end_ - at_;
    return size ? buffer_ + at_ : nullptr;
  }
  virtual void consume_buffered(size_t size) { at_ += size; }

  /// The final answer's headers have been read.
  void on_headers() {
    headers_done_ = true;
    limit_ = received_ + max_body_bytes_ + max_read_past_bytes + max_framing_bytes;
  }

  bool has_sent() const { return head_left_.empty() && body_left_.empty(); }
  bool has_headers() const { return headers_done_; }
  bool has_received() const { return received_ != 0; }
  bool has_ended() const { return ended_; }
  bool is_drained() const { return at_ == end_; }
  const std::string& problem() const { return problem_; }

 private:
  FLYHOOK_DECL bool start();
  FLYHOOK_DECL bool fill();
  FLYHOOK_DECL bool has_whole_lines();

  Connection& connection_;
  std::string head_{};
  std::string_view head_left_{}, body_left_;  // to be sent
  std::size_t max_body_bytes_;
  bool started_ = false;
  bool headers_done_ = false;
  bool ended_ = false;  // the other side closed
  std::size_t received_ = 0;
  std::size_t limit_ = max_header_bytes;
  std::string problem_{};
  char last_in_head_ = 0;       // the byte before the one that is looked at
  std::size_t line_bytes_ = 0;  // of the head's line so far
  bool is_head_over_ = false;
  std::size_t looked_at_ = 0;  // so far in the buffer
  std::size_t at_ = 0;
  std::size_t end_ = 0;
  char buffer_[8192];
};
// NOLINTEND(modernize-use-override)

/// Appends what comes to the buffer, which has room. Sends what is left of the request, until something comes.
bool ExchangeStream::fill() {
  if (at_ == end_) at_ = end_ = looked_at_ = 0;
  std::ptrdiff_t count = -1;
  do {
    if (!has_sent() && !connection_.send(head_left_, body_left_)) return false;
    char* const to = buffer_ + end_;
    const auto room = sizeof buffer_ - end_;
    count = has_sent() ? connection_.receive(to, room) : connection_.receive_early(to, room);
  } while (count < 0 && connection_.failure().empty());  // nothing was there after all: a TLS session ticket, say
  if (count <= 0) {
    ended_ = count == 0;
    return false;
  }
  received_ += static_cast<std::size_t>(count);
  end_ += static_cast<std::size_t>(count);
  if (has_whole_lines() && received_ <= limit_) return true;
  if (problem_.empty() && !headers_done_)
    problem_ = "too_large: status line and headers of more than " + std::to_string(limit_) + " bytes";
  at_ = end_ = 0;
  return false;
}

/// Each line of the head ends in CR LF, as far as it has come. cpp-httplib passes over those that do not, the empty one
/// among them, and would wait for the head's end until the timeout.
bool ExchangeStream::has_whole_lines() {
  for (; looked_at_ < end_ && !is_head_over_; ++looked_at_) {
    const char c = buffer_[looked_at_];
    if (c == '\n') {
      if (last_in_head_ != '\r') {
        problem_ = "protocol: a line of the answer's head ends in LF alone";
        return false;
      }
      is_head_over_ = line_bytes_ == 1;
      line_bytes_ = 0;
    } else {
      ++line_bytes_;
    }
    last_in_head_ = c;
  }
  return true;
}

/// Can this be the beginning of a status line, or of an interim one?
bool may_be_status_line(std::string_view start) {
  constexpr std::string_view shape = "HTTP/1.v ddd";
  for (std::size_t i = 0; i < std::min(start.size(), shape.size()); ++i) {
    const char c = start[i];
    const bool fits = shape[i] == 'v' ? c == '0' || c == '1' : shape[i] == 'd' ? c >= '0' && c <= '9' : c == shape[i];
    if (!fits) return false;
  }
  return start.size() <= shape.size() || start[shape.size()] == ' ' || start[shape.size()] == '\r';
}

/// Sends the request, passes over interim answers, and leaves the buffer at a whole status line.
bool ExchangeStream::start() {
  started_ = true;
  head_left_ = head_;
  for (;;) {
    const std::string_view seen{buffer_ + at_, end_ - at_};
    const auto line_end = seen.find('\n');
    if (!may_be_status_line(seen)) {
      problem_ = "protocol: the answer has no status line of HTTP/1.1";
      return false;
    }
    if (line_end == seen.npos && seen.size() > max_status_line_bytes) {
      problem_ = "too_large: a status line of more than " + std::to_string(max_status_line_bytes) + " bytes";
      return false;
    }
    if (line_end != seen.npos) {
      const auto status = seen.substr(9, 3);
      if (status.front() != '1') return true;
      if (status == "101") {
        problem_ = "protocol: the other side wants to switch protocols, which nobody asked for (101)";
        return false;
      }
      if (const auto head_end = seen.find("\r\n\r\n"); head_end != seen.npos) {
        at_ = looked_at_ = at_ + head_end + 4;
        is_head_over_ = false;  // another one follows
        if (!has_whole_lines()) return false;
        continue;
      }
      if (seen.size() == sizeof buffer_) {
        problem_ = "too_large: an interim answer of more than " + std::to_string(sizeof buffer_) + " bytes";
        return false;
      }
    }
    if (at_ != 0) {
      std::memmove(buffer_, buffer_ + at_, end_ - at_);
      looked_at_ -= at_;
      end_ -= at_;
      at_ = 0;
    }
    if (!fill()) return end_ != at_ && problem_.empty();  // a line cut short is for cpp-httplib to judge
  }
}

ssize_t ExchangeStream::read(char* to, size_t size) {
  if ((!started_ && !start()) || (at_ == end_ && !fill())) return ended_ ? 0 : -1;
  const auto count = std::min(size, end_ - at_);
  std::memcpy(to, buffer_ + at_, count);
  at_ += count;
  return static_cast<ssize_t>(count);
}

/// cpp-httplib's client without its socket: it writes a request to a stream and reads the answer from it.
class HttpConnection::Codec : public httplib::ClientImpl {
 public:
  explicit Codec(const std::string& host) : ClientImpl(host) {
    send_target_as_given(*this);
    set_decompress(false);
    set_keep_alive(true);
  }

  using ClientImpl::process_request;

 private:
  // The name of this setting differs between versions of cpp-httplib.
  template <class Client>
  static void send_target_as_given(Client& client) {
    if constexpr (requires { client.set_path_encode(false); })
      client.set_path_encode(false);
    else
      client.set_url_encode(false);
  }
};

/// RFC 9112, 6.3: the length is one number, or the coding is `chunked` alone.
bool has_readable_framing(const httplib::Headers& headers) {
  const auto codings = headers.equal_range("Transfer-Encoding");
  for (auto at = codings.first; at != codings.second; ++at)
    if (!equal_without_case(at->second, "chunked") || std::next(at) != codings.second) return false;
  const auto lengths = headers.equal_range("Content-Length");
  for (auto at = lengths.first; at != lengths.second; ++at) {
    const auto& text = at->second;
    if (text.empty() || text.size() > 18 || text.find_first_not_of("0123456789") != text.npos) return false;
    if (text != lengths.first->second) return false;
  }
  return headers.count("Content-Length ") == 0;
}

/// A body is on its way, whether the status has one or not.
bool announces_body(const httplib::Headers& headers) {
  const auto length = headers.find("Content-Length");
  return headers.count("Transfer-Encoding") > 0 || (length != headers.end() && length->second != "0");
}

/// `close` among the options of any Connection field (RFC 9110, 7.6.1).
bool says_close(const httplib::Headers& headers) {
  const auto [first, last] = headers.equal_range("Connection");
  return std::any_of(first, last, [](const auto& field) {
    std::string options = field.second;
    std::transform(options.begin(), options.end(), options.begin(), ascii_lower);
    return options.find("close") != options.npos;
  });
}

/// Collects the answer's body up to a limit.
struct BodyKeeper {
  ExchangeStream& stream;
  std::size_t limit;
  std::string body{};
  std::size_t received = 0;
  bool is_cut = false;

  /// What has no body, or one whose end nobody knows, is not waited for: its status says it all. cpp-httplib would wait.
  bool on_headers(const httplib::Response& answer) {
    stream.on_headers();
    const bool has_length = answer.headers.count("Content-Length") > 0;
    is_cut = answer.status == 304 || (answer.status == 205 && (announces_body(answer.headers) || !has_length)) ||
             !has_readable_framing(answer.headers);
    return !is_cut;
  }

  bool on_body(const char* bytes, std::size_t size, std::uint64_t total) {
    body.append(bytes, std::min(size, limit - body.size()));
    received += size;
    const auto most = limit + max_read_past_bytes;
    is_cut = received > most || (total > most && body.size() == limit);
    return !is_cut;
  }
};

HttpConnection::HttpConnection(const std::string& address, const Url& url, const std::string& ca_file, std::size_t endpoint)
    : endpoint_(endpoint),
      is_https_(url.is_https),
      port_(url.port),
      host_(url.host),
      ca_file_(ca_file),
      wire_(address, url.port),
      codec_(std::make_unique<Codec>(url.host)) {}

HttpConnection::~HttpConnection() = default;

bool HttpConnection::serves(const Url& url, const HttpRequest& request) const {
  return is_https_ == url.is_https && port_ == url.port && host_ == url.host && ca_file_ == request.ca_file &&
         std::find(request.addresses.begin(), request.addresses.end(), wire_.address()) != request.addresses.end();
}

bool HttpConnection::is_like(const HttpConnection& other) const {
  return endpoint_ == other.endpoint_ && is_https_ == other.is_https_ && port_ == other.port_ && host_ == other.host_ &&
         ca_file_ == other.ca_file_ && wire_.address() == other.wire_.address();
}

/// The request as cpp-httplib takes it, its body apart: that goes out through ExchangeStream.
struct HttpExchange::Head {
  httplib::Request request{};
};

HttpExchange::HttpExchange(HttpRequest& request, Url& url) : request_(request), head_(std::make_unique<Head>()) {
  auto& head = head_->request;
  head.method = request.method;
  head.path = std::move(url.target);
  if (!find_header(request.headers, "host")) head.headers.emplace("Host", url.authority());
  for (auto& [name, value] : request.headers)
    if (!equal_without_case(name, "content-length") && !equal_without_case(name, "transfer-encoding"))
      head.headers.emplace(std::move(name), std::move(value));
  if (request.body || head.method == "POST" || head.method == "PUT" || head.method == "PATCH") {
    head.headers.emplace("Content-Length", std::to_string(request.body ? request.body->size() : 0));
    // A provider of nothing keeps cpp-httplib from adding a length of its own.
    head.content_provider_ = [](std::size_t, std::size_t, httplib::DataSink&) { return true; };
  }
}

HttpExchange::~HttpExchange() = default;

HttpExchange::Result HttpExchange::run(HttpConnection& connection) {
  auto& head = head_->request;
  Connection& wire = connection.wire();
  ExchangeStream stream{wire, request_.body ? std::string_view{*request_.body} : std::string_view{},
                        request_.max_response_bytes};
  BodyKeeper keeper{stream, request_.max_response_bytes};
  head.response_handler = [&keeper](const httplib::Response& answer) { return keeper.on_headers(answer); };
  head.content_receiver = [&keeper](const char* bytes, std::size_t size, auto /*offset*/, auto total) {
    return keeper.on_body(bytes, size, total);
  };

  httplib::Response answer;
  auto error = httplib::Error::Success;
  const bool whole = connection.codec().process_request(stream, head, answer, false, error);

  Result result;
  const std::string& failure = wire.failure();
  // Cut where we had enough, or framed in a way that cpp-httplib cannot read, as with trailers: its status says it all.
  const bool counts = (whole || (stream.has_headers() && failure.empty() && !stream.has_ended())) &&
                      answer.status >= 200;  // "099" is none of the interim answers that were passed over
  if (counts) {
    // Where the body ends must be beyond doubt (RFC 9112, 6.3), or its rest would be the next answer's beginning.
    const auto framings = answer.headers.count("Content-Length") + answer.headers.count("Transfer-Encoding");
    result.is_reusable = whole && framings <= 1 && !(answer.status == 204 && announces_body(answer.headers)) &&
                         stream.has_sent() && !stream.has_ended() && stream.is_drained() && wire.is_writable() &&
                         answer.version == "HTTP/1.1" && !says_close(answer.headers);
    result.response.status = answer.status;
    result.response.body = std::move(keeper.body);
    result.response.headers.reserve(answer.headers.size());
    for (auto& [name, value] : answer.headers)  // cpp-httplib 0.11 decodes %0d in values
      if (is_header_value(value)) result.response.headers.emplace_back(name, std::move(value));
    return result;
  }
  if (!failure.empty()) {
    result.response.error = failure;
    result.is_stale = !stream.has_received() && failure.starts_with("closed:");
  } else if (!stream.problem().empty()) {
    result.response.error = stream.problem();
  } else if (stream.has_ended()) {
    result.is_stale = !stream.has_received();
    result.response.error = result.is_stale ? "closed: the other side closed the connection without an answer"
                                            : "closed: the other side closed the connection within its answer";
  } else {
    result.response.error = "protocol: the answer is not HTTP/1.1, or the request cannot be sent as it is";
  }
  return result;
}

}  // namespace flyhook::detail

#endif
