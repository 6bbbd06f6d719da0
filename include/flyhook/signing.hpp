#ifndef FLYHOOK_SIGNING_HPP
#define FLYHOOK_SIGNING_HPP

#include <flyhook/detail/config.hpp>
#include <flyhook/detail/security/crypto.hpp>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

// Standard Webhooks 1.0 signatures, the sender's side: v1 is HMAC-SHA256 over "id.timestamp.body".

namespace flyhook {

/// A new secret of 32 random bytes: "whsec_" and their base64. Throws Error (`unavailable`) if OpenSSL has none.
FLYHOOK_DECL std::string generate_secret();

/// The value of `webhook-signature` for one message: "v1,<base64>". `timestamp_s` is in seconds since 1970.
/// Throws Error (`invalid`, "secret") for anything but "whsec_" and the strict base64 of 24 to 64 bytes; the message never
/// holds the secret. Thread-safe.
FLYHOOK_DECL std::string sign(std::string_view secret, std::string_view id, std::int64_t timestamp_s,
                              std::string_view body);

namespace detail {

/// The bytes of a "whsec_" secret. Throws Error as `sign` does, with `field`.
FLYHOOK_DECL std::string decode_secret(std::string_view secret, std::string_view field);

/// "whsec_" and base64 of 32 bytes from `random`.
FLYHOOK_DECL std::string generate_secret_from(const std::function<void(void*, std::size_t)>& random);

/// A secret made ready once for many signatures. Immutable, thread-safe.
class Signer {
 public:
  FLYHOOK_DECL explicit Signer(std::string_view secret);

  /// `timestamp` as the text that is sent.
  FLYHOOK_DECL std::string sign(std::string_view id, std::string_view timestamp, std::string_view body) const;

 private:
  HmacKey key_;
};

}  // namespace detail
}  // namespace flyhook

#if defined(FLYHOOK_HEADER_ONLY)
#include <flyhook/impl/signing.ipp>
#endif

#endif
