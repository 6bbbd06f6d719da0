#ifndef FLYHOOK_RECEIVED_HPP
#define FLYHOOK_RECEIVED_HPP

#include <flyhook/clock.hpp>
#include <flyhook/detail/config.hpp>
#include <flyhook/http.hpp>

#include <string>

// What a handler of a Receiver learns of a request besides the event itself.

namespace flyhook {

/// A request whose signature was right.
struct Received {
  /// By which repeats are known: the webhook-id (signed); GitHub's X-GitHub-Delivery (not signed: who has a signed request
  /// can send it again under another one); Stripe's member `id` of the body (signed).
  std::string id{};
  /// Of the event: the body's, for CloudEvents in binary mode the ce-type header and for GitHub X-GitHub-Event (both not
  /// signed). Empty: the request does not say (raw).
  std::string type{};
  std::string scope{};    ///< ReceiverOptions::scope
  TimePoint timestamp{};  ///< of the event, where the request says; else of the request; GitHub's have none: of receipt
  Headers headers{};      ///< as they came; of all these only the id, the time and the body are signed
  std::string body{};     ///< the bytes as they came, for who stores first and handles after
};

}  // namespace flyhook

#endif
