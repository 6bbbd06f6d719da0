#ifndef FLYHOOK_IMPL_DETAIL_DECIDE_REGISTRY_IPP
#define FLYHOOK_IMPL_DETAIL_DECIDE_REGISTRY_IPP

#include <flyhook/detail/decide/registry.hpp>
#include <flyhook/error.hpp>

#include <algorithm>
#include <utility>

namespace flyhook::detail {

// What a masked value reads back as. No secret and no sensible header value is made of stars alone.
inline constexpr std::string_view mask = "********";

FLYHOOK_DECL char tag_of(std::uint64_t hash);
FLYHOOK_DECL Url parse_checked_url(std::string_view text);
FLYHOOK_DECL bool is_reserved_header(std::string_view name);
FLYHOOK_DECL bool is_credential(std::string_view name);
FLYHOOK_DECL void check_range(std::chrono::milliseconds value, const char* field);
FLYHOOK_DECL void check_retry(const RetryPolicy& retry);
FLYHOOK_DECL void check_encoding(Encoding encoding);

/// Bits that do not choose the bucket.
char tag_of(std::uint64_t hash) {
  return static_cast<char>(hash & 0xFFu);
}

Url parse_checked_url(std::string_view text) {
  auto parsed = parse_url(text);
  if (auto* reason = std::get_if<std::string>(&parsed))
    throw Error{ErrorCode::invalid, "url", "\"" + std::string{text.substr(0, 200)} + "\" " + *reason};
  return std::get<Url>(std::move(parsed));
}

Endpoint::Endpoint(SubscriptionRow row, const Options& options)
    : subscription(std::move(row.subscription)),
      lane(row.lane),
      version(row.version),
      slot(slot_of(subscription.id)),
      url(parse_checked_url(subscription.url)),
      previous_secrets(std::move(row.previous_secrets)),
      signer(subscription.secret, previous_secrets),
      encoding(subscription.encoding.value_or(options.encoding)),
      max_in_flight(subscription.max_in_flight.value_or(options.max_in_flight_per_endpoint)),
      timeout(subscription.timeout.value_or(options.timeout)),
      headers(merged(options.headers, subscription.headers)) {}

Endpoint::~Endpoint() {
  wipe(subscription.secret);
  for (auto& previous : previous_secrets) wipe(previous.secret);
}

// Index -----------------------------------------------------------------------------------------------------------------

void EndpointIndex::match(std::string_view tenant, std::string_view type, std::vector<EndpointPtr>& found) const {
  const auto first = found.size();
  bool repeats = false;
  const auto add = [&](const Entry* entry) {
    if (entry == nullptr) return;
    for (const auto& piece : entry->pieces)
      for (const auto& endpoint : *piece) {
        repeats = repeats || endpoint->subscription.events.size() > 1;
        found.push_back(endpoint);
      }
  };

  // One pass over the type hashes every pattern that can match it: "*", each "prefix.*", and the type itself.
  const auto of_tenant = fnv1a(std::string_view{"\0", 1}, fnv1a(tenant));
  add(find(fnv1a("*", of_tenant), tenant, "", "*"));
  auto hash = of_tenant;
  for (std::size_t at = 0; at < type.size(); ++at) {
    hash = fnv1a(type.substr(at, 1), hash);
    if (type[at] == '.') add(find(fnv1a("*", hash), tenant, type.substr(0, at + 1), "*"));
  }
  add(find(hash, tenant, type, ""));

  if (found.size() - first < 2) return;
  const auto begin = found.begin() + static_cast<std::ptrdiff_t>(first);
  std::sort(begin, found.end(), [](const auto& a, const auto& b) { return a->lane < b->lane; });
  if (repeats) found.erase(std::unique(begin, found.end()), found.end());
}

const EndpointIndex::Entry* EndpointIndex::find(std::uint64_t hash, std::string_view tenant, std::string_view head,
                                                std::string_view tail) const {
  const auto& branch = branches_[hash >> 58];
  if (branch == nullptr) return nullptr;
  const auto& bucket = (*branch)[(hash >> 52) & 63u];
  if (bucket == nullptr) return nullptr;
  const auto place = place_of(*bucket, hash, tenant, head, tail);
  return place == bucket->entries.size() ? nullptr : &bucket->entries[place];
}

std::size_t EndpointIndex::place_of(const Bucket& bucket, std::uint64_t hash, std::string_view tenant,
                                    std::string_view head, std::string_view tail) {
  for (auto i = bucket.tags.find(tag_of(hash)); i != std::string::npos; i = bucket.tags.find(tag_of(hash), i + 1)) {
    const auto& entry = bucket.entries[i];
    if (entry.hash == hash && entry.tenant == tenant && entry.pattern.size() == head.size() + tail.size() &&
        entry.pattern.starts_with(head) && entry.pattern.ends_with(tail))
      return i;
  }
  return bucket.entries.size();
}

std::shared_ptr<const EndpointIndex> EndpointIndex::with(const EndpointPtr& removed, const EndpointPtr& added) const {
  auto next = std::make_shared<EndpointIndex>(*this);
  if (removed != nullptr && removed->subscription.enabled)
    for (const auto& pattern : removed->subscription.events) next->erase(pattern, removed);
  if (added != nullptr && added->subscription.enabled)
    for (const auto& pattern : added->subscription.events) next->insert(pattern, added);
  return next;
}

EndpointIndex::Bucket& EndpointIndex::edit(std::uint64_t hash) {
  auto& branch = branches_[hash >> 58];
  auto new_branch = branch == nullptr ? std::make_shared<Branch>() : std::make_shared<Branch>(*branch);
  auto& bucket = (*new_branch)[(hash >> 52) & 63u];
  auto new_bucket = bucket == nullptr ? std::make_shared<Bucket>() : std::make_shared<Bucket>(*bucket);
  auto& editable = *new_bucket;
  bucket = std::move(new_bucket);
  branch = std::move(new_branch);
  return editable;
}

void EndpointIndex::insert(const std::string& pattern, const EndpointPtr& endpoint) {
  constexpr std::size_t piece_size = 256;
  const auto& tenant = endpoint->subscription.tenant;
  const auto hash = fnv1a(pattern, fnv1a(std::string_view{"\0", 1}, fnv1a(tenant)));
  auto& bucket = edit(hash);
  const auto place = place_of(bucket, hash, tenant, pattern, "");
  if (place == bucket.entries.size()) {
    bucket.tags.push_back(tag_of(hash));
    bucket.entries.push_back({hash, tenant, pattern, {}});
  }

  auto& pieces = bucket.entries[place].pieces;
  // The piece that ends at or behind the lane; lanes mostly grow, so it is mostly the last.
  auto piece =
      std::find_if(pieces.begin(), pieces.end(), [&](const auto& at) { return at->back()->lane >= endpoint->lane; });
  if (piece == pieces.end() && !pieces.empty() && pieces.back()->size() < piece_size) piece = std::prev(pieces.end());
  if (piece == pieces.end()) {
    pieces.push_back(std::make_shared<Piece>(1, endpoint));
    return;
  }
  auto edited = std::make_shared<Piece>(**piece);
  const auto spot = std::lower_bound(edited->begin(), edited->end(), endpoint->lane,
                                     [](const EndpointPtr& at, std::uint64_t lane) { return at->lane < lane; });
  if (spot == edited->end() || (*spot)->lane != endpoint->lane) edited->insert(spot, endpoint);
  *piece = std::move(edited);
}

void EndpointIndex::erase(const std::string& pattern, const EndpointPtr& endpoint) {
  const auto& tenant = endpoint->subscription.tenant;
  const auto hash = fnv1a(pattern, fnv1a(std::string_view{"\0", 1}, fnv1a(tenant)));
  auto& bucket = edit(hash);
  const auto place = place_of(bucket, hash, tenant, pattern, "");
  if (place == bucket.entries.size()) return;
  auto& pieces = bucket.entries[place].pieces;
  const auto piece =
      std::find_if(pieces.begin(), pieces.end(), [&](const auto& at) { return at->back()->lane >= endpoint->lane; });
  if (piece == pieces.end()) return;
  auto edited = std::make_shared<Piece>(**piece);
  std::erase_if(*edited, [&](const EndpointPtr& at) { return at->lane == endpoint->lane; });
  if (edited->empty()) {
    pieces.erase(piece);
  } else {
    *piece = std::move(edited);
  }
  if (!pieces.empty()) return;
  bucket.tags.erase(bucket.tags.begin() + static_cast<std::ptrdiff_t>(place));
  bucket.entries.erase(bucket.entries.begin() + static_cast<std::ptrdiff_t>(place));
}

// Registry --------------------------------------------------------------------------------------------------------------

Registry::Registry(const std::vector<EventType>& event_types) : index_(std::make_shared<EndpointIndex>()) {
  for (const auto& type : event_types) {
    if (!is_event_type(type.name))
      throw Error{ErrorCode::invalid, "event_types", "\"" + type.name + "\" is not an event type: dotted [A-Za-z0-9_-]+"};
    types_.insert(type.name);
  }
}

bool Registry::put(const EndpointPtr& endpoint) {
  const auto& id = endpoint->subscription.id.value;
  if (const auto gone = removed_.find(id); gone != removed_.end() && gone->second > endpoint->version) return false;
  auto& known = by_id_[id];
  if (known != nullptr && known->version >= endpoint->version) return false;
  if (known != nullptr && known->lane != endpoint->lane) --per_tenant_[known->subscription.tenant];
  if (known == nullptr || known->lane != endpoint->lane) ++per_tenant_[endpoint->subscription.tenant];
  index_ = index_->with(known, endpoint);
  known = endpoint;
  return true;
}

bool Registry::remove(const SubscriptionId& id, std::uint64_t version) {
  auto& removed = removed_[id.value];
  removed = std::max(removed, version);
  const auto known = by_id_.find(id.value);
  if (known == by_id_.end() || known->second->version > version) return false;
  index_ = index_->with(known->second, nullptr);
  const auto count = per_tenant_.find(known->second->subscription.tenant);
  if (--count->second == 0) per_tenant_.erase(count);
  by_id_.erase(known);
  return true;
}

EndpointPtr Registry::find(const SubscriptionId& id) const {
  const auto known = by_id_.find(id.value);
  return known == by_id_.end() ? nullptr : known->second;
}

std::vector<EndpointPtr> Registry::list(const SubscriptionQuery& query) const {
  std::vector<EndpointPtr> page;
  for (auto at = by_id_.upper_bound(query.cursor); at != by_id_.end() && page.size() < query.limit; ++at) {
    const auto& subscription = at->second->subscription;
    if (query.tenant && subscription.tenant != *query.tenant) continue;
    if (!query.event_type.empty() &&
        std::none_of(subscription.events.begin(), subscription.events.end(),
                     [&](const std::string& pattern) { return pattern_matches(pattern, query.event_type); }))
      continue;
    page.push_back(at->second);
  }
  return page;
}

std::size_t Registry::count(const std::string& tenant) const {
  const auto known = per_tenant_.find(tenant);
  return known == per_tenant_.end() ? 0 : known->second;
}

void Registry::add_types(const std::vector<std::string_view>& types) {
  if (has_catalogue()) types_.insert(types.begin(), types.end());
}

bool Registry::knows_type(std::string_view type) const {
  return types_.empty() || types_.contains(type) || type == "webhook.test" || type.starts_with("flyhook.");
}

bool Registry::knows_pattern(std::string_view pattern) const {
  if (types_.empty() || pattern_matches(pattern, "webhook.test") || pattern.starts_with("flyhook.")) return true;
  return std::any_of(types_.begin(), types_.end(), [&](const auto& type) { return pattern_matches(pattern, type); });
}

// Checks ----------------------------------------------------------------------------------------------------------------

bool is_reserved_header(std::string_view name) {
  std::string lower(name.size(), '\0');
  std::transform(name.begin(), name.end(), lower.begin(), ascii_lower);
  constexpr std::array<std::string_view, 7> reserved{"host",        "content-length",    "content-type", "user-agent",
                                                     "traceparent", "transfer-encoding", "connection"};
  return std::find(reserved.begin(), reserved.end(), lower) != reserved.end() || lower.starts_with("webhook-") ||
         lower.starts_with("ce-");
}

bool is_credential(std::string_view name) {
  const auto ends_with = [&](std::string_view tail) {
    return name.size() >= tail.size() && equal_without_case(name.substr(name.size() - tail.size()), tail);
  };
  return equal_without_case(name, "authorization") || equal_without_case(name, "cookie") || ends_with("-key") ||
         ends_with("-token");
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
  if (retry != RetryPolicy{} && retry != RetryPolicy::none())
    throw Error{ErrorCode::unsupported, "retry", "this version makes one attempt; leave it out or use RetryPolicy::none()"};
}

void check_encoding(Encoding encoding) {
  if (encoding != Encoding::standard && encoding != Encoding::raw)
    throw Error{ErrorCode::unsupported, "encoding", "this version encodes standard and raw only"};
}

void check_subscription(const Subscription& subscription) {
  parse_checked_url(subscription.url);
  if (subscription.events.empty()) throw Error{ErrorCode::invalid, "events", "is empty; {\"*\"} subscribes to everything"};
  for (const auto& pattern : subscription.events)
    if (!is_event_pattern(pattern))
      throw Error{ErrorCode::invalid, "events",
                  "\"" + pattern.substr(0, 200) + "\" is not a pattern: an event type, an event type and \".*\", or \"*\""};
  if (!subscription.filter.empty()) throw Error{ErrorCode::unsupported, "filter", "this version has no filters"};
  if (!subscription.secret.empty()) {
    if (subscription.secret.find('*') != std::string::npos)
      throw Error{ErrorCode::invalid, "secret", "is masked: it was read back, not given"};
    check_signing_secret(subscription.secret, "secret");
  }
  check_headers(subscription.headers);
  if (subscription.encoding) check_encoding(*subscription.encoding);
  if (subscription.rate_limit != RateLimit{})
    throw Error{ErrorCode::unsupported, "rate_limit", "this version has no rate limits"};
  if (subscription.max_in_flight && *subscription.max_in_flight == 0)
    throw Error{ErrorCode::invalid, "max_in_flight", "must be at least 1"};
  if (subscription.ordering != Ordering::none)
    throw Error{ErrorCode::unsupported, "ordering", "this version keeps no order"};
  if (subscription.timeout) check_range(*subscription.timeout, "timeout");
  if (subscription.retry) check_retry(*subscription.retry);
  if (!subscription.id.value.empty() && !is_id(subscription.id.value))
    throw Error{ErrorCode::invalid, "id", "\"" + subscription.id.value.substr(0, 200) + "\" is not [A-Za-z0-9_-]{1,64}"};
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
  if (options.breaker != BreakerPolicy{}) throw Error{ErrorCode::unsupported, "breaker", "this version has no breaker"};
  if (options.disable_after != Options{}.disable_after)
    throw Error{ErrorCode::unsupported, "disable_after", "this version disables nothing by itself"};
  check_encoding(options.encoding);
  if (options.role != Role::all) throw Error{ErrorCode::unsupported, "role", "this version publishes and delivers"};
  if (options.max_pending_per_endpoint != Options{}.max_pending_per_endpoint)
    throw Error{ErrorCode::unsupported, "max_pending_per_endpoint", "this version bounds the store as a whole"};
  check_headers(options.headers);
  if (!is_header_value(options.user_agent))
    throw Error{ErrorCode::invalid, "user_agent", "holds CR, LF, NUL or another control character"};
}

// Values ----------------------------------------------------------------------------------------------------------------

Subscription patched(Subscription base, const SubscriptionPatch& patch) {
  const auto set = [](auto& member, const auto& given) {
    if (given) member = *given;
  };
  set(base.url, patch.url);
  set(base.events, patch.events);
  set(base.filter, patch.filter);
  if (patch.secret) {
    wipe(base.secret);
    base.secret = *patch.secret;
  }
  set(base.headers, patch.headers);
  set(base.encoding, patch.encoding);
  set(base.rate_limit, patch.rate_limit);
  set(base.max_in_flight, patch.max_in_flight);
  set(base.ordering, patch.ordering);
  set(base.timeout, patch.timeout);
  set(base.retry, patch.retry);
  set(base.description, patch.description);
  set(base.metadata, patch.metadata);
  set(base.enabled, patch.enabled);
  set(base.paused, patch.paused);
  return base;
}

Subscription updated(const Subscription& known, Subscription given) {
  if (given.tenant != known.tenant)
    throw Error{ErrorCode::conflict, "id", "\"" + known.id.value + "\" belongs to another tenant"};
  if (given.secret.empty()) given.secret = known.secret;
  given.enabled = known.enabled;
  given.paused = known.paused;
  given.disabled_reason = known.disabled_reason;
  given.created_at = known.created_at;
  return given;
}

Subscription masked(Subscription subscription) {
  const std::string_view prefix = subscription.secret.starts_with("whsk_") ? "whsk_" : "whsec_";
  wipe(subscription.secret);
  subscription.secret.append(prefix).append(mask);
  for (auto& [name, value] : subscription.headers) {
    if (!is_credential(name)) continue;
    wipe(value);
    value = mask;
  }
  return subscription;
}

Headers merged(Headers base, const Headers& added) {
  std::erase_if(base, [&](const auto& field) { return find_header(added, field.first) != nullptr; });
  base.insert(base.end(), added.begin(), added.end());
  return base;
}

}  // namespace flyhook::detail

#endif
