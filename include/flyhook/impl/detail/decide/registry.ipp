#ifndef FLYHOOK_IMPL_DETAIL_DECIDE_REGISTRY_IPP
#define FLYHOOK_IMPL_DETAIL_DECIDE_REGISTRY_IPP

#include <flyhook/detail/decide/registry.hpp>
#include <flyhook/detail/decide/validation.hpp>
#include <flyhook/detail/security/crypto.hpp>
#include <flyhook/error.hpp>

#include <algorithm>
#include <utility>

namespace flyhook::detail {

FLYHOOK_DECL char tag_of(std::uint64_t hash);
FLYHOOK_DECL bool is_credential(std::string_view name);

/// Bits that do not choose the bucket.
char tag_of(std::uint64_t hash) {
  return static_cast<char>(hash & 0xFFu);
}

Endpoint::Endpoint(SubscriptionRow row, const Options& options)
    : subscription(std::move(row.subscription)),
      lane(row.lane),
      version(row.version),
      slot(is_direct(lane) ? static_cast<std::uint32_t>(lane % slot_count) : slot_of(subscription.id)),
      url(subscription.url.empty() ? Url{} : parse_checked_url(subscription.url)),
      filter(subscription.filter),
      previous_secrets(std::move(row.previous_secrets)),
      signer(subscription.secret, previous_secrets),
      encoding(subscription.encoding.value_or(options.encoding)),
      max_in_flight(subscription.max_in_flight.value_or(options.max_in_flight_per_endpoint)),
      timeout(subscription.timeout.value_or(options.timeout)),
      retry(subscription.retry.value_or(options.retry)),
      headers(merged(options.headers, subscription.headers)) {}

bool Endpoint::wants(const Message& message) const {
  FilterInput input{message};
  return message.tenant == subscription.tenant &&
         std::any_of(subscription.events.begin(), subscription.events.end(),
                     [&](const std::string& pattern) { return pattern_matches(pattern, message.type); }) &&
         filter.matches(input);
}

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

Registry::Registry(const std::vector<EventType>& event_types)
    : index_(std::make_shared<EndpointIndex>()), is_closed_(!event_types.empty()) {
  for (const auto& type : event_types) {
    if (!is_event_type(type.name))
      throw Error{ErrorCode::invalid, "event_types", "\"" + type.name + "\" is not an event type: dotted [A-Za-z0-9_-]+"};
    check_catalogued(type);
    add(type);
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

void Registry::add_types(const std::vector<EventType>& types) {
  for (const auto& type : types) check_catalogued(type);
  for (const auto& type : types)
    if (is_event_type(type.name)) add(type);  // publish refuses the others, and says why
}

void Registry::add(const EventType& type) {
  auto& known = types_.try_emplace(type.name, EventType{type.name}).first->second;
  for (const auto member : {&EventType::description, &EventType::example, &EventType::schema})
    if ((known.*member).empty()) known.*member = type.*member;
}

std::vector<EventType> Registry::event_types() const {
  std::vector<EventType> all;
  all.reserve(types_.size());
  for (const auto& [name, type] : types_) all.push_back(type);
  return all;
}

bool Registry::knows_type(std::string_view type) const {
  return !is_closed_ || types_.contains(type) || type == "webhook.test" || type.starts_with("flyhook.");
}

bool Registry::knows_pattern(std::string_view pattern) const {
  if (!is_closed_ || pattern_matches(pattern, "webhook.test") || pattern.starts_with("flyhook.")) return true;
  return std::any_of(types_.begin(), types_.end(), [&](const auto& type) { return pattern_matches(pattern, type.first); });
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
  if (patch.enabled && *patch.enabled != base.enabled) base.disabled_reason.clear();
  set(base.enabled, patch.enabled);
  set(base.paused, patch.paused);
  set(base.public_only, patch.public_only);
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

bool is_credential(std::string_view name) {
  const auto ends_with = [&](std::string_view tail) {
    return name.size() >= tail.size() && equal_without_case(name.substr(name.size() - tail.size()), tail);
  };
  return equal_without_case(name, "authorization") || equal_without_case(name, "cookie") || ends_with("-key") ||
         ends_with("-token");
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
