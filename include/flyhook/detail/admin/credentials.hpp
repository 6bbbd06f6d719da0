#ifndef FLYHOOK_DETAIL_ADMIN_CREDENTIALS_HPP
#define FLYHOOK_DETAIL_ADMIN_CREDENTIALS_HPP

#include <flyhook/clock.hpp>
#include <flyhook/detail/admin/representation.hpp>
#include <flyhook/detail/config.hpp>
#include <flyhook/detail/security/crypto.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

// Who a bearer token (RFC 6750) stands for. The operator's token is not kept, only what it is compared by; a tenant's is a
// statement with a MAC under a key derived from it, so that every process with the same token takes it, and none stores it:
//
//   fhp_1795651200.YWNtZQ.q83vEjRW...     when it ends (seconds since 1970), the tenant, the MAC over both
//                                         (base64url without padding, RFC 4648, section 5)

namespace flyhook::detail {

class Credentials {
 public:
  /// An empty token matches nobody; portal tokens are then under a random key, this object's alone.
  FLYHOOK_DECL Credentials(std::string_view token, const std::function<void(void*, std::size_t)>& random);

  /// In a time that tells nothing of the tokens. nullopt: nobody's, or it has ended.
  FLYHOOK_DECL std::optional<ApiCaller> caller_of(std::string_view bearer, TimePoint now) const;

  /// Throws Error: `invalid` ("tenant": over 1,024 bytes; "ttl": outside 1 s to 365 days).
  FLYHOOK_DECL std::string portal_token(std::string_view tenant, std::chrono::seconds ttl, TimePoint now) const;

 private:
  bool has_token_;
  HmacKey comparing_;                    // random: what is compared are MACs under it, of one length whatever the token's
  std::array<unsigned char, 32> token_;  // the operator's, under comparing_
  HmacKey portal_;
};

/// The credentials of `Authorization: Bearer ...`; the scheme in any case (RFC 9110, 11.1). nullopt: another header.
FLYHOOK_DECL std::optional<std::string_view> bearer_of(std::string_view authorization);

}  // namespace flyhook::detail

#if defined(FLYHOOK_HEADER_ONLY)
#include <flyhook/impl/detail/admin/credentials.ipp>
#endif

#endif
