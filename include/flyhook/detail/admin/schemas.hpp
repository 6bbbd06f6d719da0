#ifndef FLYHOOK_DETAIL_ADMIN_SCHEMAS_HPP
#define FLYHOOK_DETAIL_ADMIN_SCHEMAS_HPP

#include <flyhook/detail/config.hpp>

#include <string_view>

// What the Admin API's bodies look like, for the OpenAPI document that it serves.

namespace flyhook::detail {

/// The JSON text of OpenAPI 3.1 `components.schemas` (JSON Schema 2020-12): what representation.hpp writes and reads, with
/// the same names and bounds, and the envelopes around it.
FLYHOOK_DECL std::string_view api_schemas();

}  // namespace flyhook::detail

#if defined(FLYHOOK_HEADER_ONLY)
#include <flyhook/impl/detail/admin/schemas.ipp>
#endif

#endif
