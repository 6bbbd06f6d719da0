#ifndef FLYHOOK_IMPL_DELIVERY_IPP
#define FLYHOOK_IMPL_DELIVERY_IPP

#include <flyhook/delivery.hpp>

namespace flyhook {

std::string_view to_string(DeliveryStatus status) {
  switch (status) {
    case DeliveryStatus::pending: return "pending";
    case DeliveryStatus::in_flight: return "in_flight";
    case DeliveryStatus::delivered: return "delivered";
    case DeliveryStatus::dead: return "dead";
    case DeliveryStatus::expired: return "expired";
    case DeliveryStatus::cancelled: return "cancelled";
  }
  return "unknown";
}

bool is_final(DeliveryStatus status) {
  return status != DeliveryStatus::pending && status != DeliveryStatus::in_flight;
}

}  // namespace flyhook

#endif
