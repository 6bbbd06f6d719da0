#ifndef FLYHOOK_IMPL_DETAIL_RUN_SUBSCRIPTIONS_IPP
#define FLYHOOK_IMPL_DETAIL_RUN_SUBSCRIPTIONS_IPP

#include <flyhook/detail/decide/validation.hpp>
#include <flyhook/detail/run/subscriptions.hpp>
#include <flyhook/detail/security/crypto.hpp>
#include <flyhook/error.hpp>

#include <chrono>
#include <utility>

namespace flyhook::detail {

// A change that lost this many races in a row is given up: nobody changes one subscription so often.
inline constexpr int most_tries = 100;

class Subscriptions::Change {
 public:
  explicit Change(Subscriptions& owner) : owner_(owner) {
    const std::lock_guard lock{owner_.mutex_};
    ++owner_.changes_;
  }
  Change(const Change&) = delete;
  Change& operator=(const Change&) = delete;
  ~Change() {
    const std::lock_guard lock{owner_.mutex_};
    if (--owner_.changes_ == 0) owner_.registry_.forget_removals();
  }

 private:
  Subscriptions& owner_;
};

/// Wipes a row's secrets at the end of a scope, if they did not go on from there.
struct RowWipe {
  explicit RowWipe(SubscriptionRow& its_row) noexcept : row(its_row) {}
  RowWipe(const RowWipe&) = delete;
  RowWipe& operator=(const RowWipe&) = delete;
  ~RowWipe() { wipe_secrets(row); }

