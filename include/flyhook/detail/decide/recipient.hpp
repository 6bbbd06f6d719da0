#ifndef FLYHOOK_DETAIL_DECIDE_RECIPIENT_HPP
#define FLYHOOK_DETAIL_DECIDE_RECIPIENT_HPP

#include <flyhook/detail/config.hpp>
#include <flyhook/detail/decide/registry.hpp>
#include <flyhook/message.hpp>
#include <flyhook/options.hpp>
#include <flyhook/store.hpp>

#include <cstdint>
#include <memory>
#include <string>

// Endpoints that are in no registry, and their lanes: of events that were sent to a target or to try out a subscription.
//
//   send        a lane per tenant and origin (scheme, host, port): its callbacks share one fate, whatever their paths.
//               What is `public_only` has another one: it may be refused where the rest is let through
//   send_test   a lane per subscription, beside its own: a test waits for nothing and counts for nothing
//
// What the endpoint of a delivery is stands in its message, so a lane has the endpoint of whichever delivery is next.

namespace flyhook::detail {

/// A copy that is wiped when the last message with it goes.
FLYHOOK_DECL std::shared_ptr<const Recipient> recipient_of(Target target);
FLYHOOK_DECL std::shared_ptr<const Recipient> recipient_of(const SubscriptionId& tested);

inline bool is_test(const Message& message) {
  return message.recipient != nullptr && !message.recipient->tested.value.empty();
}

/// The endpoint of a message to a target. Throws Error for a target that check_target refuses.
FLYHOOK_DECL EndpointPtr target_endpoint(const Target& target, const std::string& tenant, const Options& options);

/// A subscription's, as it is tried out: one attempt, whatever holds its deliveries back.
FLYHOOK_DECL EndpointPtr test_endpoint(const Endpoint& tested, const Options& options);

/// In the place of both while nothing but the lane's number is known, and for a message of which neither can be made. It
/// has no URL.
FLYHOOK_DECL EndpointPtr unknown_endpoint(std::uint64_t lane, const Options& options);

}  // namespace flyhook::detail

#if defined(FLYHOOK_HEADER_ONLY)
#include <flyhook/impl/detail/decide/recipient.ipp>
#endif

#endif
