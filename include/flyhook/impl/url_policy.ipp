#ifndef FLYHOOK_IMPL_URL_POLICY_IPP
#define FLYHOOK_IMPL_URL_POLICY_IPP

#include <flyhook/detail/security/system_resolver.hpp>
#include <flyhook/error.hpp>
#include <flyhook/http.hpp>
#include <flyhook/url_policy.hpp>

#include <algorithm>
#include <cstddef>
#include <exception>
#include <utility>
#include <variant>

namespace flyhook {

namespace detail {

FLYHOOK_DECL std::string origin_of(const Url& url);
FLYHOOK_DECL std::string_view name_of(const Url& url);
FLYHOOK_DECL std::string of_host(std::string what, const Url& url);
FLYHOOK_DECL AddressVerdict denied(std::string reason, std::string refused);
FLYHOOK_DECL AddressVerdict astray(const Url& url, std::string_view where);
FLYHOOK_DECL std::string fitting_entry(const IpAddress& address);
}  // namespace detail

UrlVerdict check_url(std::string_view url, const UrlPolicy& policy, const Resolver& resolver) {
  auto parsed = detail::parse_url(url);
  if (const auto* wrong = std::get_if<std::string>(&parsed)) return {UrlStatus::invalid, "the URL " + *wrong, {}};
  const auto& target = std::get<detail::Url>(parsed);
  std::optional<detail::AddressPolicy> compiled;
  try {
    compiled.emplace(policy);
  } catch (const Error& error) {
    return {UrlStatus::deny, error.what(), {}};
  }
  auto verdict = compiled->judge_unresolved(target);
  if (!verdict) {
    std::vector<std::string> answers;
    try {
      answers = resolver ? resolver(target.host) : detail::resolve_by_system(target.host);
    } catch (const std::exception& error) {
      return {UrlStatus::deny, target.host + " does not resolve: " + detail::printable(error.what()), {}};
    } catch (...) {
      return {UrlStatus::deny, target.host + " does not resolve: the resolver threw", {}};
    }
    verdict = compiled->judge(target, answers);
  }
  return {verdict->status, std::move(verdict->reason), std::move(verdict->addresses)};
}

namespace detail {

// Words -----------------------------------------------------------------------------------------------------------------

/// What a refusal may show of a URL: paths and queries hold tokens.
std::string origin_of(const Url& url) {
  return (url.is_https ? "https://" : "http://") + url.authority();
}

std::string_view name_of(const Url& url) {
  std::string_view name = url.host;
  if (name.ends_with('.')) name.remove_suffix(1);
  return name;
}

std::string of_host(std::string what, const Url& url) {
  if (!url.is_literal) what.append(" of ").append(url.host);
  return what;
}

AddressVerdict denied(std::string reason, std::string refused) {
  return {UrlStatus::deny, std::move(reason), {}, std::move(refused)};
}

/// The refusal that does not tell what the look-up said: strangers must not learn our names' addresses from it.
AddressVerdict astray(const Url& url, std::string_view where) {
  return denied(origin_of(url).append(" leads to ").append(where), url.host);
}

/// The entry of `allow` that lets `address`, which is not public, through, and its kind: the block that makes it special,
/// else itself.
std::string fitting_entry(const IpAddress& address) {
  const auto inner = nat64_inner(address);
  const auto* const block = special_block_of(inner.value_or(address));
  if (block == nullptr) return to_text(address);
  return to_text(inner ? nat64_range(block->range) : block->range);
}

// Policy ----------------------------------------------------------------------------------------------------------------

AddressPolicy::AddressPolicy(const UrlPolicy& policy)
    : https_only_(policy.https_only),
      allow_(compile(policy.allow, "url_policy.allow")),
      deny_(compile(policy.deny, "url_policy.deny")) {}

AddressPolicy::List AddressPolicy::compile(const std::vector<std::string>& entries, const char* field) {
  List list;
  std::vector<IpRange> ranges;
  for (const auto& entry : entries) {
    const auto refuse = [&](const std::string& reason) {
      return Error{ErrorCode::invalid, field, "\"" + printable(entry) + "\" is " + reason};
    };
    if (const auto range = parse_ip_range(entry)) {
      ranges.push_back(*range);
      continue;
    }
    if (entry.find('/') != entry.npos) throw refuse("no CIDR range such as \"10.0.0.0/8\" or \"fd00::/8\"");
    const auto parsed = parse_host(entry);
    const auto* const host = std::get_if<Host>(&parsed);
    if (host != nullptr && host->is_literal) throw refuse("an address in another spelling: write \"" + host->text + "\"");
    if (host == nullptr || !equal_without_case(host->text, entry))
      throw refuse("neither a CIDR range nor an address nor a host name (ports and wildcards are not taken)");
    list.hosts.emplace(host->text, 0, host->text.size() - (host->text.ends_with('.') ? 1 : 0));
  }
  list.ranges = IpRanges{std::move(ranges)};
  return list;
}

std::optional<AddressVerdict> AddressPolicy::judge_unresolved(const Url& url, AllowList allow) const {
  if (https_only_ && !url.is_https)
    return denied(origin_of(url) + " is refused: Options::url_policy.https_only is set", of_host("http", url));
  if (url.is_literal) {
    const auto address = parse_ip(url.host);
    if (!address) return denied(origin_of(url) + " has a host that is not an address", printable(url.host));
    return judge_addresses(url, {unmapped(*address)}, allow);
  }
  if (deny_.hosts.contains(name_of(url)))
    return denied(origin_of(url) + " is refused: Options::url_policy.deny names the host", url.host);
  return std::nullopt;
}

AddressVerdict AddressPolicy::judge(const Url& url, const std::vector<std::string>& answers, AllowList allow) const {
  if (auto verdict = judge_unresolved(url, allow)) return std::move(*verdict);
  if (answers.empty()) return denied(url.host + " does not resolve", "");
  std::vector<IpAddress> addresses;
  std::set<IpAddress> seen;
  for (const auto& answer : answers) {
    const auto address = parse_ip(answer);
    if (!address) {
      if (allow == AllowList::ignored) return astray(url, "what is not an IP address");
      const auto shown = "\"" + printable(answer) + "\"";
      return denied(origin_of(url) + " resolves to " + shown + ", which is not an IP address", of_host(shown, url));
    }
    if (seen.insert(unmapped(*address)).second) addresses.push_back(unmapped(*address));
  }
  return judge_addresses(url, addresses, allow);
}

/// `addresses` are distinct and none is IPv4-mapped. First what no `allow` helps against, so that a remedy is one.
AddressVerdict AddressPolicy::judge_addresses(const Url& url, const std::vector<IpAddress>& addresses,
                                              AllowList allow) const {
  const auto name = name_of(url);
  const bool allow_counts = allow == AllowList::counts;
  const bool tells = allow_counts || url.is_literal;
  const auto untold = [&](const IpAddress& address) {
    return astray(url, is_public(address) ? "an address that must not be called" : "an address that is not public");
  };
  const bool is_localhost = name == "localhost" || name.ends_with(".localhost");  // RFC 6761, 6.3
  for (const auto& address : addresses) {
    const auto inner = nat64_inner(address);
    const IpRange* range = deny_.ranges.find(address);
    if (range == nullptr && inner) range = deny_.ranges.find(*inner);
    const bool is_elsewhere = is_localhost && !is_loopback(address);
    if (!tells && (range != nullptr || is_elsewhere)) return untold(address);
    if (range != nullptr)
      return denied(origin_of(url) + " is refused: Options::url_policy.deny holds " + to_text(*range) +
                        (url.is_literal ? "" : ", and it resolves to " + to_text(address)),
                    of_host(to_text(address), url));
    if (is_elsewhere)
      return denied(
          origin_of(url) + " resolves to " + to_text(address) + ", which is not a loopback address as RFC 6761 asks for",
          of_host(to_text(address), url));
  }

  AddressVerdict verdict{UrlStatus::allow, {}, {}, {}};
  const bool is_allowed_host = allow_counts && allow_.hosts.contains(name);  // no host there is an address
  constexpr std::size_t most_entries = 4;
  std::vector<std::string> remedy;
  for (const auto& address : addresses) {
    auto text = to_text(address);
    if (is_allowed_host || is_public(address) || (allow_counts && allow_.ranges.find(address) != nullptr)) {
      verdict.addresses.push_back(std::move(text));
      continue;
    }
    if (!tells) return untold(address);
    if (verdict.status == UrlStatus::allow)
      verdict = denied(
          origin_of(url) + (url.is_literal ? " is" : " resolves to " + text + ", which is") + " not a public address",
          of_host(text, url));
    if (!allow_counts) return verdict;
    auto entry = fitting_entry(address);
    if (std::find(remedy.begin(), remedy.end(), entry) == remedy.end()) remedy.push_back(std::move(entry));
    if (remedy.size() > most_entries) break;
  }
  if (verdict.status == UrlStatus::allow) return verdict;
  verdict.addresses.clear();
  if (remedy.size() > most_entries) remedy = {std::string{name}};
  verdict.reason.append("; for internal endpoints set Options::url_policy.allow = {");
  for (const auto& entry : remedy)
    verdict.reason.append(entry == remedy.front() ? "\"" : ", \"").append(entry).append("\"");
  verdict.reason.append("}");
  return verdict;
}

}  // namespace detail
}  // namespace flyhook

#endif
