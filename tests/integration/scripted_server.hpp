#ifndef FLYHOOK_TESTS_INTEGRATION_SCRIPTED_SERVER_HPP
#define FLYHOOK_TESTS_INTEGRATION_SCRIPTED_SERVER_HPP

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "integration/certificate.hpp"

// A server on the loopback that does to a client what a script says, byte by byte, and counts. One thread per connection.

namespace flyhook::test {

using namespace std::chrono_literals;

/// Waits for a condition, looking again and again; false: not within ten seconds.
template <class Condition>
bool eventually(Condition condition) {
  const auto end = std::chrono::steady_clock::now() + 10s;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::yield();
  }
  return true;
}

class ScriptedServer {
 public:
  class Peer;
  using Script = std::function<void(Peer&)>;

  /// Runs `script` for each connection, on a free port of `address`; over TLS with a certificate,
  /// and with settings that `adjust` makes.
  explicit ScriptedServer(Script script, const Certificate* certificate = nullptr, std::string address = "127.0.0.1",
                          std::uint16_t port = 0, const std::function<void(SSL_CTX*)>& adjust = {})
      : script_(std::move(script)), address_(std::move(address)) {
    if (certificate) {
      tls_ = SSL_CTX_new(TLS_server_method());
      SSL_CTX_use_certificate(tls_, certificate->x509());
      SSL_CTX_use_PrivateKey(tls_, certificate->key());
      if (adjust) adjust(tls_);
    }
    const bool is_v6 = address_.find(':') != std::string::npos;
    listener_ = ::socket(is_v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    ::setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_storage at{};
    socklen_t size = 0;
    if (is_v6) {
      auto& v6 = reinterpret_cast<sockaddr_in6&>(at);
      v6.sin6_family = AF_INET6;
      v6.sin6_port = htons(port);
      inet_pton(AF_INET6, address_.c_str(), &v6.sin6_addr);
      size = sizeof v6;
    } else {
      auto& v4 = reinterpret_cast<sockaddr_in&>(at);
      v4.sin_family = AF_INET;
      v4.sin_port = htons(port);
      inet_pton(AF_INET, address_.c_str(), &v4.sin_addr);
      size = sizeof v4;
    }
    if (listener_ < 0 || ::bind(listener_, reinterpret_cast<sockaddr*>(&at), size) != 0 || ::listen(listener_, 512) != 0) {
      ::close(listener_);
      SSL_CTX_free(tls_);
      throw std::runtime_error("cannot listen on " + address_);
    }
    size = sizeof at;
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&at), &size);
    port_ = ntohs(is_v6 ? reinterpret_cast<sockaddr_in6&>(at).sin6_port : reinterpret_cast<sockaddr_in&>(at).sin_port);
    acceptor_ = std::thread([this] { accept_all(); });
  }
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;

  ~ScriptedServer() {
    {
      std::lock_guard lock{mutex_};
      stopped_ = true;
      for (auto& each : sessions_)
        if (each.fd >= 0) ::shutdown(each.fd, SHUT_RDWR);
    }
    ::shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    for (auto& each : sessions_) each.thread.join();
    ::close(listener_);
    SSL_CTX_free(tls_);
  }

  std::uint16_t port() const { return port_; }
  const std::string& address() const { return address_; }
  std::string url(std::string_view target = "/", std::string_view scheme = "http", std::string_view host = {}) const {
    const std::string name = !host.empty() ? std::string{host} : literal_host();
    return std::string{scheme} + "://" + name + ":" + std::to_string(port_) + std::string{target};
  }

  int connections() const { return connections_; }
  int closed() const { return closed_; }
  int requests() const { return requests_; }

  /// Everything received, request by request.
  std::vector<std::string> received() const {
    std::lock_guard lock{mutex_};
    return received_;
  }

 private:
  struct Session {
    std::thread thread{};
    int fd = -1;  // under the mutex: closed there, too
    bool done = false;
  };

  std::string literal_host() const { return address_.find(':') == std::string::npos ? address_ : "[" + address_ + "]"; }

  void accept_all();
  void run(Session& session, int fd, int number);

  const Script script_;
  const std::string address_;
  SSL_CTX* tls_ = nullptr;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<int> connections_{0};
  std::atomic<int> closed_{0};
  std::atomic<int> requests_{0};

  mutable std::mutex mutex_{};
  bool stopped_ = false;
  std::list<Session> sessions_{};
  std::vector<std::string> received_{};
  std::thread acceptor_{};
};

