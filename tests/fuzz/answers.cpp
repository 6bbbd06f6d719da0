#include <flyhook/detail/transport/http_exchange.hpp>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

// Anything as the answer to a request, over a connection on the loopback. The first byte says which request it is; the rest
// are the bytes that come, after which the other side closes.
//
// Nothing throws or hangs; there is a status or an error, never both; what is kept is bounded; and a status comes only from
// a whole status line that says so.

namespace {

using namespace flyhook;
using namespace flyhook::detail;
using namespace std::chrono_literals;

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "answers: %s\n", what);
  std::abort();
}

/// Where every connection of this program goes.
class Listener {
 public:
  Listener() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    require(::bind(fd_, reinterpret_cast<sockaddr*>(&at), size) == 0 && ::listen(fd_, 16) == 0, "cannot listen");
    ::getsockname(fd_, reinterpret_cast<sockaddr*>(&at), &size);
    port_ = ntohs(at.sin_port);
  }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  ~Listener() { ::close(fd_); }

  std::uint16_t port() const { return port_; }
  int accept() const { return ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC); }

 private:
  int fd_;
  std::uint16_t port_ = 0;
};

/// A line of the input that says `status`.
bool says(std::string_view bytes, int status) {
  const auto number = std::to_string(status);
  for (const std::string_view version : {"HTTP/1.1 ", "HTTP/1.0 "}) {
    const auto wanted = std::string{version} + number;
    for (auto at = bytes.find(wanted); at != bytes.npos; at = bytes.find(wanted, at + 1)) {
      const auto after = bytes.substr(at + wanted.size());
      const bool ends = !after.empty() && (after[0] < '0' || after[0] > '9');
      if ((at == 0 || bytes[at - 1] == '\n') && ends && after.find('\n') != after.npos) return true;
    }
  }
  return false;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Listener listener;
  if (size == 0 || size > 60'000) return 0;  // what a socket takes at once, since one thread plays both sides
  const std::string_view bytes{reinterpret_cast<const char*>(data) + 1, size - 1};

  auto url = std::get<Url>(parse_url("http://127.0.0.1:" + std::to_string(listener.port()) + "/hooks"));
  HttpRequest request;
  request.method = (data[0] & 1) != 0 ? "GET" : "POST";
  request.body = std::make_shared<const std::string>((data[0] & 1) != 0 ? "" : "{\"n\":1}");
  request.max_response_bytes = (data[0] & 2) != 0 ? 5 : 4096;

  HttpConnection connection{"127.0.0.1", url, "", 1};
  const auto now = std::chrono::steady_clock::now();
  require(connection.wire().connect(now + 10s, "overdue"), "not connected");
  const int other = listener.accept();
  require(other >= 0 && ::send(other, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size()),
          "not sent");
  ::shutdown(other, SHUT_WR);

  HttpExchange exchange{request, url};
  connection.wire().begin(now, 10s);
  const auto result = exchange.run(connection);
  const linger at_once{1, 0};  // no port is kept busy by a connection that is over
  ::setsockopt(other, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  ::close(other);

  const auto& answer = result.response;
  require(std::chrono::steady_clock::now() - now < 5s, "waited for what could not come");
  require((answer.status == 0) != answer.error.empty(), "a status and an error, or neither");
  require(answer.body.size() <= request.max_response_bytes, "too much of the body kept");
  require(answer.status == 0 || says(bytes, answer.status), "a status that no whole status line says");
  require(!result.is_reusable || !connection.wire().is_quiet(), "to be used again, though it was closed");
  std::size_t kept = 0;
  for (const auto& [name, value] : answer.headers) {
    require(is_header_value(value), "a header value that is none");
    kept += name.size() + value.size();
  }
  require(kept <= 64 * 1024, "headers of more than the limit");
  return 0;
}
