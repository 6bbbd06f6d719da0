#ifndef FLYHOOK_DETAIL_SECURITY_SYSTEM_RESOLVER_HPP
#define FLYHOOK_DETAIL_SECURITY_SYSTEM_RESOLVER_HPP

#include <flyhook/detail/config.hpp>

#include <string>
#include <vector>

// What an empty Resolver means: the system's look-up. check_url calls it on its caller's thread, the engine's HostResolver
// on threads that may be left behind, since getaddrinfo cannot be stopped.

namespace flyhook::detail {

/// The addresses of `host` as text, in the system's order and as often as it names them (AddressPolicy::judge takes each
/// once); a scoped one with its zone. Throws std::runtime_error with the system's words if there is none.
FLYHOOK_DECL std::vector<std::string> resolve_by_system(const std::string& host);

}  // namespace flyhook::detail

#if defined(FLYHOOK_HEADER_ONLY)
#include <flyhook/impl/detail/security/system_resolver.ipp>
#endif

#endif
