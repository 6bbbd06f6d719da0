#ifndef FLYHOOK_IMPL_TRANSPORT_HTTPLIB_IPP
#define FLYHOOK_IMPL_TRANSPORT_HTTPLIB_IPP

#if !defined(CPPHTTPLIB_OPENSSL_SUPPORT)
#error \
    "define CPPHTTPLIB_OPENSSL_SUPPORT for every file that includes httplib.h (pkg-config --cflags cpp-httplib, or the CMake target, does): with and without it cpp-httplib has classes of the same name and another layout"
#endif

#include <flyhook/detail/security/url.hpp>
#include <flyhook/detail/transport/connection.hpp>
#include <flyhook/transport/httplib.hpp>

#include <httplib.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <csignal>
#include <cstring>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

// Top down: the stream under cpp-httplib, one exchange on one connection, the pool of connections, the transport.

namespace flyhook::detail {

// What an answer may cost, whatever its sender does. A status line is kept short because cpp-httplib 0.11 matches it by
// std::regex, which recurses once per character.
inline constexpr std::size_t max_status_line_bytes = 512;
inline constexpr std::size_t max_header_bytes = 64 * 1024;
inline constexpr std::size_t max_read_past_bytes = 64 * 1024;  // of a body beyond what is kept, to save the connection
inline constexpr std::size_t max_framing_bytes = 64 * 1024;    // chunk sizes and trailers

/// cpp-httplib's Stream over a Connection for one exchange. The request is held back until the first read, so that its head
/// and body leave in one system call, the body from where it lies. Interim answers (1xx) never reach cpp-httplib: 0.11
/// knows only a bare 100, and takes 103 for the answer.
///
/// Versions of cpp-httplib differ in the virtual functions of Stream: here are those of all, none marked `override`.
class ExchangeStream : public httplib::Stream {
 public:
  ExchangeStream(Connection& connection, std::string_view body, std::size_t max_body_bytes)
      : connection_(connection), body_(body), max_body_bytes_(max_body_bytes) {}

  virtual bool is_readable() const { return true; }
  virtual bool is_writable() const { return true; }
  virtual bool wait_readable() const { return true; }
  virtual bool wait_writable() const { return true; }
  virtual bool is_peer_alive() const { return true; }
  virtual ssize_t read(char* to, size_t size);
  virtual ssize_t write(const char* bytes, size_t size) {
    head_.append(bytes, size);
    return static_cast<ssize_t>(size);
  }
  virtual void get_remote_ip_and_port(std::string&, int&) const {}
  virtual void get_local_ip_and_port(std::string&, int&) const {}
  virtual socket_t socket() const { return INVALID_SOCKET; }
  virtual time_t duration() const { return 0; }
  virtual const char* buffered_data(size_t& size) const {
    size = end_ - at_;
    return size ? buffer_ + at_ : nullptr;
  }
  virtual void consume_buffered(size_t size) { at_ += size; }

  /// The final answer's headers have been read.
  void on_headers() {
    headers_done_ = true;
    limit_ = received_ + max_body_bytes_ + max_read_past_bytes + max_framing_bytes;
  }

  bool has_headers() const { return headers_done_; }
  bool has_received() const { return received_ != 0; }
  bool has_ended() const { return ended_; }
  bool is_drained() const { return at_ == end_; }
  const std::string& problem() const { return problem_; }

 private:
  bool start();
  bool fill();

