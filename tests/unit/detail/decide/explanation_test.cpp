#include "catch.hpp"
#include "unit/detail/decide/endpoints.hpp"

#include <flyhook/detail/decide/explanation.hpp>

#include <chrono>
#include <string>
#include <utility>

using namespace flyhook;
using namespace flyhook::detail;
using namespace std::chrono_literals;

namespace {

constexpr TimePoint now{1'704'067'200s};

DeliveryRecord waiting() {
  DeliveryRecord record;
  record.id.value = delivery_text(5);
  record.subscription_id = {"one"};
  return record;
}

std::string reason(const DeliveryRecord& record, const Lane* lane) {
  return explained(record, lane, now, 10s).reason;
}

Message paid() {
  Message message;
  message.type = "order.paid";
  message.data = R"({"n":1})";
  message.created_at = now;
  return message;
}

std::string mismatch(Subscription subscription) {
  return unmatched(*unit::endpoint(std::move(subscription), 1, 1), paid()).reason;
}

}  // namespace

TEST_CASE("of a delivery that ended, the reason says how and after what") {
  auto record = waiting();
  record.status = DeliveryStatus::dead;
  record.reason = "answered 500";
  CHECK(reason(record, nullptr) == "dead (answered 500) without an attempt");
  record.attempts.push_back({.status = 503});
  CHECK(reason(record, nullptr) == "dead (answered 500) after 1 attempt: answered 503");
  record.attempts.push_back({.status = 0, .error = "timeout: no answer"});
  record.status = DeliveryStatus::expired;
  record.reason = "expires_at has passed";
  CHECK(reason(record, nullptr) == "expired (expires_at has passed) after 2 attempts, the last one: timeout: no answer");
}

TEST_CASE("of a delivery that waits, the reason is the first of what holds it back") {
  Lane lane{unit::endpoint_of(1), {}, 0s};
  lane.owned = true;
  auto record = waiting();
  CHECK(reason(record, nullptr) == "waits without an attempt; it is next to be sent");
  CHECK(reason(record, &lane) == "waits without an attempt; it is next to be sent");
  lane.in_flight.resize(2);
  CHECK(reason(record, &lane) == "waits without an attempt; as many requests are under way as there may be");
  lane.resolving = 12s;
  CHECK(reason(record, &lane) == "waits without an attempt; the host is being looked up");
  lane.owned = false;
  CHECK(reason(record, &lane) == "waits without an attempt; it is another process's to send");
  lane.is_ordered = true;
  CHECK(reason(record, &lane) == "waits without an attempt; an earlier one in its order has not ended");
  lane.window.push_back({5, nullptr, nullptr, 0, {}, {}});
  CHECK(reason(record, &lane) == "waits without an attempt; it is another process's to send");
  record.next_attempt_at = now + 1s;
  CHECK(reason(record, &lane) == "waits without an attempt; its first attempt is for later");
  record.attempts.push_back({.status = 500});
  CHECK(reason(record, &lane) == "waits after 1 attempt: answered 500; its next attempt is for later");
  lane.breaker.half_open(0s);
  CHECK(reason(record, &lane).ends_with("the endpoint has failed too often in a row and is tried now and then"));
  lane.hold = 11s;
  CHECK(reason(record, &lane).ends_with("the endpoint asked to be left alone (Retry-After)"));
  lane.hold = 10s;
  CHECK(reason(record, &lane).ends_with("is tried now and then"));
}

TEST_CASE("of a subscription without a delivery, the reason is what does not match, or why there is none all the same") {
  auto subscription = unit::subscription("one", {"invoice.*"});
  CHECK(mismatch(subscription) == "none of its patterns matches \"order.paid\"");
  subscription.events = {"order.*"};
  subscription.filter = R"({"/n": 2})";
  CHECK(mismatch(subscription) == "its filter does not let the event pass");
  subscription.filter.clear();
  CHECK(mismatch(subscription) == "it matches as it is now, and did not or was disabled when the event was published");
  subscription.created_at = now + 1s;
  CHECK(mismatch(subscription) == "it was subscribed after the event was published");
  subscription.enabled = false;
  CHECK(mismatch(subscription) == "it is disabled");
  subscription.disabled_reason = "answered 410";
  CHECK(mismatch(subscription) == "it is disabled: answered 410");
  CHECK(unmatched(*unit::endpoint(subscription, 1, 1), paid()).matched);
  CHECK(unmatched(*unit::endpoint(subscription, 1, 1), paid()).subscription_id == SubscriptionId{"one"});
}
