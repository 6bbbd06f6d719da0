#ifndef FLYHOOK_IMPL_TRANSPORT_HTTPLIB_IPP
#define FLYHOOK_IMPL_TRANSPORT_HTTPLIB_IPP

#include <flyhook/detail/security/url.hpp>
#include <flyhook/detail/transport/connection.hpp>
#include <flyhook/detail/transport/http_exchange.hpp>
#include <flyhook/transport/httplib.hpp>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <csignal>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

namespace flyhook {

/// Idle connections, running exchanges, and the thread that closes what has been idle for too long.
struct HttplibTransport::Pool {
  using Clock = std::chrono::steady_clock;
  using Pooled = std::unique_ptr<detail::HttpConnection>;
  class Exchange;

  struct Idle {
    std::size_t endpoint = 0;
    Clock::time_point expires{};
    Pooled pooled{};
  };

  explicit Pool(HttplibOptions given)
      : options(given), keeps_any(given.idle_timeout.count() > 0 && given.max_idle > 0 && given.max_idle_per_endpoint > 0) {
    idle.reserve(options.max_idle);  // giving a connection back must not throw
  }

  FLYHOOK_DECL HttpResponse perform(HttpRequest& request);
  FLYHOOK_DECL std::shared_ptr<const detail::TlsContext> context_for(const std::string& ca_file, std::string& error);
  FLYHOOK_DECL void sweep();
  FLYHOOK_DECL void start_sweeper() noexcept;

  const HttplibOptions options;
  const bool keeps_any;
  std::atomic<bool> cancelled{false};  // written under the mutex

  std::mutex mutex{};                // guards what follows
  std::vector<Exchange*> running{};  // what cancel_all interrupts
  std::vector<Idle> idle{};          // in order of becoming idle: used again from the back, closed from the front
  std::map<std::string, std::shared_ptr<const detail::TlsContext>> contexts{};  // by ca_file
  std::condition_variable left{};                                               // cancelled, and `running` is empty
  std::condition_variable bell{};  // for the sweeper: cancelled, or something to wait for
  bool sweeper_sleeps = false;     // without a deadline: nothing is idle
  bool sweeper_started = false;
  std::thread sweeper{};
};

/// One `send` while it runs, with the connection it has just now. One lock at its beginning and one at its end.
class HttplibTransport::Pool::Exchange {
 public:
  FLYHOOK_DECL Exchange(Pool& pool, const detail::Url& url, const HttpRequest& request);
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;
  /// Gives the connection back if it was marked, and closes it else.
  FLYHOOK_DECL ~Exchange();

  /// False: the transport has ended.
  bool is_in() const { return is_in_; }

  /// Prefers an idle connection, unless `fresh`. False: `error` says why there is none.
  FLYHOOK_DECL bool find_connection(bool fresh, Clock::time_point began, std::string& error);
  bool is_fresh() const { return is_fresh_; }
  detail::HttpConnection& connection() { return *pooled_; }
  void keep_connection() { is_kept_ = pool_.keeps_any; }

  void interrupt() noexcept {  // under the pool's mutex
    if (pooled_) pooled_->wire().interrupt();
  }

 private:
  FLYHOOK_DECL void take_idle();
  FLYHOOK_DECL bool show(Pooled pooled);
  FLYHOOK_DECL bool connect_to(const std::string& address, const std::shared_ptr<const detail::TlsContext>& context,
                               Clock::time_point deadline, Clock::time_point total, std::string& error);

