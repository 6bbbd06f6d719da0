#include "catch.hpp"
#include "contract/store_session.hpp"

#include <atomic>
#include <mutex>
#include <set>
#include <shared_mutex>
#include <string>
#include <thread>
#include <vector>

using namespace contract;
using namespace flyhook;

// Many threads at once, as the pool's are. Catch2 counts assertions on one thread only: the others note what they saw.

TEST_CASE("threads that append, fetch and finish lose nothing and are handed nothing twice") {
  const auto& under_test = each_store();
  CAPTURE(under_test.name);
  const auto store = under_test.make();
  StoreSession session{*store};
  const std::vector<std::uint64_t> lanes{session.subscribe("a"), session.subscribe("b"), session.subscribe("c")};
  std::vector<std::uint64_t> epochs;
  for (const auto lane : lanes) epochs.push_back(session.epoch(lane));
  constexpr std::size_t publishers = 2, senders = 2, events = 300, total = publishers * events;
  std::atomic<std::size_t> finished{0};
  std::atomic<bool> twice{false}, wrong{false};
  std::mutex mutex;
  std::set<std::uint64_t> open, done;
  // What is unknown is finished again before the lane is fetched from: another would be handed it in between.
  std::shared_mutex repeating;

  const auto finish = [&](std::size_t lane, std::uint64_t sequence, std::uint32_t attempts) {
    {
      const std::lock_guard lock{mutex};
      if (!open.insert(sequence).second || done.contains(sequence)) twice = true;
    }
    // Every third is tried twice.
    const Claim claim{sequence, lanes[lane], epochs[lane]};
    const bool final = attempts > 0 || sequence % 3 != 0;
    {
      const std::lock_guard lock{mutex};
      open.erase(sequence);
      if (final) done.insert(sequence);
    }
    Outcome outcome;
    outcome.claim = claim;
    outcome.status = final ? DeliveryStatus::delivered : DeliveryStatus::pending;
    outcome.attempt = Attempt{.at = now, .status = final ? 200 : 500};
    if (final) ++finished;
    std::unique_lock alone{repeating, std::defer_lock};
    if (!under_test.exact) alone.lock();
    for (;;) {
      const auto status = store->finish(std::span{&outcome, 1}).front();
      if (status == FinishStatus::done) return;
      if (status == FinishStatus::stale) wrong = true;
      if (wrong) return;
    }
  };
  const auto publish = [&](std::size_t publisher) {
    for (std::size_t i = 0; i < events; ++i) {
      const std::size_t lane = i % lanes.size();
      const auto batch = Batch{}.event("event-" + std::to_string(publisher) + "-" + std::to_string(i),
                                       {{lanes[lane], i % 2, i % 5 == 0, epochs[lane]}});
      for (bool again = true; again;) {
        const auto result = store->append(batch.value());
        again = result.events.front() == AppendStatus::unknown || result.events.front() == AppendStatus::full;
        if (result.deliveries.front().as == AppendedAs::handed_out) finish(lane, result.deliveries.front().sequence, 0);
      }
    }
  };
  const auto send = [&] {
    while (finished < total && !wrong) {
      for (std::size_t lane = 0; lane < lanes.size(); ++lane) {
        const LaneWant want{lanes[lane], epochs[lane], 7};
        std::shared_lock fetching{repeating, std::defer_lock};
        if (!under_test.exact) fetching.lock();
        const auto answers = store->fetch(std::span{&want, 1}, now);
        if (!under_test.exact) fetching.unlock();
        for (const auto& delivery : answers.front().deliveries) {
          if (delivery.message == nullptr) wrong = true;
          finish(lane, delivery.sequence, delivery.attempts);
        }
      }
      store->pending();
      store->history().deliveries({});
      std::this_thread::yield();
    }
  };
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < publishers; ++i) threads.emplace_back(publish, i);
  for (std::size_t i = 0; i < senders; ++i) threads.emplace_back(send);
  for (auto& thread : threads) thread.join();
  CHECK_FALSE(twice);
  CHECK_FALSE(wrong);
  CHECK(finished == total);
  CHECK(store->pending() == 0);
  CHECK(session.list().size() == total);
}

TEST_CASE("of many who write one version of a subscription one succeeds") {
  const auto& under_test = each_store();
  CAPTURE(under_test.name);
  const auto store = under_test.make();
  auto version = store->put({subscription("a")}, 0).version;
  for (int round = 0; round < 50; ++round) {
    std::atomic<int> stored{0};
    std::atomic<std::uint64_t> next{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        const auto put = store->put({subscription("a")}, version);
        if (put.stored) next = put.version, ++stored;
      });
    }
    for (auto& thread : threads) thread.join();
    REQUIRE(stored == 1);
    REQUIRE(next > version);
    version = next;
  }
}