  Connection& connection_;
  std::string_view body_;
  std::size_t max_body_bytes_;
  std::string head_{};
  bool started_ = false;
  bool headers_done_ = false;
  bool ended_ = false;  // the other side closed
  std::size_t received_ = 0;
  std::size_t limit_ = max_header_bytes;
  std::string problem_{};
  std::size_t at_ = 0;
  std::size_t end_ = 0;
  char buffer_[8192];
};

/// Appends what comes to the buffer, which has room.
FLYHOOK_DECL bool ExchangeStream::fill() {
  if (at_ == end_) at_ = end_ = 0;
  const auto count = connection_.receive(buffer_ + end_, sizeof buffer_ - end_);
  if (count <= 0) {
    ended_ = count == 0;
    return false;
  }
  received_ += static_cast<std::size_t>(count);
  end_ += static_cast<std::size_t>(count);
  if (received_ <= limit_) return true;
  if (!headers_done_) problem_ = "too_large: status line and headers of more than " + std::to_string(limit_) + " bytes";
  at_ = end_ = 0;
  return false;
}

/// Sends the request, passes over interim answers, and leaves the buffer at a whole status line.
FLYHOOK_DECL bool ExchangeStream::start() {
  started_ = true;
  if (!connection_.send(head_, body_)) return false;
  for (;;) {
    const std::string_view seen{buffer_ + at_, end_ - at_};
    const auto line_end = seen.find('\n');
    if (line_end == seen.npos && seen.size() > max_status_line_bytes) {
      problem_ = "protocol: a status line of more than " + std::to_string(max_status_line_bytes) + " bytes";
      return false;
    }
    if (line_end != seen.npos) {
      if (!(seen.starts_with("HTTP/1.") && line_end > 9 && seen[8] == ' ' && seen[9] == '1')) return true;
      const auto block_end = seen.find("\r\n\r\n");
      if (block_end != seen.npos) {
        at_ += block_end + 4;
        continue;
      }
      if (seen.size() == sizeof buffer_) {
        problem_ = "too_large: an interim answer of more than " + std::to_string(sizeof buffer_) + " bytes";
        return false;
      }
    }
    if (at_ != 0) {
      std::memmove(buffer_, buffer_ + at_, end_ - at_);
      end_ -= at_;
      at_ = 0;
    }
    if (!fill()) return end_ != at_ && problem_.empty();  // a line cut short is for cpp-httplib to judge
  }
}

FLYHOOK_DECL ssize_t ExchangeStream::read(char* to, size_t size) {
  if ((!started_ && !start()) || (at_ == end_ && !fill())) return ended_ ? 0 : -1;
  const auto count = std::min(size, end_ - at_);
  std::memcpy(to, buffer_ + at_, count);
  at_ += count;
  return static_cast<ssize_t>(count);
}

/// cpp-httplib's client without its socket: it writes a request to a stream and reads the answer from it.
class HttpCodec : public httplib::ClientImpl {
 public:
  explicit HttpCodec(const std::string& host) : ClientImpl(host) {
    send_target_as_given(*this);
    set_decompress(false);
    set_keep_alive(true);
  }

  using ClientImpl::process_request;

 private:
  // The name of this setting differs between versions of cpp-httplib.
  template <class Client>
  static void send_target_as_given(Client& client) {
    if constexpr (requires { client.set_path_encode(false); })
      client.set_path_encode(false);
    else
      client.set_url_encode(false);
  }
};

/// A connection together with what it may be used for.
struct PooledConnection {
  std::size_t endpoint = 0;  // hash of what follows, address excepted
  bool is_https = false;
  std::uint16_t port = 0;
  std::string host{};
  std::string ca_file{};
  Connection connection;
  HttpCodec codec;

  PooledConnection(const std::string& address, const Url& url, const std::string& authorities, std::size_t hash)
      : endpoint(hash),
        is_https(url.is_https),
        port(url.port),
        host(url.host),
        ca_file(authorities),
        connection(address, url.port),
        codec(url.host) {}

  bool serves(const Url& url, const HttpRequest& request) const {
    return is_https == url.is_https && port == url.port && host == url.host && ca_file == request.ca_file &&
           std::find(request.addresses.begin(), request.addresses.end(), connection.address()) != request.addresses.end();
  }

  bool is_like(const PooledConnection& other) const {
    return endpoint == other.endpoint && is_https == other.is_https && port == other.port && host == other.host &&
           ca_file == other.ca_file && connection.address() == other.connection.address();
  }
};

/// What became of one request on one connection.
struct ExchangeResult {
  HttpResponse response{};
  bool is_reusable = false;
  bool is_stale = false;  // closed by the other side before a byte of the answer
};

/// Collects the answer's body up to a limit.
struct BodyKeeper {
  ExchangeStream& stream;
  std::size_t limit;
  std::string body{};
  std::size_t received = 0;
  bool is_cut = false;

  bool on_headers(int status) {
    stream.on_headers();
    is_cut = status == 304;  // has no body, but cpp-httplib 0.11 would wait for one
    return !is_cut;
  }

