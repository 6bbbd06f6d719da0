#ifndef FLYHOOK_IMPL_DETAIL_ADMIN_API_LOOK_IPP
#define FLYHOOK_IMPL_DETAIL_ADMIN_API_LOOK_IPP

#include <flyhook/detail/admin/api.hpp>

#include <utility>

// What the engine is, and what the API is.

namespace flyhook::detail {

HttpResponse Api::list_event_types(const ApiCall&) {
  auto items = nlohmann::json::array();
  for (const auto& type : engine_->event_types()) items.push_back(representation(type));
  return page(std::move(items), std::nullopt);
}

HttpResponse Api::get_stats(const ApiCall&) {
  return json(200, representation(ask_store([&] { return engine_->stats(); })));
}

HttpResponse Api::get_health(const ApiCall&) {
  static_cast<void>(ask_store([&] { return engine_->stats(); }));  // is the store there?
  const bool is_stopped = engine_->is_stopped();
  nlohmann::json value;
  value["status"] = is_stopped ? "stopped" : "ok";
  value["version"] = FLYHOOK_VERSION;
  return json(is_stopped ? 503 : 200, value);
}

HttpResponse Api::get_metrics(const ApiCall&) {
  HttpResponse response;
  response.status = 200;
  response.headers.emplace_back("content-type", "text/plain; version=0.0.4; charset=utf-8");
  response.body = metrics_text(ask_store([&] { return engine_->stats(); }), engine_->subscriptions().count());
  return response;
}

HttpResponse Api::get_openapi(const ApiCall& call) {
  return json(200, openapi_document(routes(), call.mount_point));
}

}  // namespace flyhook::detail

#endif
