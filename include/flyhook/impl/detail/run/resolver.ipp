#ifndef FLYHOOK_IMPL_DETAIL_RUN_RESOLVER_IPP
#define FLYHOOK_IMPL_DETAIL_RUN_RESOLVER_IPP

#include <flyhook/detail/run/resolver.hpp>
#include <flyhook/detail/security/system_resolver.hpp>

#include <signal.h>

#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

namespace flyhook::detail {

struct HostResolver::State : std::enable_shared_from_this<State> {
  static constexpr std::size_t most_threads = 4, most_slow = 2, most_hosts = 10'000;
  static constexpr std::chrono::seconds fresh{5}, lifetime{10}, slow{1}, idle_limit{10};

  struct Host {
    std::shared_ptr<const Resolved> resolved{};
    std::vector<Answer> waiting{};
    bool is_looked_up = false;
    bool is_slow = true;  // until it has answered quickly once
    bool is_used = false;
  };

  State(Resolver its_resolver, std::shared_ptr<Clock> its_clock, bool is_inline)
      : resolver(its_resolver ? std::move(its_resolver) : Resolver{resolve_by_system}),
        clock(std::move(its_clock)),
        inline_only(is_inline) {}

  std::shared_ptr<const Resolved> look_up(const std::string& host, std::chrono::nanoseconds& took) const {
    auto resolved = std::make_shared<Resolved>();
    resolved->host = host;
    const auto began = std::chrono::steady_clock::now();
    try {
      resolved->addresses = resolver(host);
      if (resolved->addresses.empty()) resolved->error = "dns: " + host + " does not resolve";
    } catch (const std::exception& error) {
      resolved->error = "dns: " + host + ": " + error.what();
    } catch (...) {
      resolved->error = "dns: " + host + ": the resolver threw";
    }
    took = std::chrono::steady_clock::now() - began;
    const auto now = clock->elapsed();
    resolved->refresh_at = now + fresh;
    resolved->expires_at = now + lifetime;
    return resolved;
  }

  /// Runs look-ups until there is none for a while. `this` is kept alive by the thread.
  void run() {
    std::unique_lock lock{mutex};
    for (;;) {
      const auto take = [&](std::deque<std::string>& queue) {
        auto host = std::move(queue.front());
        queue.pop_front();
        return host;
      };
      std::string host;
      bool as_slow = false;
      if (!quick.empty()) {
        host = take(quick);
      } else if (!suspect.empty() && slow_running < most_slow) {
        host = take(suspect);
        as_slow = true;
        ++slow_running;
      } else {
        ++idle;
        const bool is_over = work.wait_for(lock, idle_limit) == std::cv_status::timeout;
        --idle;
        if (abandoned || (is_over && quick.empty() && suspect.empty())) break;
        continue;
      }
      lock.unlock();
      std::chrono::nanoseconds took{0};
      auto resolved = look_up(host, took);
      lock.lock();
      if (as_slow) --slow_running;
      if (abandoned) break;
      if (as_slow && !suspect.empty()) work.notify_one();

      auto& known = hosts[host];
      known.resolved = resolved;
      known.is_looked_up = false;
      known.is_slow = took > slow;
      auto waiting = std::move(known.waiting);
      known.waiting.clear();
      // Answers run under no lock; `abandon` waits for them, so that none comes after it.
      ++answering;
      lock.unlock();
      for (const auto& answer : waiting) answer(resolved);
      waiting.clear();
      lock.lock();
      if (--answering == 0) answered.notify_all();
    }
    --threads;
  }

  void start_look_up(const std::string& host, Host& known) {  // caller holds mutex
    known.is_looked_up = true;
    (known.is_slow ? suspect : quick).push_back(host);
    see_to_threads();
  }

  void see_to_threads() {  // caller holds mutex
    if (idle > 0) work.notify_one();
    // One idle thread takes one look-up: a second one behind it could wait as long as the first one hangs.
    if (idle >= quick.size() + suspect.size() || threads >= most_threads) return;
    ++threads;
    sigset_t all{}, before{};
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    try {
      // Detached: getaddrinfo cannot be stopped, and nobody waits for it.
      std::thread{[self = shared_from_this()] { self->run(); }}.detach();
    } catch (const std::exception&) {
      --threads;  // another one takes it, or one that whoever asks next can make
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }

  void forget_unused() {  // caller holds mutex: second chance, so that hosts in use stay
    for (auto at = hosts.begin(); at != hosts.end();) {
      const bool keep = at->second.is_looked_up || std::exchange(at->second.is_used, false);
      at = keep ? std::next(at) : hosts.erase(at);
    }
  }

  const Resolver resolver;
  const std::shared_ptr<Clock> clock;
  const bool inline_only;
  std::mutex mutex;
  std::condition_variable work, answered;
  // All under `mutex`:
  std::unordered_map<std::string, Host> hosts;
  std::deque<std::string> quick, suspect;
  std::size_t threads = 0, idle = 0, slow_running = 0, answering = 0;
  bool abandoned = false;
};

HostResolver::HostResolver(Resolver resolver, std::shared_ptr<Clock> clock, bool inline_only)
    : state_(std::make_shared<State>(std::move(resolver), std::move(clock), inline_only)) {}

HostResolver::~HostResolver() {
  abandon();
}

std::shared_ptr<const Resolved> HostResolver::find(const std::string& host, Answer answer) {
  const auto now = state_->clock->elapsed();
  {
    const std::lock_guard lock{state_->mutex};
    if (state_->abandoned) return nullptr;
    if (state_->hosts.size() >= State::most_hosts && !state_->hosts.contains(host)) state_->forget_unused();
    auto& known = state_->hosts[host];
    known.is_used = true;
    const bool is_fresh = known.resolved != nullptr && now < known.resolved->expires_at;
    if (!state_->inline_only) {
      if (known.is_looked_up) {
        state_->see_to_threads();
      } else if (!is_fresh || now >= known.resolved->refresh_at) {
        state_->start_look_up(host, known);
      }
      if (is_fresh) return known.resolved;
      known.waiting.push_back(std::move(answer));
      return nullptr;
    }
    if (is_fresh) return known.resolved;
  }
  std::chrono::nanoseconds took{0};
  auto resolved = state_->look_up(host, took);
  const std::lock_guard lock{state_->mutex};
  state_->hosts[host].resolved = resolved;
  return resolved;
}

void HostResolver::abandon() {
  std::unique_lock lock{state_->mutex};
  state_->abandoned = true;
  state_->work.notify_all();
  for (auto& [host, known] : state_->hosts) known.waiting.clear();
  state_->answered.wait(lock, [&] { return state_->answering == 0; });
}

}  // namespace flyhook::detail

#endif
