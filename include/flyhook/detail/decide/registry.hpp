#ifndef FLYHOOK_DETAIL_DECIDE_REGISTRY_HPP
#define FLYHOOK_DETAIL_DECIDE_REGISTRY_HPP

#include <flyhook/detail/config.hpp>
#include <flyhook/detail/decide/filter.hpp>
#include <flyhook/detail/decide/rotation.hpp>
#include <flyhook/detail/security/url.hpp>
#include <flyhook/event_type.hpp>
#include <flyhook/options.hpp>
#include <flyhook/store.hpp>
#include <flyhook/subscription.hpp>
#include <flyhook/url_policy.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

// Who gets an event. Subscriptions are turned into endpoints, and found by tenant and type. Matching reads an
// immutable index, so it needs no lock; a change makes a new index that shares all but one bucket with the last.

namespace flyhook::detail {

/// One subscription made ready for sending. Immutable: a change makes another.
struct Endpoint {
  FLYHOOK_DECL Endpoint(SubscriptionRow row, const Options& options);
  Endpoint(const Endpoint&) = delete;
  Endpoint& operator=(const Endpoint&) = delete;
  FLYHOOK_DECL ~Endpoint();  // wipes the secrets

  /// It asked for events like this one.
  FLYHOOK_DECL bool wants(const Message& message) const;

  /// Whether `Options::url_policy.allow` counts for its URL.
  AllowList allow_list() const { return allow_list_of(subscription.public_only); }

  Subscription subscription;
  std::uint64_t lane;
  std::uint64_t version;
  std::uint32_t slot;
  Url url;
  Filter filter;
  std::vector<PreviousSecret> previous_secrets;
  RotatingSigner signer;
  Encoding encoding;
  std::size_t max_in_flight;
  std::chrono::milliseconds timeout;
  RetryPolicy retry;  ///< of Options where the subscription has none
  Headers headers;    ///< of Options and of the subscription, which wins
};

using EndpointPtr = std::shared_ptr<const Endpoint>;

/// Endpoints by (tenant, pattern). A hash of both chooses one of 64 x 64 buckets.
class EndpointIndex {
 public:
  /// Appends every endpoint that wants events of `type` in `tenant`, each once, in the order of their lanes.
  FLYHOOK_DECL void match(std::string_view tenant, std::string_view type, std::vector<EndpointPtr>& found) const;

  /// The same index with `added` in and `removed` out; either may be null.
  FLYHOOK_DECL std::shared_ptr<const EndpointIndex> with(const EndpointPtr& removed, const EndpointPtr& added) const;

 private:
  // Endpoints with the same pattern, in the order of their lanes, in pieces, so that adding to a long list copies little.
  using Piece = std::vector<EndpointPtr>;
  struct Entry {
    std::uint64_t hash = 0;
    std::string tenant{};
    std::string pattern{};
    std::vector<std::shared_ptr<const Piece>> pieces{};
  };
  struct Bucket {
    std::string tags{};  // a byte of each entry's hash, to be searched at once
    std::vector<Entry> entries{};
  };
  using Branch = std::array<std::shared_ptr<const Bucket>, 64>;

  FLYHOOK_DECL const Entry* find(std::uint64_t hash, std::string_view tenant, std::string_view head,
                                 std::string_view tail) const;
  FLYHOOK_DECL Bucket& edit(std::uint64_t hash);
  FLYHOOK_DECL static std::size_t place_of(const Bucket& bucket, std::uint64_t hash, std::string_view tenant,
                                           std::string_view head, std::string_view tail);
  FLYHOOK_DECL void insert(const std::string& pattern, const EndpointPtr& endpoint);
  FLYHOOK_DECL void erase(const std::string& pattern, const EndpointPtr& endpoint);

  std::array<std::shared_ptr<const Branch>, 64> branches_{};
};

/// All endpoints of an engine and its event catalogue. No lock of its own: the engine's registry lock protects it; what
/// `index()` returns is read without.
class Registry {
 public:
  /// With `event_types` the catalogue is closed: other types are refused. Throws Error ("event_types") naming the entry.
  FLYHOOK_DECL explicit Registry(const std::vector<EventType>& event_types);

  /// Applies a stored change, unless a newer one of the same subscription was applied before. True: it was applied.
  FLYHOOK_DECL bool put(const EndpointPtr& endpoint);
  FLYHOOK_DECL bool remove(const SubscriptionId& id, std::uint64_t version);
  /// No change is on its way any more: removals need not be remembered.
  FLYHOOK_DECL void forget_removals() { removed_.clear(); }

  FLYHOOK_DECL EndpointPtr find(const SubscriptionId& id) const;
  FLYHOOK_DECL std::vector<EndpointPtr> list(const SubscriptionQuery& query) const;
  std::size_t count() const noexcept { return by_id_.size(); }
  FLYHOOK_DECL std::size_t count(const std::string& tenant) const;
  std::shared_ptr<const EndpointIndex> index() const { return index_; }

  // The catalogue -------------------------------------------------------------------------------------------------------

  /// Adds what a publisher brings; of a type that is known only what its entry leaves empty. A closed catalogue learns
  /// them, an open one knows every type all the same. Throws Error ("event_types"), and then adds none.
  FLYHOOK_DECL void add_types(const std::vector<EventType>& types);
  /// By name.
  FLYHOOK_DECL std::vector<EventType> event_types() const;
  FLYHOOK_DECL bool knows_type(std::string_view type) const;
  FLYHOOK_DECL bool knows_pattern(std::string_view pattern) const;

 private:
  FLYHOOK_DECL void add(const EventType& type);

  std::map<std::string, EndpointPtr, std::less<>> by_id_;
  std::unordered_map<std::string, std::size_t> per_tenant_;
  std::unordered_map<std::string, std::uint64_t> removed_;  // versions of removals that a slower put must not undo
  std::shared_ptr<const EndpointIndex> index_;
  std::map<std::string, EventType, std::less<>> types_;
  bool is_closed_;  // or every type is known
};

/// `base` with the members that `patch` has.
FLYHOOK_DECL Subscription patched(Subscription base, const SubscriptionPatch& patch);

/// What subscribe with a known id stores: `given` in the place of `known`, which keeps its state and, if none is given, its
/// secret.
FLYHOOK_DECL Subscription updated(const Subscription& known, Subscription given);

/// The subscription as it may be shown: secret and credentials masked.
FLYHOOK_DECL Subscription masked(Subscription subscription);

/// `added` over `base`: fields of a name that `added` has are replaced.
FLYHOOK_DECL Headers merged(Headers base, const Headers& added);

}  // namespace flyhook::detail

#if defined(FLYHOOK_HEADER_ONLY)
#include <flyhook/impl/detail/decide/registry.ipp>
#endif

#endif
