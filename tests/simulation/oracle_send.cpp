#include "simulation/oracle.hpp"

#include <flyhook/verifier.hpp>

#include <algorithm>
#include <utility>

// The oracle at the transport's port: whether this request may be sent now.

using namespace flyhook;

namespace simulation {

std::uint64_t Oracle::sent(const HttpRequest& request, SimulatedEndpoint& endpoint) {
  const auto now = clock_.elapsed();
  ++sends_;
  const auto* id = find_header(request.headers, "webhook-id");
  const auto known = id == nullptr ? ledger_.event_of.end() : ledger_.event_of.find(*id);
  const auto to = request.url.substr(request.url.rfind('/') + 1);
  if (known == ledger_.event_of.end()) {
    breach("a request carries the id of no event: " + request.url);
    return 0;
  }
  const auto& event = ledger_.events[known->second];
  DeliveryFacts* delivery = nullptr;
  for (const auto sequence : event.deliveries) {
    auto& candidate = ledger_.deliveries[sequence];
    if (event.is_direct() || lane_of(candidate).subscription.id.value == to) delivery = &candidate;
  }
  if (delivery == nullptr) {
    breach("a request is of no delivery: " + event.id + " to " + to);
    return 0;
  }
  log_.saw("sent", {delivery->sequence, static_cast<std::uint64_t>(now.count())});

  auto& lane = lane_of(*delivery);
  check(delivery->place != Place::ended, "something is sent after the store had its end", *delivery);
  check(delivery->place == Place::handed_out || delivery->claim_lost, "something is sent that was not handed out",
        *delivery);
  check(delivery->under_way == 0 || delivery->claim_lost, "two attempts of one delivery are under way", *delivery);
  check(!delivery->was_delivered || delivery->claim_lost || delivery->is_replayed, "something is sent again after a 2xx",
        *delivery);
  check(lane.is_open(), "something is sent to a paused, disabled or unsubscribed endpoint", *delivery);
  const auto* const asked = asked_by(event, lane);
  check(asked != nullptr, "an unsubscribed endpoint is tested", *delivery);
  if (asked == nullptr) return 0;
  check(lane.under_way < lane.max_in_flight, "more requests are under way than max_in_flight", *delivery);
  check(ledger_.under_way < slots_, "more requests are under way than there are sending slots", *delivery);
  check(request.url == (event.target.empty() ? asked->url : event.target), "a request goes to another URL than its own",
        *delivery);
  const auto wall = clock_.now();
  const auto& policy = *lane.policy;
  check(!event.expires_at || wall < *event.expires_at, "something is sent after it expired", *delivery);
  check(!event.deliver_at || wall + std::chrono::microseconds{1} >= *event.deliver_at || !delivery->answers.empty(),
        "something is sent before its deliver_at", *delivery);
  check(policy.max_age.count() == 0 || wall - event.created <= policy.max_age, "something is sent that is too old",
        *delivery);
  check(!delivery->is_cancelled || delivery->claim_lost, "something is sent after it was cancelled", *delivery);
  check(!event.is_erased || delivery->claim_lost, "something is sent after it was erased", *delivery);
  if (features_.ordering && delivery->order != 0 && !delivery->is_replayed && !delivery->claim_lost) {
    const auto same = lane.ordered.find(delivery->order);
    const bool is_first = same != lane.ordered.end() && *same->second.begin() == delivery->sequence;
    check(is_first, "something is sent before what it is ordered behind", *delivery);
    if (is_first && same->second.size() > 1) note(Rule::sent_in_order);
    if (std::exchange(delivery->waited_behind, false)) note(Rule::sent_next);
  }
  if (delivery->was_delivered && delivery->is_replayed) note(Rule::sent_after_2xx);
  if (event.deliver_at && *event.deliver_at > event.created && delivery->answers.empty()) note(Rule::sent_at_its_time);
  if (lane.under_way + 1 == lane.max_in_flight) note(Rule::in_flight_full);
  if (ledger_.under_way + 1 == slots_) note(Rule::slots_full);
  if (lane.rules.is_lowered()) note(Rule::in_flight_lowered);
  if (lane.rules.is_open()) note(Rule::breaker_probe);
  if (lane.rules.was_held()) note(Rule::hold_kept);
  // A test waits for nothing that its subscription waits for, nor for what earlier tests have shown.
  if (const auto objection = lane.is_test ? "" : lane.rules.objection(features_, now); !objection.empty())
    check(false, objection.c_str(), *delivery);
  if (lane.rules.is_limited()) note(Rule::rate_kept);
  if (lane.rules.is_last_token()) note(Rule::rate_last_token);
  check_slow_share(*delivery);
  if (!lane.is_test) lane.rules.sent(sends_, now);
  delivery->policy = lane.policy;
  check_request(request, *asked, endpoint, event);

  ++delivery->under_way;
  ++lane.under_way;
  lane.was_sent_to = true;
  ++ledger_.under_way;
  under_way_.emplace(sends_, UnderWay{delivery->sequence, request.url});
  return sends_;
}

/// Where slots are few, endpoints that answer slowly leave some to the others, whatever waits for them.
void Oracle::check_slow_share(const DeliveryFacts& delivery) {
  if (!has_few_slots_ || !lane_of(delivery).rules.is_surely_slow()) return;
  std::size_t known = 0, held = 0;
  for (const auto& [number, lane] : ledger_.lanes) {
    known += lane.is_known;
    if (lane.rules.is_surely_slow()) held += lane.under_way;
  }
  if (known < 2) return;
  check(held < slots_ - slots_ / 8, "endpoints that answer slowly hold the slots of the others", delivery);
  if (2 * (held + 1) >= slots_) note(Rule::slow_bounded);
}

const Subscription* Oracle::asked_by(const EventFacts& event, const LaneFacts& lane) const {
  if (event.tested.empty()) return &lane.subscription;
  const auto known = ledger_.lane_of.find(event.tested);
  return known == ledger_.lane_of.end() ? nullptr : &ledger_.lanes.at(known->second).subscription;
}

void Oracle::check_request(const HttpRequest& request, const Subscription& subscription, const SimulatedEndpoint& endpoint,
                           const EventFacts& event) {
  const auto now = clock_.elapsed();
  constexpr Time lifetime = std::chrono::seconds{10};
  for (const auto& address : request.addresses) {
    const auto has = [&](const std::vector<std::string>& addresses, Time at) {
      return at >= Time{0} && now - at < lifetime &&
             std::find(addresses.begin(), addresses.end(), address) != addresses.end();
    };
    if (!has(endpoint.last_addresses, endpoint.last_resolved) &&
        !has(endpoint.earlier_addresses, endpoint.earlier_resolved))
      breach("a request may connect to " + address + ", which was not looked up within 10 s: " + request.url);
  }
  if (request.addresses.empty()) breach("a request without an address is sent: " + request.url);
  const auto timeout = subscription.timeout.value_or(options_.timeout);
  if (request.timeout != timeout) breach("a request has another timeout than its subscription: " + request.url);
  const auto wall = std::chrono::floor<std::chrono::seconds>(clock_.now().time_since_epoch()).count();
  const auto* stamp = find_header(request.headers, "webhook-timestamp");
  if (stamp == nullptr || *stamp != std::to_string(wall)) breach("a request's timestamp is not of now: " + event.id);
  if (sends_ % 128 != 0) return;  // hashing is what the engine does all the time
  VerifierOptions options;
  options.secrets = {subscription.secret};
  options.now = [wall] { return static_cast<std::int64_t>(wall); };
  if (!Verifier{options}.verify(request.headers, *request.body).ok)
    breach("a request's signature does not verify: " + event.id);
}

void Oracle::could_not_resolve(const std::string& host) {
  unresolved_[host] = clock_.elapsed();
  for (auto& [number, lane] : ledger_.lanes)
    if (lane.subscription.url.find("//" + host + "/") != std::string::npos) lane.rules.could_not_resolve(clock_.elapsed());
}

void Oracle::answered(std::uint64_t number, const HttpResponse& response) {
  if (number == 0) return;
  const auto [sequence, url] = under_way_.extract(number).mapped();
  auto* delivery = find(sequence);
  const auto now = clock_.elapsed();
  log_.saw("answered", {sequence, static_cast<std::uint64_t>(response.status), static_cast<std::uint64_t>(now.count())});
  auto& lane = lane_of(*delivery);
  --delivery->under_way;
  --lane.under_way;
  --ledger_.under_way;
  Answered answer{response.status, response.error, std::nullopt, clock_.now(), base_ + now};
  if (const auto* value = find_header(response.headers, "retry-after")) answer.retry_after = *value;
  delivery->was_delivered = delivery->was_delivered || answer.is_success();
  const bool counts = (lane.is_direct || url == lane.subscription.url) && !lane.is_removed;
  if (!lane.is_test) lane.rules.answered(number, answer, *delivery->policy, options_.breaker, counts, now);
  if (answer.status == 410 && counts && !lane.is_direct) lane.subscription.enabled = false;
  delivery->last = std::move(answer);
}

}  // namespace simulation
