#ifndef FLYHOOK_DETAIL_RUN_GUARD_HPP
#define FLYHOOK_DETAIL_RUN_GUARD_HPP

#include <flyhook/clock.hpp>
#include <flyhook/detail/config.hpp>
#include <flyhook/detail/decide/lane.hpp>
#include <flyhook/detail/run/resolver.hpp>
#include <flyhook/detail/security/url.hpp>
#include <flyhook/url_policy.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

// Where a delivery may connect to: what the resolver answers, judged by the URL policy. Every answer is judged before a
// lane sees it, and the request carries addresses, not a name: a name server that answers a public address when we look
// and an internal one when we connect (DNS rebinding) finds nobody who asks twice.
//
// Look-ups are shared, verdicts are not: the same name may lead one endpoint inside and another nowhere (AllowList).

namespace flyhook::detail {

class Guard {
 public:
  using Answer = HostResolver::Answer;

  /// Throws Error for a malformed policy. `resolver` empty: the system's. `inline_only`: look-ups run on the caller's
  /// thread (`threads = 0`).
  FLYHOOK_DECL Guard(const UrlPolicy& policy, Resolver resolver, std::shared_ptr<Clock> clock, bool inline_only);

  /// What an address in a URL stands for: itself, for ever, or nothing and why.
  FLYHOOK_DECL std::shared_ptr<const Resolved> judge_literal(const Url& url, AllowList allow) const;

  /// As HostResolver::find. Where the policy refuses, there are no addresses and `error` says "refused_address: ...".
  FLYHOOK_DECL std::shared_ptr<const Resolved> find(const Url& url, AllowList allow, Answer answer);

  /// Empty, or why a URL is refused whatever its name resolves to.
  FLYHOOK_DECL std::string refusal_of(const Url& url, AllowList allow) const;

  /// For a URL that is being registered: throws Error (`invalid`, "url") if it is refused. Waits for a look-up, at most
  /// `timeout` in real time; a name that does not resolve by then may be registered, since attempts will tell.
  FLYHOOK_DECL void check(const Url& url, AllowList allow, std::chrono::milliseconds timeout);

  /// What a URL's host stands for, whatever the policy says of it. None: it does not resolve, or not within `timeout` of
  /// real time.
  FLYHOOK_DECL std::vector<std::string> addresses_of(const Url& url, std::chrono::milliseconds timeout);

  /// No further answer is given, from the return of this call on, and nobody waits for one.
  void abandon() { resolver_.abandon(); }

 private:
  FLYHOOK_DECL std::shared_ptr<const Resolved> judge(const Url& url, AllowList allow,
                                                     std::shared_ptr<const Resolved> found) const;
  FLYHOOK_DECL std::shared_ptr<const Resolved> look_up(const Url& url, std::chrono::milliseconds timeout);

  const AddressPolicy policy_;
  HostResolver resolver_;
};

}  // namespace flyhook::detail

#if defined(FLYHOOK_HEADER_ONLY)
#include <flyhook/impl/detail/run/guard.ipp>
#endif

#endif