  Pool& pool_;
  const detail::Url& url_;
  const HttpRequest& request_;
  const std::size_t endpoint_;
  std::size_t index_ = 0;  // in `running`; under the pool's mutex
  Pooled pooled_{};        // changed under the pool's mutex, where cancel_all finds it
  bool is_in_ = false;
  bool is_fresh_ = false;
  bool is_kept_ = false;
};

HttplibTransport::Pool::Exchange::Exchange(Pool& pool, const detail::Url& url, const HttpRequest& request)
    : pool_(pool),
      url_(url),
      request_(request),
      endpoint_(std::hash<std::string_view>{}(url.host) ^ (std::hash<std::string_view>{}(request.ca_file) << 1) ^
                (std::size_t{url.port} << 17) ^ std::size_t{url.is_https}) {
  std::lock_guard lock{pool_.mutex};
  if (pool_.cancelled) return;
  index_ = pool_.running.size();
  pool_.running.push_back(this);
  is_in_ = true;
  take_idle();
}

/// Caller holds the pool's mutex.
void HttplibTransport::Pool::Exchange::take_idle() {
  for (auto at = pool_.idle.end(); at != pool_.idle.begin();) {
    --at;
    if (at->endpoint != endpoint_ || !at->pooled->serves(url_, request_)) continue;
    pooled_ = std::move(at->pooled);
    pool_.idle.erase(at);
    return;
  }
}

/// Replaces the connection: what cancel_all finds from now on. The former one is closed after the lock.
bool HttplibTransport::Pool::Exchange::show(Pooled pooled) {
  std::lock_guard lock{pool_.mutex};
  pooled_.swap(pooled);
  return !pool_.cancelled;
}

bool HttplibTransport::Pool::Exchange::find_connection(bool fresh, Clock::time_point began, std::string& error) {
  while (!fresh && pooled_) {
    if (pooled_->wire().is_quiet()) return true;
    Pooled stale;
    std::lock_guard lock{pool_.mutex};
    stale = std::move(pooled_);
    take_idle();
  }
  is_fresh_ = true;

  // Before connect_timeout begins: the system's authorities take a while to load, once.
  std::shared_ptr<const detail::TlsContext> context;
  if (url_.is_https && !(context = pool_.context_for(request_.ca_file, error))) return false;
  const auto total = began + request_.timeout;
  const auto deadline = std::min(Clock::now() + request_.connect_timeout, total);
  const auto& addresses = request_.addresses;
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    // One address that swallows packets leaves time for the others.
    const auto now = Clock::now();
    if (i > 0 && now >= began + request_.addresses_ttl) return false;
    const auto share = (deadline - now) / static_cast<std::int64_t>(addresses.size() - i);
    error.clear();
    if (connect_to(addresses[i], context, now + share, total, error)) return true;
    show(nullptr);
    if (error.starts_with("cancelled:") || error.starts_with("tls:")) return false;
  }
  return false;
}

bool HttplibTransport::Pool::Exchange::connect_to(const std::string& address,
                                                  const std::shared_ptr<const detail::TlsContext>& context,
                                                  Clock::time_point deadline, Clock::time_point total, std::string& error) {
  if (!show(std::make_unique<detail::HttpConnection>(address, url_, request_.ca_file, endpoint_))) {
    error = "cancelled: the transport has ended";
    return false;
  }
  auto& connection = pooled_->wire();
  const std::string limit = std::to_string(std::min(request_.connect_timeout, request_.timeout).count()) + " ms";
  const bool ends_all = deadline >= total;
  if (!connection.connect(deadline, ends_all ? "timeout: not connected within " + limit
                                             : "connect: " + address + " did not answer within " + limit) ||
      (url_.is_https &&
       !connection.secure(context, url_.host, url_.is_literal, deadline,
                          ends_all ? "timeout: no TLS within " + limit : "tls: handshake not done within " + limit))) {
    error = connection.failure();
    return false;
  }
  return true;
}

HttplibTransport::Pool::Exchange::~Exchange() {
  if (!is_in_) return;
  Pooled replaced;
  const auto now = Clock::now();
  std::lock_guard lock{pool_.mutex};
  pool_.running[index_] = pool_.running.back();
  pool_.running[index_]->index_ = index_;
  pool_.running.pop_back();
  if (pool_.cancelled) {
    if (pool_.running.empty()) pool_.left.notify_all();
    return;
  }
  if (!is_kept_) return;

  auto& kept = pool_.idle;
  const auto is_like = [&](const Idle& each) { return each.endpoint == endpoint_ && each.pooled->is_like(*pooled_); };
  const auto most = pool_.options.max_idle_per_endpoint;
  auto victim = kept.end();
  if (kept.size() >= most && static_cast<std::size_t>(std::count_if(kept.begin(), kept.end(), is_like)) >= most)
    victim = std::find_if(kept.begin(), kept.end(), is_like);
  else if (kept.size() >= pool_.options.max_idle)
    victim = kept.begin();
  if (victim != kept.end()) {
    replaced = std::move(victim->pooled);
    kept.erase(victim);
  }
  kept.push_back({endpoint_, now + pool_.options.idle_timeout, std::move(pooled_)});
  if (!pool_.sweeper_started) pool_.start_sweeper();
  if (pool_.sweeper_sleeps) {
    pool_.sweeper_sleeps = false;
    pool_.bell.notify_one();
  }
}

