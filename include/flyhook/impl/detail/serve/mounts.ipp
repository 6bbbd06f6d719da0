#ifndef FLYHOOK_IMPL_DETAIL_SERVE_MOUNTS_IPP
#define FLYHOOK_IMPL_DETAIL_SERVE_MOUNTS_IPP

#include <flyhook/detail/security/ip.hpp>
#include <flyhook/detail/serve/exchange.hpp>
#include <flyhook/detail/serve/mounts.hpp>
#include <flyhook/http.hpp>

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <mutex>
#include <utility>
#include <variant>

namespace flyhook::detail {

/// The mounts of this process.
struct MountList {
  std::mutex mutex{};
  std::vector<std::weak_ptr<Mount>> mounts{};  // under mutex

  FLYHOOK_DECL std::vector<std::shared_ptr<Mount>> all();
};

FLYHOOK_DECL MountList& mount_list();
FLYHOOK_DECL std::vector<std::string> own_addresses();
FLYHOOK_DECL std::string plain_path(std::string_view path);

MountList& mount_list() {
  static MountList list;
  return list;
}

std::vector<std::shared_ptr<Mount>> MountList::all() {
  std::vector<std::shared_ptr<Mount>> alive;
  const std::lock_guard lock{mutex};
  std::erase_if(mounts, [&](const std::weak_ptr<Mount>& known) {
    auto mount = known.lock();
    const bool is_gone = mount == nullptr;
    if (!is_gone) alive.push_back(std::move(mount));
    return is_gone;
  });
  return alive;
}

std::shared_ptr<Mount> add_mount(const void* server, std::string_view path) {
  auto mount = std::make_shared<Mount>();
  mount->server = server;
  mount->path = plain_path(path);
  auto& list = mount_list();
  const std::lock_guard lock{list.mutex};
  list.mounts.push_back(mount);
  return mount;
}

/// Of every interface, as to_text writes them.
std::vector<std::string> own_addresses() {
  std::vector<std::string> addresses;
  ifaddrs* first = nullptr;
  if (getifaddrs(&first) != 0) return addresses;
  for (const auto* each = first; each != nullptr; each = each->ifa_next) {
    if (each->ifa_addr == nullptr) continue;
    std::array<char, INET6_ADDRSTRLEN> text{};
    const void* bytes = nullptr;
    if (each->ifa_addr->sa_family == AF_INET) {
      bytes = &reinterpret_cast<const sockaddr_in*>(each->ifa_addr)->sin_addr;
    } else if (each->ifa_addr->sa_family == AF_INET6) {
      bytes = &reinterpret_cast<const sockaddr_in6*>(each->ifa_addr)->sin6_addr;
    } else {
      continue;
    }
    if (inet_ntop(each->ifa_addr->sa_family, bytes, text.data(), text.size()) == nullptr) continue;
    if (const auto address = parse_ip(text.data())) addresses.push_back(to_text(unmapped(*address)));
  }
  freeifaddrs(first);
  return addresses;
}

/// With one slash in front and none behind; dot segments removed.
std::string plain_path(std::string_view path) {
  std::vector<std::string_view> segments;
  while (!path.empty()) {
    const auto slash = std::min(path.find('/'), path.size());
    const auto segment = path.substr(0, slash);
    path.remove_prefix(std::min(path.size(), slash + 1));
    if (segment == "..") {
      if (!segments.empty()) segments.pop_back();
    } else if (!segment.empty() && segment != ".") {
      segments.push_back(segment);
    }
  }
  std::string plain;
  for (const auto segment : segments) plain.append("/").append(segment);
  return plain;
}

bool is_beneath(std::string_view target, std::string_view path) {
  const auto parsed = parse_target(target);
  if (!parsed) return false;
  const auto asked = plain_path(parsed->path);
  const auto mounted = plain_path(path);
  return asked.starts_with(mounted) && (asked.size() == mounted.size() || asked[mounted.size()] == '/');
}

bool resembles_mount(const Url& url) {
  const auto mounts = mount_list().all();
  return std::any_of(mounts.begin(), mounts.end(), [&](const std::shared_ptr<Mount>& mount) {
    return is_beneath(url.target, mount->path) &&
           std::any_of(mounts.begin(), mounts.end(), [&](const std::shared_ptr<Mount>& other) {
             return other->server == mount->server && other->port.load(std::memory_order_relaxed) == url.port;
           });
  });
}

bool leads_to_mount(const Url& url, const std::vector<std::string>& addresses) {
  if (!resembles_mount(url)) return false;
  const auto own = own_addresses();
  return std::any_of(addresses.begin(), addresses.end(), [&](const std::string& text) {
    const auto address = parse_ip(text);
    if (!address) return false;
    const auto plain = unmapped(*address);
    // All of 127.0.0.0/8 is this machine, and so is the unspecified address of either family: connecting to it does.
    return is_loopback(plain) || to_text(plain) == "0.0.0.0" || to_text(plain) == "::" ||
           std::find(own.begin(), own.end(), to_text(plain)) != own.end();
  });
}

bool leads_to_mount(const Url& url, std::string_view authority, const void* server) {
  const auto parsed = parse_url("http://" + std::string{authority});
  const auto* const asked = std::get_if<Url>(&parsed);
  if (asked == nullptr || asked->host != url.host) return false;
  // No port is either scheme's: what stands before us may have taken TLS off.
  if (asked->port != url.port && !(asked->port == 80 && url.port == 443)) return false;
  const auto mounts = mount_list().all();
  return std::any_of(mounts.begin(), mounts.end(), [&](const std::shared_ptr<Mount>& mount) {
    return mount->server == server && is_beneath(url.target, mount->path);
  });
}

}  // namespace flyhook::detail

#endif
