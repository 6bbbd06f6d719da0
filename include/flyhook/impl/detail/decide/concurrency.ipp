#ifndef FLYHOOK_IMPL_DETAIL_DECIDE_CONCURRENCY_IPP
#define FLYHOOK_IMPL_DETAIL_DECIDE_CONCURRENCY_IPP

#include <flyhook/detail/decide/concurrency.hpp>

#include <algorithm>

namespace flyhook::detail {

void Concurrency::overloaded() {
  limit_ = std::max<std::size_t>(1, limit_ / 2);
}

void Concurrency::succeeded() {
  if (limit_ < most_) ++limit_;
}

void Concurrency::set_most(std::size_t most) {
  limit_ = limit_ == most_ ? most : std::min(limit_, most);
  most_ = most;
}

}  // namespace flyhook::detail

#endif
