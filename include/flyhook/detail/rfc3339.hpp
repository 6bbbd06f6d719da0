#ifndef FLYHOOK_DETAIL_RFC3339_HPP
#define FLYHOOK_DETAIL_RFC3339_HPP

#include <flyhook/clock.hpp>
#include <flyhook/detail/config.hpp>

#include <optional>
#include <string>
#include <string_view>

// Times as text, written and read: the date-time of RFC 3339.

namespace flyhook::detail {

/// UTC as YYYY-MM-DDTHH:MM:SS.ffffffZ, microseconds truncated.
FLYHOOK_DECL std::string rfc3339(TimePoint time);

/// The time of a date-time of RFC 3339, 5.6, with any offset, digits beyond microseconds cut off; nullopt: it is none, its
/// day does not exist, or TimePoint cannot hold it. A leap second, which is there only at 23:59 UTC, is the second after
/// :59. Does not throw, whatever the text.
FLYHOOK_DECL std::optional<TimePoint> parse_rfc3339(std::string_view text);

}  // namespace flyhook::detail

#if defined(FLYHOOK_HEADER_ONLY)
#include <flyhook/impl/detail/rfc3339.ipp>
#endif

#endif
