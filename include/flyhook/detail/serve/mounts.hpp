#ifndef FLYHOOK_DETAIL_SERVE_MOUNTS_HPP
#define FLYHOOK_DETAIL_SERVE_MOUNTS_HPP

#include <flyhook/detail/config.hpp>
#include <flyhook/detail/security/url.hpp>
#include <flyhook/detail/serve/exchange.hpp>

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

// Where this process answers webhooks and API calls itself, so that the API can refuse a callback URL that leads back to
// it: an application that sends to its own API, or publishes what it receives from itself, runs in a circle. An Admin must
// know of a Receiver that it never met, so this list is the process's (with the fork counter the only exception to "no
// globals"); nothing but that refusal depends on it.

namespace flyhook::detail {

/// One mounted Receiver or Admin. Lives as long as the server's handlers do.
struct Mount {
  const void* server = nullptr;  ///< tells servers apart; never followed
  std::string path{};            ///< without a trailing slash
  std::atomic<int> port{0};      ///< as the last request told; 0: there was none yet

  void note(const ServerRequest& request) {
    if (request.port != 0) port.store(request.port, std::memory_order_relaxed);
  }
};

FLYHOOK_DECL std::shared_ptr<Mount> add_mount(const void* server, std::string_view path);

/// True if port and path of `url` are a mount's: its server was seen to listen on that port, and the path is at or beneath
/// the mount's. Whether the host is this machine is then worth a look-up.
FLYHOOK_DECL bool resembles_mount(const Url& url);

/// True if it leads there: one of `addresses` (what its host resolves to) is an address of this machine, too.
FLYHOOK_DECL bool leads_to_mount(const Url& url, const std::vector<std::string>& addresses);

/// The same by name: `authority` is the Host that a client just used for `server`, whatever stands between it and us.
FLYHOOK_DECL bool leads_to_mount(const Url& url, std::string_view authority, const void* server);

/// True if the target's path is `path` or beneath it, percent-encoding and dot segments (RFC 3986, 5.2.4) undone.
FLYHOOK_DECL bool is_beneath(std::string_view target, std::string_view path);

}  // namespace flyhook::detail

#if defined(FLYHOOK_HEADER_ONLY)
#include <flyhook/impl/detail/serve/mounts.ipp>
#endif

#endif