  bool on_body(const char* bytes, std::size_t size, std::uint64_t total) {
    body.append(bytes, std::min(size, limit - body.size()));
    received += size;
    const auto most = limit + max_read_past_bytes;
    is_cut = received > most || (total > most && body.size() == limit);
    return !is_cut;
  }
};

FLYHOOK_DECL ExchangeResult run_exchange(PooledConnection& pooled, httplib::Request& head, const HttpRequest& request);

ExchangeResult run_exchange(PooledConnection& pooled, httplib::Request& head, const HttpRequest& request) {
  ExchangeStream stream{pooled.connection, request.body ? std::string_view{*request.body} : std::string_view{},
                        request.max_response_bytes};
  BodyKeeper keeper{stream, request.max_response_bytes};
  head.response_handler = [&keeper](const httplib::Response& answer) { return keeper.on_headers(answer.status); };
  head.content_receiver = [&keeper](const char* bytes, std::size_t size, auto /*offset*/, auto total) {
    return keeper.on_body(bytes, size, total);
  };

  httplib::Response answer;
  auto error = httplib::Error::Success;
  const bool whole = pooled.codec.process_request(stream, head, answer, false, error);

  ExchangeResult result;
  const std::string& failure = pooled.connection.failure();
  // Cut where we had enough, or framed in a way that cpp-httplib cannot read, as with trailers: its status says it all.
  const bool counts = whole || (stream.has_headers() && failure.empty() && !stream.has_ended());
  if (counts) {
    result.response.status = answer.status;
    result.response.body = std::move(keeper.body);
    result.response.headers.reserve(answer.headers.size());
    for (auto& [name, value] : answer.headers) result.response.headers.emplace_back(name, std::move(value));
    const std::string* const connection = find_header(result.response.headers, "connection");
    result.is_reusable = whole && !stream.has_ended() && stream.is_drained() && pooled.connection.is_writable() &&
                         answer.version == "HTTP/1.1" && !(connection && equal_without_case(*connection, "close"));
    return result;
  }
  if (!failure.empty()) {
    result.response.error = failure;
    result.is_stale = !stream.has_received() && failure.starts_with("closed:");
  } else if (!stream.problem().empty()) {
    result.response.error = stream.problem();
  } else if (stream.has_ended()) {
    result.is_stale = !stream.has_received();
    result.response.error = result.is_stale ? "closed: the other side closed the connection without an answer"
                                            : "closed: the other side closed the connection within its answer";
  } else {
    result.response.error = "protocol: the answer is not HTTP/1.1, or the request cannot be sent as it is";
  }
  return result;
}

/// The request as cpp-httplib takes it, its body apart: that goes out through ExchangeStream. Empties `request.headers`.
FLYHOOK_DECL httplib::Request make_head(HttpRequest& request, Url& url);

httplib::Request make_head(HttpRequest& request, Url& url) {
  httplib::Request head;
  head.method = request.method;
  head.path = std::move(url.target);
  if (!find_header(request.headers, "host")) head.headers.emplace("Host", url.authority());
  for (auto& [name, value] : request.headers)
    if (!equal_without_case(name, "content-length") && !equal_without_case(name, "transfer-encoding"))
      head.headers.emplace(std::move(name), std::move(value));
  if (request.body || head.method == "POST" || head.method == "PUT" || head.method == "PATCH") {
    head.headers.emplace("Content-Length", std::to_string(request.body ? request.body->size() : 0));
    // A provider of nothing keeps cpp-httplib from adding a length of its own.
    head.content_provider_ = [](std::size_t, std::size_t, httplib::DataSink&) { return true; };
  }
  return head;
}

}  // namespace flyhook::detail

namespace flyhook {

/// Idle connections, running exchanges, and the thread that closes what has been idle for too long.
struct HttplibTransport::Pool {
  using Clock = std::chrono::steady_clock;
  using Pooled = std::unique_ptr<detail::PooledConnection>;
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

  HttpResponse perform(HttpRequest& request);
  std::shared_ptr<const detail::TlsContext> context_for(const std::string& ca_file, std::string& error);
  void sweep();
  void start_sweeper() noexcept;

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
  Exchange(Pool& pool, const detail::Url& url, const HttpRequest& request);
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;
  /// Gives the connection back if it was marked, and closes it else.
  ~Exchange();

  /// False: the transport has ended.
  bool is_in() const { return is_in_; }

  /// Prefers an idle connection, unless `fresh`. False: `error` says why there is none.
  bool find_connection(bool fresh, Clock::time_point began, std::string& error);
  bool is_fresh() const { return is_fresh_; }
  detail::PooledConnection& connection() { return *pooled_; }
  void keep_connection() { is_kept_ = pool_.keeps_any; }

  void interrupt() noexcept {  // under the pool's mutex
    if (pooled_) pooled_->connection.interrupt();
  }

 private:
  void take_idle();
  bool show(Pooled pooled);
  bool connect_to(const std::string& address, const std::shared_ptr<const detail::TlsContext>& context,
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
    if (pooled_->connection.is_quiet()) return true;
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
  if (!show(std::make_unique<detail::PooledConnection>(address, url_, request_.ca_file, endpoint_))) {
    error = "cancelled: the transport has ended";
    return false;
  }
  auto& connection = pooled_->connection;
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
  httplib::Request head = detail::make_head(request, url);

  Exchange exchange{*this, url, request};
  if (!exchange.is_in()) return {.error = "cancelled: the transport has ended"};
  std::string error = "connect: no address for " + url.host;
  for (bool fresh = false;; fresh = true) {
    if (!exchange.find_connection(fresh, began, error)) return {.error = std::move(error)};
    exchange.connection().connection.begin(began, request.timeout);
    auto result = detail::run_exchange(exchange.connection(), head, request);
    if (result.is_reusable) exchange.keep_connection();
    // The server may close a kept connection while our request is on its way: no fault of either, and once is enough.
    if (!result.is_stale || exchange.is_fresh()) return std::move(result.response);
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
