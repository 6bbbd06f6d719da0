#ifndef FLYHOOK_IMPL_DETAIL_TRANSPORT_CONNECTION_IPP
#define FLYHOOK_IMPL_DETAIL_TRANSPORT_CONNECTION_IPP

#include <flyhook/detail/transport/connection.hpp>
#include <flyhook/impl/detail/transport/connection/tls.ipp>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <system_error>

namespace flyhook::detail {

#if defined(MSG_NOSIGNAL)
inline constexpr int connection_send_flags = MSG_NOSIGNAL | MSG_DONTWAIT;
#else
inline constexpr int connection_send_flags = MSG_DONTWAIT;  // SO_NOSIGPIPE is set instead
#endif

Connection::Connection(const std::string& address, std::uint16_t port) : address_(address), port_(port) {
  in6_addr unused{};
  const bool is_v6 = inet_pton(AF_INET6, address.c_str(), &unused) == 1;
#if defined(SOCK_CLOEXEC)
  fd_ = ::socket(is_v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
#else
  fd_ = ::socket(is_v6 ? AF_INET6 : AF_INET, SOCK_STREAM, 0);
  if (fd_ >= 0) {
    ::fcntl(fd_, F_SETFD, FD_CLOEXEC);
    ::fcntl(fd_, F_SETFL, O_NONBLOCK);
  }
#endif
  if (fd_ < 0) {
    fail("connect", "no socket for " + peer() + ": " + std::generic_category().message(errno));
    return;
  }
  const int on = 1;
  ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
#if defined(SO_NOSIGPIPE)
  ::setsockopt(fd_, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on);
#endif
}

Connection::~Connection() {
  if (tls_ && failure_.empty() && !is_deaf_) {
    deadline_ = {};  // a close_notify if the kernel takes it at once; nobody waits for it
    ERR_clear_error();
    SSL_shutdown(tls_->session);
    ERR_clear_error();
  }
  if (fd_ >= 0) ::close(fd_);
}

std::string Connection::peer() const {
  return address_ + " port " + std::to_string(port_);
}

void Connection::interrupt() noexcept {
  // First the flag, then the wake-up: who connects looks at the flag after connect() and before it waits, since a shutdown
  // that comes before connect() has no effect.
  interrupted_ = true;
  if (fd_ >= 0) ::shutdown(fd_, SHUT_RDWR);
}

bool Connection::fail(std::string_view word, std::string_view cause) {
  if (failure_.empty()) failure_.append(word).append(": ").append(cause);
  return false;
}

/// Which of the events are there, errors among them; 0: it failed.
short Connection::wait(short events) {
  for (;;) {
    if (interrupted_) return fail("cancelled", "the transport has ended");
    const auto left = deadline_ - std::chrono::steady_clock::now();
    if (left <= left.zero()) {
      if (!overdue_.empty()) {
        if (failure_.empty()) failure_ = overdue_;
        return false;
      }
      return fail("timeout", "no whole answer within " + std::to_string(timeout_.count()) + " ms");
    }
    const auto millis = std::chrono::ceil<std::chrono::milliseconds>(left).count();
    pollfd ready{fd_, events, 0};
    const int count = ::poll(&ready, 1, static_cast<int>(std::min<std::int64_t>(millis, INT_MAX)));
    if (count > 0 && !interrupted_) return ready.revents;
    if (count < 0 && errno != EINTR) return fail("closed", "poll: " + std::generic_category().message(errno));
  }
}

bool Connection::connect(Time deadline, std::string_view overdue) {
  if (!failure_.empty()) return false;
  deadline_ = deadline;
  overdue_ = overdue;

  sockaddr_in6 v6{};
  sockaddr_in v4{};
  int result = -1;
  if (inet_pton(AF_INET6, address_.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port_);
    result = ::connect(fd_, reinterpret_cast<const sockaddr*>(&v6), sizeof v6);
  } else if (inet_pton(AF_INET, address_.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port_);
    result = ::connect(fd_, reinterpret_cast<const sockaddr*>(&v4), sizeof v4);
  } else {
    return fail("connect", address_ + " is not an IP address");
  }
  if (result != 0) {
    if (errno != EINPROGRESS && errno != EINTR)
      return fail("connect", peer() + ": " + std::generic_category().message(errno));
    if (!wait(POLLOUT)) return false;
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) return fail("connect", peer() + ": " + std::generic_category().message(error));
  }
  ::fcntl(fd_, F_SETFL, 0);  // from here on a receive may block in the kernel; everything else says MSG_DONTWAIT
  return true;
}

bool Connection::is_quiet() {
  if (is_deaf_ || interrupted_ || (tls_ && SSL_has_pending(tls_->session))) return false;
  char byte = 0;
  const auto count = ::recv(fd_, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  if (count == 0) return false;
  if (count < 0) return errno == EAGAIN || errno == EWOULDBLOCK;
  if (!tls_) return false;

  // Something came, which under TLS may be no more than a session ticket.
  is_probing_ = true;
  ERR_clear_error();
  const int peeked = SSL_peek(tls_->session, &byte, 1);
  const bool waits = peeked <= 0 && SSL_get_error(tls_->session, peeked) == SSL_ERROR_WANT_READ;
  ERR_clear_error();
  is_probing_ = false;
  return waits;
}

void Connection::begin(Time now, std::chrono::milliseconds timeout) {
  began_ = now;
  timeout_ = timeout;
  deadline_ = now + timeout;
  overdue_.clear();
  // With the timeout in the kernel the answer to a short request is one system call away, without a poll before it.
  if (kernel_timeout_ != timeout && timeout.count() > 0) {
    timeval limit{};
    limit.tv_sec = static_cast<decltype(limit.tv_sec)>(timeout.count() / 1000);
    limit.tv_usec = static_cast<decltype(limit.tv_usec)>(timeout.count() % 1000 * 1000);
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    kernel_timeout_ = timeout;
  }
  may_block_ = timeout.count() > 0;
}

/// With `yields` it leaves a rest where the other side says something and takes no more.
bool Connection::send_raw(std::string_view& head, std::string_view& body, bool yields) {
  while (!is_deaf_ && !(head.empty() && body.empty())) {
    iovec parts[2] = {{const_cast<char*>(head.data()), head.size()}, {const_cast<char*>(body.data()), body.size()}};
    msghdr message{};
    message.msg_iov = parts;
    message.msg_iovlen = body.empty() ? 1 : 2;
    const auto count = ::sendmsg(fd_, &message, connection_send_flags);
    if (count >= 0) {
      const auto sent = static_cast<std::size_t>(count);
      const auto of_head = std::min(sent, head.size());
      head.remove_prefix(of_head);
      body.remove_prefix(sent - of_head);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      may_block_ = false;  // time passes: what is left is less than SO_RCVTIMEO
      const short events = wait(static_cast<short>(yields ? POLLOUT | POLLIN : POLLOUT));
      if (events == 0) return false;
      if (yields && (events & POLLIN) != 0 && (events & POLLOUT) == 0) return true;
    } else if (errno != EINTR) {
      is_deaf_ = true;
    }
  }
  if (is_deaf_ && interrupted_) return fail("cancelled", "the transport has ended");
  head = body = {};
  return true;
}

std::ptrdiff_t Connection::receive_raw(char* to, std::size_t size) {
  for (;;) {
    const bool blocks = may_block_ && !is_probing_;
    may_block_ = false;
    const auto count = ::recv(fd_, to, size, blocks ? 0 : MSG_DONTWAIT);
    if (count > 0) return count;
    if (interrupted_) {
      fail("cancelled", "the transport has ended");
      return -1;
    }
    if (count == 0) return 0;
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
      if (is_probing_) {
        would_wait_ = true;
        return -1;
      }
      if (!wait(POLLIN)) return -1;
    } else if (errno != EINTR) {
      fail("closed", peer() + ": " + std::generic_category().message(errno));
      return -1;
    }
  }
}

bool Connection::send(std::string_view& head, std::string_view& body) {
  constexpr std::size_t record = 16 * 1024;
  // What is copied into one TLS record is one system call; a long body goes out from where it lies.
  bool sent = false;
  if (!tls_) {
    sent = send_raw(head, body, true);
  } else {
    if (!head.empty() && head.size() + body.size() <= record && !is_write_pending_) {
      joined_.assign(head).append(body);
      head = joined_;
      body = {};
    }
    sent = send_secure(head) && (!head.empty() || send_secure(body));
  }
  // A kernel timeout counts from the call, ours from begin(): only right after it are they the same.
  if (may_block_ && std::chrono::steady_clock::now() - began_ > std::chrono::milliseconds{5}) may_block_ = false;
  return sent;
}

std::ptrdiff_t Connection::receive(char* to, std::size_t size) {
  if (!tls_) return receive_raw(to, size);
  ERR_clear_error();
  const int count = SSL_read(tls_->session, to, static_cast<int>(std::min<std::size_t>(size, INT_MAX)));
  if (count > 0) return count;
  const int error = SSL_get_error(tls_->session, count);
  if (error == SSL_ERROR_ZERO_RETURN) return 0;
  if (is_probing_ && error == SSL_ERROR_WANT_READ) {
    ERR_clear_error();
    return -1;
  }
  fail("closed", "TLS from " + peer() + ": " + openssl_reason());
  return -1;
}

std::ptrdiff_t Connection::receive_early(char* to, std::size_t size) {
  is_probing_ = true;
  const auto count = receive(to, size);
  is_probing_ = false;
  return count;
}

}  // namespace flyhook::detail

#endif
