#ifndef FLYHOOK_IMPL_DETAIL_ADMIN_CREDENTIALS_IPP
#define FLYHOOK_IMPL_DETAIL_ADMIN_CREDENTIALS_IPP

#include <flyhook/detail/admin/credentials.hpp>
#include <flyhook/error.hpp>
#include <flyhook/http.hpp>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <system_error>
#include <utility>

namespace flyhook::detail {

FLYHOOK_DECL HmacKey random_key(const std::function<void(void*, std::size_t)>& random);
FLYHOOK_DECL HmacKey portal_key(std::string_view token, const std::function<void(void*, std::size_t)>& random);
FLYHOOK_DECL std::string_view as_text(const std::array<unsigned char, 32>& bytes);
FLYHOOK_DECL std::string base64url(std::string_view bytes);
FLYHOOK_DECL std::optional<std::string> base64url_decode(std::string_view text);

inline constexpr std::string_view portal_prefix = "fhp_";

std::string_view as_text(const std::array<unsigned char, 32>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

HmacKey random_key(const std::function<void(void*, std::size_t)>& random) {
  SecretText key{std::string(32, '\0')};
  random(key.text.data(), key.text.size());
  return HmacKey{key.text};
}

HmacKey portal_key(std::string_view token, const std::function<void(void*, std::size_t)>& random) {
  if (token.empty()) return random_key(random);
  const auto derived = HmacKey{token}.sign({"flyhook portal token"});
  const SecretText key{std::string{as_text(derived)}};
  return HmacKey{key.text};
}

std::string base64url(std::string_view bytes) {
  auto text = base64(bytes);
  while (text.ends_with('=')) text.pop_back();
  for (auto& c : text) c = c == '+' ? '-' : c == '/' ? '_' : c;
  return text;
}

std::optional<std::string> base64url_decode(std::string_view text) {
  std::string standard{text};
  for (auto& c : standard) {
    if (c == '+' || c == '/' || c == '=') return std::nullopt;
    c = c == '-' ? '+' : c == '_' ? '/' : c;
  }
  standard.append((4 - standard.size() % 4) % 4, '=');
  return base64_decode(standard);
}

Credentials::Credentials(std::string_view token, const std::function<void(void*, std::size_t)>& random)
    : has_token_(!token.empty()),
      comparing_(random_key(random)),
      token_(comparing_.sign({token})),
      portal_(portal_key(token, random)) {}

std::optional<ApiCaller> Credentials::caller_of(std::string_view bearer, TimePoint now) const {
  if (equal_in_constant_time(as_text(comparing_.sign({bearer})), as_text(token_)) && has_token_)
    return ApiCaller{.is_operator = true, .tenant = {}};
  if (!bearer.starts_with(portal_prefix)) return std::nullopt;
  const auto stated = bearer.substr(0, bearer.rfind('.'));
  const auto mac = base64url_decode(bearer.substr(std::min(bearer.size(), stated.size() + 1)));
  if (!mac || !equal_in_constant_time(as_text(portal_.sign({stated})), *mac)) return std::nullopt;
  // It is ours, so it is well formed.
  std::int64_t until = 0;
  const auto parsed = std::from_chars(stated.data() + portal_prefix.size(), stated.data() + stated.size(), until);
  if (parsed.ec != std::errc{} || now >= TimePoint{std::chrono::seconds{until}}) return std::nullopt;
  auto tenant = base64url_decode(stated.substr(stated.find('.') + 1));
  if (!tenant) return std::nullopt;
  return ApiCaller{.is_operator = false, .tenant = std::move(*tenant)};
}

std::string Credentials::portal_token(std::string_view tenant, std::chrono::seconds ttl, TimePoint now) const {
  constexpr std::size_t longest_tenant = 1024;
  if (tenant.size() > longest_tenant) throw Error{ErrorCode::invalid, "tenant", "is longer than 1,024 bytes"};
  if (ttl < std::chrono::seconds{1} || ttl > std::chrono::days{365})
    throw Error{ErrorCode::invalid, "ttl", std::to_string(ttl.count()) + " s is outside 1 s to 365 days"};
  const auto until = std::chrono::floor<std::chrono::seconds>(now.time_since_epoch()) + ttl;
  auto stated = std::string{portal_prefix} + std::to_string(until.count()) + '.' + base64url(tenant);
  return stated + '.' + base64url(as_text(portal_.sign({stated})));
}

std::optional<std::string_view> bearer_of(std::string_view authorization) {
  constexpr std::string_view scheme = "bearer ";
  if (authorization.size() < scheme.size() || !equal_without_case(authorization.substr(0, scheme.size()), scheme))
    return std::nullopt;
  authorization.remove_prefix(scheme.size());
  const auto first = authorization.find_first_not_of(' ');
  return first == authorization.npos ? std::string_view{} : authorization.substr(first);
}

}  // namespace flyhook::detail

#endif
