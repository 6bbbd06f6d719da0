#ifndef FLYHOOK_TESTS_UNIT_DETAIL_DECIDE_ENDPOINTS_HPP
#define FLYHOOK_TESTS_UNIT_DETAIL_DECIDE_ENDPOINTS_HPP

#include <flyhook/detail/decide/registry.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

// Endpoints for tests of what decides about them.

namespace unit {

inline flyhook::Subscription subscription(std::string id, std::vector<std::string> events = {"*"},
                                          std::string tenant = {}) {
  return {.url = "http://hooks.example/" + id,
          .events = std::move(events),
          .tenant = std::move(tenant),
          .secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
          .id = {std::move(id)}};
}

inline flyhook::detail::EndpointPtr endpoint(flyhook::Subscription its_subscription, std::uint64_t lane,
                                             std::uint64_t version) {
  return std::make_shared<const flyhook::detail::Endpoint>(
      flyhook::SubscriptionRow{std::move(its_subscription), lane, version, {}}, flyhook::Options{});
}

/// An endpoint of one lane that may get `max_in_flight` requests at a time.
inline flyhook::detail::EndpointPtr endpoint_of(std::uint64_t lane, std::size_t max_in_flight = 2,
                                                std::uint64_t version = 1) {
  auto its_subscription = subscription("lane-" + std::to_string(lane));
  its_subscription.max_in_flight = max_in_flight;
  return endpoint(std::move(its_subscription), lane, version);
}

}  // namespace unit

#endif
