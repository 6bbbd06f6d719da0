#ifndef FLYHOOK_DETAIL_DECIDE_OUTCOME_HPP
#define FLYHOOK_DETAIL_DECIDE_OUTCOME_HPP

#include <flyhook/delivery.hpp>
#include <flyhook/detail/config.hpp>
#include <flyhook/http.hpp>

#include <string>

// The judge: what an answer means for its delivery.

namespace flyhook::detail {

struct Verdict {
  DeliveryStatus status = DeliveryStatus::dead;  ///< pending: the attempt was cancelled and does not count
  std::string reason{};                          ///< of a dead delivery
};

/// 2xx is delivered. Anything else, a redirect too, is a failed attempt, and a delivery has one.
FLYHOOK_DECL Verdict judge(const HttpResponse& response);

/// True for an answer that a cancelled exchange completes with.
FLYHOOK_DECL bool is_cancelled(const HttpResponse& response);

}  // namespace flyhook::detail

#if defined(FLYHOOK_HEADER_ONLY)
#include <flyhook/impl/detail/decide/outcome.ipp>
#endif

#endif
