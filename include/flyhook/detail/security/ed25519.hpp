#ifndef FLYHOOK_DETAIL_SECURITY_ED25519_HPP
#define FLYHOOK_DETAIL_SECURITY_ED25519_HPP

#include <flyhook/detail/config.hpp>

#include <array>
#include <memory>
#include <string>
#include <string_view>

// ed25519 signatures (RFC 8032, pure: not pre-hashed), all of it OpenSSL's. Keys are made ready once, immutable and
// thread-safe. A message must stand in one piece: the algorithm reads it twice.

namespace flyhook::detail {

/// An EVP_PKEY that is freed.
struct EvpKey;

using Ed25519Signature = std::array<unsigned char, 64>;

/// A key that signs.
class Ed25519PrivateKey {
 public:
  /// `seed`: the 32 bytes of RFC 8032, 5.1.5. Throws Error (`unavailable`, "secret") if OpenSSL has no ed25519.
  FLYHOOK_DECL explicit Ed25519PrivateKey(std::string_view seed);
  FLYHOOK_DECL Ed25519PrivateKey(Ed25519PrivateKey&&) noexcept;
  FLYHOOK_DECL Ed25519PrivateKey& operator=(Ed25519PrivateKey&&) noexcept;
  FLYHOOK_DECL ~Ed25519PrivateKey();

  FLYHOOK_DECL Ed25519Signature sign(std::string_view message) const;

  /// The 32 bytes that belong to it.
  FLYHOOK_DECL std::string public_key() const;

 private:
  std::unique_ptr<EvpKey> key_;  // OpenSSL wipes the seed with it
};

/// A key that verifies.
class Ed25519PublicKey {
 public:
  /// Any 32 bytes; if they are no point of the curve, no signature is right. Throws as above.
  FLYHOOK_DECL explicit Ed25519PublicKey(std::string_view bytes);
  FLYHOOK_DECL Ed25519PublicKey(Ed25519PublicKey&&) noexcept;
  FLYHOOK_DECL Ed25519PublicKey& operator=(Ed25519PublicKey&&) noexcept;
  FLYHOOK_DECL ~Ed25519PublicKey();

  /// False for a signature of another size than 64 bytes, too.
  FLYHOOK_DECL bool verify(std::string_view message, std::string_view signature) const;

 private:
  std::unique_ptr<EvpKey> key_;
};

}  // namespace flyhook::detail

#if defined(FLYHOOK_HEADER_ONLY)
#include <flyhook/impl/detail/security/ed25519.ipp>
#endif

#endif