/// One connection, as its script sees it.
class ScriptedServer::Peer {
 public:
  Peer(ScriptedServer& server, int fd, SSL* session, int nth) : number(nth), server_(server), fd_(fd), session_(session) {}

  const int number;  ///< 1 for the first connection

  /// The next request whole; empty: the client has closed.
  std::string read_request() {
    for (;;) {
      const auto head = buffer_.find("\r\n\r\n");
      if (head != std::string::npos) {
        std::size_t length = 0;
        if (const auto at = buffer_.find("Content-Length: "); at < head) length = std::stoul(buffer_.substr(at + 16, 20));
        if (buffer_.size() >= head + 4 + length) {
          std::string request = buffer_.substr(0, head + 4 + length);
          buffer_.erase(0, request.size());
          ++server_.requests_;
          std::lock_guard lock{server_.mutex_};
          server_.received_.push_back(request);
          return request;
        }
      }
      if (!read_some()) return {};
    }
  }

  /// Reads until the end of a request's headers, and perhaps a little further.
  void read_head() {
    while (buffer_.find("\r\n\r\n") == std::string::npos && read_some()) {
    }
  }

  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto count = session_ ? SSL_write(session_, bytes.data(), static_cast<int>(bytes.size()))
                                  : ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (count <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    return true;
  }

  void answer(int status, std::string_view body = "ok", std::string_view more_headers = {}) {
    send("HTTP/1.1 " + std::to_string(status) + " Said so\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
         std::string{more_headers} + "\r\n" + std::string{body});
  }

  /// One byte, then the pause, over and over, until the client has had enough.
  void drip(std::string_view bytes, std::chrono::milliseconds pause) {
    for (std::size_t i = 0; send(bytes.substr(i % bytes.size(), 1)); ++i) {
      if (!pause_for(pause)) return;
    }
  }

  /// False: the client has closed, or the server is going.
  bool pause_for(std::chrono::milliseconds pause) {
    pollfd gone{fd_, POLLRDHUP, 0};
    return ::poll(&gone, 1, static_cast<int>(pause.count())) == 0;
  }

  void hang() {
    while (read_some()) {
    }
  }

  /// Says no more, but listens on.
  void end() { ::shutdown(fd_, SHUT_WR); }

  /// Closes in a way that reaches the client as a reset, not as an end.
  void reset() {
    const linger at_once{1, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  }

  std::string sni() const {
    const char* const name = session_ ? SSL_get_servername(session_, TLSEXT_NAMETYPE_host_name) : nullptr;
    return name ? name : "";
  }

 private:
  bool read_some() {
    char bytes[16384];
    const auto count = session_ ? SSL_read(session_, bytes, sizeof bytes) : ::recv(fd_, bytes, sizeof bytes, 0);
    if (count <= 0) return false;
    buffer_.append(bytes, static_cast<std::size_t>(count));
    return true;
  }

  ScriptedServer& server_;
  const int fd_;
  SSL* const session_;
  std::string buffer_{};
};

inline void ScriptedServer::accept_all() {
  for (;;) {
    const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    std::unique_lock lock{mutex_};
    if (stopped_ || fd < 0) {
      if (fd >= 0) ::close(fd);
      if (stopped_) return;
      continue;
    }
    std::vector<std::thread> ended;
    for (auto each = sessions_.begin(); each != sessions_.end();) {
      if (each->done) {
        ended.push_back(std::move(each->thread));
        each = sessions_.erase(each);
      } else {
        ++each;
      }
    }
    const int number = ++connections_;
    Session& session = sessions_.emplace_back();
    session.fd = fd;
    session.thread = std::thread([this, &session, fd, number] { run(session, fd, number); });
    lock.unlock();
    for (auto& thread : ended) thread.join();
  }
}

inline void ScriptedServer::run(Session& session, int fd, int number) {
  sigset_t pipe;  // OpenSSL's socket BIO raises it here; for the client it stays deadly
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
  SSL* secure = nullptr;
  if (tls_) {
    secure = SSL_new(tls_);
    SSL_set_fd(secure, fd);
  }
  if (!secure || SSL_accept(secure) == 1) {
    Peer peer{*this, fd, secure, number};
    script_(peer);
    if (secure) SSL_shutdown(secure);
  }
  SSL_free(secure);
  std::lock_guard lock{mutex_};
  ::close(fd);
  session.fd = -1;
  session.done = true;
  ++closed_;
}

/// Answers every request of every connection with 200.
inline void answer_all(ScriptedServer::Peer& peer) {
  while (!peer.read_request().empty()) peer.answer(200);
}

}  // namespace flyhook::test

#endif
