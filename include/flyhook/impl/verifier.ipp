#ifndef FLYHOOK_IMPL_VERIFIER_IPP
#define FLYHOOK_IMPL_VERIFIER_IPP

#include <flyhook/error.hpp>
#include <flyhook/signing.hpp>
#include <flyhook/verifier.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <system_error>

namespace flyhook {

namespace detail {

/// The fields of one naming.
struct SignedFields {
  std::array<const std::string*, 3> values{};  // id, timestamp, signature
  bool is_any = false, is_repeated = false;
};

/// A header that must be there once.
struct OnlyField {
  const std::string* value = nullptr;
  VerifyReason reason = VerifyReason::missing_header;  // none: it is there
};

FLYHOOK_DECL SignedFields find_signed_fields(const Headers& headers, std::string_view prefix);
FLYHOOK_DECL OnlyField find_only_field(const Headers& headers, std::string_view name);
FLYHOOK_DECL VerifyResult refused(VerifyReason reason);
FLYHOOK_DECL std::string_view next_entry(std::string_view& rest, char separator);

/// "webhook-" or "svix-".
SignedFields find_signed_fields(const Headers& headers, std::string_view prefix) {
  constexpr std::array<std::string_view, 3> names{"id", "timestamp", "signature"};
  SignedFields fields;
  for (const auto& [name, value] : headers) {
    if (!equal_without_case(std::string_view{name}.substr(0, prefix.size()), prefix)) continue;
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (!equal_without_case(std::string_view{name}.substr(prefix.size()), names[i])) continue;
      fields.is_repeated = fields.is_repeated || fields.values[i] != nullptr;
      fields.values[i] = &value;
      fields.is_any = true;
    }
  }
  return fields;
}

OnlyField find_only_field(const Headers& headers, std::string_view wanted) {
  OnlyField found;
  for (const auto& [name, value] : headers) {
    if (!equal_without_case(name, wanted)) continue;
    if (found.value != nullptr) return {nullptr, VerifyReason::malformed};
    found = {&value, value.empty() ? VerifyReason::missing_header : VerifyReason::none};
  }
  return found;
}

VerifyResult refused(VerifyReason reason) {
  return {false, reason, {}};
}

/// Takes the text up to the next separator, and that, off `rest`.
std::string_view next_entry(std::string_view& rest, char separator) {
  const auto entry = rest.substr(0, rest.find(separator));
  rest.remove_prefix(std::min(rest.size(), entry.size() + 1));
  return entry;
}

}  // namespace detail

Verifier::Verifier(VerifierOptions options)
    : scheme_(options.scheme), tolerance_(options.tolerance.count()), now_(std::move(options.now)) {
  std::vector<detail::SecretText> secrets;
  secrets.reserve(options.secrets.size());
  for (auto& secret : options.secrets) {
    secrets.emplace_back(std::move(secret));
    detail::wipe(secret);  // a short one was copied
  }

  if (scheme_ != Scheme::standard && scheme_ != Scheme::github && scheme_ != Scheme::stripe)
    throw Error{ErrorCode::invalid, "scheme", "is not one of the enumerators"};
  if (options.tolerance < std::chrono::seconds{0}) throw Error{ErrorCode::invalid, "tolerance", "must not be negative"};
  if (secrets.empty())
    throw Error{ErrorCode::invalid, "secrets", "is empty: without a secret anybody could have sent a request"};
  for (const auto& secret : secrets) {
    if (secret.text.empty())
      throw Error{ErrorCode::invalid, "secrets", "holds an empty one: with it anybody could have signed a request"};
    if (scheme_ != Scheme::standard) {
      keys_.emplace_back(secret.text);
      continue;
    }
    const auto read = detail::decode_secret(secret.text, "secrets");
    switch (read.kind) {
      case detail::SecretKind::shared: keys_.emplace_back(read.bytes.text); break;
      case detail::SecretKind::public_key: public_keys_.emplace_back(read.bytes.text); break;
      case detail::SecretKind::signing_key:
        throw Error{ErrorCode::invalid, "secrets",
                    "holds a whsk_, which signs; a receiver is given its whpk_, which only verifies"};
    }
  }
}

bool Verifier::is_ours(std::string_view name) {
  return detail::equal_without_case(name.substr(0, 8), "webhook-") ||
         detail::equal_without_case(name.substr(0, 5), "svix-") ||
         detail::equal_without_case(name, "x-hub-signature-256") || detail::equal_without_case(name, "stripe-signature");
}

VerifyResult Verifier::verify(const Headers& headers, std::string_view body) const {
  switch (scheme_) {
    case Scheme::github: return verify_github(headers, body);
    case Scheme::stripe: return verify_stripe(headers, body);
    case Scheme::standard: break;
  }
  return verify_standard(headers, body);
}

/// `none`, `malformed` (not ASCII digits that fit 63 bits), `too_old` or `too_new` (S6, S7).
VerifyReason Verifier::judge_time(std::string_view timestamp) const {
  std::int64_t at = 0;
  const bool is_number = timestamp.find_first_not_of("0123456789") == std::string_view::npos;
  if (!is_number || std::from_chars(timestamp.data(), timestamp.data() + timestamp.size(), at).ec != std::errc{})
    return VerifyReason::malformed;

  const std::int64_t now =
      now_ ? now_()
           : std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
  // The difference of any two 63-bit numbers fits 64 bits without sign, whatever `now` says.
  const auto later = static_cast<std::uint64_t>(std::max(now, at));
  const auto earlier = static_cast<std::uint64_t>(std::min(now, at));
  if (later - earlier <= static_cast<std::uint64_t>(tolerance_)) return VerifyReason::none;
  return at < now ? VerifyReason::too_old : VerifyReason::too_new;
}

