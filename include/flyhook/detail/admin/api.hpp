#ifndef FLYHOOK_DETAIL_ADMIN_API_HPP
#define FLYHOOK_DETAIL_ADMIN_API_HPP

#include <flyhook/detail/admin/credentials.hpp>
#include <flyhook/detail/admin/failed_logins.hpp>
#include <flyhook/detail/admin/representation.hpp>
#include <flyhook/detail/config.hpp>
#include <flyhook/detail/decide/registry.hpp>
#include <flyhook/detail/run/engine.hpp>
#include <flyhook/detail/serve/exchange.hpp>
#include <flyhook/detail/serve/mounts.hpp>
#include <flyhook/event.hpp>
#include <flyhook/http.hpp>

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// One request of the API, from its bytes to its answer: who asks, for what (routes below), may they, is it well formed;
// then the engine does it. Whatever is refused has changed nothing. Handlers throw Error, or Refusal where a status says
// it.

namespace flyhook::detail {

/// A request that was authorised and found its route.
struct ApiCall {
  const ServerRequest& request;
  std::string_view mount_point;
  const Mount* mount;  // null: served through `handle`
  ApiCaller caller{};
  RequestTarget target{};
  std::string id{};  // of the path
};

class Api;

/// A parameter of the query.
struct ApiParameter {
  std::string_view name{};
  std::string_view description{};
  std::string_view schema{};  // JSON text
};

/// One operation, for the router and for openapi.json alike.
struct ApiRoute {
  using Handle = HttpResponse (Api::*)(const ApiCall&);

  std::string_view method{}, path{};  // "/api/subscriptions/{id}"
  Handle handle = nullptr;
  std::string_view operation{}, summary{};
  std::vector<ApiParameter> parameters{};
  std::string_view request{};  // the schema of its body; empty: it has none
  int status = 200;
  std::string_view answer{};  // the schema of its answer, or a media type; empty: no content
  bool is_for_operators = false;
  bool may_conflict = false;
  bool asks_store = false;  // of a GET; whatever changes something does
};

/// What the path of a request leads to. `route` null: nothing; or, with `methods`, nothing by this method.
struct ApiMatch {
  const ApiRoute* route = nullptr;
  std::string id{};
  std::string methods{};  // for Allow: "GET, HEAD, POST"
};

class Api {
 public:
  /// The application's own log-in.
  using Authorize = std::function<std::optional<ApiCaller>(const HttpRequest&)>;

  FLYHOOK_DECL Api(std::shared_ptr<Engine> engine, std::string_view token, Authorize authorize);

  /// Throws nothing but bad_alloc.
  FLYHOOK_DECL HttpResponse answer(const ServerRequest& request, std::string_view mount_point, const Mount* mount);

  FLYHOOK_DECL std::string portal_token(std::string_view tenant, std::chrono::seconds ttl) const;

  FLYHOOK_DECL static const std::vector<ApiRoute>& routes();

 private:
  /// A status with its reason, where no ErrorCode stands for it.
  struct Refusal {
    int status = 400;
    std::string detail{}, field{};
    Headers headers{};
  };

  // authorising
  FLYHOOK_DECL ApiCaller authorised(const ServerRequest& request);
  FLYHOOK_DECL void wait_for_turn(const std::string& peer);
  FLYHOOK_DECL std::optional<ApiCaller> caller_of(const ServerRequest& request) const;

  // routing
  FLYHOOK_DECL HttpResponse route(const ServerRequest& request, std::string_view mount_point, const Mount* mount);
  FLYHOOK_DECL static ApiMatch match(std::string_view method, std::string_view path);
  FLYHOOK_DECL static void check_parameters(const ApiCall& call, const ApiRoute& route);

  // what handlers share
  FLYHOOK_DECL static nlohmann::json body_of(const ApiCall& call);
  FLYHOOK_DECL static const std::string* parameter(const ApiCall& call, std::string_view name);
  FLYHOOK_DECL static std::size_t limit_of(const ApiCall& call);
  FLYHOOK_DECL static HttpResponse json(int status, const nlohmann::json& value);
  FLYHOOK_DECL static HttpResponse page(nlohmann::json items, std::optional<std::string> cursor);
  FLYHOOK_DECL EndpointPtr endpoint_of(const ApiCall& call) const;
  FLYHOOK_DECL static bool is_visible(const ApiCaller& caller, std::string_view tenant);
  [[noreturn]] FLYHOOK_DECL static void throw_no_subscription(std::string_view id);
  FLYHOOK_DECL static HttpResponse shown(const EndpointPtr& endpoint, int status = 200, bool with_secret = false);
  FLYHOOK_DECL void refuse_own_url(const ApiCall& call, const std::string& url) const;
  FLYHOOK_DECL HttpResponse change(const ApiCall& call, const SubscriptionPatch& patch);
  FLYHOOK_DECL static std::optional<std::string> asked_tenant(const ApiCall& call);
  FLYHOOK_DECL static void ask_tenant(DeliveryQuery& query, const std::optional<std::string>& tenant);
  FLYHOOK_DECL DeliveryRecord delivery_of(const ApiCall& call) const;

  // handlers
  FLYHOOK_DECL HttpResponse list_subscriptions(const ApiCall& call);
  FLYHOOK_DECL HttpResponse create_subscription(const ApiCall& call);
  FLYHOOK_DECL HttpResponse get_subscription(const ApiCall& call);
  FLYHOOK_DECL HttpResponse patch_subscription(const ApiCall& call);
  FLYHOOK_DECL HttpResponse delete_subscription(const ApiCall& call);
  FLYHOOK_DECL HttpResponse pause_subscription(const ApiCall& call);
  FLYHOOK_DECL HttpResponse resume_subscription(const ApiCall& call);
  FLYHOOK_DECL HttpResponse enable_subscription(const ApiCall& call);
  FLYHOOK_DECL HttpResponse rotate_secret(const ApiCall& call);
  FLYHOOK_DECL HttpResponse reveal_secret(const ApiCall& call);
  FLYHOOK_DECL HttpResponse test_subscription(const ApiCall& call);
  FLYHOOK_DECL HttpResponse recover_subscription(const ApiCall& call);
  FLYHOOK_DECL HttpResponse list_deliveries(const ApiCall& call);
  FLYHOOK_DECL HttpResponse get_delivery(const ApiCall& call);
  FLYHOOK_DECL HttpResponse replay_delivery(const ApiCall& call);
  FLYHOOK_DECL HttpResponse explain_event(const ApiCall& call);
  FLYHOOK_DECL HttpResponse list_event_types(const ApiCall& call);
  FLYHOOK_DECL HttpResponse get_stats(const ApiCall& call);
  FLYHOOK_DECL HttpResponse get_health(const ApiCall& call);
  FLYHOOK_DECL HttpResponse get_metrics(const ApiCall& call);
  FLYHOOK_DECL HttpResponse get_openapi(const ApiCall& call);

  const std::shared_ptr<Engine> engine_;
  const Authorize authorize_;
  const Credentials credentials_;

  std::mutex logins_mutex_;
  FailedLogins failed_logins_;      // under logins_mutex_
  std::size_t waiting_ = 0;         // under logins_mutex_: requests that wait for their turn
  std::condition_variable nobody_;  // never notified: a wait ends by time
};

/// The OpenAPI 3.1 document of these routes.
FLYHOOK_DECL nlohmann::json openapi_document(const std::vector<ApiRoute>& routes, std::string_view mount_point);

}  // namespace flyhook::detail

#if defined(FLYHOOK_HEADER_ONLY)
#include <flyhook/impl/detail/admin/api.ipp>
#endif

#endif
