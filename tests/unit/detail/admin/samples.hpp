#ifndef FLYHOOK_TESTS_UNIT_DETAIL_ADMIN_SAMPLES_HPP
#define FLYHOOK_TESTS_UNIT_DETAIL_ADMIN_SAMPLES_HPP

#include <flyhook/delivery.hpp>
#include <flyhook/stats.hpp>
#include <flyhook/subscription.hpp>

#include <chrono>
#include <cstdint>
#include <limits>

// Values with everything set, for what is written and read of them.

namespace flyhook::test {

inline Subscription full_subscription() {
  using namespace std::chrono_literals;
  Subscription full;
  full.url = "https://hooks.example.com/x?y=1";
  full.events = {"order.*", "user.created"};
  full.tenant = "acme";
  full.filter = R"({"/total":{"$gte":100}})";
  full.secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
  full.headers = {{"Authorization", "Bearer 1"}, {"x-team", "billing"}};
  full.encoding = Encoding::cloudevents_structured;
  full.rate_limit = {2.5, 10};
  full.max_in_flight = 3;
  full.ordering = Ordering::per_key;
  full.timeout = 7'500ms;
  full.retry = RetryPolicy{{0ms, 1'500ms, 60'000ms}, 0.25, 86'400s, {400, 422}, 120s};
  full.description = "the CRM";
  full.metadata = {{"owner", "ann"}, {"cost-centre", "17"}};
  full.id = {"crm"};
  full.enabled = false;
  full.paused = true;
  full.disabled_reason = "answered 410";
  full.created_at = TimePoint{1'760'000'000'123'456us};
  full.public_only = true;
  return full;
}

inline DeliveryRecord full_record() {
  using namespace std::chrono_literals;
  DeliveryRecord record;
  record.id = {"dlv_0000000000001"};
  record.event_id = {"msg_1"};
  record.subscription_id = {"crm"};
  record.event_type = "order.paid";
  record.status = DeliveryStatus::in_flight;
  record.attempts = {
      {TimePoint{1'760'000'001s}, 503, "", 1'234us, "try later", "https://hooks.example.com/x", AttemptTrigger::schedule},
      {TimePoint{1'760'000'009s}, 0, "timeout: 15 s", 15'000'000us, "", "https://hooks.example.com/x",
       AttemptTrigger::probe}};
  record.created_at = TimePoint{1'760'000'000s};
  record.next_attempt_at = TimePoint{1'760'000'300s + 1us};
  record.reason = "none yet";
  record.attempt_count = 7;
  return record;
}

inline Stats full_stats() {
  Stats stats;
  stats.published = 1;
  stats.rejected = 2;
  stats.duplicates = 3;
  stats.dropped = 4;
  stats.attempts = 5;
  stats.failed_attempts = 6;
  stats.delivered = 7;
  stats.dead = 8;
  stats.expired = 9;
  stats.cancelled = 10;
  stats.queued = 11;
  stats.pending = 12;
  stats.in_flight = 13;
  stats.callback_errors = 14;
  stats.store_errors = std::numeric_limits<std::uint64_t>::max();
  stats.threads = 16;
  return stats;
}

}  // namespace flyhook::test

#endif
