#ifndef FLYHOOK_TRANSPORT_HTTPLIB_HPP
#define FLYHOOK_TRANSPORT_HTTPLIB_HPP

#include <flyhook/detail/config.hpp>
#include <flyhook/http.hpp>
#include <flyhook/transport.hpp>

#include <chrono>
#include <cstddef>
#include <memory>

// The default transport: cpp-httplib writes and reads HTTP, on connections that are ours (detail/transport/connection.hpp),
// because the deadlines, the pinned addresses and the cancellation that a Transport promises are a socket's business.

namespace flyhook {

/// Idle keep-alive connections. A limit of zero: none is kept, every request connects.
struct HttplibOptions {
  std::chrono::milliseconds idle_timeout{30'000};  ///< closed after that; servers' own limits are often 5 to 75 s
  std::size_t max_idle = 256;                      ///< in all; beyond, the one idle for longest is closed
  std::size_t max_idle_per_endpoint = 128;         ///< per scheme, host, port, address and ca_file, likewise
};

/// Blocking: `send` answers before it returns. One thread of its own at most, started with the first connection kept,
/// closes those idle for too long; it makes no system call while there is none.
class HttplibTransport : public Transport {
 public:
  FLYHOOK_DECL HttplibTransport();
  FLYHOOK_DECL explicit HttplibTransport(HttplibOptions options);
  /// Ends like cancel_all, and waits until every `send` has its answer. Not from inside a `done`.
  FLYHOOK_DECL ~HttplibTransport() override;

  FLYHOOK_DECL void send(HttpRequest request, Completion done) override;
  FLYHOOK_DECL TransportTraits traits() const noexcept override;
  FLYHOOK_DECL void cancel_all() noexcept override;

 private:
  struct Pool;

  std::unique_ptr<Pool> pool_;
};

/// What publishers use that are given no transport (declared in publisher.hpp).
struct DefaultTransport {
  FLYHOOK_DECL static std::shared_ptr<Transport> make();
};

}  // namespace flyhook

#if defined(FLYHOOK_HEADER_ONLY)
#include <flyhook/impl/transport/httplib.ipp>
#endif

#endif
