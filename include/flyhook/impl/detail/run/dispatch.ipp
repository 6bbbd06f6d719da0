#ifndef FLYHOOK_IMPL_DETAIL_RUN_DISPATCH_IPP
#define FLYHOOK_IMPL_DETAIL_RUN_DISPATCH_IPP

#include <flyhook/detail/decide/outcome.hpp>
#include <flyhook/detail/decide/recipient.hpp>
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
  if (auto signatures = endpoint.signer.sign(job.message->id.value, timestamp, body->body, now); !signatures.empty())
    request.headers.emplace_back("webhook-signature", std::move(signatures));
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

FLYHOOK_DECL Settling settling_of(Job job);

/// What outlives the job.
Settling settling_of(Job job) {
  Settling settling;
  settling.outcome.claim = job.claim;
  settling.outcome.steps = job.progress.steps;
  settling.outcome.deferrals = job.progress.deferrals;
  settling.attempts = job.attempts;
  settling.endpoint = std::move(job.endpoint);
  settling.message = std::move(job.message);
  return settling;
}

Settling conclude(Job job, HttpResponse response, TimePoint began, std::chrono::nanoseconds took, TimePoint now) {
  const auto& message = *job.message;
  auto verdict =
      judge(response, {job.endpoint->retry, job.progress, job.random, now, message.created_at, message.expires_at});
  const auto trigger = job.trigger;
  if (is_test(message)) verdict.bearing = {};
  if (is_direct(job.claim.lane)) verdict.bearing.is_gone = false;  // nothing there could be disabled
  auto settling = settling_of(std::move(job));
  auto& outcome = settling.outcome;
  outcome.status = verdict.status;
  outcome.reason = std::move(verdict.reason);
  outcome.steps = verdict.progress.steps;
  outcome.deferrals = verdict.progress.deferrals;
  settling.wait = verdict.wait;
  settling.bearing = verdict.bearing;
  const bool is_cancelled = verdict.status == DeliveryStatus::pending && !verdict.wait;
  if (is_cancelled) return settling;
  auto& attempt = outcome.attempt.emplace();
  ++settling.attempts;
  attempt.at = began;
  attempt.status = response.status;
  attempt.error = std::move(response.error);
  attempt.duration = std::chrono::duration_cast<std::chrono::microseconds>(took);
  attempt.response_body = std::move(response.body);
  attempt.url = settling.endpoint->subscription.url;
  attempt.trigger = trigger;
  return settling;
}

Settling give_up(Job job, DeliveryStatus status, std::string reason) {
  auto settling = settling_of(std::move(job));
  settling.is_unsent = true;
  settling.outcome.status = status;
  settling.outcome.reason = std::move(reason);
  return settling;
}

std::optional<Settling> instead_of_sending(Job& job, TimePoint now) {
  const auto& message = *job.message;
  if (message.expires_at && now >= *message.expires_at)
    return give_up(std::move(job), DeliveryStatus::expired, "expires_at has passed");
  if (is_too_old(job.endpoint->retry, message.created_at, now))
    return give_up(std::move(job), DeliveryStatus::dead, "max_age");
  if (job.attempts == 0 && message.deliver_at && now < *message.deliver_at) {  // the wall clock went back
    const auto wait = *message.deliver_at - now;
    auto settling = give_up(std::move(job), DeliveryStatus::pending, {});
    settling.wait = wait;
    return settling;
  }
  return std::nullopt;
}

void cancel_retry(Settling& settling) {
  auto& outcome = settling.outcome;
  if (outcome.status != DeliveryStatus::pending) return;
  outcome.status = DeliveryStatus::cancelled;
  outcome.reason = "cancelled";
  outcome.next_attempt_at.reset();
  settling.wait.reset();
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
  record.attempt_count = settling.attempts;
  return record;
}

}  // namespace flyhook::detail

#endif
