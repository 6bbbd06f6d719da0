#ifndef FLYHOOK_IMPL_DETAIL_DECIDE_VALIDATION_IPP
#define FLYHOOK_IMPL_DETAIL_DECIDE_VALIDATION_IPP

#include <flyhook/detail/decide/filter.hpp>
#include <flyhook/detail/decide/validation.hpp>
#include <flyhook/error.hpp>
#include <flyhook/signing.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <string>
#include <utility>
#include <variant>

namespace flyhook::detail {

FLYHOOK_DECL bool is_reserved_header(std::string_view name);
FLYHOOK_DECL void check_range(std::chrono::milliseconds value, const char* field);
FLYHOOK_DECL void check_retry(const RetryPolicy& retry);
FLYHOOK_DECL void check_secret(const std::string& secret);
FLYHOOK_DECL void check_rate_limit(const RateLimit& limit);
FLYHOOK_DECL void check_ordering(Ordering ordering);
FLYHOOK_DECL void check_breaker(const BreakerPolicy& breaker);
FLYHOOK_DECL void check_encoding(Encoding encoding);
FLYHOOK_DECL bool is_uri_reference(std::string_view text);

Url parse_checked_url(std::string_view text) {
  auto parsed = parse_url(text);
  if (auto* reason = std::get_if<std::string>(&parsed)) {
    // Not its query, and nothing of it where it holds credentials: errors are logged.
    std::string shown = "the URL";
    if (text.find('@') == text.npos)
      shown = "\"" + std::string{text.substr(0, std::min<std::size_t>(200, text.find_first_of("?#")))} + "\"";
    throw Error{ErrorCode::invalid, "url", shown + " " + *reason};
  }
  return std::get<Url>(std::move(parsed));
}

bool is_reserved_header(std::string_view name) {
  std::string lower(name.size(), '\0');
  std::transform(name.begin(), name.end(), lower.begin(), ascii_lower);
  constexpr std::array<std::string_view, 7> reserved{"host",        "content-length",    "content-type", "user-agent",
                                                     "traceparent", "transfer-encoding", "connection"};
  return std::find(reserved.begin(), reserved.end(), lower) != reserved.end() || lower.starts_with("webhook-") ||
         lower.starts_with("ce-");
}

void check_headers(const Headers& headers) {
  for (const auto& [name, value] : headers) {
    if (!is_header_name(name))
      throw Error{ErrorCode::invalid, "headers",
                  "a name is empty or holds a character that RFC 9110 does not allow in one"};
    if (is_reserved_header(name)) throw Error{ErrorCode::invalid, "headers", "\"" + name + "\" is set by flyhook alone"};
    if (!is_header_value(value))
      throw Error{ErrorCode::invalid, "headers",
                  "the value of \"" + name + "\" holds CR, LF, NUL or another control character"};
    if (value == mask)
      throw Error{ErrorCode::invalid, "headers", "the value of \"" + name + "\" is masked: it was read back, not given"};
  }
}

void check_range(std::chrono::milliseconds value, const char* field) {
  if (value < std::chrono::milliseconds{1} || value > std::chrono::hours{1})
    throw Error{ErrorCode::invalid, field, std::to_string(value.count()) + " ms is outside 1 ms to 1 h"};
}

void check_retry(const RetryPolicy& retry) {
  if (retry.schedule.empty())
    throw Error{ErrorCode::invalid, "retry", "its schedule is empty; RetryPolicy::none() is one attempt"};
  if (retry.schedule.size() > 1000)
    throw Error{ErrorCode::invalid, "retry",
                "its schedule has " + std::to_string(retry.schedule.size()) + " steps; 1,000 are the most"};
  for (const auto wait : retry.schedule)
    if (wait < std::chrono::milliseconds{0} || wait > std::chrono::years{1})
      throw Error{ErrorCode::invalid, "retry",
                  "its schedule has a wait of " + std::to_string(wait.count()) + " ms, outside 0 to a year"};
  if (!(retry.jitter >= 0 && retry.jitter <= 1))
    throw Error{ErrorCode::invalid, "retry", "its jitter of " + std::to_string(retry.jitter) + " is outside 0 to 1"};
  if (retry.max_age < std::chrono::seconds{0})
    throw Error{ErrorCode::invalid, "retry", "its max_age is negative; 0 is no limit"};
  for (const int status : retry.stop_on)
    if (status < 100 || status > 599)
      throw Error{ErrorCode::invalid, "retry", "its stop_on has " + std::to_string(status) + ", outside 100 to 599"};
  if (retry.retry_after_cap < std::chrono::seconds{0})
    throw Error{ErrorCode::invalid, "retry", "its retry_after_cap is negative; 0 ignores Retry-After"};
}

void check_rate_limit(const RateLimit& limit) {
  if (!(std::isfinite(limit.per_second) && limit.per_second >= 0))
    throw Error{ErrorCode::invalid, "rate_limit", "its per_second is negative or not finite; 0 is no limit"};
  if (!(std::isfinite(limit.burst) && limit.burst >= 1))
    throw Error{ErrorCode::invalid, "rate_limit", "its burst is below 1 or not finite; 1 lets one attempt go at a time"};
}

void check_ordering(Ordering ordering) {
  switch (ordering) {
    case Ordering::none:
    case Ordering::per_key:
    case Ordering::strict: return;
  }
  throw Error{ErrorCode::invalid, "ordering", "is none of the three that there are"};
}

void check_breaker(const BreakerPolicy& breaker) {
  if (breaker.consecutive_failures == 0)
    throw Error{ErrorCode::invalid, "breaker", "its consecutive_failures must be at least 1"};
  if (breaker.cool_down < std::chrono::milliseconds{1} || breaker.cool_down > std::chrono::hours{24})
    throw Error{ErrorCode::invalid, "breaker",
                "its cool_down of " + std::to_string(breaker.cool_down.count()) + " ms is outside 1 ms to 24 h"};
}

void check_encoding(Encoding encoding) {
  switch (encoding) {
    case Encoding::standard:
    case Encoding::raw:
    case Encoding::cloudevents_structured:
    case Encoding::cloudevents_binary: return;
  }
  throw Error{ErrorCode::invalid, "encoding", "is none of the four that there are"};
}

/// The characters of RFC 3986 and whole percent-encodings. That it parses is not asked: receivers compare it as text.
bool is_uri_reference(std::string_view text) {
  constexpr std::string_view allowed =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~:/?#[]@!$&'()*+,;=%";
  constexpr std::string_view hex = "0123456789ABCDEFabcdef";
  if (text.empty() || text.find_first_not_of(allowed) != text.npos) return false;
  if (std::count(text.begin(), text.end(), '#') > 1) return false;
  for (auto at = text.find('%'); at != text.npos; at = text.find('%', at + 1)) {
    const auto digits = text.substr(at + 1, 2);
    if (digits.size() < 2 || digits.find_first_not_of(hex) != digits.npos) return false;
  }
  return true;
}

void check_secret(const std::string& secret) {
  if (secret.empty()) return;
  if (secret.find('*') != std::string::npos)
    throw Error{ErrorCode::invalid, "secret", "is masked: it was read back, not given"};
  check_signing_secret(secret, "secret");
}

void check_target(const Target& target) {
  parse_checked_url(target.url);
  check_secret(target.secret);
  check_headers(target.headers);
  if (target.retry) check_retry(*target.retry);
}

void check_subscription(const Subscription& subscription) {
  parse_checked_url(subscription.url);
  if (subscription.events.empty()) throw Error{ErrorCode::invalid, "events", "is empty; {\"*\"} subscribes to everything"};
  for (const auto& pattern : subscription.events)
    if (!is_event_pattern(pattern))
      throw Error{ErrorCode::invalid, "events",
                  "\"" + pattern.substr(0, 200) + "\" is not a pattern: an event type, an event type and \".*\", or \"*\""};
  static_cast<void>(Filter{subscription.filter});
  check_secret(subscription.secret);
  check_headers(subscription.headers);
  if (subscription.encoding) check_encoding(*subscription.encoding);
  check_rate_limit(subscription.rate_limit);
  if (subscription.max_in_flight && *subscription.max_in_flight == 0)
    throw Error{ErrorCode::invalid, "max_in_flight", "must be at least 1"};
  check_ordering(subscription.ordering);
  if (subscription.timeout) check_range(*subscription.timeout, "timeout");
  if (subscription.retry) check_retry(*subscription.retry);
  if (!subscription.id.value.empty() && !is_id(subscription.id.value))
    throw Error{ErrorCode::invalid, "id", "\"" + subscription.id.value.substr(0, 200) + "\" is not [A-Za-z0-9_-]{1,64}"};
}

void check_catalogued(const EventType& type) {
  const auto check = [&](const std::string& text, const char* member) {
    if (!text.empty() && !nlohmann::json::accept(text))
      throw Error{ErrorCode::invalid, "event_types",
                  "the " + std::string{member} + " of \"" + type.name.substr(0, 200) + "\" is not JSON"};
  };
  check(type.example, "example");
  check(type.schema, "schema");
}

void check_options(const Options& options) {
  const auto at_least_one = [](std::size_t value, const char* field) {
    if (value == 0) throw Error{ErrorCode::invalid, field, "must be at least 1"};
  };
  at_least_one(options.queue_capacity, "queue_capacity");
  at_least_one(options.queue_bytes, "queue_bytes");
  at_least_one(options.max_payload_bytes, "max_payload_bytes");
  at_least_one(options.max_in_flight_per_endpoint, "max_in_flight_per_endpoint");
  check_range(options.timeout, "timeout");
  check_range(options.connect_timeout, "connect_timeout");
  if (options.shutdown_timeout < std::chrono::milliseconds{0})
    throw Error{ErrorCode::invalid, "shutdown_timeout", "must not be negative"};
  check_retry(options.retry);
  check_breaker(options.breaker);
  if (options.disable_after < std::chrono::seconds{0})
    throw Error{ErrorCode::invalid, "disable_after", "must not be negative; 0 is never"};
  check_encoding(options.encoding);
  if (!is_uri_reference(options.source))
    throw Error{ErrorCode::invalid, "source",
                "is empty, or no URI-reference (RFC 3986): what is not ASCII, and spaces, must be percent-encoded"};
  if (options.role != Role::all) throw Error{ErrorCode::unsupported, "role", "this version publishes and delivers"};
  at_least_one(options.max_pending_per_endpoint, "max_pending_per_endpoint");
  check_headers(options.headers);
  if (!is_header_value(options.user_agent))
    throw Error{ErrorCode::invalid, "user_agent", "holds CR, LF, NUL or another control character"};
}

}  // namespace flyhook::detail

#endif
