#ifndef FLYHOOK_IMPL_EVENT_IPP
#define FLYHOOK_IMPL_EVENT_IPP

#include <flyhook/detail/decide/filter.hpp>
#include <flyhook/event.hpp>
#include <flyhook/impl/detail/decide/filter/clause.ipp>

namespace flyhook {

bool matches(std::string_view filter, const Event& event) {
  const detail::FilterData data{&event.data};
  detail::FilterInput input{event.type, event.tenant, event.key, data};
  return detail::Filter{filter}.matches(input);
}

}  // namespace flyhook

#endif
