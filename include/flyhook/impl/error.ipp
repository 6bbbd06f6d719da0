#ifndef FLYHOOK_IMPL_ERROR_IPP
#define FLYHOOK_IMPL_ERROR_IPP

#include <flyhook/error.hpp>

#include <utility>

namespace flyhook {

Error::Error(ErrorCode code, std::string field, const std::string& reason)
    : std::runtime_error(field.empty() ? reason : field + ": " + reason), code_(code), field_(std::move(field)) {}

}  // namespace flyhook

#endif
