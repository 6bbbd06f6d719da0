#ifndef FLYHOOK_IMPL_ERROR_IPP
#define FLYHOOK_IMPL_ERROR_IPP

#include <flyhook/error.hpp>

#include <algorithm>
#include <utility>

namespace flyhook {

Error::Error(ErrorCode code, std::string field, const std::string& reason)
    : std::runtime_error(field.empty() ? reason : field + ": " + reason), code_(code), field_(std::move(field)) {}

namespace detail {

std::string printable(std::string_view text) {
  std::string shown{text.substr(0, 100)};
  std::replace_if(
      shown.begin(), shown.end(), [](char c) { return c < 0x20 || c > 0x7E; }, '?');
  return text.size() > shown.size() ? shown + "..." : shown;
}

}  // namespace detail
}  // namespace flyhook

#endif
