#include "counting_store.hpp"
#include "figure.hpp"
#include "sink.hpp"
#include "traffic.hpp"

#include <flyhook/store/memory.hpp>
#include <flyhook/testing.hpp>
#include <flyhook/transport/httplib.hpp>

#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

// What a lane with a million waiting deliveries costs another one: store calls and rows, counted without threads and
// without a network, and latency. The deep lane is paused; or its endpoint fails, so that all that waits is due and held by
// the breaker alone.

using namespace benchmark;
using namespace flyhook;

namespace {

constexpr std::size_t depth = 1'000'000;
const SubscriptionId deep_id{"deep"}, other_id{"other"};

enum class Deep { empty, paused, failing };

/// Answers at once.
class Answer final : public Transport {
 public:
  void send(HttpRequest request, Completion done) override {
    HttpResponse response;
    response.status = request.url.ends_with("/deep") ? 500 : 200;
    done(std::move(response));
  }
  TransportTraits traits() const noexcept override { return {}; }
  void cancel_all() noexcept override {}
};

Options options_for(std::shared_ptr<Store> store, std::size_t threads) {
  Options options;
  options.threads = threads;
  options.store = std::move(store);
  options.shutdown_timeout = std::chrono::milliseconds{0};
  options.breaker = {1, std::chrono::hours{24}};
  options.retry.schedule = {std::chrono::milliseconds{0}, std::chrono::hours{1}};
  options.max_pending_per_endpoint = 2 * depth;
  options.url_policy.allow = {"127.0.0.0/8", "::1/128"};
  return options;
}

/// Two subscriptions, the deep one paused, and with nobody that listens at its address.
void subscribe(PublisherBase& publisher, const Sink& sink) {
  publisher.subscribe({.url = sink.url(1, "/deep"), .events = {"deep"}, .id = deep_id, .paused = true});
  publisher.subscribe({.url = sink.url(0, "/timed"), .events = {"ping"}, .id = other_id});
}

std::shared_ptr<Store> make_store() {
  return std::make_shared<MemoryStore>(Retention{}, 2 * depth, std::size_t{4} << 30);
}

void fill(Store& store) {
  std::uint64_t lane = 0;
  for (const auto& row : store.subscriptions())
    if (row.subscription.id == deep_id) lane = row.lane;
  for (std::size_t made = 0; made < depth;) {
    AppendBatch batch;
    for (int i = 0; i < 250; ++i, ++made) {
      Message message;
      message.id.value = "msg_" + std::to_string(made);
      message.type = "deep";
      message.data = "{}";
      message.created_at = std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
      batch.events.push_back({std::make_shared<const Message>(std::move(message)), 0, batch.deliveries.size(), 1});
      NewDelivery delivery;
      delivery.lane = lane;
      batch.deliveries.push_back(delivery);
    }
    store.append(std::move(batch));
  }
  if (store.pending() != depth) std::abort();
}

void set_deep(Publisher<Ping>& publisher, Deep deep) {
  if (deep != Deep::failing) {
    publisher.pause(deep_id);
    return;
  }
  const auto failed = publisher.stats().failed_attempts;
  publisher.resume(deep_id);
  publisher.settle();
  if (publisher.stats().failed_attempts == failed) std::abort();
}

// Counts ----------------------------------------------------------------------------------------------------------------

constexpr std::size_t counted = 2'000, burst = 250;

/// What `counted` deliveries of the other lane ask of the store: one by one, and in bursts.
std::pair<CountingStore::Counts, CountingStore::Counts> count(const std::shared_ptr<Store>& store, Deep deep) {
  const auto counting = std::make_shared<CountingStore>(store);
  auto options = options_for(counting, 0);
  options.clock = std::make_shared<ManualClock>();  // time, too, ends a batch
  Publisher<Ping> publisher{std::make_shared<Answer>(), options};
  publisher.settle();
  set_deep(publisher, deep);
  const auto of = [&](std::size_t at_once) {
    const auto before = counting->so_far();
    const auto delivered = publisher.stats().delivered;
    for (std::size_t i = 0; i < counted; i += at_once) {
      for (std::size_t j = 0; j < at_once; ++j) publisher.publish({0, "ping"});
      publisher.settle();
    }
    if (publisher.stats().delivered != delivered + counted) std::abort();
    auto after = counting->so_far();
    for (std::size_t i = 0; i < after.size(); ++i) after[i] -= before[i];
    return after;
  };
  of(burst);  // the first deliveries of a lane are others
  auto single = of(1), bursts = of(burst);
  publisher.pause(deep_id);
  return {single, bursts};
}

std::size_t difference(const CountingStore::Counts& a, const CountingStore::Counts& b) {
  std::size_t sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] > b[i] ? a[i] - b[i] : b[i] - a[i];
  return sum;
}

