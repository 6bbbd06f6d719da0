#ifndef FLYHOOK_DETAIL_DECIDE_VALIDATION_HPP
#define FLYHOOK_DETAIL_DECIDE_VALIDATION_HPP

#include <flyhook/detail/config.hpp>
#include <flyhook/detail/security/url.hpp>
#include <flyhook/event_type.hpp>
#include <flyhook/http.hpp>
#include <flyhook/message.hpp>
#include <flyhook/options.hpp>
#include <flyhook/subscription.hpp>

#include <string_view>

// What comes in from the application, checked before anything is made of it. Every refusal is an Error that names the
// member and the reason, and shows no secret. Where a URL leads is the guard's business.

namespace flyhook::detail {

/// What a masked value reads back as. No secret and no sensible header value is made of stars alone.
inline constexpr std::string_view mask = "********";

/// Throws Error naming the member that is wrong. `id`, `enabled`, `paused` and what is read back only
/// are taken as they are.
FLYHOOK_DECL void check_subscription(const Subscription& subscription);

/// The same for one that is in no registry.
FLYHOOK_DECL void check_target(const Target& target);

/// Throws Error ("url") for what is no URL that can be called.
FLYHOOK_DECL Url parse_checked_url(std::string_view text);

/// Throws Error ("headers") for a name or value that cannot be sent, a reserved name, or a masked value.
FLYHOOK_DECL void check_headers(const Headers& headers);

/// Throws Error ("event_types") for an example or a schema that is not JSON: they are served as such.
FLYHOOK_DECL void check_catalogued(const EventType& type);

/// Throws Error naming the option that is out of range, or not built yet.
FLYHOOK_DECL void check_options(const Options& options);

}  // namespace flyhook::detail

#if defined(FLYHOOK_HEADER_ONLY)
#include <flyhook/impl/detail/decide/validation.ipp>
#endif

#endif
