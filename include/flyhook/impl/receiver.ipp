#ifndef FLYHOOK_IMPL_RECEIVER_IPP
#define FLYHOOK_IMPL_RECEIVER_IPP

#include <flyhook/detail/receive/reading.hpp>
#include <flyhook/detail/receive/repeats.hpp>
#include <flyhook/error.hpp>
#include <flyhook/event_type.hpp>
#include <flyhook/receiver.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <mutex>
#include <new>
#include <variant>

namespace flyhook {

namespace detail {

FLYHOOK_DECL std::shared_ptr<Clock> given_or_system(std::shared_ptr<Clock> clock);
FLYHOOK_DECL std::string_view name_of(VerifyReason reason);
FLYHOOK_DECL std::string unread_member(std::string_view what);
FLYHOOK_DECL void report(const std::function<void(const Received&, std::string_view)>& on_error, const Received& meta,
                         std::string_view what) noexcept;

std::shared_ptr<Clock> given_or_system(std::shared_ptr<Clock> clock) {
  return clock ? std::move(clock) : system_clock();
}

std::string_view name_of(VerifyReason reason) {
  switch (reason) {
    case VerifyReason::none: return "none";
    case VerifyReason::missing_header: return "missing_header";
    case VerifyReason::malformed: return "malformed";
    case VerifyReason::too_old: return "too_old";
    case VerifyReason::too_new: return "too_new";
    case VerifyReason::no_match: return "no_match";
  }
  return "no_match";
}

/// The member that an exception of nlohmann's names: one that is missing, or with JSON_DIAGNOSTICS where the wrong type is.
/// The rest of its text may quote the data.
std::string unread_member(std::string_view what) {
  constexpr std::string_view missing = "key '";
  const auto behind = std::min(what.find("] "), what.size());
  auto text = what.substr(std::min(behind + 2, what.size()));
  std::string path;
  if (text.starts_with("(/")) {
    path = text.substr(2, std::min(text.find(')'), text.size()) - 2);
    text.remove_prefix(std::min(text.find(") ") + 2, text.size()));
  }
  if (!text.starts_with(missing)) return path;
  text.remove_prefix(missing.size());
  if (!path.empty()) path.push_back('/');
  return path.append(text.substr(0, text.find('\'')));
}

void report(const std::function<void(const Received&, std::string_view)>& on_error, const Received& meta,
            std::string_view what) noexcept {
  try {
    if (on_error) {
      on_error(meta, what);
      return;
    }
    const auto line =
        "flyhook: a handler of " + printable(meta.type) + " " + printable(meta.id) + " threw: " + printable(what) + "\n";
    std::fwrite(line.data(), 1, line.size(), stderr);
  } catch (...) {  // it is the report of a failure already
  }
}

}  // namespace detail

struct Receiver::State {
  using Handlers = std::vector<detail::Handler>;

  explicit State(ReceiverOptions&& options)
      : scope(std::move(options.scope)),
        scheme(options.scheme),
        max_body_bytes(options.max_body_bytes),
        answer_challenge(options.answer_challenge),
        on_error(std::move(options.on_error)),
        clock(detail::given_or_system(std::move(options.clock))),
        verifier(VerifierOptions{.scheme = scheme,
                                 .secrets = std::move(options.secrets),
                                 .tolerance = options.tolerance,
                                 .now = [its = clock]() -> std::int64_t {
                                   return std::chrono::floor<std::chrono::seconds>(its->now().time_since_epoch()).count();
                                 }}),
        repeats(scope, options.remember) {}

  std::shared_ptr<const Handlers> snapshot() const {
    const std::lock_guard lock{mutex};
    return handlers;
  }