// Standard Webhooks -----------------------------------------------------------------------------------------------------

VerifyResult Verifier::verify_standard(const Headers& headers, std::string_view body) const {
  auto fields = detail::find_signed_fields(headers, "webhook-");
  if (!fields.is_any) fields = detail::find_signed_fields(headers, "svix-");
  for (const auto* value : fields.values)
    if (value == nullptr || value->empty()) return detail::refused(VerifyReason::missing_header);
  if (fields.is_repeated) return detail::refused(VerifyReason::malformed);
  const auto& [id, timestamp, entries] = fields.values;

  if (const auto reason = judge_time(*timestamp); reason != VerifyReason::none) return detail::refused(reason);
  if (!has_v1(*entries, *id, *timestamp, body) && !has_v1a(*entries, *id, *timestamp, body))
    return detail::refused(VerifyReason::no_match);
  return {true, VerifyReason::none, *id};
}

bool Verifier::has_v1(std::string_view entries, std::string_view id, std::string_view timestamp,
                      std::string_view body) const {
  constexpr std::string_view version = "v1,";
  bool matched = false;
  for (const auto& key : keys_) {
    const auto digest = key.sign({id, ".", timestamp, ".", body});
    const auto expected = detail::base64({reinterpret_cast<const char*>(digest.data()), digest.size()});
    for (auto rest = entries; !rest.empty();) {
      const auto entry = detail::next_entry(rest, ' ');
      if (!entry.starts_with(version)) continue;
      matched = detail::equal_in_constant_time(entry.substr(version.size()), expected) || matched;
    }
  }
  return matched;
}

bool Verifier::has_v1a(std::string_view entries, std::string_view id, std::string_view timestamp,
                       std::string_view body) const {
  constexpr std::string_view version = "v1a,";
  constexpr std::size_t encoded_size = 88;  // base64 of 64 bytes
  constexpr std::size_t always = 16, most_bytes = 64u << 20;
  if (public_keys_.empty()) return false;
  const auto content = detail::signed_content(id, timestamp, body);
  std::size_t verified = 0, hashed = 0;
  for (auto rest = entries; !rest.empty();) {
    const auto entry = detail::next_entry(rest, ' ');
    if (entry.size() != version.size() + encoded_size || !entry.starts_with(version)) continue;
    const auto signature = detail::base64_decode(entry.substr(version.size()));
    if (!signature) continue;
    // Each entry hashes the whole content anew: many of them under a large body would be work without measure.
    hashed += content.size() * public_keys_.size();
    if (++verified > always && hashed > most_bytes) return false;
    for (const auto& key : public_keys_)
      if (key.verify(content, *signature)) return true;  // nothing secret is compared
  }
  return false;
}

// Others ----------------------------------------------------------------------------------------------------------------

VerifyResult Verifier::verify_github(const Headers& headers, std::string_view body) const {
  const auto field = detail::find_only_field(headers, "x-hub-signature-256");
  if (field.reason != VerifyReason::none) return detail::refused(field.reason);
  constexpr std::string_view prefix = "sha256=";
  const std::string_view value = *field.value;
  const auto given = value.substr(std::min(value.size(), prefix.size()));
  if (!value.starts_with(prefix) || given.size() != 64 ||
      given.find_first_not_of("0123456789abcdef") != std::string_view::npos)
    return detail::refused(VerifyReason::malformed);

  bool matched = false;
  for (const auto& key : keys_) {
    const auto digest = key.sign({body});
    const auto expected = detail::hex({reinterpret_cast<const char*>(digest.data()), digest.size()});
    matched = detail::equal_in_constant_time(given, expected) || matched;
  }
  if (!matched) return detail::refused(VerifyReason::no_match);
  return {true, VerifyReason::none, {}};
}

VerifyResult Verifier::verify_stripe(const Headers& headers, std::string_view body) const {
  const auto field = detail::find_only_field(headers, "stripe-signature");
  if (field.reason != VerifyReason::none) return detail::refused(field.reason);

  std::string_view timestamp;
  std::size_t times = 0;
  for (std::string_view rest = *field.value; !rest.empty();) {
    const auto entry = detail::next_entry(rest, ',');
    if (!entry.starts_with("t=")) continue;
    timestamp = entry.substr(2);
    ++times;
  }
  if (times != 1) return detail::refused(VerifyReason::malformed);
  if (const auto reason = judge_time(timestamp); reason != VerifyReason::none) return detail::refused(reason);

  bool matched = false;
  for (const auto& key : keys_) {
    const auto digest = key.sign({timestamp, ".", body});
    const auto expected = "v1=" + detail::hex({reinterpret_cast<const char*>(digest.data()), digest.size()});
    for (std::string_view rest = *field.value; !rest.empty();)
      matched = detail::equal_in_constant_time(detail::next_entry(rest, ','), expected) || matched;
  }
  if (!matched) return detail::refused(VerifyReason::no_match);
  return {true, VerifyReason::none, {}};
}

}  // namespace flyhook

#endif
