#ifndef FLYHOOK_IMPL_ADMIN_IPP
#define FLYHOOK_IMPL_ADMIN_IPP

#include <flyhook/admin.hpp>
#include <flyhook/detail/admin/api.hpp>
#include <flyhook/error.hpp>

namespace flyhook {

namespace detail {

/// The way from a publisher to its engine.
struct EngineOf : PublisherBase {
  static std::shared_ptr<Engine> get(PublisherBase& publisher) { return engine_of(publisher); }
};

}  // namespace detail

Admin::Admin(PublisherBase& publisher, AdminOptions options) {
  const detail::WipeAtEnd wiped{options.token};
  if (options.token.empty() && !options.authorize)
    throw Error{ErrorCode::invalid, "token", "is empty, and there is no `authorize`: nobody could call the API"};
  detail::Api::Authorize authorize;
  if (options.authorize)
    authorize = [own = std::move(options.authorize)](const HttpRequest& request) -> std::optional<detail::ApiCaller> {
      auto identity = own(request);
      if (!identity) return std::nullopt;
      return detail::ApiCaller{.is_operator = identity->is_operator, .tenant = std::move(identity->tenant)};
    };
  api_ = std::make_shared<detail::Api>(detail::EngineOf::get(publisher), options.token, std::move(authorize));
}

HttpResponse Admin::answer(detail::Api& api, detail::ServerRequest&& request, const detail::Mount* mount) {
  const detail::WipeAtEnd wiped{request.body};  // it may hold a secret
  return api.answer(request, mount->path, mount);
}

HttpResponse Admin::handle(std::string_view method, std::string_view target, const Headers& headers, std::string_view body,
                           std::string_view mount_point, std::string_view peer) {
  auto request = detail::request_of(method, target, headers, body, max_body_bytes);
  request.peer = peer;
  const detail::WipeAtEnd wiped{request.body};
  return api_->answer(request, mount_point, nullptr);
}

std::string Admin::portal_token(std::string_view tenant, std::chrono::seconds ttl) {
  return api_->portal_token(tenant, ttl);
}

}  // namespace flyhook

#endif
