#ifndef FLYHOOK_IMPL_DETAIL_ADMIN_REPRESENTATION_IPP
#define FLYHOOK_IMPL_DETAIL_ADMIN_REPRESENTATION_IPP

#include <flyhook/detail/admin/representation.hpp>
#include <flyhook/impl/detail/admin/representation/metrics.ipp>
#include <flyhook/impl/detail/admin/representation/read.ipp>
#include <flyhook/impl/detail/admin/representation/write.ipp>

#endif
