#ifndef FLYHOOK_IMPL_DETAIL_RUN_GUARD_IPP
#define FLYHOOK_IMPL_DETAIL_RUN_GUARD_IPP

#include <flyhook/detail/run/guard.hpp>
#include <flyhook/error.hpp>

#include <future>
#include <optional>
#include <utility>

namespace flyhook::detail {

FLYHOOK_DECL std::shared_ptr<Resolved> checked(AddressVerdict verdict, AllowList allow);

Guard::Guard(const UrlPolicy& policy, Resolver resolver, std::shared_ptr<Clock> clock, bool inline_only)
    : policy_(policy), resolver_(std::move(resolver), std::move(clock), inline_only) {}

/// The checked addresses, or why there are none.
std::shared_ptr<Resolved> checked(AddressVerdict verdict, AllowList allow) {
  auto resolved = std::make_shared<Resolved>();
  resolved->judged = allow;
  resolved->addresses = std::move(verdict.addresses);
  if (verdict.status != UrlStatus::allow) resolved->error = "refused_address: " + verdict.refused;
  return resolved;
}

std::shared_ptr<const Resolved> Guard::judge_literal(const Url& url, AllowList allow) const {
  auto resolved = checked(policy_.judge(url, {}, allow), allow);
  resolved->refresh_at = resolved->expires_at = std::chrono::nanoseconds::max();
  return resolved;
}

std::shared_ptr<const Resolved> Guard::judge(const Url& url, AllowList allow, std::shared_ptr<const Resolved> found) const {
  if (found == nullptr || found->addresses.empty()) return found;
  auto judged = checked(policy_.judge(url, found->addresses, allow), allow);
  judged->host = found->host;
  judged->refresh_at = found->refresh_at;
  judged->expires_at = found->expires_at;
  return judged;
}

std::shared_ptr<const Resolved> Guard::find(const Url& url, AllowList allow, Answer answer) {
  auto judged = [this, url, allow, answer = std::move(answer)](std::shared_ptr<const Resolved> found) {
    answer(judge(url, allow, std::move(found)));
  };
  return judge(url, allow, resolver_.find(url.host, std::move(judged)));
}

std::string Guard::refusal_of(const Url& url, AllowList allow) const {
  const auto verdict = policy_.judge_unresolved(url, allow);
  return verdict && verdict->status != UrlStatus::allow ? verdict->reason : std::string{};
}

/// Null: no answer within `timeout`.
std::shared_ptr<const Resolved> Guard::look_up(const Url& url, std::chrono::milliseconds timeout) {
  // Broken when the resolver is abandoned, so that nobody waits for an answer that will not come.
  auto answered = std::make_shared<std::promise<std::shared_ptr<const Resolved>>>();
  auto later = answered->get_future();
  auto found = resolver_.find(url.host, [answered = std::move(answered)](std::shared_ptr<const Resolved> resolved) {
    answered->set_value(std::move(resolved));
  });
  if (found == nullptr && later.wait_for(timeout) == std::future_status::ready) {
    try {
      found = later.get();
    } catch (const std::future_error&) {
    }
  }
  return found;
}

void Guard::check(const Url& url, AllowList allow, std::chrono::milliseconds timeout) {
  auto verdict = policy_.judge_unresolved(url, allow);
  if (!verdict) {
    const auto found = look_up(url, timeout);
    if (found == nullptr || found->addresses.empty()) return;
    verdict = policy_.judge(url, found->addresses, allow);
  }
  if (verdict->status != UrlStatus::allow) throw Error{ErrorCode::invalid, "url", verdict->reason};
}

std::vector<std::string> Guard::addresses_of(const Url& url, std::chrono::milliseconds timeout) {
  if (url.is_literal) return {url.host};
  const auto found = look_up(url, timeout);
  return found == nullptr ? std::vector<std::string>{} : found->addresses;
}

}  // namespace flyhook::detail

#endif
