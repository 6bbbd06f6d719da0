#ifndef FLYHOOK_IMPL_DETAIL_DECIDE_ROTATION_IPP
#define FLYHOOK_IMPL_DETAIL_DECIDE_ROTATION_IPP

#include <flyhook/detail/decide/rotation.hpp>
#include <flyhook/error.hpp>

#include <algorithm>
#include <utility>

namespace flyhook::detail {

FLYHOOK_DECL std::vector<PreviousSecret> still_signing(const std::vector<PreviousSecret>& previous, std::size_t most,
                                                       TimePoint now);

RotatingSigner::RotatingSigner(const std::string& secret, const std::vector<PreviousSecret>& previous) {
  if (!secret.empty()) current_.emplace(secret);
  previous_.reserve(previous.size());
  for (const auto& each : previous) previous_.push_back({Signer{each.secret}, each.until});
}

std::string RotatingSigner::sign(std::string_view id, std::string_view timestamp, std::string_view body,
                                 TimePoint now) const {
  if (!current_) return {};
  auto signatures = current_->sign(id, timestamp, body);
  std::size_t count = 1;
  for (const auto& previous : previous_) {
    if (previous.until <= now || ++count > most_signatures) continue;
    signatures.append(" ").append(previous.signer.sign(id, timestamp, body));
  }
  return signatures;
}

/// The newest `most` whose grace is not over. What is left out is forgotten for good.
std::vector<PreviousSecret> still_signing(const std::vector<PreviousSecret>& previous, std::size_t most, TimePoint now) {
  std::vector<PreviousSecret> left;
  left.reserve(previous.size() + 1);
  for (const auto& each : previous)
    if (each.until > now && left.size() < most) left.push_back(each);
  return left;
}

SubscriptionRow with_secrets(Subscription changed, const std::string& secret, const std::vector<PreviousSecret>& previous,
                             TimePoint now) {
  SubscriptionRow row;
  row.subscription = std::move(changed);
  auto& given = row.subscription.secret;
  const bool stays = given.empty() || given == secret ||
                     std::any_of(previous.begin(), previous.end(),
                                 [&](const auto& each) { return each.until > now && each.secret == given; });
  if (!stays) return row;
  if (given != secret) {
    wipe(given);
    given = secret;
  }
  row.previous_secrets = still_signing(previous, most_signatures - 1, now);
  return row;
}

SubscriptionRow rotated(Subscription known, std::string new_secret, const std::vector<PreviousSecret>& previous,
                        std::chrono::seconds grace, TimePoint now) {
  if (grace < std::chrono::seconds{0} || grace > longest_grace)
    throw Error{ErrorCode::invalid, "grace",
                std::to_string(grace.count()) + " s is outside 0 (at once) to " + std::to_string(longest_grace.count()) +
                    " s (365 days)"};
  SubscriptionRow row;
  row.subscription = std::move(known);
  std::swap(row.subscription.secret, new_secret);
  if (grace > std::chrono::seconds{0}) {
    row.previous_secrets = still_signing(previous, most_signatures - 2, now);
    row.previous_secrets.insert(row.previous_secrets.begin(),
                                {std::move(new_secret), std::chrono::floor<std::chrono::microseconds>(now + grace)});
  }
  wipe(new_secret);
  return row;
}

}  // namespace flyhook::detail

#endif
