#ifndef FLYHOOK_VERIFIER_HPP
#define FLYHOOK_VERIFIER_HPP

#include <flyhook/detail/config.hpp>
#include <flyhook/detail/security/crypto.hpp>
#include <flyhook/http.hpp>

#include <chrono>
#include <concepts>
#include <cstdint>
#include <functional>
#include <ranges>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// Standard Webhooks 1.0 signatures, the receiver's side.

namespace flyhook {

/// How the sender signs. Built so far: `standard`.
enum class Scheme { standard, github, stripe };

enum class VerifyReason {
  none,            ///< it is right
  missing_header,  ///< webhook-id, webhook-timestamp or webhook-signature is missing or empty
  malformed,       ///< one of them is there twice, or the timestamp is not a number
  too_old,
  too_new,  ///< outside the tolerance: a replay, or clocks that differ
  no_match  ///< no signature belongs to this content and any of the secrets
};

struct VerifierOptions {
  Scheme scheme = Scheme::standard;
  std::vector<std::string> secrets{};   ///< "whsec_..."; any of them may have signed. At least one
  std::chrono::seconds tolerance{300};  ///< to both sides of now; 0: the same second only
  std::function<std::int64_t()> now{};  ///< seconds since 1970; empty: the system clock
};

struct VerifyResult {
  bool ok = false;
  VerifyReason reason{};
  std::string id{};  ///< the webhook-id; set only if `ok`
};

/// Checks that a request was signed with one of the secrets, lately. Immutable, thread-safe.
class Verifier {
 public:
  /// Throws Error: `invalid` ("secrets", "tolerance"), `unsupported` ("scheme"). The message never holds a secret.
  FLYHOOK_DECL explicit Verifier(VerifierOptions options);

  /// Never throws on hostile input; compares in constant time. `body`: the bytes as they came. Names in any case; svix-
  /// headers stand in where no webhook- one is there.
  FLYHOOK_DECL VerifyResult verify(const Headers& headers, std::string_view body) const;

  /// Any range of pairs of strings: httplib::Headers.
  template <std::ranges::input_range Range>
  requires(!std::same_as<std::remove_cvref_t<Range>, Headers>) &&
      requires(std::ranges::range_reference_t<const Range> field) {
    { field.first } -> std::convertible_to<std::string_view>;
    { field.second } -> std::convertible_to<std::string_view>;
  }
  VerifyResult verify(const Range& headers, std::string_view body) const {
    Headers copied;
    for (const auto& field : headers)
      if (is_ours(field.first)) copied.emplace_back(std::string_view{field.first}, std::string_view{field.second});
    return verify(copied, body);
  }

 private:
  FLYHOOK_DECL static bool is_ours(std::string_view name);

  std::vector<detail::HmacKey> keys_;
  std::int64_t tolerance_;
  std::function<std::int64_t()> now_;
};

}  // namespace flyhook

#if defined(FLYHOOK_HEADER_ONLY)
#include <flyhook/impl/verifier.ipp>
#endif

#endif
