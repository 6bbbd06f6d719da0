#ifndef FLYHOOK_IMPL_SIGNING_IPP
#define FLYHOOK_IMPL_SIGNING_IPP

#include <flyhook/error.hpp>
#include <flyhook/signing.hpp>

namespace flyhook {

std::string generate_secret() {
  return detail::generate_secret_from(detail::openssl_random);
}

std::string sign(std::string_view secret, std::string_view id, std::int64_t timestamp_s, std::string_view body) {
  return detail::Signer{secret}.sign(id, std::to_string(timestamp_s), body);
}

namespace detail {

std::string generate_secret_from(const std::function<void(void*, std::size_t)>& random) {
  std::string bytes(32, '\0');
  random(bytes.data(), bytes.size());
  std::string secret = "whsec_" + base64(bytes);
  wipe(bytes);
  return secret;
}

std::string decode_secret(std::string_view secret, std::string_view field) {
  const auto refuse = [&](const char* reason) { return Error{ErrorCode::invalid, std::string{field}, reason}; };
  constexpr std::string_view prefix = "whsec_";
  if (!secret.starts_with(prefix)) throw refuse("must start with whsec_; flyhook::generate_secret() makes one");
  auto bytes = base64_decode(secret.substr(prefix.size()));
  if (!bytes) throw refuse("what follows whsec_ is not base64 (standard alphabet, with padding)");
  if (bytes->size() < 24 || bytes->size() > 64) {
    wipe(*bytes);
    throw refuse("must hold 24 to 64 bytes");
  }
  return std::move(*bytes);
}

Signer::Signer(std::string_view secret)
    : key_([&] {
        auto bytes = decode_secret(secret, "secret");
        HmacKey key{bytes};
        wipe(bytes);
        return key;
      }()) {}

std::string Signer::sign(std::string_view id, std::string_view timestamp, std::string_view body) const {
  const auto digest = key_.sign({id, ".", timestamp, ".", body});
  return "v1," + base64({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

}  // namespace detail
}  // namespace flyhook

#endif
