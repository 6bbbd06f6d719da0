#ifndef FLYHOOK_IMPL_DETAIL_RUN_DISPATCH_IPP
#define FLYHOOK_IMPL_DETAIL_RUN_DISPATCH_IPP

#include <flyhook/detail/decide/outcome.hpp>
#include <flyhook/detail/run/dispatch.hpp>

#include <algorithm>
#include <chrono>
#include <mutex>
#include <utility>

namespace flyhook::detail {

std::shared_ptr<const Encoded> encoded(const Job& job, const Options& options) {
  const auto make = [&] {
    return std::make_shared<const Encoded>(encode(*job.message, job.endpoint->encoding, options.source));
  };
  if (job.bodies == nullptr) return make();
  const std::lock_guard lock{job.bodies->mutex};
  auto& body = job.bodies->by_encoding[static_cast<std::size_t>(job.endpoint->encoding)];
  if (body == nullptr) body = make();
  return body;
}

HttpRequest make_request(const Job& job, const std::shared_ptr<const Encoded>& body, const Options& options, TimePoint now,
                         std::chrono::nanoseconds elapsed) {
  const auto& endpoint = *job.endpoint;
  auto timestamp = std::to_string(std::chrono::floor<std::chrono::seconds>(now.time_since_epoch()).count());

  HttpRequest request;
  request.url = endpoint.subscription.url;
  request.headers.reserve(body->headers.size() + endpoint.headers.size() + 3);
  request.headers = body->headers;
  for (const auto& field : endpoint.headers)  // the event's own win
    if (find_header(job.message->headers, field.first) == nullptr) request.headers.push_back(field);
  request.headers.emplace_back("user-agent", options.user_agent.empty() ? "flyhook/" FLYHOOK_VERSION : options.user_agent);
  request.headers.emplace_back("webhook-signature",
                               endpoint.signer.sign(job.message->id.value, timestamp, body->body, now));
  request.headers.emplace_back("webhook-timestamp", std::move(timestamp));
  request.body = {body, &body->body};
  request.timeout = endpoint.timeout;
  request.connect_timeout = options.connect_timeout;
  request.addresses = job.resolved->addresses;
  request.addresses_ttl =
      std::min(std::chrono::duration_cast<std::chrono::milliseconds>(job.resolved->expires_at - elapsed), request.timeout);
  request.ca_file = options.ca_file;
  return request;
}

Settling conclude(Job job, HttpResponse response, TimePoint began, std::chrono::nanoseconds took) {
  auto verdict = judge(response);
  Settling settling;
  settling.outcome.claim = job.claim;
  settling.outcome.status = verdict.status;
  settling.outcome.reason = std::move(verdict.reason);
  if (verdict.status != DeliveryStatus::pending) {
    auto& attempt = settling.outcome.attempt.emplace();
    attempt.at = began;
    attempt.status = response.status;
    attempt.error = std::move(response.error);
    attempt.duration = std::chrono::duration_cast<std::chrono::microseconds>(took);
    attempt.response_body = std::move(response.body);
    attempt.url = job.endpoint->subscription.url;
  }
  settling.endpoint = std::move(job.endpoint);
  settling.message = std::move(job.message);
  return settling;
}

Settling give_up(Job job, std::string reason) {
  Settling settling;
  settling.outcome.claim = job.claim;
  settling.outcome.status = DeliveryStatus::dead;
  settling.outcome.reason = std::move(reason);
  settling.endpoint = std::move(job.endpoint);
  settling.message = std::move(job.message);
  return settling;
}

DeliveryRecord record_of(const Settling& settling) {
  DeliveryRecord record;
  record.id.value = delivery_text(settling.outcome.claim.sequence);
  record.event_id = settling.message->id;
  record.subscription_id = settling.endpoint->subscription.id;
  record.event_type = settling.message->type;
  record.status = settling.outcome.status;
  if (settling.outcome.attempt) record.attempts.push_back(*settling.outcome.attempt);
  record.created_at = settling.message->created_at;
  record.next_attempt_at = settling.outcome.next_attempt_at;
  record.reason = settling.outcome.reason;
  return record;
}

}  // namespace flyhook::detail

#endif
