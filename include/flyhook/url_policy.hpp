#ifndef FLYHOOK_URL_POLICY_HPP
#define FLYHOOK_URL_POLICY_HPP

#include <flyhook/detail/config.hpp>
#include <flyhook/detail/security/ip.hpp>
#include <flyhook/detail/security/url.hpp>

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

// Where deliveries may go, as data, and the judgement on it: rules U11 to U22 of tests/vectors/README.md. A URL that
// strangers registered must not make us call what only we can reach (server-side request forgery).
//
// check_url answers an application's question; AddressPolicy is the same policy compiled, for the engine, which asks it
// with every look-up's answer. Neither connects to anything.

namespace flyhook {

/// Which endpoints are allowed. The default allows public addresses only, over http and https.
///
/// An entry of `allow` or `deny` is a CIDR range ("127.0.0.0/8", "fd00::/8"; bits beyond the prefix do not count), an
/// address, which stands for itself, or a host ("hooks.internal": exactly that name, in any case, and not what is beneath
/// it). No ports, no wildcards. An entry that is none of these: Publisher's constructor throws, check_url denies.
struct UrlPolicy {
  bool https_only = false;  ///< refuses http, for allowed hosts too
  /// What may be called though it is not public. A range lets addresses through; a host lets through whatever addresses
  /// that name has. An IPv6 address that holds an IPv4 one (NAT64) is let through by IPv6 ranges only.
  std::vector<std::string> allow{};
  /// What is refused though it is public; wins over `allow`. A host refuses the name, a range every name that has an
  /// address in it.
  std::vector<std::string> deny{};
};

enum class UrlStatus {
  allow,
  deny,    ///< well formed, but refused by the policy or by where it leads
  invalid  ///< no policy could make this callable
};

/// What check_url says.
struct UrlVerdict {
  UrlStatus status = UrlStatus::invalid;
  std::string reason{};  ///< a sentence without the URL's path, query or credentials; empty on `allow`
  /// On `allow`: every address of the host, once each, in canonical text, IPv4-mapped ones as IPv4. Connect to these only:
  /// a second look-up may answer something else.
  std::vector<std::string> addresses{};
};

/// Looks up a host name: its addresses as text, strict dotted decimal or RFC 4291 without a zone. Empty or throwing: it
/// does not resolve. May block. The engine calls it from resolver threads only, several at a time. The name comes in lower
/// case, with its trailing dot if the URL has one.
using Resolver = std::function<std::vector<std::string>(const std::string& host)>;

/// May this URL be called? Names are looked up, and every answer must pass; an IP literal, in whatever spelling, is not
/// looked up. Blocks as long as `resolver` does (empty: the system's, getaddrinfo). Whatever URL, answers or exceptions
/// come in, it does not throw. Thread-safe as far as `resolver` is.
FLYHOOK_DECL UrlVerdict check_url(std::string_view url, const UrlPolicy& policy = {}, const Resolver& resolver = {});

namespace detail {

/// Whether `allow` counts: not for URLs that come from strangers (`public_only`). Nor are they told what a look-up said.
enum class AllowList { counts, ignored };

inline AllowList allow_list_of(bool public_only) {
  return public_only ? AllowList::ignored : AllowList::counts;
}

/// What AddressPolicy says of a URL that parsed: `allow` or `deny`.
struct AddressVerdict {
  UrlStatus status = UrlStatus::deny;
  std::string reason{};                  ///< as UrlVerdict's
  std::vector<std::string> addresses{};  ///< as UrlVerdict's
  /// On `deny`, what an attempt's error names after "refused_address: ": "127.0.0.1 of hooks.example.com", "127.0.0.1" for
  /// a literal, the origin where no address is to blame, the host alone where `allow` is ignored and a look-up is. Empty:
  /// there is no answer, so nothing was refused.
  std::string refused{};
};

/// A UrlPolicy made ready once. Immutable, thread-safe. Cost follows the answers, hardly the entries.
class AddressPolicy {
 public:
  /// Throws Error (`invalid`, "url_policy.allow" or "url_policy.deny") for a malformed entry, naming it.
  FLYHOOK_DECL explicit AddressPolicy(const UrlPolicy& policy);

  /// The verdict where none needs a look-up: a literal's, or the refusal of scheme or name. None: look the name up, and
  /// ask `judge`.
  FLYHOOK_DECL std::optional<AddressVerdict> judge_unresolved(const Url& url, AllowList allow = AllowList::counts) const;

  /// The whole verdict, what judge_unresolved finds included. `answers` is whatever a resolver said; of a literal it is not
  /// looked at. No answer: `deny`.
  FLYHOOK_DECL AddressVerdict judge(const Url& url, const std::vector<std::string>& answers,
                                    AllowList allow = AllowList::counts) const;

 private:
  struct List {
    IpRanges ranges{};
    std::set<std::string, std::less<>> hosts{};  ///< lower case, without a trailing dot
  };

  FLYHOOK_DECL static List compile(const std::vector<std::string>& entries, const char* field);
  FLYHOOK_DECL AddressVerdict judge_addresses(const Url& url, const std::vector<IpAddress>& addresses,
                                              AllowList allow) const;

  bool https_only_;
  List allow_;
  List deny_;
};

}  // namespace detail
}  // namespace flyhook

#if defined(FLYHOOK_HEADER_ONLY)
#include <flyhook/impl/url_policy.ipp>
#endif

#endif
