#ifndef FLYHOOK_IMPL_DETAIL_SECURITY_CRYPTO_IPP
#define FLYHOOK_IMPL_DETAIL_SECURITY_CRYPTO_IPP

#include <flyhook/detail/security/crypto.hpp>
#include <flyhook/error.hpp>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <algorithm>
#include <limits>

namespace flyhook::detail {

void openssl_random(void* buffer, std::size_t size) {
  auto* at = static_cast<unsigned char*>(buffer);
  while (size > 0) {
    const auto part = std::min<std::size_t>(size, static_cast<std::size_t>(std::numeric_limits<int>::max()));
    if (RAND_bytes(at, static_cast<int>(part)) != 1)
      throw Error{ErrorCode::unavailable, "random", "OpenSSL has no random bytes"};
    at += part;
    size -= part;
  }
}

std::string base64(std::string_view bytes) {
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');  // EVP_EncodeBlock ends with a NUL
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                   reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(size));
  return text;
}

std::optional<std::string> base64_decode(std::string_view text) {
  if (text.size() % 4 != 0 || text.size() > (1u << 20)) return std::nullopt;
  std::string bytes(text.size() / 4 * 3, '\0');
  const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                                   reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  if (size < 0) {
    wipe(bytes);
    return std::nullopt;
  }
  std::size_t padding = 0;
  while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
  bytes.resize(static_cast<std::size_t>(size) - padding);
  // EVP_DecodeBlock passes over white space at the ends and stray bits; encoding again shows both.
  const SecretText again{base64(bytes)};
  if (again.text != text) {
    wipe(bytes);
    return std::nullopt;
  }
  return bytes;
}

bool equal_in_constant_time(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string hex(std::string_view bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const char byte : bytes) {
    text.push_back(digits[static_cast<unsigned char>(byte) >> 4]);
    text.push_back(digits[static_cast<unsigned char>(byte) & 15u]);
  }
  return text;
}

void wipe(std::string& secret) noexcept {
  secret.resize(secret.capacity());  // never moves; a text that was longer once left its end there
  OPENSSL_cleanse(secret.data(), secret.size());
  secret.clear();
}

void initialise_openssl() {
  OPENSSL_init_crypto(0, nullptr);
}

/// RFC 2104: H(key xor opad, H(key xor ipad, text)). Both hashes have absorbed their first block.
struct HmacKey::State {
  State() : inner(EVP_MD_CTX_new()), outer(EVP_MD_CTX_new()) {}
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    EVP_MD_CTX_free(inner);
    EVP_MD_CTX_free(outer);
  }

  EVP_MD_CTX* inner;
  EVP_MD_CTX* outer;
};

/// A context of one thread that signatures are computed in: copying into it reuses its memory.
struct SigningContext {
  SigningContext() : context(EVP_MD_CTX_new()) {}
  SigningContext(const SigningContext&) = delete;
  SigningContext& operator=(const SigningContext&) = delete;
  ~SigningContext() { EVP_MD_CTX_free(context); }

  EVP_MD_CTX* context;
};

HmacKey::HmacKey(std::string_view key) : state_(std::make_unique<State>()) {
  std::array<unsigned char, 64> block{};
  unsigned int size = 0;
  bool done = state_->inner != nullptr && state_->outer != nullptr;
  if (key.size() > block.size()) {
    done = done && EVP_Digest(key.data(), key.size(), block.data(), &size, EVP_sha256(), nullptr) == 1;
  } else {
    std::copy(key.begin(), key.end(), block.begin());
  }
  for (auto& byte : block) byte = static_cast<unsigned char>(byte ^ 0x36u);
  done = done && EVP_DigestInit_ex(state_->inner, EVP_sha256(), nullptr) == 1 &&
         EVP_DigestUpdate(state_->inner, block.data(), block.size()) == 1;
  for (auto& byte : block) byte = static_cast<unsigned char>(byte ^ 0x36u ^ 0x5Cu);
  done = done && EVP_DigestInit_ex(state_->outer, EVP_sha256(), nullptr) == 1 &&
         EVP_DigestUpdate(state_->outer, block.data(), block.size()) == 1;
  OPENSSL_cleanse(block.data(), block.size());
  if (!done) throw Error{ErrorCode::unavailable, "secret", "OpenSSL could not prepare HMAC-SHA256"};
}

HmacKey::HmacKey(HmacKey&&) noexcept = default;
HmacKey& HmacKey::operator=(HmacKey&&) noexcept = default;
HmacKey::~HmacKey() = default;

std::array<unsigned char, 32> HmacKey::sign(std::initializer_list<std::string_view> parts) const {
  thread_local SigningContext own;
  EVP_MD_CTX* const context = own.context;
  std::array<unsigned char, 32> digest{};
  bool done = context != nullptr && EVP_MD_CTX_copy_ex(context, state_->inner) == 1;
  for (const auto part : parts) done = done && EVP_DigestUpdate(context, part.data(), part.size()) == 1;
  done = done && EVP_DigestFinal_ex(context, digest.data(), nullptr) == 1 &&
         EVP_MD_CTX_copy_ex(context, state_->outer) == 1 && EVP_DigestUpdate(context, digest.data(), digest.size()) == 1 &&
         EVP_DigestFinal_ex(context, digest.data(), nullptr) == 1;
  if (!done) throw Error{ErrorCode::unavailable, "secret", "OpenSSL could not sign"};
  return digest;
}

}  // namespace flyhook::detail

#endif
