#ifndef FLYHOOK_DETAIL_SECURITY_CRYPTO_HPP
#define FLYHOOK_DETAIL_SECURITY_CRYPTO_HPP

#include <flyhook/detail/config.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

// What flyhook needs of cryptography, all of it OpenSSL's: HMAC-SHA256, base64, random bytes, comparing and wiping.
// (ed25519: ed25519.hpp.)

namespace flyhook::detail {

/// Bytes of OpenSSL's generator. Throws Error (`unavailable`) if it has none.
FLYHOOK_DECL void openssl_random(void* buffer, std::size_t size);

/// Standard alphabet with padding (RFC 4648, section 4).
FLYHOOK_DECL std::string base64(std::string_view bytes);

/// Strict: the standard alphabet, whole groups, padding, no stray bits. Otherwise nullopt.
FLYHOOK_DECL std::optional<std::string> base64_decode(std::string_view text);

/// Compares in a time that depends on the sizes only.
FLYHOOK_DECL bool equal_in_constant_time(std::string_view a, std::string_view b);

/// Lower-case hexadecimal digits.
FLYHOOK_DECL std::string hex(std::string_view bytes);

/// Overwrites with zeros in a way that the optimiser keeps, and empties. What is behind the end is overwritten as well.
FLYHOOK_DECL void wipe(std::string& secret) noexcept;

/// A copy of a secret: wiped when it goes, however the scope is left. Not to be copied by accident.
class SecretText {
 public:
  SecretText() = default;
  explicit SecretText(std::string its_text) noexcept : text(std::move(its_text)) {}
  SecretText(SecretText&& other) noexcept : text(std::move(other.text)) { wipe(other.text); }
  SecretText& operator=(SecretText&& other) noexcept {
    text.swap(other.text);
    return *this;
  }
  ~SecretText() { wipe(text); }

  std::string text{};
};

/// Wipes somebody else's member at the end of a scope.
class WipeAtEnd {
 public:
  explicit WipeAtEnd(std::string& secret) noexcept : secret_(secret) {}
  WipeAtEnd(const WipeAtEnd&) = delete;
  WipeAtEnd& operator=(const WipeAtEnd&) = delete;
  ~WipeAtEnd() { wipe(secret_); }

 private:
  std::string& secret_;
};

/// Sets up OpenSSL before any thread of ours, so that its own exit handlers run after those threads have ended.
FLYHOOK_DECL void initialise_openssl();

/// HMAC-SHA256 under one key. The key is absorbed once; each signature goes on from a copy of that state. Immutable and
/// thread-safe once made; the state is wiped when it goes.
class HmacKey {
 public:
  FLYHOOK_DECL explicit HmacKey(std::string_view key);
  FLYHOOK_DECL HmacKey(HmacKey&&) noexcept;
  FLYHOOK_DECL HmacKey& operator=(HmacKey&&) noexcept;
  FLYHOOK_DECL ~HmacKey();

  /// The 32 bytes of HMAC-SHA256 over the parts, one after the other.
  FLYHOOK_DECL std::array<unsigned char, 32> sign(std::initializer_list<std::string_view> parts) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace flyhook::detail

#if defined(FLYHOOK_HEADER_ONLY)
#include <flyhook/impl/detail/security/crypto.ipp>
#endif

#endif