void show(const std::string& how, const CountingStore::Counts& counts) {
  const auto each = [&](std::initializer_list<CountingStore::Count> which) {
    std::size_t sum = 0;
    for (const auto i : which) sum += counts[i];
    return static_cast<double>(sum) / counted;
  };
  using C = CountingStore;
  figure("store calls per delivery, no deep lane, " + how,
         each({C::append_calls, C::fetch_calls, C::give_back_calls, C::finish_calls, C::close_calls, C::pending_calls}),
         "calls");
  figure("rows read per delivery, no deep lane, " + how, each({C::fetched_rows, C::history_rows}), "rows");
}

void compare_counts(const std::shared_ptr<Store>& empty, const std::shared_ptr<Store>& filled) {
  const auto without = count(empty, Deep::empty);
  show("one by one", without.first);
  show("in bursts of 250", without.second);
  for (const auto deep : {Deep::paused, Deep::failing}) {
    const auto with = count(filled, deep);
    const std::string which = deep == Deep::paused ? "deep lane paused" : "deep lane failing";
    figure(which + ": other store calls or rows, one by one", static_cast<double>(difference(with.first, without.first)),
           "of 2,000", Limit::at_most, 0);
    figure(which + ": other store calls or rows, in bursts", static_cast<double>(difference(with.second, without.second)),
           "of 2,000", Limit::at_most, 0);
  }
}

// Latency ---------------------------------------------------------------------------------------------------------------

void compare_latency(const Sink& sink, const std::shared_ptr<Store>& empty, const std::shared_ptr<Store>& filled) {
  Publisher<Ping> without{std::make_shared<HttplibTransport>(), options_for(empty, 64)};
  Publisher<Ping> with{std::make_shared<HttplibTransport>(), options_for(filled, 64)};
  const auto window = [&](Publisher<Ping>& publisher) {
    return between(stream(sink, publisher, {"ping"}, 1'000, 0.25, std::chrono::seconds{1}), 0, 1);
  };
  for (const auto deep : {Deep::paused, Deep::failing}) {
    set_deep(with, deep);
    window(with);
    window(without);
    std::vector<double> halves, tails, bare_halves, bare_tails;
    for (int i = 0; i < 11; ++i) {
      const auto bare = window(without), ours = window(with);
      bare_halves.push_back(median(bare));
      bare_tails.push_back(quantile(bare, 0.99));
      halves.push_back(median(ours));
      tails.push_back(quantile(ours, 0.99));
    }
    const std::string which = deep == Deep::paused ? "deep lane paused" : "deep lane failing";
    figure(which + ": publish to request, median", median(halves), "ms");
    figure(which + ": publish to request, 99th percentile", median(tails), "ms");
    figure(which + ": medians, with / without", median(halves) / median(bare_halves), "ratio", Limit::at_most, 1.5);
    figure(which + ": 99th percentiles, with / without", median(tails) / median(bare_tails), "ratio", Limit::at_most, 1.5);
  }
  if (filled->pending() < depth - 100) std::abort();
}

}  // namespace

int main() {
  const Sink sink;
  const auto empty = make_store(), filled = make_store();
  for (const auto& store : {empty, filled}) {
    Publisher<Ping> publisher{std::make_shared<Answer>(), options_for(store, 0)};
    subscribe(publisher, sink);
  }
  fill(*filled);
  compare_counts(empty, filled);
  compare_latency(sink, empty, filled);
  return missed() == 0 ? 0 : 1;
}
