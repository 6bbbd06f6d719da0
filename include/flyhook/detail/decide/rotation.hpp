#ifndef FLYHOOK_DETAIL_DECIDE_ROTATION_HPP
#define FLYHOOK_DETAIL_DECIDE_ROTATION_HPP

#include <flyhook/clock.hpp>
#include <flyhook/detail/config.hpp>
#include <flyhook/signing.hpp>
#include <flyhook/store.hpp>
#include <flyhook/subscription.hpp>

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// Which secrets a subscription signs with, and until when. A rotation puts a new one in front; the one that it replaced
// signs as well until its grace is over, so that a receiver may change at any time within it:
//
//   rotate at 0 h (grace 24 h)      B A │ 24 h: B
//   and once more at 6 h            C B A │ 24 h: C B │ 30 h: C
//
// Nothing happens when a grace ends: each attempt asks what the time is.

namespace flyhook::detail {

/// Signatures in one header, at most: the current secret's and those of two previous ones.
inline constexpr std::size_t most_signatures = 3;

inline constexpr std::chrono::seconds longest_grace = std::chrono::hours{24 * 365};

/// The secrets of one subscription made ready. Immutable, thread-safe.
class RotatingSigner {
 public:
  /// Throws Error (`invalid`, "secret"). Without a secret it signs nothing.
  FLYHOOK_DECL RotatingSigner(const std::string& secret, const std::vector<PreviousSecret>& previous);

  /// The value of `webhook-signature` of an attempt at `now`, the newest secret's signature first. `timestamp` is the text
  /// that is sent. Empty: there is no secret.
  FLYHOOK_DECL std::string sign(std::string_view id, std::string_view timestamp, std::string_view body,
                                TimePoint now) const;

 private:
  struct Previous {
    Signer signer;
    TimePoint until;
  };

  std::optional<Signer> current_;
  std::vector<Previous> previous_;  // the newest first
};

/// The row of `changed`, which takes the place of a subscription with these secrets. Its secret stays if none is given, the
/// same, or a previous one of a running rotation (the configuration of a program that was not changed yet); any other
/// replaces it at once and ends the rotation.
FLYHOOK_DECL SubscriptionRow with_secrets(Subscription changed, const std::string& secret,
                                          const std::vector<PreviousSecret>& previous, TimePoint now);

/// The row of `known`, whose secrets are these, with a new secret in front. The one it replaces signs for `grace` more;
/// earlier ones keep their own end. A grace of 0: only the new one signs from now on. Throws Error (`invalid`, "grace").
FLYHOOK_DECL SubscriptionRow rotated(Subscription known, std::string new_secret,
                                     const std::vector<PreviousSecret>& previous, std::chrono::seconds grace,
                                     TimePoint now);

}  // namespace flyhook::detail

#if defined(FLYHOOK_HEADER_ONLY)
#include <flyhook/impl/detail/decide/rotation.ipp>
#endif

#endif