  SubscriptionRow& row;
};

Subscriptions::Subscriptions(const Options& options, Store& store, const std::array<std::uint64_t, 4>& seed,
                             CheckUrl check_url)
    : options_(options), store_(store), check_url_(std::move(check_url)), registry_(options.event_types), ids_(seed) {}

void Subscriptions::load() {
  load_instead_of(nullptr);
}

void Subscriptions::load_instead_of(const EndpointPtr& known) {
  bool is_stored = false;
  for (auto& row : ask_store([&] { return store_.subscriptions(); })) {
    is_stored = is_stored || (known != nullptr && row.lane == known->lane);
    auto endpoint = std::make_shared<const Endpoint>(std::move(row), options_);
    const std::lock_guard lock{mutex_};
    registry_.put(endpoint);
  }
  if (known == nullptr || is_stored) return;
  // It was stored once, so it was removed since; whoever did may not have come to the registry yet.
  const std::lock_guard lock{mutex_};
  registry_.remove(known->subscription.id, known->version);
}

void Subscriptions::check(const Subscription& subscription) const {
  check_subscription(subscription);
  const std::lock_guard lock{mutex_};
  for (const auto& pattern : subscription.events)
    if (!registry_.knows_pattern(pattern))
      throw Error{ErrorCode::invalid, "events", "\"" + pattern + "\" matches no event type of this application"};
}

/// Once for each URL of a change, and not where it stays as it was; becoming `public_only` it does not. `checked`: the last
/// one that passed.
void Subscriptions::check_url(const Subscription& subscription, const EndpointPtr& known, CheckedUrl& checked) const {
  const auto passed = [&](const std::string& url, bool public_only) {
    return subscription.url == url && (public_only || !subscription.public_only);
  };
  if (passed(checked.url, checked.public_only)) return;
  if (known != nullptr && passed(known->subscription.url, known->subscription.public_only)) return;
  check_url_(parse_checked_url(subscription.url), allow_list_of(subscription.public_only));
  checked = {subscription.url, subscription.public_only};
}

EndpointPtr Subscriptions::write(SubscriptionRow row, std::uint64_t expected) {
  const RowWipe wiped{row};
  const auto put = ask_store([&] { return store_.put(row, expected); });
  if (!put.stored) return nullptr;
  row.lane = put.lane;
  row.version = put.version;
  auto endpoint = std::make_shared<const Endpoint>(std::move(row), options_);
  const std::lock_guard lock{mutex_};
  registry_.put(endpoint);
  return endpoint;
}

EndpointPtr Subscriptions::add(Subscription subscription, TimePoint now) {
  const WipeAtEnd wiped{subscription.secret};
  const auto tenant = subscription.tenant;
  {
    const std::lock_guard lock{mutex_};
    auto& adding = being_added_[tenant];
    if (const auto most = options_.max_subscriptions_per_tenant; most != 0 && registry_.count(tenant) + adding >= most) {
      if (adding == 0) being_added_.erase(tenant);
      throw Error{ErrorCode::conflict, "tenant",
                  "\"" + tenant + "\" has " + std::to_string(most) + " subscriptions, the most that are allowed"};
    }
    ++adding;
    if (subscription.id.value.empty()) subscription.id.value = ulid_text("sub_", ids_.next(now));
  }
  const auto done = [&] {
    const std::lock_guard lock{mutex_};
    if (--being_added_[tenant] == 0) being_added_.erase(tenant);
  };
  try {
    if (subscription.secret.empty()) subscription.secret = generate_secret_from(random());
    subscription.disabled_reason.clear();
    subscription.created_at = std::chrono::floor<std::chrono::microseconds>(now);
    SubscriptionRow row;
    row.subscription = std::move(subscription);
    auto endpoint = write(std::move(row), 0);
    done();
    return endpoint;
  } catch (...) {
    done();
    throw;
  }
}

EndpointPtr Subscriptions::subscribe(Subscription subscription, TimePoint now, bool& is_new) {
  const WipeAtEnd wiped{subscription.secret};
  check(subscription);
  CheckedUrl checked;
  const Change change{*this};
  for (int i = 0; i < most_tries; ++i) {
    const auto known = subscription.id.value.empty() ? nullptr : find(subscription.id);
    check_url(subscription, known, checked);
    is_new = known == nullptr;
    auto endpoint = is_new ? add(subscription, now)
                           : write(with_secrets(updated(known->subscription, subscription), known->subscription.secret,
                                                known->previous_secrets, now),
                                   known->version);
    if (endpoint != nullptr) return endpoint;
    load_instead_of(known);  // somebody else wrote first
  }
  throw_contended(subscription.id);
}

EndpointPtr Subscriptions::create(Subscription subscription, TimePoint now) {
  const WipeAtEnd wiped{subscription.secret};
  check(subscription);
  CheckedUrl checked;
  const Change change{*this};
  for (int i = 0; i < most_tries; ++i) {
    if (!subscription.id.value.empty() && find(subscription.id) != nullptr)
      throw Error{ErrorCode::conflict, "id", "\"" + subscription.id.value + "\" exists already"};
    check_url(subscription, nullptr, checked);
    if (auto endpoint = add(subscription, now)) return endpoint;
    load_instead_of(nullptr);  // somebody else wrote first
  }
  throw_contended(subscription.id);
}

/// Writes what `make` makes of the endpoint as it is, if its lane is `lane` (0: any), again where somebody else wrote
/// first; nullopt: nothing to write.
template <class Make>
EndpointPtr Subscriptions::rewrite(const SubscriptionId& id, std::uint64_t lane, Make make) {
  const Change change{*this};
  for (int i = 0; i < most_tries; ++i) {
    const auto known = find(id);
    if (known == nullptr || (lane != 0 && known->lane != lane)) return nullptr;
    std::optional<SubscriptionRow> row = make(known);
    if (!row) return nullptr;
    if (auto endpoint = write(std::move(*row), known->version)) return endpoint;
    load_instead_of(known);
  }
  throw_contended(id);
}

void Subscriptions::throw_contended(const SubscriptionId& id) {
  throw Error{ErrorCode::unavailable, "id", "\"" + id.value + "\" is being changed all the time"};
}

EndpointPtr Subscriptions::update(const SubscriptionId& id, const SubscriptionPatch& patch, TimePoint now,
                                  std::uint64_t lane) {
  CheckedUrl checked;
  return rewrite(id, lane, [&](const EndpointPtr& known) {
    auto subscription = patched(known->subscription, patch);
    const WipeAtEnd wiped{subscription.secret};
    check(subscription);
    check_url(subscription, known, checked);
    return std::optional{with_secrets(std::move(subscription), known->subscription.secret, known->previous_secrets, now)};
  });
}

EndpointPtr Subscriptions::disable(const EndpointPtr& endpoint, const std::string& reason, TimePoint now) {
  return rewrite(endpoint->subscription.id, endpoint->lane,
                 [&](const EndpointPtr& known) -> std::optional<SubscriptionRow> {
                   if (!known->subscription.enabled || known->subscription.url != endpoint->subscription.url)
                     return std::nullopt;
                   auto subscription = known->subscription;
                   subscription.enabled = false;
                   subscription.disabled_reason = reason;
                   return with_secrets(std::move(subscription), known->subscription.secret, known->previous_secrets, now);
                 });
}

EndpointPtr Subscriptions::rotate(const SubscriptionId& id, std::chrono::seconds grace, TimePoint now, std::uint64_t lane) {
  return rewrite(id, lane, [&](const EndpointPtr& known) {
    return std::optional{rotated(known->subscription, generate_secret_like(known->subscription.secret, random()),
                                 known->previous_secrets, grace, now)};
  });
}

std::function<void(void*, std::size_t)> Subscriptions::random() const {
  return options_.random ? options_.random : openssl_random;
}

EndpointPtr Subscriptions::remove(const SubscriptionId& id) {
  const Change change{*this};
  auto known = find(id);
  const auto version = ask_store([&] { return store_.remove(id); });
  if (!version) return nullptr;
  const std::lock_guard lock{mutex_};
  // The one that was removed may have come after that look: removed and made anew meanwhile, it has another lane.
  if (auto latest = registry_.find(id); latest != nullptr && latest->version < *version) known = std::move(latest);
  registry_.remove(id, *version);
  return known;
}

EndpointPtr Subscriptions::find(const SubscriptionId& id) const {
  const std::lock_guard lock{mutex_};
  return registry_.find(id);
}

std::vector<EndpointPtr> Subscriptions::list(const SubscriptionQuery& query) const {
  const std::lock_guard lock{mutex_};
  return registry_.list(query);
}

std::size_t Subscriptions::count() const {
  const std::lock_guard lock{mutex_};
  return registry_.count();
}

std::shared_ptr<const EndpointIndex> Subscriptions::index() const {
  const std::lock_guard lock{mutex_};
  return registry_.index();
}

std::unordered_map<std::uint64_t, EndpointPtr> Subscriptions::by_lane() const {
  std::unordered_map<std::uint64_t, EndpointPtr> lanes;
  SubscriptionQuery all;
  all.limit = static_cast<std::size_t>(-1);
  for (const auto& endpoint : list(all)) lanes.emplace(endpoint->lane, endpoint);
  return lanes;
}

void Subscriptions::add_types(const std::vector<EventType>& types) {
  const std::lock_guard lock{mutex_};
  registry_.add_types(types);
}

std::vector<EventType> Subscriptions::event_types() const {
  const std::lock_guard lock{mutex_};
  return registry_.event_types();
}

bool Subscriptions::knows_type(std::string_view type) const {
  if (options_.event_types.empty()) return true;
  const std::lock_guard lock{mutex_};
  return registry_.knows_type(type);
}

}  // namespace flyhook::detail

#endif
