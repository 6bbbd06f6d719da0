#ifndef FLYHOOK_URL_POLICY_HPP
#define FLYHOOK_URL_POLICY_HPP

#include <flyhook/detail/config.hpp>

#include <functional>
#include <string>
#include <vector>

// Where deliveries may go, as data, and how names become addresses. A policy is taken and kept here; this version does not
// judge by it yet.

namespace flyhook {

/// Which endpoints are allowed. The default allows public addresses only.
struct UrlPolicy {
  bool https_only = false;
  std::vector<std::string> allow{};  ///< what counts as public besides: "127.0.0.0/8", "::1/128", "hooks.internal"
  std::vector<std::string> deny{};   ///< what is refused though it is public; wins over `allow`
};

/// Looks up a host name: its addresses as text. Empty or throwing: it does not resolve. May block; called by resolver
/// threads only, several at a time.
using Resolver = std::function<std::vector<std::string>(const std::string& host)>;

}  // namespace flyhook

#endif
