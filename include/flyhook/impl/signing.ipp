#ifndef FLYHOOK_IMPL_SIGNING_IPP
#define FLYHOOK_IMPL_SIGNING_IPP

#include <flyhook/error.hpp>
#include <flyhook/signing.hpp>

#include <utility>

namespace flyhook {

std::string generate_secret() {
  return detail::generate_secret_from(detail::openssl_random);
}

std::string sign(std::string_view secret, std::string_view id, std::int64_t timestamp_s, std::string_view body) {
  return detail::Signer{secret}.sign(id, std::to_string(timestamp_s), body);
}

namespace detail {

inline constexpr std::size_t ed25519_key_size = 32;

FLYHOOK_DECL std::string with_prefix(std::string_view prefix, std::string_view bytes);
FLYHOOK_DECL Secret read_signing_secret(std::string_view secret, std::string_view field);
FLYHOOK_DECL std::variant<HmacKey, Ed25519PrivateKey> ready_key(std::string_view secret);

/// The prefix and the base64 of `bytes`, in a text that never moves while it grows.
std::string with_prefix(std::string_view prefix, std::string_view bytes) {
  const SecretText tail{base64(bytes)};
  std::string secret;
  secret.reserve(prefix.size() + tail.text.size());
  secret.append(prefix).append(tail.text);
  return secret;
}

std::string generate_secret_from(const std::function<void(void*, std::size_t)>& random) {
  SecretText bytes{std::string(32, '\0')};
  random(bytes.text.data(), bytes.text.size());
  return with_prefix("whsec_", bytes.text);
}

std::string generate_secret_like(std::string_view secret, const std::function<void(void*, std::size_t)>& random) {
  if (!secret.starts_with("whsk_")) return generate_secret_from(random);
  SecretText bytes;
  bytes.text.reserve(2 * ed25519_key_size);
  bytes.text.resize(ed25519_key_size);
  random(bytes.text.data(), bytes.text.size());
  bytes.text += Ed25519PrivateKey{bytes.text}.public_key();
  return with_prefix("whsk_", bytes.text);
}

Secret decode_secret(std::string_view secret, std::string_view field) {
  const auto refuse = [&](const char* reason) { return Error{ErrorCode::invalid, std::string{field}, reason}; };
  const auto decode = [&](std::string_view prefix, const char* reason) {
    auto bytes = base64_decode(secret.substr(prefix.size()));
    if (!bytes) throw refuse(reason);
    return SecretText{std::move(*bytes)};
  };

  if (secret.starts_with("whsec_")) {
    auto bytes = decode("whsec_", "what follows whsec_ is not base64 (standard alphabet, with padding)");
    if (bytes.text.size() < 24 || bytes.text.size() > 64) throw refuse("must hold 24 to 64 bytes");
    return {SecretKind::shared, std::move(bytes)};
  }
  if (secret.starts_with("whsk_")) {
    auto bytes = decode("whsk_", "what follows whsk_ is not base64 (standard alphabet, with padding)");
    auto& seed = bytes.text;
    if (seed.size() != ed25519_key_size && seed.size() != 2 * ed25519_key_size)
      throw refuse("a whsk_ must hold a seed of 32 bytes, or it and its public key: 64 bytes");
    const std::string given_public = seed.substr(ed25519_key_size);
    seed.resize(ed25519_key_size);
    if (!given_public.empty() && given_public != Ed25519PrivateKey{seed}.public_key())
      throw refuse("the public key in this whsk_ belongs to another seed");
    return {SecretKind::signing_key, std::move(bytes)};
  }
  if (secret.starts_with("whpk_")) {
    auto bytes = decode("whpk_", "what follows whpk_ is not base64 (standard alphabet, with padding)");
    if (bytes.text.size() != ed25519_key_size) throw refuse("a whpk_ must hold a public key of 32 bytes");
    return {SecretKind::public_key, std::move(bytes)};
  }
  throw refuse("must start with whsec_, or whsk_ or whpk_ for ed25519; flyhook::generate_secret() makes a whsec_");
}

Secret read_signing_secret(std::string_view secret, std::string_view field) {
  auto read = decode_secret(secret, field);
  if (read.kind == SecretKind::public_key)
    throw Error{ErrorCode::invalid, std::string{field}, "a whpk_ only verifies; its whsk_ signs"};
  return read;
}

void check_signing_secret(std::string_view secret, std::string_view field) {
  read_signing_secret(secret, field);
}

std::string receivers_secret(std::string_view secret) {
  const auto read = read_signing_secret(secret, "secret");
  if (read.kind == SecretKind::shared) return std::string{secret};
  return with_prefix("whpk_", Ed25519PrivateKey{read.bytes.text}.public_key());
}

std::variant<HmacKey, Ed25519PrivateKey> ready_key(std::string_view secret) {
  const auto read = read_signing_secret(secret, "secret");
  if (read.kind == SecretKind::shared) return HmacKey{read.bytes.text};
  return Ed25519PrivateKey{read.bytes.text};
}

Signer::Signer(std::string_view secret) : key_(ready_key(secret)) {}

std::string Signer::sign(std::string_view id, std::string_view timestamp, std::string_view body) const {
  if (const auto* shared = std::get_if<HmacKey>(&key_)) {
    const auto digest = shared->sign({id, ".", timestamp, ".", body});
    return "v1," + base64({reinterpret_cast<const char*>(digest.data()), digest.size()});
  }
  const auto signature = std::get<Ed25519PrivateKey>(key_).sign(signed_content(id, timestamp, body));
  return "v1a," + base64({reinterpret_cast<const char*>(signature.data()), signature.size()});
}

std::string signed_content(std::string_view id, std::string_view timestamp, std::string_view body) {
  std::string content;
  content.reserve(id.size() + timestamp.size() + body.size() + 2);
  return content.append(id).append(".").append(timestamp).append(".").append(body);
}

}  // namespace detail
}  // namespace flyhook

#endif