HttpResponse HttplibTransport::Pool::perform(HttpRequest& request) {
  const auto began = Clock::now();
  auto parsed = detail::parse_url(request.url);
  if (const auto* const wrong = std::get_if<std::string>(&parsed)) return {.error = "protocol: the URL " + *wrong};
  auto& url = std::get<detail::Url>(parsed);
  // The engine has refused these long ago; but what would break a request in two must not depend on that.
  if (!is_header_name(request.method)) return {.error = "protocol: the method is no token"};
  for (const auto& [name, value] : request.headers) {
    if (!is_header_name(name)) return {.error = "protocol: the name of a request header is no token"};
    if (!is_header_value(value))
      return {.error = "protocol: the request header " + name + " holds a control character such as CR, LF or NUL"};
  }
  detail::HttpExchange http{request, url};

  Exchange exchange{*this, url, request};
  if (!exchange.is_in()) return {.error = "cancelled: the transport has ended"};
  std::string error = "connect: no address for " + url.host;
  for (bool fresh = false;; fresh = true) {
    if (!exchange.find_connection(fresh, began, error)) return {.error = std::move(error)};
    exchange.connection().wire().begin(began, request.timeout);
    auto result = http.run(exchange.connection());
    if (result.is_reusable) exchange.keep_connection();
    // The server may close a kept connection while our request is on its way: no fault of either, and once is enough.
    const bool may_retry = result.is_stale && !exchange.is_fresh() && Clock::now() < began + request.addresses_ttl;
    if (!may_retry) return std::move(result.response);
  }
}

std::shared_ptr<const detail::TlsContext> HttplibTransport::Pool::context_for(const std::string& ca_file,
                                                                              std::string& error) {
  {
    std::lock_guard lock{mutex};
    if (const auto found = contexts.find(ca_file); found != contexts.end()) return found->second;
  }
  auto made = detail::Connection::make_tls_context(ca_file, error);
  if (!made) return nullptr;
  std::lock_guard lock{mutex};
  return contexts.emplace(ca_file, std::move(made)).first->second;
}

/// Caller holds the mutex. Without a thread to spare, idle connections are closed when a limit or their server does.
void HttplibTransport::Pool::start_sweeper() noexcept {
  sweeper_started = true;
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);  // inherited by the thread: signals are the application's
  try {
    sweeper = std::thread([this] { sweep(); });
  } catch (...) {
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void HttplibTransport::Pool::sweep() {
  std::unique_lock lock{mutex};
  while (!cancelled) {
    if (idle.empty()) {
      sweeper_sleeps = true;
      bell.wait(lock);
      continue;
    }
    const auto now = Clock::now();
    const auto end = std::find_if(idle.begin(), idle.end(), [&](const Idle& each) { return each.expires > now; });
    if (end == idle.begin()) {
      // What is taken from here and what comes back later wakes nobody: the next look tells.
      const auto until = idle.front().expires;
      bell.wait_until(lock, until);
      continue;
    }
    std::vector<Idle> expired{std::make_move_iterator(idle.begin()), std::make_move_iterator(end)};
    idle.erase(idle.begin(), end);
    lock.unlock();
    expired.clear();
    lock.lock();
  }
}

HttplibTransport::HttplibTransport() : HttplibTransport(HttplibOptions{}) {}

HttplibTransport::HttplibTransport(HttplibOptions options) : pool_(std::make_unique<Pool>(options)) {}

HttplibTransport::~HttplibTransport() {
  cancel_all();
  {
    std::unique_lock lock{pool_->mutex};
    pool_->left.wait(lock, [&] { return pool_->running.empty(); });
  }
  if (pool_->sweeper.joinable()) pool_->sweeper.join();
}

void HttplibTransport::send(HttpRequest request, Completion done) {
  done(pool_->perform(request));
}

TransportTraits HttplibTransport::traits() const noexcept {
  return {};
}

void HttplibTransport::cancel_all() noexcept {
  std::vector<Pool::Idle> idle;
  std::lock_guard lock{pool_->mutex};
  pool_->cancelled = true;
  for (Pool::Exchange* const exchange : pool_->running) exchange->interrupt();
  idle.swap(pool_->idle);
  pool_->bell.notify_all();
}

std::shared_ptr<Transport> DefaultTransport::make() {
  return std::make_shared<HttplibTransport>();
}

}  // namespace flyhook

#endif
