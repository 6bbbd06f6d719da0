#ifndef FLYHOOK_IMPL_OBSERVER_IPP
#define FLYHOOK_IMPL_OBSERVER_IPP

#include <flyhook/observer.hpp>

#include <algorithm>
#include <cstdio>
#include <string>
#include <utility>

namespace flyhook {

LogObserver::LogObserver()
    : LogObserver([](std::string_view line) {
        std::string whole{"flyhook: "};
        whole.append(line).push_back('\n');
        std::fwrite(whole.data(), 1, whole.size(), stderr);
      }) {}

LogObserver::LogObserver(std::function<void(std::string_view)> write) : write_(std::move(write)) {}

void LogObserver::on_attempt(const DeliveryRecord& delivery, const Attempt& attempt) {
  const auto& to = delivery.subscription_id.value;
  write_(delivery.event_type + " " + delivery.event_id.value + " to " + to + (to.empty() ? "" : " ") + attempt.url +
         " attempt " + std::to_string(std::max(delivery.attempt_count, delivery.attempts.size())) + ": " +
         (attempt.status != 0 ? std::to_string(attempt.status) : attempt.error) + " in " +
         std::to_string(attempt.duration.count()) + " us, " + std::string{to_string(delivery.status)});
}

void LogObserver::on_dead(const DeliveryRecord& delivery) {
  const auto& id = delivery.subscription_id.value;
  const auto& attempts = delivery.attempts;
  const std::string to = !id.empty() ? id : attempts.empty() ? "its target" : attempts.back().url;
  write_(delivery.event_type + " " + delivery.event_id.value + " to " + to + " is dead: " + delivery.reason);
}

void LogObserver::on_failing(const Subscription& subscription, std::string_view reason) {
  write_("subscription " + subscription.id.value + " is failing: " + std::string{reason});
}

void LogObserver::on_disabled(const Subscription& subscription, std::string_view reason) {
  write_("subscription " + subscription.id.value + " is disabled: " + std::string{reason});
}

void LogObserver::on_recovered(const Subscription& subscription) {
  write_("subscription " + subscription.id.value + " has recovered");
}

void LogObserver::on_dropped(const EventId& event, std::string_view reason) {
  write_("event " + event.value + " was dropped: " + std::string{reason});
}

void LogObserver::on_error(std::string_view what) {
  write_("error: " + std::string{what});
}

}  // namespace flyhook

#endif
