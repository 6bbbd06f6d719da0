#ifndef FLYHOOK_SIGNING_HPP
#define FLYHOOK_SIGNING_HPP

#include <flyhook/detail/config.hpp>
#include <flyhook/detail/security/crypto.hpp>
#include <flyhook/detail/security/ed25519.hpp>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <variant>

// Standard Webhooks 1.0 signatures over "id.timestamp.body", the sender's side: v1 is HMAC-SHA256, v1a is ed25519. Secrets
// are text (rule S2 of tests/vectors/README.md):
//
//   whsec_  base64 of 24 to 64 bytes                            signs v1, and verifies it
//   whsk_   base64 of a 32-byte seed and its public key,        signs v1a
//           or of the seed alone
//   whpk_   base64 of the 32-byte public key                    verifies v1a, and nothing else: what receivers are given
//
// A whsk_ comes from `openssl genpkey -algorithm ed25519 -outform DER | tail -c 32 | base64`, with "whsk_" in front.

namespace flyhook {

/// A new secret of 32 random bytes: "whsec_" and their base64. Throws Error (`unavailable`) if OpenSSL has none.
FLYHOOK_DECL std::string generate_secret();

/// The value of `webhook-signature` for one message: "v1,<base64>" for a "whsec_" secret, "v1a,<base64>" for a "whsk_" one.
/// `timestamp_s` is in seconds since 1970. Throws Error (`invalid`, "secret") for any other secret; the message never holds
/// the secret. Thread-safe.
FLYHOOK_DECL std::string sign(std::string_view secret, std::string_view id, std::int64_t timestamp_s,
                              std::string_view body);

namespace detail {

enum class SecretKind {
  shared,       ///< whsec_
  signing_key,  ///< whsk_
  public_key    ///< whpk_
};

/// A secret as it is used: the bytes of a whsec_ or whpk_, the seed of a whsk_.
struct Secret {
  SecretKind kind = SecretKind::shared;
  SecretText bytes{};
};

/// Reads any of the three. Throws Error (`invalid`, `field`) for anything malformed (S2, S3); for a whsk_ whose public half
/// belongs to another seed, too.
FLYHOOK_DECL Secret decode_secret(std::string_view secret, std::string_view field);

/// Throws Error (`invalid`, `field`) for what cannot sign: a whpk_, or anything malformed.
FLYHOOK_DECL void check_signing_secret(std::string_view secret, std::string_view field);

/// "whsec_" and base64 of 32 bytes from `random`.
FLYHOOK_DECL std::string generate_secret_from(const std::function<void(void*, std::size_t)>& random);

/// A new secret of the kind of `secret`: a whsec_, or a whsk_ (seed and public key).
FLYHOOK_DECL std::string generate_secret_like(std::string_view secret,
                                              const std::function<void(void*, std::size_t)>& random);

/// What a receiver needs: a whsec_ as it is, of a whsk_ its whpk_. The signing key never leaves.
FLYHOOK_DECL std::string receivers_secret(std::string_view secret);

/// A secret made ready once for many signatures. Immutable, thread-safe.
class Signer {
 public:
  /// Throws Error (`invalid`, "secret").
  FLYHOOK_DECL explicit Signer(std::string_view secret);

  /// `timestamp` as the text that is sent.
  FLYHOOK_DECL std::string sign(std::string_view id, std::string_view timestamp, std::string_view body) const;

 private:
  std::variant<HmacKey, Ed25519PrivateKey> key_;
};

/// "id.timestamp.body" in one piece, for ed25519.
FLYHOOK_DECL std::string signed_content(std::string_view id, std::string_view timestamp, std::string_view body);

}  // namespace detail
}  // namespace flyhook

#if defined(FLYHOOK_HEADER_ONLY)
#include <flyhook/impl/signing.ipp>
#endif

#endif
