#ifndef FLYHOOK_RECEIVER_HPP
#define FLYHOOK_RECEIVER_HPP

#include <flyhook/clock.hpp>
#include <flyhook/detail/config.hpp>
#include <flyhook/detail/receive/handler.hpp>
#include <flyhook/detail/serve/exchange.hpp>
#include <flyhook/detail/serve/mount.hpp>
#include <flyhook/detail/serve/mounts.hpp>
#include <flyhook/event.hpp>
#include <flyhook/http.hpp>
#include <flyhook/received.hpp>
#include <flyhook/verifier.hpp>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// The receiving end: a request becomes an event and a handler's call, or an answer that says why not. Needs no engine and
// no HTTP library.

namespace flyhook {

struct ReceiverOptions {
  /// As VerifierOptions::secrets: any of them may have signed; at least one.
  std::vector<std::string> secrets{};
  Scheme scheme = Scheme::standard;
  std::chrono::seconds tolerance{300};    ///< of the signed time, to both sides of now; 0: the same second only
  std::size_t max_body_bytes = 1u << 20;  ///< a longer body is a 413, and never in memory as a whole; 0: empty ones only
  std::string scope{};                    ///< handed on in Received: tells receivers apart that share one memory of ids
  /// How many ids of handled requests are remembered, for 7 days at most, so that a repeat runs no handler; beyond, the
  /// oldest is forgotten. An entry takes about 45 bytes. 0: none; two at once still run once.
  std::size_t remember = 100'000;
  /// A GET with a query parameter `challenge` is answered with its value, as some senders ask for before they send. It is
  /// not signed: whoever asks gets the answer.
  bool answer_challenge = false;
  std::shared_ptr<Clock> clock{};  ///< empty: the system's
  /// Told what a handler threw; the answer does not say it. Called on the thread of the request; what it throws is
  /// swallowed. Empty: a line to stderr.
  std::function<void(const Received&, std::string_view what)> on_error{};
};

/// Verifies requests, reads them in every encoding flyhook sends (and GitHub's and Stripe's), and calls handlers.
/// Thread-safe.
///
///     answer   when
///     204      every handler returned; the type has no handler; the id was handled before
///     400      a signature header is malformed, or the body is not JSON of the scheme or of a handler's type (then no
///              handler ran)
///     401      unsigned, forged, too old or too new
///     405      another method than POST
///     413      the body is over max_body_bytes
///     415      the content type is neither JSON nor of a CloudEvent, or the body is compressed
///     500      a handler threw: those behind it did not run, and the id is forgotten, so that the sender's next attempt
///              runs all of them again
///
/// Refusals are RFC 9457 problems. At least once: a handler must bear to see an event again, after a 500 that followed on
/// half of the handlers, after a restart, and once `remember` is exceeded.
class Receiver {
 public:
  /// Throws Error (`invalid`), as Verifier does: "secrets", "scheme", "tolerance".
  FLYHOOK_DECL explicit Receiver(ReceiverOptions options);

  /// Calls `handler(const E&, const Received&)`, or `handler(const E&)`, for events of E's own type. A std::variant takes
  /// those of all its alternatives. All handlers that want an event are called, in the order of registration, on the
  /// request's thread; those of different requests run concurrently, on one and the same `handler`. May be called while
  /// requests run, which do not see it.
  template <class E, class Function>
  Receiver& on(Function handler) {
    static_assert(
        Receivable<E>,
        "this type cannot be received by its type name: it needs a constant one (flyhook::EventTraits<E>::type or "
        "E::event_type) and a way from JSON (NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE or EventTraits::parse); or give a "
        "pattern: on<E>(\"order.*\", handler)");
    if constexpr (Receivable<E>) {
      static_assert(detail::Handles<E, Function>, "a handler must take (const E&, const flyhook::Received&) or (const E&)");
      if constexpr (detail::Handles<E, Function>) {
        std::vector<std::string_view> types;
        detail::EventAccess<E>::add_names(types);
        add(detail::make_handler<E>(std::move(types), {}, std::move(handler)));
      }
    }
    return *this;
  }

  /// For events whose type matches `pattern`, each read as an E. "*" gets those without a type, too (raw). Throws Error
  /// (`invalid`, "pattern").
  template <class E, class Function>
  Receiver& on(std::string_view pattern, Function handler) {
    static_assert(detail::Parsable<E> || std::same_as<E, Event>,
                  "this type cannot be received: give it a way from JSON by NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE or "
                  "EventTraits::parse (a std::variant goes by its alternatives' types: on<E>(handler))");
    if constexpr (detail::Parsable<E> || std::same_as<E, Event>) {
      static_assert(detail::Handles<E, Function>, "a handler must take (const E&, const flyhook::Received&) or (const E&)");
      if constexpr (detail::Handles<E, Function>) {
        check_pattern(pattern);
        add(detail::make_handler<E>({}, pattern, std::move(handler)));
      }
    }
    return *this;
  }

  /// The same with flyhook::Event. Data that is no JSON is a string if it is UTF-8, else nlohmann's binary.
  template <class Function>
  Receiver& on(std::string_view pattern, Function handler) {
    return on<Event, Function>(pattern, std::move(handler));
  }

  /// Takes the requests for `path` (all of it, no pattern) at an httplib::Server, or one with its members. The server may
  /// outlive this object. A body that httplib decodes (content-encoding gzip, deflate, br) is verified decoded.
  template <class Server>
  void mount(Server& server, const std::string& path) {
    detail::mount_on(server, detail::escaped_for_regex(path.starts_with('/') ? path : "/" + path), max_body_bytes(),
                     [state = state_, mounted = detail::add_mount(&server, path)](detail::ServerRequest&& request) {
                       mounted->note(request);
                       return answer(*state, std::move(request));
                     });
  }

  /// The answer to a request, for any other server: `target` is path and query as received, `body` the bytes as signed.
  /// Whatever the request is, it throws nothing (but bad_alloc).
  FLYHOOK_DECL HttpResponse handle(std::string_view method, std::string_view target, const Headers& headers,
                                   std::string_view body);

 private:
  struct State;

  FLYHOOK_DECL static void check_pattern(std::string_view pattern);
  FLYHOOK_DECL static HttpResponse answer(State& state, detail::ServerRequest&& request);
  FLYHOOK_DECL static HttpResponse answer_get(const State& state, const detail::ServerRequest& request);
  FLYHOOK_DECL static HttpResponse run(State& state, const detail::ReceivedEvent& event);
  FLYHOOK_DECL void add(detail::Handler handler);
  FLYHOOK_DECL std::size_t max_body_bytes() const;

  std::shared_ptr<State> state_;
};

}  // namespace flyhook

#if defined(FLYHOOK_HEADER_ONLY)
#include <flyhook/impl/receiver.ipp>
#endif

#endif