  const std::string scope;
  const Scheme scheme;
  const std::size_t max_body_bytes;
  const bool answer_challenge;
  const std::function<void(const Received&, std::string_view)> on_error;
  const std::shared_ptr<Clock> clock;
  const Verifier verifier;
  detail::Repeats repeats;
  mutable std::mutex mutex;  // protects the pointer; what it points to never changes
  std::shared_ptr<const Handlers> handlers = std::make_shared<const Handlers>();
};

Receiver::Receiver(ReceiverOptions options) : state_(std::make_shared<State>(std::move(options))) {}

void Receiver::check_pattern(std::string_view pattern) {
  if (!is_event_pattern(pattern))
    throw Error{ErrorCode::invalid, "pattern",
                "'" + detail::printable(pattern) + "' is no pattern; one is an event type, \"order.*\" or \"*\""};
}

void Receiver::add(detail::Handler handler) {
  const std::lock_guard lock{state_->mutex};
  auto changed = std::make_shared<State::Handlers>(*state_->handlers);
  changed->push_back(std::move(handler));
  state_->handlers = std::move(changed);
}

std::size_t Receiver::max_body_bytes() const {
  return state_->max_body_bytes;
}

HttpResponse Receiver::handle(std::string_view method, std::string_view target, const Headers& headers,
                              std::string_view body) {
  return answer(*state_, detail::request_of(method, target, headers, body, state_->max_body_bytes));
}

HttpResponse Receiver::answer(State& state, detail::ServerRequest&& request) {
  if (request.method != "POST") return answer_get(state, request);
  if (request.is_too_large || request.body.size() > state.max_body_bytes)
    return detail::problem(413, "the body is longer than " + std::to_string(state.max_body_bytes) + " bytes");

  const auto verified = state.verifier.verify(request.headers, request.body);
  if (!verified.ok) {
    auto refused =
        detail::problem(verified.reason == VerifyReason::malformed ? 400 : 401, detail::name_of(verified.reason));
    if (refused.status == 401) refused.headers.emplace_back("www-authenticate", "webhook-signature");
    return refused;
  }

  Received meta{.id = verified.id,
                .type = {},
                .scope = state.scope,
                .timestamp = {},
                .headers = std::move(request.headers),
                .body = std::move(request.body)};
  const auto read = detail::read_event(state.scheme, std::move(meta), state.clock->now());
  if (const auto* refusal = std::get_if<detail::Refusal>(&read))
    return detail::problem(refusal->status, refusal->detail, refusal->field);
  const auto& event = std::get<detail::ReceivedEvent>(read);
  return state.repeats.answer(event.meta.id, state.clock->elapsed(), [&] { return run(state, event); });
}

/// What is no POST.
HttpResponse Receiver::answer_get(const State& state, const detail::ServerRequest& request) {
  if (state.answer_challenge && request.method == "GET") {
    const auto target = detail::parse_target(request.target);
    if (!target) return detail::problem(400, "the target is malformed");
    for (const auto& [name, value] : target->query) {
      if (name != "challenge") continue;
      constexpr std::string_view allowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
      if (value.empty() || value.size() > 256 || value.find_first_not_of(allowed) != value.npos)
        return detail::problem(400, "must be 1 to 256 of A-Z a-z 0-9 . _ -", "challenge");
      return {.status = 200,
              .error = {},
              .headers = {{"content-type", "text/plain"}, {"x-content-type-options", "nosniff"}},
              .body = value};
    }
  }
  auto refused = detail::problem(405, "requests are POSTed here");
  refused.headers.emplace_back("allow", state.answer_challenge ? "GET, POST" : "POST");
  return refused;
}

HttpResponse Receiver::run(State& state, const detail::ReceivedEvent& event) {
  const auto& meta = event.meta;
  const auto handlers = state.snapshot();
  std::vector<std::unique_ptr<detail::Prepared>> calls;
  try {
    for (const auto& handler : *handlers)
      if (handler.wants(meta.type)) calls.push_back(handler.prepare(event));
  } catch (const detail::NeedsJson&) {
    return detail::problem(415, "content-type: events of this type are taken as JSON", "content-type");
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const nlohmann::json::exception& error) {
    return detail::problem(400, "the data does not have the members of its type", detail::unread_member(error.what()));
  } catch (...) {
    return detail::problem(400, "the data does not have the form of its type");
  }

  for (const auto& call : calls) {
    try {
      call->call(meta);
      continue;
    } catch (const std::exception& error) {
      detail::report(state.on_error, meta, error.what());
    } catch (...) {
      detail::report(state.on_error, meta, "something that is no std::exception");
    }
    return detail::problem(500, "the event could not be handled");
  }
  return {.status = 204, .error = {}, .headers = {}, .body = {}};
}

}  // namespace flyhook

#endif
