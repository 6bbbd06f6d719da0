#ifndef FLYHOOK_IMPL_DETAIL_RUN_ENGINE_LOOK_IPP
#define FLYHOOK_IMPL_DETAIL_RUN_ENGINE_LOOK_IPP

#include <flyhook/detail/decide/explanation.hpp>
#include <flyhook/detail/run/engine.hpp>

#include <algorithm>
#include <iterator>
#include <limits>
#include <utility>

// What the engine shows of itself: the delivery log with what only the lanes know laid over it, why an event went where it
// went, and the counters.

namespace flyhook::detail {

/// Events that matched nothing and are still explained, of late; stores need not keep them.
inline constexpr std::size_t most_unmatched = 1'000;
inline constexpr std::size_t most_unmatched_bytes = 1u << 20;

std::vector<DeliveryRecord> Engine::deliveries(const DeliveryQuery& query) {
  if (query.without_tenant && !query.tenant.empty())
    throw Error{ErrorCode::invalid, "without_tenant", "no event is both of a tenant and of none"};
  // Whether a request is under way only the lanes know: the store's `pending` is both.
  DeliveryQuery asked = query;
  std::vector<std::uint64_t> flying;
  std::unordered_map<SubscriptionId, TimePoint> held;  // nothing of it is sent before
  {
    const auto now = clock_.elapsed();
    const std::lock_guard lock{mutex_};
    scheduler_.each([&](const Lane& lane) {
      for (const auto& each : lane.in_flight) flying.push_back(each.sequence);
      if (lane.endpoint == nullptr || is_direct(lane.number)) return;  // of those a record does not tell the lane
      if (const auto until = lane.held_until(); until && *until > now)
        held.emplace(lane.endpoint->subscription.id, stored_time(*until));
    });
  }
  std::sort(flying.begin(), flying.end());
  const bool by_flight = query.status == DeliveryStatus::in_flight || query.status == DeliveryStatus::pending;
  if (by_flight) asked.status = DeliveryStatus::pending;

  std::vector<DeliveryRecord> page;
  for (;;) {
    auto rows = store_.history().deliveries(asked);
    const bool is_last = rows.size() < asked.limit;
    if (!rows.empty()) asked.cursor = rows.back().id.value;
    for (auto& row : rows) {
      row.attempt_count = row.attempts.size();
      const auto sequence = delivery_sequence(row.id.value);
      if (row.status == DeliveryStatus::pending && sequence && std::binary_search(flying.begin(), flying.end(), *sequence))
        row.status = DeliveryStatus::in_flight;
      if (row.status == DeliveryStatus::pending && !held.empty()) {
        const auto hold = held.find(row.subscription_id);
        if (hold != held.end() && row.next_attempt_at.value_or(TimePoint::min()) < hold->second)
          row.next_attempt_at = hold->second;
      }
      if (by_flight && row.status != *query.status) continue;
      page.push_back(std::move(row));
      if (page.size() == query.limit) return page;
    }
    if (is_last) return page;
  }
}

std::optional<DeliveryRecord> Engine::delivery(const DeliveryId& id, const DeliveryQuery& also) {
  const auto sequence = delivery_sequence(id.value);
  if (!sequence || *sequence == std::numeric_limits<std::uint64_t>::max()) return std::nullopt;
  DeliveryQuery query;
  query.limit = 1;
  query.cursor = delivery_text(*sequence + 1);
  const auto find = [&]() -> std::optional<DeliveryRecord> {
    try {
      auto page = deliveries(query);
      if (!page.empty() && page.front().id == id) return std::move(page.front());
    } catch (const Error& error) {
      if (error.field() != "cursor") throw;  // there were never so many
    }
    return std::nullopt;
  };
  auto found = find();
  if (!found || (also.subscription_id && *also.subscription_id != found->subscription_id) ||
      (also.event_id && *also.event_id != found->event_id) || (also.status && *also.status != found->status))
    return std::nullopt;
  if (also.tenant.empty() && !also.without_tenant) return found;
  // A record does not say whose it is. Of this event alone, or a store would look through its log for one of that tenant.
  query.event_id = found->event_id;
  query.tenant = also.tenant;
  query.without_tenant = also.without_tenant;
  return find() ? std::move(found) : std::nullopt;
}

void Engine::note_unmatched(std::shared_ptr<const Message> message) {
  const auto size = message->data.size();
  if (size > most_unmatched_bytes) return;
  const std::lock_guard lock{unmatched_mutex_};
  unmatched_bytes_ += size;
  unmatched_.push_back(std::move(message));
  while (unmatched_.size() > most_unmatched || unmatched_bytes_ > most_unmatched_bytes) {
    unmatched_bytes_ -= unmatched_.front()->data.size();
    unmatched_.pop_front();
  }
}

void Engine::forget_unmatched(const EventId& event) {
  const std::lock_guard lock{unmatched_mutex_};
  std::erase_if(unmatched_, [&](const auto& message) {
    if (message->id != event) return false;
    unmatched_bytes_ -= message->data.size();
    return true;
  });
}

std::shared_ptr<const Message> Engine::find_event(const EventId& id) {
  if (auto stored = ask_store([&] { return store_.history().event(id); })) return stored;
  const std::lock_guard lock{unmatched_mutex_};
  const auto known =
      std::find_if(unmatched_.rbegin(), unmatched_.rend(), [&](const auto& message) { return message->id == id; });
  if (known == unmatched_.rend())
    throw Error{ErrorCode::not_found, "id",
                "no event \"" + id.value.substr(0, 200) +
                    "\" is stored; one that matched no subscription is remembered for a while only"};
  return *known;
}

std::vector<Explanation> Engine::explain(const EventId& event) {
  take_in();
  const auto message = find_event(event);
  std::unordered_map<std::string, DeliveryRecord> made;  // by subscription; the newest of each
  DeliveryQuery query;
  query.event_id = event;
  query.limit = 1'000;
  for (bool more = true; more;) {
    auto page = deliveries(query);
    more = page.size() == query.limit;
    if (more) query.cursor = page.back().id.value;
    for (auto& record : page) made.try_emplace(record.subscription_id.value, std::move(record));
  }

  std::vector<Explanation> explanations;
  const auto add = [&](const DeliveryRecord& record, const EndpointPtr& endpoint) {
    const auto now = clock_.now();
    const auto elapsed = clock_.elapsed();
    const std::lock_guard lock{mutex_};
    explanations.push_back(
        explained(record, endpoint == nullptr ? nullptr : scheduler_.find(endpoint->lane), now, elapsed));
  };
  if (message->recipient == nullptr) {
    SubscriptionQuery of_tenant;
    of_tenant.tenant = message->tenant;
    of_tenant.limit = static_cast<std::size_t>(-1);
    for (const auto& endpoint : subscriptions_.list(of_tenant)) {
      const auto record = made.find(endpoint->subscription.id.value);
      if (record == made.end()) {
        explanations.push_back(unmatched(*endpoint, *message));
      } else {
        add(record->second, endpoint);
        made.erase(record);
      }
    }
  }
  // Of subscriptions that are gone, and of a recipient of its own.
  const auto endpoint = message->recipient == nullptr ? nullptr : endpoint_of(*message);
  for (const auto& [id, record] : made) add(record, endpoint);
  return explanations;
}

Stats Engine::stats() {
  Stats stats;
  const auto pending = store_.pending();
  stats.published = counters_.published.load(std::memory_order_relaxed);
  stats.rejected = counters_.rejected.load(std::memory_order_relaxed);
  stats.duplicates = counters_.duplicates.load(std::memory_order_relaxed);
  stats.dropped = counters_.dropped.load(std::memory_order_relaxed);
  stats.cancelled = counters_.cancelled.load(std::memory_order_relaxed);
  stats.callback_errors = counters_.callback_errors.load(std::memory_order_relaxed);
  stats.store_errors = counters_.store_errors.load(std::memory_order_relaxed);
  stats.queued = intake_.queued();
  stats.threads = pool_.senders();
  const std::lock_guard lock{mutex_};
  stats.attempts = attempts_;
  stats.failed_attempts = failed_attempts_;
  stats.delivered = delivered_;
  stats.dead = dead_;
  stats.expired = expired_;
  stats.in_flight = scheduler_.in_flight();
  stats.pending = pending - std::min(pending, stats.in_flight);
  stats.attempt_latency = attempt_latency_;
  stats.delivery_latency = delivery_latency_;
  return stats;
}

}  // namespace flyhook::detail

#endif
