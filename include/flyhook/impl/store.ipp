#ifndef FLYHOOK_IMPL_STORE_IPP
#define FLYHOOK_IMPL_STORE_IPP

#include <flyhook/id.hpp>
#include <flyhook/store.hpp>

namespace flyhook {

std::uint32_t slot_of(const SubscriptionId& id) {
  return static_cast<std::uint32_t>(detail::fnv1a(id.value) % slot_count);
}

}  // namespace flyhook

#endif
