#ifndef FLYHOOK_IMPL_DETAIL_RUN_ENGINE_ACCEPT_IPP
#define FLYHOOK_IMPL_DETAIL_RUN_ENGINE_ACCEPT_IPP

#include <flyhook/detail/run/engine.hpp>

#include <exception>
#include <thread>
#include <utility>

// The intake role: take a batch, encode each event once, match it, append it. What the store does not take stays with the
// role, in order, and is tried again before anything later.

namespace flyhook::detail {

inline constexpr std::size_t batch_events = 256;
inline constexpr std::size_t batch_bytes = 1u << 20;
inline constexpr std::chrono::milliseconds batch_time{1};
inline constexpr std::chrono::microseconds long_yield{500};

FLYHOOK_DECL std::uint64_t content_hash(const Message& message);
FLYHOOK_DECL std::string thrown_text();
FLYHOOK_DECL std::uint64_t order_of(const Endpoint& endpoint, const Message& message);

/// Tells a repeat from a conflict. Lengths in between, so that no two splits of the same bytes are alike.
std::uint64_t content_hash(const Message& message) {
  std::uint64_t hash = fnv1a("flyhook");
  const auto add = [&](const std::string& part) { hash = fnv1a(part, fnv1a(std::to_string(part.size()), hash)); };
  for (const std::string* part : {&message.tenant, &message.type, &message.key, &message.data}) add(*part);
  if (message.recipient != nullptr) add(message.recipient->target.url);
  return hash;
}

/// What the exception says that is being handled: a store's, or user code's, may be of any type.
std::string thrown_text() {
  try {
    throw;
  } catch (const std::exception& error) {
    return error.what();
  } catch (...) {
    return "what was thrown is no std::exception";
  }
}

bool Engine::wants_accept(Clock_ns now) const {
  return (intake_.has_work() || accept_left_.load(std::memory_order_acquire)) && !intake_.is_held() &&
         now.count() >= accept_not_before_.load(std::memory_order_acquire);
}

bool Engine::accept(Hand& hand) {
  if (!intake_.enter()) return false;
  auto& work = accepting_;
  if (work.planned.empty() || !work.planned.front().is_repeat) encode_batch(work);
  if (!work.planned.empty()) append_batch(work);

  accept_left_.store(!work.planned.empty() || work.rest.count > 0, std::memory_order_release);
  accept_not_before_.store(work.backoff.next.count(), std::memory_order_release);
  // After the time, so that what ends from now on shortens it.
  accept_is_full_.store(std::exchange(work.is_full, false), std::memory_order_release);
  if (work.left_count > 0) intake_.settled(std::exchange(work.left_count, 0), std::exchange(work.left_bytes, 0));
  auto dropped = std::exchange(work.dropped, {});
  auto errors = std::exchange(work.errors, {});
  auto ended = std::exchange(work.ended, {});
  intake_.leave();

  // Under no role: an observer that takes its time holds up this thread alone.
  counters_.dropped.fetch_add(dropped.size(), std::memory_order_relaxed);
  hand.errors.insert(hand.errors.end(), errors.begin(), errors.end());
  hand.dropped.insert(hand.dropped.end(), dropped.begin(), dropped.end());
  hand.ended.insert(hand.ended.end(), ended.begin(), ended.end());
  return true;
}

void Engine::encode_batch(Accepting& work) {
  const auto began = clock_.elapsed();
  std::size_t bytes = 0;
  if (work.rest.count == 0) {
    auto taken = intake_.take(batch_events);
    work.rest.swap(taken.events);
    while (const auto event = taken.dropped.pop()) work.dropped.emplace_back(event->id(), "overflow");
    if (taken.dropped_more > 0) {
      counters_.dropped.fetch_add(taken.dropped_more, std::memory_order_relaxed);
      work.errors.push_back(std::to_string(taken.dropped_more) + " more events were dropped: overflow");
    }
  }
  // After the events were taken: whoever subscribed before publishing is in it.
  const auto index = subscriptions_.index();
  for (std::size_t i = 1; work.planned.size() < batch_events && bytes < batch_bytes; ++i) {
    auto event = work.rest.pop();
    if (event == nullptr) break;
    bytes += encode_one(work, std::move(event), *index);
    if (i % 4 != 0) continue;
    // The application's own threads come first: a request that was just answered must not wait for a batch to end.
    const auto now = clock_.elapsed();
    if (!has_no_threads() && now >= work.yield_at) {
      std::this_thread::yield();
      // On a machine that is busy with something else it takes a whole slice of that, and the queue would fill.
      if (const auto back = clock_.elapsed(); back - now > long_yield) work.yield_at = back + 100 * long_yield;
    }
    if (clock_.elapsed() - began > batch_time) break;
  }
}

std::size_t Engine::encode_one(Accepting& work, std::unique_ptr<QueuedEvent> event, const EndpointIndex& index) {
  auto message = std::make_shared<Message>();
  message->id = event->id();
  message->created_at = std::chrono::floor<std::chrono::microseconds>(event->created_at);
  message->recipient = std::move(event->recipient);
  const auto drop = [&](std::string reason) {
    work.dropped.emplace_back(std::move(message->id), std::move(reason));
    ++work.left_count;
    work.left_bytes += event->bytes;
    return std::size_t{0};
  };
  try {
    event->encode(*message);
  } catch (...) {
    return drop("encoding: " + thrown_text());
  }
  if (event->estimate != nullptr) event->estimate->observe(message->data.size());
  if (message->data.size() > options_.max_payload_bytes)
    return drop("too_large: " + std::to_string(message->data.size()) + " bytes, Options::max_payload_bytes is " +
                std::to_string(options_.max_payload_bytes));

  Accepting::Planned planned;
  planned.bytes = event->bytes;
  if (auto* options = event->options.get()) {
    if (!options->tenant.empty()) message->tenant = std::move(options->tenant);
    if (!options->key.empty()) message->key = std::move(options->key);
    message->headers = std::move(options->headers);
    message->trace_parent = std::move(options->trace_parent);
    message->deliver_at = options->deliver_at;
    message->expires_at = options->expires_at;
    // Ids of our own cannot repeat; the hash of their content would be work for nothing.
    if (!options->id.empty()) planned.content_hash = content_hash(*message);
  }
  work.found.clear();
  if (message->recipient != nullptr) {
    if (work.found.emplace_back(endpoint_of(*message)) == nullptr) return drop("unsubscribed");
  } else {
    index.match(message->tenant, message->type, work.found);
  }
  try {
    FilterInput input{*message};
    std::erase_if(work.found, [&](const EndpointPtr& endpoint) {
      return !is_direct(endpoint->lane) && !endpoint->filter.matches(input);
    });
  } catch (...) {  // no memory for the data's values
    return drop("filter: " + thrown_text());
  }
  planned.targets.assign(work.found.begin(), work.found.end());
  const auto size = message->data.size();
  planned.message = std::move(message);
  planned.bodies = shared_bodies(planned.message, planned.targets.size());
  work.planned.push_back(std::move(planned));
  return size;
}

void Engine::append_batch(Accepting& work) {
  AppendBatch batch = claim_room(work);
  const AppendBatch asked{{}, batch.deliveries};
  const auto events = batch.events.size();
  AppendResult result;
  bool threw = false;
  try {
    result = store_.append(std::move(batch));
  } catch (...) {
    threw = true;
    work.errors.push_back("the store's append failed: " + thrown_text());
  }
  if (threw || result.events.size() != events || result.deliveries.size() != asked.deliveries.size()) {
    result.events.assign(events, AppendStatus::unknown);
    result.deliveries.assign(asked.deliveries.size(), {});
  }

  const bool is_done = take_result(work, asked, result);
  if (!result.overflowed.empty()) overflowed(work, std::move(result.overflowed));
  // Where some went through the store is there: what failed now is a first failure.
  if (work.planned.size() < events) work.backoff.succeeded();
  if (!is_done) work.backoff.failed(clock_.elapsed());
}

/// Which deliveries of a lane go one after the other: those with the same number, 0 excepted.
std::uint64_t order_of(const Endpoint& endpoint, const Message& message) {
  switch (endpoint.subscription.ordering) {
    case Ordering::none: break;
    case Ordering::strict: return 1;
    case Ordering::per_key: return message.key.empty() ? 0 : fnv1a(message.key) | 1;
  }
  return 0;
}

/// Until the first attempt, from now on.
std::chrono::nanoseconds Engine::first_wait(const Endpoint& endpoint, const Message& message, TimePoint now) const {
  const auto random = attempt_hash(jitter_seed_ ^ fnv1a(message.id.value), endpoint.lane, 0);
  auto wait = jittered(endpoint.retry.schedule.front(), endpoint.retry.jitter, random);
  if (message.deliver_at && *message.deliver_at > now)
    wait = std::max<std::chrono::nanoseconds>(wait, *message.deliver_at - now);
  // It ends on time, not when it would have been tried.
  if (message.expires_at && *message.expires_at - now < wait) wait = *message.expires_at - now;
  return wait;
}

AppendBatch Engine::claim_room(Accepting& work) {
  AppendBatch batch;
  batch.events.reserve(work.planned.size());
  batch.max_waiting_per_lane = options_.max_pending_per_endpoint;
  for (const auto& planned : work.planned)
    batch.events.push_back({planned.message, planned.content_hash, 0, planned.targets.size()});

  const auto now = clock_.elapsed();
  const auto wall = clock_.now();
  const std::lock_guard lock{mutex_};
  scheduler_.see(now);
  for (std::size_t i = 0; i < work.planned.size(); ++i) {
    batch.events[i].first = batch.deliveries.size();
    for (const auto& target : work.planned[i].targets) {
      Lane& lane = scheduler_.lane_of(target);
      NewDelivery delivery;
      delivery.lane = lane.number;
      delivery.order = order_of(*target, *work.planned[i].message);
      if (const auto wait = first_wait(*target, *work.planned[i].message, wall); wait.count() > 0)
        delivery.due = stored_time(now + wait);
      delivery.take = !delivery.due && !stopping_ && lane.may_take();
      delivery.epoch = lane.epoch;
      // Held until the answer, whatever it is: later deliveries of this batch are behind this one.
      if (delivery.take) ++lane.taking;
      batch.deliveries.push_back(delivery);
    }
  }
  return batch;
}

bool Engine::take_result(Accepting& work, const AppendBatch& asked, const AppendResult& result) {
  bool is_unknown = false, is_full = false;
  std::deque<Accepting::Planned> left;
  std::vector<std::shared_ptr<const Message>> unmatched;  // they have a lock of their own
  {
    const std::lock_guard lock{mutex_};
    std::size_t at = 0;
    for (std::size_t i = 0; i < result.events.size(); ++i) {
      auto& planned = work.planned[i];
      const auto status = result.events[i];
      const bool is_known = status == AppendStatus::duplicate && planned.is_repeat;  // our own first try had arrived
      for (const auto& target : planned.targets) {
        const auto& wanted = asked.deliveries[at];
        const auto& made = result.deliveries[at];
        ++at;
        Lane& lane = scheduler_.lane_of(target);
        if (wanted.take) --lane.taking;
        if (status == AppendStatus::accepted && made.closed) {
          counters_.cancelled.fetch_add(1, std::memory_order_relaxed);
        } else if (status == AppendStatus::accepted && made.as == AppendedAs::handed_out) {
          if (lane.is_open() && lane.epoch == wanted.epoch && !stopping_) {
            lane.window.push_back({made.sequence, planned.message, planned.bodies, 0, {}, {}});
            if (is_direct(lane.number)) lane.window.back().endpoint = target;
          } else {
            returns_.push_back({made.sequence, lane.number, wanted.epoch});
          }
        } else if (status == AppendStatus::accepted && wanted.due) {
          scheduler_.add_due(lane, wanted.due->time_since_epoch() - base_);
          close_if_ended(lane);
        } else if (status == AppendStatus::accepted || is_known) {
          lane.more = true;
          close_if_ended(lane);
        }
        scheduler_.update(lane);
      }
      if (status == AppendStatus::unknown || status == AppendStatus::full) {
        is_unknown = is_unknown || status == AppendStatus::unknown;
        is_full = is_full || status == AppendStatus::full;
        planned.is_repeat = planned.is_repeat || status == AppendStatus::unknown;
        left.push_back(std::move(planned));
        continue;
      }
      if (status == AppendStatus::accepted && planned.targets.empty()) unmatched.push_back(planned.message);
      if (status == AppendStatus::conflict) work.dropped.emplace_back(planned.message->id, "conflict");
      if (status == AppendStatus::duplicate && !is_known) counters_.duplicates.fetch_add(1, std::memory_order_relaxed);
      ++work.left_count;
      work.left_bytes += planned.bytes;
    }
    if (left.empty()) scheduler_.forget_changes();  // whatever is matched from here on is matched as things are now
  }
  for (auto& message : unmatched) note_unmatched(std::move(message));
  work.planned.swap(left);
  if (is_unknown) counters_.store_errors.fetch_add(1, std::memory_order_relaxed);
  work.is_full = is_full && !is_unknown;
  return !is_unknown && !is_full;
}

std::shared_ptr<SharedBodies> Engine::shared_bodies(const std::shared_ptr<const Message>& message, std::size_t deliveries) {
  if (deliveries < 2) return nullptr;
  const std::lock_guard lock{bodies_mutex_};
  if (bodies_.size() >= bodies_swept_at_) {
    std::erase_if(bodies_, [](const auto& entry) { return entry.second.expired(); });
    bodies_swept_at_ = std::max<std::size_t>(1024, 2 * bodies_.size());
  }
  auto& known = bodies_[message->id];
  auto bodies = known.lock();
  // An id that the store has forgotten may come again with other content while deliveries of the first are still held.
  if (bodies == nullptr || (bodies->of != message && *bodies->of != *message))
    known = bodies = std::make_shared<SharedBodies>(message);
  return bodies;
}

}  // namespace flyhook::detail

#endif
