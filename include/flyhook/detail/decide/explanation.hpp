#ifndef FLYHOOK_DETAIL_DECIDE_EXPLANATION_HPP
#define FLYHOOK_DETAIL_DECIDE_EXPLANATION_HPP

#include <flyhook/delivery.hpp>
#include <flyhook/detail/config.hpp>
#include <flyhook/detail/decide/lane.hpp>
#include <flyhook/detail/decide/registry.hpp>
#include <flyhook/message.hpp>

#include <chrono>
#include <string>

// Why a subscription did, did not or does not yet get an event, as a sentence for people. What is asked is what the
// machines ask: the lane of a delivery that waits, the patterns and the filter of a subscription that has none.

namespace flyhook::detail {

/// Of a delivery, as Engine::deliveries lists it; `now` by the wall clock. `lane`: null if there is nothing to remember of
/// it; `elapsed`: the time that lanes go by.
FLYHOOK_DECL Explanation explained(const DeliveryRecord& record, const Lane* lane, TimePoint now,
                                   std::chrono::nanoseconds elapsed);

/// Of a subscription that has no delivery of the event.
FLYHOOK_DECL Explanation unmatched(const Endpoint& endpoint, const Message& message);

}  // namespace flyhook::detail

#if defined(FLYHOOK_HEADER_ONLY)
#include <flyhook/impl/detail/decide/explanation.ipp>
#endif

#endif
