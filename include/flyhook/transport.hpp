#ifndef FLYHOOK_TRANSPORT_HPP
#define FLYHOOK_TRANSPORT_HPP

#include <flyhook/detail/config.hpp>
#include <flyhook/http.hpp>

#include <atomic>
#include <cstddef>

// The port to the network: one interface, blocking or not.

namespace flyhook {

/// What the engine sizes itself by.
struct TransportTraits {
  bool blocking = true;           ///< `send` calls `done` before it returns and so occupies its thread
  std::size_t max_in_flight = 0;  ///< requests at a time that are of use; 0: no limit of its own
};

/// Sends requests. Every transport connects only to `HttpRequest::addresses`, keeps `timeout` as a limit on the whole
/// exchange, bounds status line, headers and body in bytes, and follows no redirect. A transport serves one engine, once:
/// cancel_all ends it.
class Transport {
 public:
  Transport() = default;
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;
  virtual ~Transport() = default;

  /// `done` is called exactly once, before return or later, from any thread. Called from many threads at once, also from
  /// inside `done`. May throw: then `done` was not called, and the attempt failed.
  virtual void send(HttpRequest request, Completion done) = 0;

  /// Constant for the transport's life.
  virtual TransportTraits traits() const noexcept = 0;

  /// Every `done` outstanding is called within 100 ms; `send` afterwards completes at once with `cancelled`.
  virtual void cancel_all() noexcept = 0;

  /// True for the first caller, for ever: the engine that the transport serves.
  bool take_for_engine() noexcept { return !taken_.exchange(true); }

 private:
  std::atomic<bool> taken_{false};
};

}  // namespace flyhook

#endif
