#ifndef FLYHOOK_DETAIL_ADMIN_FAILED_LOGINS_HPP
#define FLYHOOK_DETAIL_ADMIN_FAILED_LOGINS_HPP

#include <flyhook/detail/config.hpp>

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>

// How long a client waits before its credentials are looked at, right or wrong, so that guessing is slow: nothing at first;
// from the fifth failure in a row of minutes on 100 ms, doubling to 500 ms. Only time heals that, since a success would let
// who has one token guess another. Decides without doing; its owner waits, under its own lock.

namespace flyhook::detail {

class FailedLogins {
 public:
  /// `peer`: an address as text; of an IPv6 one the /64 counts, since that is what one client has.
  FLYHOOK_DECL std::chrono::nanoseconds wait_of(std::string_view peer, std::chrono::nanoseconds now) const;
  FLYHOOK_DECL void failed(std::string_view peer, std::chrono::nanoseconds now);

  static constexpr std::size_t free_failures = 5;
  static constexpr std::size_t most_peers = 10'000;  ///< the one that failed longest ago is forgotten first
  static constexpr std::chrono::seconds forgotten_after{60};

 private:
  struct Peer {
    std::size_t failures = 0;
    std::chrono::nanoseconds last{0};
  };

  FLYHOOK_DECL static std::string key_of(std::string_view peer);
  FLYHOOK_DECL void forget(std::chrono::nanoseconds now);

  std::unordered_map<std::string, Peer> peers_;
};

}  // namespace flyhook::detail

#if defined(FLYHOOK_HEADER_ONLY)
#include <flyhook/impl/detail/admin/failed_logins.ipp>
#endif

#endif
