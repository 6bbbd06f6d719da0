#ifndef FLYHOOK_IMPL_DETAIL_ADMIN_FAILED_LOGINS_IPP
#define FLYHOOK_IMPL_DETAIL_ADMIN_FAILED_LOGINS_IPP

#include <flyhook/detail/admin/failed_logins.hpp>
#include <flyhook/detail/security/ip.hpp>

#include <algorithm>

namespace flyhook::detail {

std::string FailedLogins::key_of(std::string_view peer) {
  const auto address = parse_ip(peer);
  if (!address) return std::string{peer.substr(0, 64)};
  const auto plain = unmapped(*address);
  const auto text = to_text(plain);
  if (text.find(':') == text.npos) return text;
  return to_text(*parse_ip_range(text + "/64"));
}

std::chrono::nanoseconds FailedLogins::wait_of(std::string_view peer, std::chrono::nanoseconds now) const {
  const auto known = peers_.find(key_of(peer));
  if (known == peers_.end() || now - known->second.last >= forgotten_after) return std::chrono::nanoseconds{0};
  const auto failures = known->second.failures;
  if (failures < free_failures) return std::chrono::nanoseconds{0};
  const auto doublings = std::min<std::size_t>(failures - free_failures, 5);
  return std::min<std::chrono::nanoseconds>(std::chrono::milliseconds{100} * (1u << doublings), std::chrono::milliseconds{500});
}

void FailedLogins::failed(std::string_view peer, std::chrono::nanoseconds now) {
  const auto key = key_of(peer);
  if (peers_.size() >= most_peers && !peers_.contains(key)) forget(now);
  auto& known = peers_[key];
  if (now - known.last >= forgotten_after) known.failures = 0;
  ++known.failures;
  known.last = now;
}

void FailedLogins::forget(std::chrono::nanoseconds now) {
  std::erase_if(peers_, [&](const auto& known) { return now - known.second.last >= forgotten_after; });
  if (peers_.size() < most_peers) return;
  peers_.erase(std::min_element(peers_.begin(), peers_.end(),
                                [](const auto& a, const auto& b) { return a.second.last < b.second.last; }));
}

}  // namespace flyhook::detail

#endif
