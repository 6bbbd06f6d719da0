#ifndef FLYHOOK_IMPL_DETAIL_DECIDE_OUTCOME_IPP
#define FLYHOOK_IMPL_DETAIL_DECIDE_OUTCOME_IPP

#include <flyhook/detail/decide/outcome.hpp>

#include <string_view>

namespace flyhook::detail {

bool is_cancelled(const HttpResponse& response) {
  return response.status == 0 && std::string_view{response.error}.starts_with("cancelled");
}

Verdict judge(const HttpResponse& response) {
  if (response.status >= 200 && response.status <= 299) return {DeliveryStatus::delivered, {}};
  if (response.status != 0) return {DeliveryStatus::dead, "answered " + std::to_string(response.status)};
  if (is_cancelled(response)) return {DeliveryStatus::pending, {}};
  return {DeliveryStatus::dead,
          response.error.empty() ? "the transport gave neither a status nor an error" : response.error};
}

}  // namespace flyhook::detail

#endif
