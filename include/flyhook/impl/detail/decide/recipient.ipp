#ifndef FLYHOOK_IMPL_DETAIL_DECIDE_RECIPIENT_IPP
#define FLYHOOK_IMPL_DETAIL_DECIDE_RECIPIENT_IPP

#include <flyhook/detail/decide/recipient.hpp>
#include <flyhook/detail/decide/validation.hpp>
#include <flyhook/detail/security/crypto.hpp>

#include <initializer_list>
#include <string_view>
#include <utility>

namespace flyhook::detail {

FLYHOOK_DECL std::uint64_t direct_lane_of(std::initializer_list<std::string_view> parts);
FLYHOOK_DECL std::shared_ptr<const Recipient> wiped_in_the_end(std::unique_ptr<Recipient> recipient);

/// The same for ever, since stores keep it. A hash that nobody can find a second text for: whoever shares a lane shares its
/// fate.
std::uint64_t direct_lane_of(std::initializer_list<std::string_view> parts) {
  std::string text;
  for (const auto part : parts) text.append(std::to_string(part.size())).append(":").append(part);
  const auto digest = HmacKey{"flyhook lane"}.sign({text});
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < sizeof number; ++i) number = number << 8 | digest[i];
  return direct_lane | (number & (direct_lane - 1));
}

std::shared_ptr<const Recipient> wiped_in_the_end(std::unique_ptr<Recipient> recipient) {
  return {recipient.release(), [](Recipient* gone) {
            wipe(gone->target.secret);
            delete gone;
          }};
}

std::shared_ptr<const Recipient> recipient_of(Target target) {
  auto recipient = std::make_unique<Recipient>();
  recipient->target = std::move(target);
  return wiped_in_the_end(std::move(recipient));
}

std::shared_ptr<const Recipient> recipient_of(const SubscriptionId& tested) {
  auto recipient = std::make_unique<Recipient>();
  recipient->tested = tested;
  return wiped_in_the_end(std::move(recipient));
}

EndpointPtr target_endpoint(const Target& target, const std::string& tenant, const Options& options) {
  SubscriptionRow row;
  row.subscription.url = target.url;
  row.subscription.tenant = tenant;
  row.subscription.secret = target.secret;
  row.subscription.headers = target.headers;
  row.subscription.retry = target.retry;
  row.subscription.public_only = target.public_only;
  const auto url = parse_checked_url(target.url);
  const char* const kind = target.public_only ? "public target" : "target";
  row.lane = direct_lane_of({kind, tenant, url.is_https ? "https" : "http", url.host, std::to_string(url.port)});
  return std::make_shared<const Endpoint>(std::move(row), options);
}

EndpointPtr test_endpoint(const Endpoint& tested, const Options& options) {
  SubscriptionRow row;
  row.subscription = tested.subscription;
  row.subscription.retry = RetryPolicy::none();
  row.subscription.rate_limit = {};
  row.subscription.ordering = Ordering::none;
  row.subscription.enabled = true;
  row.subscription.paused = false;
  row.previous_secrets = tested.previous_secrets;
  row.version = tested.version;
  row.lane = direct_lane_of({"test", tested.subscription.id.value});
  return std::make_shared<const Endpoint>(std::move(row), options);
}

EndpointPtr unknown_endpoint(std::uint64_t lane, const Options& options) {
  SubscriptionRow row;
  row.lane = lane;
  return std::make_shared<const Endpoint>(std::move(row), options);
}

}  // namespace flyhook::detail

#endif
