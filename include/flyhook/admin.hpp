#ifndef FLYHOOK_ADMIN_HPP
#define FLYHOOK_ADMIN_HPP

#include <flyhook/detail/config.hpp>
#include <flyhook/detail/serve/exchange.hpp>
#include <flyhook/detail/serve/mount.hpp>
#include <flyhook/detail/serve/mounts.hpp>
#include <flyhook/http.hpp>
#include <flyhook/publisher.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

// The JSON API over a publisher: consumers register their URLs, look at what was delivered, and mend it; operators do so
// for all of them. Its document is served beside it, at openapi.json.

namespace flyhook {

namespace detail {
class Api;
}  // namespace detail

/// Whom a request comes from.
struct AdminIdentity {
  std::string tenant{};      ///< sees and changes what is this tenant's alone; the empty tenant is one of its own
  bool is_operator = false;  ///< sees and changes everything
};

struct AdminOptions {
  /// Who sends `Authorization: Bearer <token>` is the operator. Empty: nobody is. Give it the entropy of a key
  /// (`openssl rand -hex 32`); it is compared in constant time, and failures are slowed.
  std::string token{};
  /// The application's own log-in, asked for every request that bears no token of ours. nullopt: 401. `url` is the target
  /// as received, path and query; headers and body are as received. Called by the server's threads, several at a time;
  /// what it throws is a 500. Where it trusts cookies, it must see to cross-site requests itself (Origin, SameSite).
  std::function<std::optional<AdminIdentity>(const HttpRequest&)> authorize{};
};

/// Serves the API. Thread-safe. Keeps the engine alive, not the publisher: when the last publisher is gone, the log can
/// still be read, and what would change something is 503.
///
/// Tenants come in with a token of `portal_token` or by `authorize`. They see their own subscriptions, deliveries and
/// events only; another's are 404. They may set neither retry, rate_limit, timeout nor max_in_flight, and what they
/// register may lead to public addresses only, whatever Options::url_policy.allow says.
///
/// From the fifth failed log-in of one client on, its requests wait before their credentials are looked at (100 ms,
/// doubling to 500 ms, until a minute has passed without a failure); where two wait already, further ones are 429.
/// Clients are told apart by the address of their connection, since whoever asks can write an X-Forwarded-For. Behind a
/// reverse proxy that is one for all, and who fails on purpose slows the others: limit log-ins there, or serve through
/// `handle` with the `peer` that the proxy names.
class Admin {
 public:
  /// Throws Error (`invalid`, "token") if there is neither a token nor `authorize`.
  FLYHOOK_DECL Admin(PublisherBase& publisher, AdminOptions options);

  /// Serves under `path` ("/webhooks": /webhooks/api/subscriptions and so on), whatever the method. `server`: a
  /// httplib::Server or what has its interface. May outlive this object.
  template <class Server>
  void mount(Server& server, const std::string& path) {
    auto mounted = detail::add_mount(&server, path);
    detail::mount_on(server, detail::escaped_for_regex(mounted->path) + "(?:/.*)?", max_body_bytes,
                     [api = api_, mounted](detail::ServerRequest&& request) {
                       mounted->note(request);
                       return answer(*api, std::move(request), mounted.get());
                     });
  }

  /// The same for any other server. `target`: path and query as received; `mount_point`: what of the path stands before
  /// "/api". `peer`: the client's address, by which failed log-ins are told apart.
  FLYHOOK_DECL HttpResponse handle(std::string_view method, std::string_view target, const Headers& headers,
                                   std::string_view body, std::string_view mount_point = {}, std::string_view peer = {});

  /// A bearer token for one tenant's users, for `ttl` (1 s to 365 days). It cannot be revoked before its end but by
  /// changing AdminOptions::token, from which its key is derived: every process with that token takes it. Without a token
  /// the key is this object's alone. Throws Error (`invalid`, "tenant", "ttl").
  FLYHOOK_DECL std::string portal_token(std::string_view tenant, std::chrono::seconds ttl);

  /// Longer requests are 413.
  static constexpr std::size_t max_body_bytes = 256 * 1024;

 private:
  FLYHOOK_DECL static HttpResponse answer(detail::Api& api, detail::ServerRequest&& request, const detail::Mount* mount);

  std::shared_ptr<detail::Api> api_;
};

}  // namespace flyhook

#if defined(FLYHOOK_HEADER_ONLY)
#include <flyhook/impl/admin.ipp>
#endif

#endif
