#ifndef FLYHOOK_IMPL_STORE_IPP
#define FLYHOOK_IMPL_STORE_IPP

#include <flyhook/detail/security/crypto.hpp>
#include <flyhook/id.hpp>
#include <flyhook/store.hpp>

namespace flyhook {

std::uint32_t slot_of(const SubscriptionId& id) {
  return static_cast<std::uint32_t>(detail::fnv1a(id.value) % slot_count);
}

void detail::wipe_secrets(SubscriptionRow& row) noexcept {
  wipe(row.subscription.secret);
  for (auto& previous : row.previous_secrets) wipe(previous.secret);
}

}  // namespace flyhook

#endif
