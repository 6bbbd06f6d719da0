#ifndef FLYHOOK_ERROR_HPP
#define FLYHOOK_ERROR_HPP

#include <flyhook/detail/config.hpp>

#include <stdexcept>
#include <string>
#include <string_view>

// The one exception of the library: misuse and refused input. Background failures are never thrown; they are an
// outcome in the delivery log, an observer call and a counter.

namespace flyhook {

/// What kind of refusal an Error is. `unavailable` may pass by itself; the others need another input or call.
enum class ErrorCode { invalid, too_large, queue_full, stopped, not_found, conflict, unavailable, unsupported };

/// A refused call. `what()` is one sentence: the field, its value (never a secret), the reason and, where there is one,
/// the remedy. Nothing was changed by the call that threw.
class Error : public std::runtime_error {
 public:
  FLYHOOK_DECL Error(ErrorCode code, std::string field, const std::string& reason);

  ErrorCode code() const noexcept { return code_; }
  /// The member or argument that was refused, named as in C++ ("url", "headers", "events"); empty: the call as a whole.
  const std::string& field() const noexcept { return field_; }

 private:
  ErrorCode code_;
  std::string field_;
};

namespace detail {

/// What strangers wrote, fit for a line of an error: at most 100 bytes of it, each printable ASCII or '?'.
FLYHOOK_DECL std::string printable(std::string_view text);

}  // namespace detail
}  // namespace flyhook

#if defined(FLYHOOK_HEADER_ONLY)
#include <flyhook/impl/error.ipp>
#endif

#endif
