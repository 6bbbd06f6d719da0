#ifndef FLYHOOK_IMPL_DETAIL_SECURITY_ED25519_IPP
#define FLYHOOK_IMPL_DETAIL_SECURITY_ED25519_IPP

#include <flyhook/detail/security/ed25519.hpp>
#include <flyhook/error.hpp>

#include <openssl/err.h>
#include <openssl/evp.h>

#include <cstddef>

namespace flyhook::detail {

struct EvpKey {
  EvpKey() = default;
  EvpKey(const EvpKey&) = delete;
  EvpKey& operator=(const EvpKey&) = delete;
  ~EvpKey() { EVP_PKEY_free(key); }

  EVP_PKEY* key = nullptr;
};

/// A context of one signature.
struct EvpContext {
  EvpContext() : context(EVP_MD_CTX_new()) {}
  EvpContext(const EvpContext&) = delete;
  EvpContext& operator=(const EvpContext&) = delete;
  ~EvpContext() { EVP_MD_CTX_free(context); }

  EVP_MD_CTX* context;
};

FLYHOOK_DECL const unsigned char* unsigned_bytes(std::string_view text);

const unsigned char* unsigned_bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

Ed25519PrivateKey::Ed25519PrivateKey(std::string_view seed) : key_(std::make_unique<EvpKey>()) {
  key_->key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, unsigned_bytes(seed), seed.size());
  if (key_->key == nullptr) throw Error{ErrorCode::unavailable, "secret", "OpenSSL could not make an ed25519 key"};
}

Ed25519PrivateKey::Ed25519PrivateKey(Ed25519PrivateKey&&) noexcept = default;
Ed25519PrivateKey& Ed25519PrivateKey::operator=(Ed25519PrivateKey&&) noexcept = default;
Ed25519PrivateKey::~Ed25519PrivateKey() = default;

Ed25519Signature Ed25519PrivateKey::sign(std::string_view message) const {
  const EvpContext own;
  Ed25519Signature signature{};
  std::size_t size = signature.size();
  const bool done = own.context != nullptr && EVP_DigestSignInit(own.context, nullptr, nullptr, nullptr, key_->key) == 1 &&
                    EVP_DigestSign(own.context, signature.data(), &size, unsigned_bytes(message), message.size()) == 1;
  if (!done) throw Error{ErrorCode::unavailable, "secret", "OpenSSL could not sign"};
  return signature;
}

std::string Ed25519PrivateKey::public_key() const {
  std::string bytes(32, '\0');
  std::size_t size = bytes.size();
  if (EVP_PKEY_get_raw_public_key(key_->key, reinterpret_cast<unsigned char*>(bytes.data()), &size) != 1)
    throw Error{ErrorCode::unavailable, "secret", "OpenSSL has no public key of this ed25519 key"};
  return bytes;
}

Ed25519PublicKey::Ed25519PublicKey(std::string_view bytes) : key_(std::make_unique<EvpKey>()) {
  key_->key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, unsigned_bytes(bytes), bytes.size());
  if (key_->key == nullptr) throw Error{ErrorCode::unavailable, "secret", "OpenSSL could not make an ed25519 key"};
}

Ed25519PublicKey::Ed25519PublicKey(Ed25519PublicKey&&) noexcept = default;
Ed25519PublicKey& Ed25519PublicKey::operator=(Ed25519PublicKey&&) noexcept = default;
Ed25519PublicKey::~Ed25519PublicKey() = default;

bool Ed25519PublicKey::verify(std::string_view message, std::string_view signature) const {
  if (signature.size() != Ed25519Signature{}.size()) return false;
  const EvpContext own;
  const bool ready = own.context != nullptr && EVP_DigestVerifyInit(own.context, nullptr, nullptr, nullptr, key_->key) == 1;
  if (!ready) throw Error{ErrorCode::unavailable, "secret", "OpenSSL could not verify"};
  // What a wrong signature leaves in this thread's error queue must not be found there by a TLS connection of the
  // application; what was there before stays.
  ERR_set_mark();
  const bool is_right = EVP_DigestVerify(own.context, unsigned_bytes(signature), signature.size(), unsigned_bytes(message),
                                         message.size()) == 1;
  ERR_pop_to_mark();
  return is_right;
}

}  // namespace flyhook::detail

#endif
