#ifndef FLYHOOK_IMPL_DETAIL_TRANSPORT_HTTP_EXCHANGE_IPP
#define FLYHOOK_IMPL_DETAIL_TRANSPORT_HTTP_EXCHANGE_IPP

#if !defined(CPPHTTPLIB_OPENSSL_SUPPORT)
#error \
    "define CPPHTTPLIB_OPENSSL_SUPPORT for every file that includes httplib.h (pkg-config --cflags cpp-httplib, or the CMake target, does): with and without it cpp-httplib has classes of the same name and another layout"
#endif

#include <flyhook/detail/transport/answer.hpp>
#include <flyhook/detail/transport/http_exchange.hpp>

#include <httplib.h>

#include <algorithm>
#include <string_view>
#include <utility>

namespace flyhook::detail {

/// Where cpp-httplib writes a request to. The answer is not its to read, but AnswerReader's: cpp-httplib 0.11 decodes `%0d`
/// in header values, passes over lines that end in a bare LF, lengths among them, and takes broken chunks for whole ones.
///
/// Versions of cpp-httplib differ in the virtual functions of Stream: here are those of all, none marked `override`.
class RequestSheet : public httplib::Stream {
 public:
  virtual bool is_readable() const { return true; }
  virtual bool is_writable() const { return true; }
  virtual bool wait_readable() const { return true; }
  virtual bool wait_writable() const { return true; }
  virtual bool is_peer_alive() const { return true; }
  virtual ssize_t read(char*, size_t) { return -1; }
  virtual ssize_t write(const char* bytes, size_t size) {
    text.append(bytes, size);
    return static_cast<ssize_t>(size);
  }
  virtual void get_remote_ip_and_port(std::string&, int&) const {}
  virtual void get_local_ip_and_port(std::string&, int&) const {}
  virtual socket_t socket() const { return INVALID_SOCKET; }
  virtual time_t duration() const { return 0; }

  std::string text{};
};

/// cpp-httplib's client without its socket: it writes a request's head as text.
class HttpConnection::Codec : public httplib::ClientImpl {
 public:
  explicit Codec(const std::string& host) : ClientImpl(host) {
    send_target_as_given(*this);
    set_keep_alive(true);
  }

  /// Empty: cpp-httplib does not send such a request.
  std::string write(httplib::Request& request) {
    RequestSheet sheet;
    httplib::Response none;
    auto error = httplib::Error::Success;
    process_request(sheet, request, none, false, error);
    return std::move(sheet.text);
  }

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

/// The request as cpp-httplib takes it, its body apart, and as text once it is known where it goes.
struct HttpExchange::Head {
  httplib::Request request{};
  std::string text{};
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
  if (head_->text.empty()) head_->text = connection.codec().write(head_->request);
  if (head_->text.empty()) return {.response = {.error = "protocol: the request cannot be sent as it is"}};

  Connection& wire = connection.wire();
  AnswerReader answer{request_.method, request_.max_response_bytes};
  std::string_view head = head_->text;
  std::string_view body = request_.body ? std::string_view{*request_.body} : std::string_view{};
  bool is_sent = false;
  char buffer[8192];
  while (!answer.is_over()) {
    if (!is_sent) {
      if (!wire.send(head, body)) break;
      is_sent = head.empty() && body.empty();
    }
    // A server may answer before it has the whole request, and read no further: then this is all it will say.
    const auto count = is_sent ? wire.receive(buffer, sizeof buffer) : wire.receive_early(buffer, sizeof buffer);
    if (count > 0)
      answer.feed({buffer, static_cast<std::size_t>(count)});
    else if (count == 0)
      answer.end();
    else if (!wire.failure().empty())
      break;
  }

  Result result;
  if (answer.is_done()) {
    result.response = answer.take();
    result.is_reusable = answer.is_clean() && is_sent && wire.is_writable();
  } else if (const std::string& failure = wire.failure(); !failure.empty()) {
    result.response.error = failure;
    result.is_stale = !answer.has_begun() && failure.starts_with("closed:");
  } else {
    result.response = answer.take();
    result.is_stale = !answer.has_begun();
  }
  return result;
}

}  // namespace flyhook::detail

#endif
