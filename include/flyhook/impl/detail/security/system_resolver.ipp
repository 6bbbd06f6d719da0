#ifndef FLYHOOK_IMPL_DETAIL_SECURITY_SYSTEM_RESOLVER_IPP
#define FLYHOOK_IMPL_DETAIL_SECURITY_SYSTEM_RESOLVER_IPP

#include <flyhook/detail/security/system_resolver.hpp>

#include <netdb.h>
#include <sys/socket.h>

#include <array>
#include <memory>
#include <stdexcept>

namespace flyhook::detail {

std::vector<std::string> resolve_by_system(const std::string& host) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int failed = getaddrinfo(host.c_str(), nullptr, &hints, &found); failed != 0)
    throw std::runtime_error{gai_strerror(failed)};
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner{found, freeaddrinfo};
  std::vector<std::string> addresses;
  for (const addrinfo* at = found; at != nullptr; at = at->ai_next) {
    std::array<char, 64> text{};
    if (getnameinfo(at->ai_addr, at->ai_addrlen, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST) != 0) continue;
    addresses.emplace_back(text.data());
  }
  return addresses;
}

}  // namespace flyhook::detail

#endif
