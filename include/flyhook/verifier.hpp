#ifndef FLYHOOK_VERIFIER_HPP
#define FLYHOOK_VERIFIER_HPP

#include <flyhook/detail/config.hpp>
#include <flyhook/detail/security/crypto.hpp>
#include <flyhook/detail/security/ed25519.hpp>
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

// Signatures, the receiver's side: Standard Webhooks 1.0, GitHub's and Stripe's (rules S4 to S16 of
// tests/vectors/README.md).

namespace flyhook {

/// How the sender signs.
enum class Scheme {
  standard,  ///< webhook-id, -timestamp and -signature (or svix-), v1 and v1a
  github,    ///< X-Hub-Signature-256 over the body alone: without a time, a request can be played again at any time
  stripe     ///< Stripe-Signature: its own t, and v1 in hexadecimal digits
};

enum class VerifyReason {
  none,            ///< it is right
  missing_header,  ///< a header of the scheme is missing or empty
  malformed,       ///< one of them is there twice, the timestamp is not a number, or (GitHub) it is no sha256= signature
  too_old,
  too_new,  ///< outside the tolerance: a replay, or clocks that differ
  no_match  ///< no signature belongs to this content and any of the secrets
};

struct VerifierOptions {
  Scheme scheme = Scheme::standard;
  /// Any of them may have signed. At least one, none empty. standard: "whsec_..." and, for ed25519, "whpk_...". Elsewhere
  /// the text itself is the secret, Stripe's "whsec_" included.
  std::vector<std::string> secrets{};
  std::chrono::seconds tolerance{300};  ///< to both sides of now; 0: the same second only. GitHub's requests have no time
  std::function<std::int64_t()> now{};  ///< seconds since 1970; empty: the system clock
};

struct VerifyResult {
  bool ok = false;
  VerifyReason reason{};
  /// standard: the webhook-id, only if `ok`. Elsewhere empty: X-GitHub-Delivery is not signed, and Stripe's id is a member
  /// of the body.
  std::string id{};
};

/// Checks that a request was signed with one of the secrets, lately. Immutable, thread-safe.
class Verifier {
 public:
  /// Throws Error: `invalid` ("secrets", "tolerance", "scheme"). The message never holds a secret. A "whsk_" is refused:
  /// who only verifies should not be able to sign.
  FLYHOOK_DECL explicit Verifier(VerifierOptions options);

  /// Never throws on hostile input; compares in constant time. `body`: the bytes as they came. Names in any case; svix-
  /// headers stand in where no webhook- one is there. Work grows with the headers and with the body, not with their
  /// product: of v1a entries, the first 16 are verified, and further ones until 64 MiB were hashed for them.
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
  FLYHOOK_DECL static bool is_ours(std::string_view name);  // of any scheme
  FLYHOOK_DECL VerifyResult verify_standard(const Headers& headers, std::string_view body) const;
  FLYHOOK_DECL VerifyResult verify_github(const Headers& headers, std::string_view body) const;
  FLYHOOK_DECL VerifyResult verify_stripe(const Headers& headers, std::string_view body) const;
  FLYHOOK_DECL VerifyReason judge_time(std::string_view timestamp) const;
  FLYHOOK_DECL bool has_v1(std::string_view entries, std::string_view id, std::string_view timestamp,
                           std::string_view body) const;
  FLYHOOK_DECL bool has_v1a(std::string_view entries, std::string_view id, std::string_view timestamp,
                            std::string_view body) const;

  Scheme scheme_;
  std::vector<detail::HmacKey> keys_;
  std::vector<detail::Ed25519PublicKey> public_keys_;
  std::int64_t tolerance_;
  std::function<std::int64_t()> now_;
};

}  // namespace flyhook

#if defined(FLYHOOK_HEADER_ONLY)
#include <flyhook/impl/verifier.ipp>
#endif

#endif
