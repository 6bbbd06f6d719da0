#ifndef FLYHOOK_DETAIL_RUN_SUBSCRIPTIONS_HPP
#define FLYHOOK_DETAIL_RUN_SUBSCRIPTIONS_HPP

#include <flyhook/detail/config.hpp>
#include <flyhook/detail/decide/registry.hpp>
#include <flyhook/error.hpp>
#include <flyhook/id.hpp>
#include <flyhook/options.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

// Changes of the registry: checked, written to the store first, then seen by matching. Optimistic, so that no lock is held
// across the store: a change that lost a race is made again on what won.

namespace flyhook::detail {

/// What a store throws reaches the caller of a publisher's member as an Error.
template <class Call>
auto ask_store(Call call) {
  try {
    return call();
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    throw Error{ErrorCode::unavailable, "store", error.what()};
  }
}

class Subscriptions {
 public:
  /// Throws Error for a URL that must not be called. Called under no lock; may take a while.
  using CheckUrl = std::function<void(const Url&, AllowList)>;

  /// `options` and `store` outlive this.
  FLYHOOK_DECL Subscriptions(const Options& options, Store& store, const std::array<std::uint64_t, 4>& seed,
                             CheckUrl check_url);

  /// Takes over what the store holds.
  FLYHOOK_DECL void load();

  // Changes: the endpoint as it is now; null: no such id. Throw Error, and then nothing was changed.
  // ------------------------

  FLYHOOK_DECL EndpointPtr subscribe(Subscription subscription, TimePoint now, bool& is_new);
  /// Throws Error (`conflict`, "id") for an id that exists, also where it came to exist meanwhile.
  FLYHOOK_DECL EndpointPtr create(Subscription subscription, TimePoint now);
  /// `lane`, here and below: only if that is its lane, so that it is not one that was made under its id since; 0: any.
  FLYHOOK_DECL EndpointPtr update(const SubscriptionId& id, const SubscriptionPatch& patch, TimePoint now,
                                  std::uint64_t lane = 0);
  /// With a new secret of the same kind; the old one signs for `grace` more.
  FLYHOOK_DECL EndpointPtr rotate(const SubscriptionId& id, std::chrono::seconds grace, TimePoint now,
                                  std::uint64_t lane = 0);
  /// Unless it is gone, disabled or has another URL by now: then null.
  FLYHOOK_DECL EndpointPtr disable(const EndpointPtr& endpoint, const std::string& reason, TimePoint now);
  /// The endpoint as it was.
  FLYHOOK_DECL EndpointPtr remove(const SubscriptionId& id);

  // Queries -----------------------------------------------------------------------------------------------------------

  FLYHOOK_DECL EndpointPtr find(const SubscriptionId& id) const;
  FLYHOOK_DECL std::vector<EndpointPtr> list(const SubscriptionQuery& query) const;
  FLYHOOK_DECL std::size_t count() const;
  FLYHOOK_DECL std::shared_ptr<const EndpointIndex> index() const;
  /// Every endpoint by its lane.
  FLYHOOK_DECL std::unordered_map<std::uint64_t, EndpointPtr> by_lane() const;

  /// Throws Error as Registry does, and then adds none.
  FLYHOOK_DECL void add_types(const std::vector<EventType>& types);
  FLYHOOK_DECL std::vector<EventType> event_types() const;
  FLYHOOK_DECL bool knows_type(std::string_view type) const;

 private:
  class Change;  // counts changes under way, so that removals are remembered just as long as one could overtake them

  struct CheckedUrl {
    std::string url{};
    bool public_only = false;
  };

  FLYHOOK_DECL void load_instead_of(const EndpointPtr& known);
  FLYHOOK_DECL void check(const Subscription& subscription) const;
  FLYHOOK_DECL void check_url(const Subscription& subscription, const EndpointPtr& known, CheckedUrl& checked) const;
  template <class Make>
  EndpointPtr rewrite(const SubscriptionId& id, std::uint64_t lane, Make make);
  [[noreturn]] FLYHOOK_DECL static void throw_contended(const SubscriptionId& id);
  FLYHOOK_DECL EndpointPtr write(SubscriptionRow row, std::uint64_t expected);
  FLYHOOK_DECL EndpointPtr add(Subscription subscription, TimePoint now);
  FLYHOOK_DECL std::function<void(void*, std::size_t)> random() const;

  const Options& options_;
  Store& store_;
  const CheckUrl check_url_;
  mutable std::mutex mutex_;
  Registry registry_;                                         // under mutex_
  UlidSequence ids_;                                          // under mutex_
  std::size_t changes_ = 0;                                   // under mutex_: under way
  std::unordered_map<std::string, std::size_t> being_added_;  // under mutex_: new ones under way, per tenant
};

}  // namespace flyhook::detail

#if defined(FLYHOOK_HEADER_ONLY)
#include <flyhook/impl/detail/run/subscriptions.ipp>
#endif

#endif
