#include "simulation/driver.hpp"

#include <flyhook/error.hpp>
#include <flyhook/id.hpp>

#include <algorithm>
#include <exception>

using namespace flyhook;
using namespace std::chrono_literals;

namespace simulation {

Driver::Driver(World world, Random random) : world_(std::move(world)), random_(random) {}

template <class Call>
void Driver::attempt(Call call) {
  try {
    call();
  } catch (const Error& error) {
    const bool is_expected = error.code() == ErrorCode::unavailable || error.code() == ErrorCode::not_found ||
                             (error.code() == ErrorCode::invalid && error.field() == "url") ||
                             error.code() == ErrorCode::queue_full ||
                             (error.code() == ErrorCode::conflict && error.field() == "id");
    world_.log.saw("refused", {static_cast<std::uint64_t>(error.code())});
    if (!is_expected) world_.log.breach(std::string{"a call was refused: "} + error.what());
  } catch (const std::exception& error) {
    world_.log.saw("threw", {});
    if (std::string_view{error.what()}.find("was told to fail") == std::string_view::npos)
      world_.log.breach(std::string{"a call threw: "} + error.what());
  }
}

// The application's calls -----------------------------------------------------------------------------------------------

void Driver::publish() {
  Oracle::Published facts;
  PublishOptions options;
  facts.type = random_.pick(event_types());
  facts.tenant = random_.pick(tenants());
  facts.key = random_.chance(0.5) ? "" : "k" + std::to_string(random_.below(4));
  facts.n = static_cast<int>(random_.below(100));
  const auto now = world_.clock.elapsed();
  while (!own_ids_.empty() && now - own_ids_.front().at > 1h) own_ids_.pop_front();
  if (!own_ids_.empty() && random_.chance(0.02)) {  // again, or the same id for something else
    const auto& own = own_ids_[random_.below(own_ids_.size())];
    options.id = own.id;
    facts.type = own.type;
    facts.tenant = own.tenant;
    facts.key = "";
    facts.n = own.n + (world_.scenario.options.overflow == Overflow::reject && random_.chance(0.3) ? 1 : 0);
  } else if (random_.chance(0.05)) {
    options.id = "own-" + std::to_string(next_own_++);
    facts.key = "";
  }
  nlohmann::json data{{"n", facts.n}};
  if (options.id.empty() && random_.chance(0.005)) data["pad"] = std::string(3000, 'x');  // too large
  if (options.id.empty() && random_.chance(0.005)) data["pad"] = "\xff";                  // does not encode
  if (random_.chance(0.05)) options.headers.emplace_back("x-trace", "1");
  if (world_.features.timing && options.id.empty() && random_.chance(0.1)) {
    const auto wall = world_.clock.now();
    if (random_.chance(0.6)) options.deliver_at = wall + random_.between(-10min, random_.chance(0.7) ? 2min : 5h);
    if (random_.chance(0.6)) options.expires_at = wall + random_.between(1ms, random_.chance(0.7) ? 1min : 5h);
    facts.deliver_at = options.deliver_at;
    facts.expires_at = options.expires_at;
  }
  Event event{facts.type, std::move(data), facts.tenant, facts.key};
  if (random_.chance(0.005)) event.type = facts.type = "no type!";
  const std::string own = options.id;
  if (world_.features.commands && options.id.empty() && random_.chance(0.05))
    facts.target = (random_.chance(0.5) ? "https://" : "http://") + random_.pick(world_.hosts) + "/callbacks/" +
                   std::to_string(random_.below(100));
  const auto result = facts.target.empty()
                          ? world_.publisher.publish(std::move(event), std::move(options))
                          : world_.publisher.send({facts.target, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", {}, {}},
                                                  std::move(event), std::move(options));
  world_.oracle.published(result, facts);
  if (!own.empty() && result && result.id.value != own) world_.log.breach("publish gives an event another id than its own");
  if (!own.empty() && result) own_ids_.push_back({own, facts.type, facts.tenant, facts.n, now});
  if (result && (published_.size() < 100 || random_.chance(0.1))) {
    if (published_.size() >= 100) published_.erase(published_.begin());
    published_.push_back(result.id.value);
  }
}

void Driver::subscribe(const std::string& id) {
  auto subscription = draw_subscription(random_, world_.features, id, world_.hosts);
  attempt([&] {
    if (world_.publisher.subscribe(subscription).value != id) world_.log.breach("subscribe gives another id: " + id);
  });
}

void Driver::change(const std::string& id) {
  const auto drawn = draw_subscription(random_, world_.features, id, world_.hosts);
  SubscriptionPatch patch;
  switch (random_.below(11)) {
    case 0: patch.url = drawn.url; break;
    case 1: patch.events = drawn.events; break;
    case 2: patch.filter = drawn.filter; break;
    case 3: patch.max_in_flight = drawn.max_in_flight; break;
    case 4: patch.timeout = drawn.timeout; break;
    case 5: patch.encoding = drawn.encoding; break;
    case 8: patch.rate_limit = drawn.rate_limit; break;
    case 9: patch.ordering = drawn.ordering; break;
    case 10: patch.retry = drawn.retry; break;
    case 6: patch.enabled = random_.chance(0.6); break;
    default: patch.paused = random_.chance(0.3); break;
  }
  attempt([&] { world_.publisher.update({id}, patch); });
}

void Driver::test(const std::string& id) {
  const auto subscription = world_.publisher.subscription({id});
  attempt([&] {
    const auto event = world_.publisher.send_test({id});
    Oracle::Published facts;
    facts.type = "webhook.test";
    facts.tenant = subscription->tenant;
    facts.tested = id;
    world_.oracle.published({event, PublishStatus::accepted, {}}, facts);
  });
}

void Driver::recover(const std::string& id) {
  RecoverOptions options;
  options.since = world_.clock.now() - random_.between(1s, 100h);
  if (random_.chance(0.3)) options.until = options.since + random_.between(1s, 10h);
  options.dry_run = random_.chance(0.3);
  attempt([&] { world_.publisher.recover({id}, options); });
}

void Driver::explain(const std::string& event) {
  attempt([&] {
    const auto& ledger = world_.oracle.ledger();
    for (const auto& explained : world_.publisher.explain({event})) {
      if (explained.reason.empty()) world_.log.breach("an explanation says nothing: " + event);
      if (!explained.delivery_id) continue;
      const auto sequence = detail::delivery_sequence(explained.delivery_id->value).value_or(0);
      const auto& delivery = ledger.deliveries.at(sequence);
      if (!explained.matched || ledger.events[delivery.event].id != event)
        world_.log.breach("an explanation names a delivery of another event: " + event);
      const bool says_delivered = explained.reason.starts_with("delivered");
      if (says_delivered != (delivery.place == Place::ended && delivery.status == DeliveryStatus::delivered))
        world_.log.breach("an explanation says another end than the delivery has: " + explained.reason);
    }
  });
}

void Driver::command(const std::string& id) {
  auto& publisher = world_.publisher;
  auto& oracle = world_.oracle;
  if (world_.features.gone_disables && random_.chance(0.6)) attempt([&] { publisher.enable({id}); });
  if (!world_.features.commands || published_.empty()) return;
  const auto event = random_.pick(published_);
  const auto last = oracle.ledger().deliveries.size() - 1;
  switch (random_.below(8)) {
    case 4: test(id); break;
    case 5: explain(event); break;
    case 6: recover(id); break;
    case 0:
      oracle.cancelling(event);
      attempt([&] {
        const auto faults = oracle.faults();
        publisher.cancel({event});
        if (oracle.faults() == faults) oracle.cancelled(event);
      });
      break;
    case 1:
      if (!random_.chance(0.3)) break;
      oracle.cancelling(event);
      attempt([&] { publisher.erase({event}); });
      break;
    default:
      if (last == 0) break;
      attempt([&] {
        const auto sequence = 1 + random_.below(last);
        const auto& delivery = oracle.ledger().deliveries[sequence];
        const bool had_ended = delivery.place == Place::ended;
        if (publisher.replay({detail::delivery_text(sequence)}) && !had_ended)
          world_.log.breach("a delivery is replayed that had not ended");
      });
  }
}

void Driver::look(const std::string& id) {
  attempt([&] { world_.oracle.checkpoint(world_.publisher); });
  attempt([&] {
    DeliveryQuery query;
    if (random_.chance(0.5)) query.subscription_id = SubscriptionId{id};
    if (random_.chance(0.3)) query.status = static_cast<DeliveryStatus>(random_.below(6));
    if (!published_.empty() && random_.chance(0.3)) query.event_id = EventId{random_.pick(published_)};
    query.limit = 1 + random_.below(50);
    const auto page = world_.publisher.deliveries(query);
    for (std::size_t i = 1; i < page.size(); ++i)
      if (page[i - 1].id <= page[i].id) world_.log.breach("a page of deliveries does not fall");
    for (const auto& record : page) world_.oracle.check_record(record);
    for (const auto& record : page)
      if (query.status && record.status != *query.status) world_.log.breach("a page shows a status that was not asked for");
  });
  const bool is_known = world_.oracle.ledger().lane_of.contains(id);
  if (world_.publisher.subscription({id}).has_value() != is_known)
    world_.log.breach("a subscription is shown that is not there, or the reverse: " + id);
  if (world_.publisher.reveal_secret({id}).has_value() != is_known) world_.log.breach("a secret is shown of no one: " + id);
  if (world_.publisher.subscriptions().size() != world_.oracle.ledger().lane_of.size())
    world_.log.breach("subscriptions() lists another number than there are");
}

void Driver::jump_wall() {
  const auto by = wall_offset_ >= 2h ? -1h : wall_offset_ <= -2h ? 1h : random_.chance(0.5) ? 1h : -1h;
  wall_offset_ += by;
  world_.clock.jump_wall(by);
}

void Driver::step() {
  const auto& scenario = world_.scenario;
  const std::string id = "s" + std::to_string(random_.below(scenario.subscriptions));
  if (random_.chance(scenario.publishes)) {
    const auto most = random_.chance(0.05) ? scenario.burst : std::min<std::size_t>(scenario.burst, 12);
    for (std::size_t i = 1 + random_.below(most); i > 0; --i) publish();
    if (random_.chance(0.1)) world_.oracle.check_queue(world_.publisher);
  } else {
    switch (random_.below(12)) {
      case 0:
      case 1: subscribe(id); break;
      case 2: attempt([&] { world_.publisher.pause({id}); }); break;
      case 3:
      case 4: attempt([&] { world_.publisher.resume({id}); }); break;
      case 5:
      case 6: change(id); break;
      case 7:
        attempt([&] {
          if (random_.chance(0.3)) world_.publisher.unsubscribe({id});
        });
        break;
      case 8: attempt([&] { world_.publisher.rotate_secret({id}, std::chrono::hours{random_.below(48)}); }); break;
      case 9: look(id); break;
      case 10:
        if (scenario.jumps_wall) jump_wall();
        break;
      default: command(id); break;
    }
  }
  if (random_.chance(0.2)) {
    const bool is_empty = world_.publisher.drain(0ms);
    if (is_empty && (world_.oracle.ledger().not_ended > 0 || world_.oracle.ledger().open_publishes > 0))
      world_.log.breach("drain says that nothing is pending, and something is");
  }
  settle();
  run_for(draw_pause(), random_.chance(0.1));
}

// Time ------------------------------------------------------------------------------------------------------------------

Driver::Time Driver::draw_pause() {
  if (random_.chance(world_.scenario.leaps)) return random_.between(1h, 10h);
  if (random_.chance(0.3)) return random_.between(0s, 50ms);
  if (random_.chance(0.4)) return std::min(next_moment() - world_.clock.elapsed(), Time{1min});
  return random_.chance(0.9) ? random_.between(0s, 5s) : random_.between(0s, 10min);
}

void Driver::settle() {
  world_.publisher.settle(60s);
  world_.oracle.settled();
}

Driver::Time Driver::next_moment() const {
  const auto now = world_.clock.elapsed();
  // The engine may wait up to 5 s before it tries again: what is overdue is looked at now and then.
  constexpr Time now_and_then = 250ms;
  auto next = world_.oracle.is_calm() ? Time::max() : now + now_and_then;
  for (const auto at : {world_.transport.next_answer(), world_.store.next_acquire(), world_.oracle.next_due()})
    next = std::min(next, at > now ? at : now + now_and_then);
  return next;
}

void Driver::run_for(Time duration, bool in_one_go) {
  const auto end = world_.clock.elapsed() + duration;
  do {
    const auto now = world_.clock.elapsed();
    world_.clock.advance((in_one_go ? end : std::min(next_moment(), end)) - now);
    settle();
  } while (world_.clock.elapsed() < end && !world_.log.breach());
}

void Driver::finish() {
  for (std::size_t i = 0; i < world_.scenario.subscriptions; ++i)
    attempt([&] { world_.publisher.resume({"s" + std::to_string(i)}); });
  run_for(10s);
  for (std::size_t hops = 0; hops < 200'000 && !world_.log.breach(); ++hops) {
    if (world_.oracle.is_calm() && world_.publisher.drain(0ms)) return;
    // In larger steps after a while: many may wait behind one breaker, which asks every five minutes.
    const Time least = hops < 1'000 ? Time{0} : Time{30s};
    run_for(std::clamp(next_moment() - world_.clock.elapsed(), least, Time{1h}));
  }
}

}  // namespace simulation
