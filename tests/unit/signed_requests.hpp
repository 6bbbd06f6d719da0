#ifndef FLYHOOK_TESTS_UNIT_SIGNED_REQUESTS_HPP
#define FLYHOOK_TESTS_UNIT_SIGNED_REQUESTS_HPP

#include <flyhook/detail/security/crypto.hpp>
#include <flyhook/http.hpp>
#include <flyhook/receiver.hpp>
#include <flyhook/signing.hpp>
#include <flyhook/testing.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// Requests as senders make them, and a receiver at a time that a test chooses.

namespace flyhook::test {

inline const std::string shared_secret = "whsec_sTvERiAqyUbGZe06mDbuzaWH+nddAJwGBqU1zSX00Jg=";

struct Request {
  Headers headers{};
  std::string body{};
};

/// What a sender of Standard Webhooks sends at `clock`'s time.
inline Request signed_request(const Clock& clock, std::string body, std::string id = "msg_1", Headers more = {}) {
  const auto now = std::chrono::floor<std::chrono::seconds>(clock.now().time_since_epoch()).count();
  Request request{std::move(more), std::move(body)};
  auto& headers = request.headers;
  headers.emplace_back("webhook-id", id);
  headers.emplace_back("webhook-timestamp", std::to_string(now));
  headers.emplace_back("webhook-signature", sign(shared_secret, id, now, request.body));
  return request;
}

inline std::string hmac_hex(std::string_view secret, std::string_view content) {
  const auto digest = detail::HmacKey{secret}.sign({content});
  return detail::hex({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

/// A receiver with a clock of its own, and what its handlers of "*" saw.
struct Session {
  explicit Session(ReceiverOptions options = {}) : receiver(completed(std::move(options))) {}

  ReceiverOptions completed(ReceiverOptions options) {
    if (options.secrets.empty()) options.secrets = {shared_secret};
    options.clock = clock;
    if (!options.on_error)
      options.on_error = [this](const Received& meta, std::string_view what) {
        errors.push_back(meta.id + ": " + std::string{what});
      };
    return options;
  }

  Session& see_all() {
    receiver.on("*", [this](const Event& event, const Received& meta) {
      events.push_back(event);
      metas.push_back(meta);
    });
    return *this;
  }

  HttpResponse post(const Request& request) { return receiver.handle("POST", "/hooks", request.headers, request.body); }
  HttpResponse post(std::string body, std::string id = "msg_1", Headers more = {}) {
    return post(signed_request(*clock, std::move(body), std::move(id), std::move(more)));
  }

  std::shared_ptr<ManualClock> clock = std::make_shared<ManualClock>();
  std::vector<std::string> errors{};
  std::vector<Event> events{};
  std::vector<Received> metas{};
  Receiver receiver;
};

/// The member of a problem's body; empty: it has none.
inline std::string said(const HttpResponse& answer, const char* member = "detail") {
  const auto body = nlohmann::json::parse(answer.body, nullptr, false);
  return body.is_object() && body.contains(member) ? body[member].get<std::string>() : std::string{};
}

}  // namespace flyhook::test

#endif
