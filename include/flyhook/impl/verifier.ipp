#ifndef FLYHOOK_IMPL_VERIFIER_IPP
#define FLYHOOK_IMPL_VERIFIER_IPP

#include <flyhook/error.hpp>
#include <flyhook/signing.hpp>
#include <flyhook/verifier.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

namespace flyhook {

namespace detail {

/// The three fields of one naming: "webhook-" or "svix-".
struct SignedFields {
  std::array<const std::string*, 3> values{};  // id, timestamp, signature
  bool is_any = false, is_repeated = false;
};

FLYHOOK_DECL SignedFields find_signed_fields(const Headers& headers, std::string_view prefix);

SignedFields find_signed_fields(const Headers& headers, std::string_view prefix) {
  constexpr std::array<std::string_view, 3> names{"id", "timestamp", "signature"};
  SignedFields fields;
  for (const auto& [name, value] : headers) {
    if (name.size() <= prefix.size() || !equal_without_case(std::string_view{name}.substr(0, prefix.size()), prefix))
      continue;
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (!equal_without_case(std::string_view{name}.substr(prefix.size()), names[i])) continue;
      fields.is_repeated = fields.is_repeated || fields.values[i] != nullptr;
      fields.values[i] = &value;
      fields.is_any = true;
    }
  }
  return fields;
}

}  // namespace detail

Verifier::Verifier(VerifierOptions options) : tolerance_(options.tolerance.count()), now_(std::move(options.now)) {
  if (options.scheme != Scheme::standard)
    throw Error{ErrorCode::unsupported, "scheme", "this version verifies Standard Webhooks only"};
  if (options.tolerance < std::chrono::seconds{0}) throw Error{ErrorCode::invalid, "tolerance", "must not be negative"};
  if (options.secrets.empty())
    throw Error{ErrorCode::invalid, "secrets", "is empty: without a secret anybody could have sent a request"};
  for (const auto& secret : options.secrets) {
    auto bytes = detail::decode_secret(secret, "secrets");
    keys_.emplace_back(bytes);
    detail::wipe(bytes);
  }
}

bool Verifier::is_ours(std::string_view name) {
  return detail::equal_without_case(name.substr(0, 8), "webhook-") ||
         detail::equal_without_case(name.substr(0, 5), "svix-");
}

VerifyResult Verifier::verify(const Headers& headers, std::string_view body) const {
  const auto refuse = [](VerifyReason reason) { return VerifyResult{false, reason, {}}; };
  auto fields = detail::find_signed_fields(headers, "webhook-");
  if (!fields.is_any) fields = detail::find_signed_fields(headers, "svix-");
  for (const auto* value : fields.values)
    if (value == nullptr || value->empty()) return refuse(VerifyReason::missing_header);
  if (fields.is_repeated) return refuse(VerifyReason::malformed);
  const auto& [id, timestamp, signatures] = fields.values;

  std::int64_t at = 0;
  const auto* const end = timestamp->data() + timestamp->size();
  const auto [parsed, failed] = std::from_chars(timestamp->data(), end, at);
  const bool is_number = timestamp->find_first_not_of("0123456789") == std::string::npos;
  if (!is_number || parsed != end || failed != std::errc{}) return refuse(VerifyReason::malformed);

  const std::int64_t now =
      now_ ? now_()
           : std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
  // `at` is not negative, so neither difference overflows for a `now` that is not.
  if (now > at && now - at > tolerance_) return refuse(VerifyReason::too_old);
  if (at > now && at - std::max<std::int64_t>(now, 0) > tolerance_) return refuse(VerifyReason::too_new);

  bool matched = false;
  for (const auto& key : keys_) {
    const auto digest = key.sign({*id, ".", *timestamp, ".", body});
    const auto expected = "v1," + detail::base64({reinterpret_cast<const char*>(digest.data()), digest.size()});
    std::string_view rest = *signatures;
    while (!rest.empty()) {
      const auto entry = rest.substr(0, rest.find(' '));
      rest.remove_prefix(std::min(rest.size(), entry.size() + 1));
      matched = detail::equal_in_constant_time(entry, expected) || matched;
    }
  }
  if (!matched) return refuse(VerifyReason::no_match);
  return {true, VerifyReason::none, *id};
}

}  // namespace flyhook

#endif
