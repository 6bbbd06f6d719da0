#ifndef FLYHOOK_DETAIL_RUN_RESOLVER_HPP
#define FLYHOOK_DETAIL_RUN_RESOLVER_HPP

#include <flyhook/clock.hpp>
#include <flyhook/detail/config.hpp>
#include <flyhook/detail/decide/lane.hpp>
#include <flyhook/url_policy.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>

// Host names to addresses, on threads of its own: a look-up cannot be stopped, so these are the one kind of thread that may
// be left behind at shutdown. They hold nothing but the state they share.
//
// One look-up per host at a time; an answer counts 10 s, and a host in use is looked up again at 5 s, so that busy lanes
// never wait. Hosts that are new, or took over 1 s the last time, share 2 of the 4 threads: a slow name server for some
// names leaves the others their own.

namespace flyhook::detail {

class HostResolver {
 public:
  using Answer = std::function<void(std::shared_ptr<const Resolved>)>;

  /// `resolver` empty: getaddrinfo. `inline_only`: look-ups run on the caller's thread (`threads = 0`).
  FLYHOOK_DECL HostResolver(Resolver resolver, std::shared_ptr<Clock> clock, bool inline_only);
  FLYHOOK_DECL ~HostResolver();

  /// The answer, if there is a fresh one; else null, and `answer` is called later, once, from a resolver thread, unless the
  /// resolver is destroyed before. Starts a look-up where one is due.
  FLYHOOK_DECL std::shared_ptr<const Resolved> find(const std::string& host, Answer answer);

  /// No further answer is given, from the return of this call on. Threads that are looking up end by themselves.
  FLYHOOK_DECL void abandon();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace flyhook::detail

#if defined(FLYHOOK_HEADER_ONLY)
#include <flyhook/impl/detail/run/resolver.ipp>
#endif

#endif
