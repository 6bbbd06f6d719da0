#ifndef FLYHOOK_DETAIL_TRANSPORT_CONNECTION_HPP
#define FLYHOOK_DETAIL_TRANSPORT_CONNECTION_HPP

#include <flyhook/detail/config.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

// One TCP or TLS connection of a client: bytes out, bytes in, and an end to waiting. Used by the transports; knows nothing
// of HTTP, never looks up a name, and raises no SIGPIPE. Every wait ends at a deadline of its own, so no other thread has
// to watch over it, and at `interrupt`.

namespace flyhook::detail {

class TlsContext;  // trusted authorities and TLS settings of many connections

///     open ─► connect ─► (secure) ─► begin ─► send ─► receive … ─► begin ─► …
///                                      └───── one exchange ─────┘
/// For one thread at a time, but for `interrupt`. After a failure `failure()` says why, and it is of no use any more.
class Connection {
 public:
  using Time = std::chrono::steady_clock::time_point;

  /// TLS 1.2 or newer, certificates verified against `ca_file`, a PEM file of authorities; empty: the system's. Null, and
  /// `error` is an HttpResponse::error, if it cannot be read. Costs milliseconds: make one and share it.
  FLYHOOK_DECL static std::shared_ptr<const TlsContext> make_tls_context(const std::string& ca_file, std::string& error);

  /// Opens a socket for `address`, an IPv4 or IPv6 address as text; connects nothing yet.
  FLYHOOK_DECL Connection(const std::string& address, std::uint16_t port);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  FLYHOOK_DECL ~Connection();

  /// Ends what waits now and whatever would wait later. From any thread, while the connection lives.
  FLYHOOK_DECL void interrupt() noexcept;

  /// Waiting past `deadline` fails with `overdue` as the reason.
  FLYHOOK_DECL bool connect(Time deadline, std::string_view overdue);

  /// TLS on the connected socket. The certificate must be `host`'s, whatever the address.
  FLYHOOK_DECL bool secure(std::shared_ptr<const TlsContext> context, const std::string& host, bool host_is_address,
                           Time deadline, std::string_view overdue);

  /// True if the other side has neither closed nor said anything unasked: what an idle connection must be to be used again.
  FLYHOOK_DECL bool is_quiet();

  /// A new exchange, `timeout` long from `now` on.
  FLYHOOK_DECL void begin(Time now, std::chrono::milliseconds timeout);

  /// Both parts, in one system call where they fit; what is sent is taken off them. A rest is left where the other side
  /// says something and takes no more: receive_early(), then send() the rest. Another side that stops listening is no
  /// failure here, and leaves no rest: it may have answered early, and receive() will tell.
  FLYHOOK_DECL bool send(std::string_view& head, std::string_view& body);

  /// Bytes received; 0: the other side has closed; negative: failed.
  FLYHOOK_DECL std::ptrdiff_t receive(char* to, std::size_t size);

  /// The same without waiting. Negative without a failure(): nothing is there, such as with a TLS session ticket.
  FLYHOOK_DECL std::ptrdiff_t receive_early(char* to, std::size_t size);

  /// HttpResponse::error of the first failure; empty: none.
  const std::string& failure() const { return failure_; }

  const std::string& address() const { return address_; }

  /// False once the other side has stopped listening: no further request can be sent.
  bool is_writable() const { return !is_deaf_; }

 private:
  struct Tls;

  FLYHOOK_DECL bool fail(std::string_view word, std::string_view cause);
  FLYHOOK_DECL short wait(short events);
  FLYHOOK_DECL bool send_raw(std::string_view& head, std::string_view& body, bool yields);
  FLYHOOK_DECL std::ptrdiff_t receive_raw(char* to, std::size_t size);
  FLYHOOK_DECL bool send_secure(std::string_view& bytes);

  FLYHOOK_DECL std::string peer() const;

  const std::string address_;
  const std::uint16_t port_;
  int fd_ = -1;  // constant from construction to destruction, so that interrupt() needs no lock
  std::atomic<bool> interrupted_{false};

  Time deadline_{};
  std::string overdue_{};                        // reason when waiting passes it; empty: the exchange's timeout
  Time began_{};                                 // of the exchange
  std::chrono::milliseconds timeout_{0};         // of the exchange
  std::chrono::milliseconds kernel_timeout_{0};  // SO_RCVTIMEO as set last
  bool may_block_ = false;                       // the next receive may block in the kernel: SO_RCVTIMEO is the time left
  bool is_deaf_ = false;
  bool is_probing_ = false;        // inside is_quiet and receive_early: never wait to receive
  bool would_wait_ = false;        // set by receive_raw while probing
  bool is_yielding_ = false;       // inside send_secure: rather than wait to send, look at what came
  bool is_write_pending_ = false;  // OpenSSL holds a part of a record
  std::string failure_{};
  std::string joined_{};  // head and small body for one TLS record
  std::unique_ptr<Tls> tls_;
};

}  // namespace flyhook::detail

#if defined(FLYHOOK_HEADER_ONLY)
#include <flyhook/impl/detail/transport/connection.ipp>
#endif

#endif
