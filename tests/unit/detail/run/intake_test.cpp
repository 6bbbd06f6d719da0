#include <flyhook/detail/run/intake.hpp>

#include "catch.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace flyhook;
using namespace flyhook::detail;
using namespace std::chrono_literals;

namespace {

class Numbered final : public QueuedEvent {
 public:
  Numbered(int its_number, std::size_t its_bytes) : number(its_number) { bytes = its_bytes; }
  void encode(Message&) override {}
  int number;
};

std::unique_ptr<QueuedEvent> event(int number = 0, std::size_t bytes = 10) {
  return std::make_unique<Numbered>(number, bytes);
}

constexpr std::array<std::uint64_t, 4> seed{1, 2, 3, 4};

Options limits(std::size_t events, std::size_t bytes, Overflow overflow = Overflow::reject) {
  Options options;
  options.queue_capacity = events;
  options.queue_bytes = bytes;
  options.overflow = overflow;
  return options;
}

Intake::Pushed push(Intake& intake, int number = 0, std::size_t bytes = 10, bool may_block = false) {
  auto pushed = event(number, bytes);
  Ulid ulid{};
  const auto result = intake.push(pushed, ulid, may_block);
  // What is refused stays the caller's.
  CHECK((pushed == nullptr) == (result == Intake::Pushed::accepted));
  return result;
}

std::vector<int> numbers(QueuedEvents events) {
  std::vector<int> all;
  while (const auto next = events.pop()) all.push_back(static_cast<Numbered&>(*next).number);
  return all;
}

std::vector<int> take(Intake& intake, std::size_t most, std::vector<int>* dropped = nullptr) {
  auto taken = intake.take(most);
  auto gone = numbers(std::move(taken.dropped));
  if (dropped != nullptr) *dropped = std::move(gone);
  return numbers(std::move(taken.events));
}

/// Waits for something another thread is about to do, without a limit of its own: the test runner has one.
template <class Condition>
void until(Condition condition) {
  while (!condition()) std::this_thread::yield();
}

using Numbers = std::vector<int>;

}  // namespace

TEST_CASE("events come out in the order in which they went in, with ids that grow") {
  Intake intake{limits(100, 100'000), seed};
  Ulid last{};
  for (int i = 0; i < 10; ++i) {
    auto next = event(i);
    Ulid ulid{};
    REQUIRE(intake.push(next, ulid, false) == Intake::Pushed::accepted);
    CHECK(last < ulid);
    last = ulid;
  }
  CHECK(intake.has_work());
  CHECK(intake.queued() == 10);
  CHECK(take(intake, 256) == Numbers{0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
  CHECK_FALSE(intake.has_work());
  CHECK(intake.queued() == 10);  // until they are settled
  intake.settled(10, 100);
  CHECK(intake.queued() == 0);
}

TEST_CASE("the queue is bounded in events, those taken and not settled included") {
  Intake intake{limits(3, 100'000), seed};
  for (int i = 0; i < 3; ++i) CHECK(push(intake, i) == Intake::Pushed::accepted);
  CHECK(push(intake) == Intake::Pushed::full);
  CHECK(take(intake, 256).size() == 3);
  CHECK(push(intake) == Intake::Pushed::full);
  intake.settled(1, 10);
  CHECK(push(intake) == Intake::Pushed::accepted);
  CHECK(push(intake) == Intake::Pushed::full);
}

TEST_CASE("the queue is bounded in bytes, those taken and not settled included") {
  Intake intake{limits(100, 1000), seed};
  CHECK(push(intake, 0, 600) == Intake::Pushed::accepted);
  CHECK(push(intake, 1, 401) == Intake::Pushed::full);
  CHECK(push(intake, 1, 400) == Intake::Pushed::accepted);
  CHECK(push(intake, 2, 1) == Intake::Pushed::full);
  take(intake, 256);
  CHECK(push(intake, 2, 1) == Intake::Pushed::full);
  intake.settled(1, 600);
  CHECK(push(intake, 2, 600) == Intake::Pushed::accepted);
}

TEST_CASE("one event is always taken, however large") {
  for (const auto overflow : {Overflow::reject, Overflow::block, Overflow::drop_oldest}) {
    Intake intake{limits(10, 100, overflow), seed};
    CHECK(push(intake, 0, 5000, true) == Intake::Pushed::accepted);
  }
}

TEST_CASE("with drop_oldest the oldest makes room, and whoever holds the role is told") {
  Intake intake{limits(3, 100'000, Overflow::drop_oldest), seed};
  for (int i = 0; i < 5; ++i) CHECK(push(intake, i) == Intake::Pushed::accepted);
  CHECK(intake.queued() == 3);
  Numbers dropped;
  CHECK(take(intake, 256, &dropped) == Numbers{2, 3, 4});
  CHECK(dropped == Numbers{0, 1});
  // What is taken can make no room any more.
  CHECK(push(intake, 5) == Intake::Pushed::full);
  take(intake, 0, &dropped);
  CHECK(dropped.empty());
}

TEST_CASE("of what drop_oldest drops while nobody comes to be told, so many are kept as the queue holds") {
  Intake intake{limits(3, 100'000, Overflow::drop_oldest), seed};
  for (int i = 0; i < 10; ++i) CHECK(push(intake, i) == Intake::Pushed::accepted);
  auto taken = intake.take(256);
  CHECK(numbers(std::move(taken.dropped)) == Numbers{0, 1, 2});
  CHECK(taken.dropped_more == 4);
  CHECK(numbers(std::move(taken.events)) == Numbers{7, 8, 9});
  CHECK(intake.take(256).dropped_more == 0);
}

TEST_CASE("with drop_oldest so many go as the new one needs") {
  Intake intake{limits(100, 1000, Overflow::drop_oldest), seed};
  for (int i = 0; i < 10; ++i) CHECK(push(intake, i, 100) == Intake::Pushed::accepted);
  CHECK(push(intake, 10, 250) == Intake::Pushed::accepted);
  Numbers dropped;
  CHECK(take(intake, 256, &dropped) == Numbers{3, 4, 5, 6, 7, 8, 9, 10});
  CHECK(dropped == Numbers{0, 1, 2});
}

TEST_CASE("with drop_oldest nothing is dropped for an event that finds no room all the same") {
  Intake intake{limits(100, 1000, Overflow::drop_oldest), seed};
  CHECK(push(intake, 0, 900) == Intake::Pushed::accepted);
  CHECK(take(intake, 256) == Numbers{0});
  CHECK(push(intake, 1, 50) == Intake::Pushed::accepted);
  CHECK(push(intake, 2, 200) == Intake::Pushed::full);
  Numbers dropped;
  CHECK(take(intake, 256, &dropped) == Numbers{1});
  CHECK(dropped.empty());
}

TEST_CASE("with drop_oldest no more is taken than asked for, so that the rest can still make room") {
  Intake intake{limits(100, 100'000, Overflow::drop_oldest), seed};
  for (int i = 0; i < 5; ++i) push(intake, i);
  CHECK(take(intake, 2) == Numbers{0, 1});
  CHECK(take(intake, 0).empty());
  CHECK(intake.has_work());
  CHECK(take(intake, 256) == Numbers{2, 3, 4});
}

TEST_CASE("with block a publisher waits until there is room") {
  Intake intake{limits(2, 100'000, Overflow::block), seed};
  push(intake, 0);
  push(intake, 1);
  CHECK(push(intake, 2, 10, false) == Intake::Pushed::full);  // where it may not wait

  std::atomic<bool> is_in{false};
  auto publisher = std::async(std::launch::async, [&] {
    auto late = event(2);
    Ulid ulid{};
    is_in = true;
    return intake.push(late, ulid, true);
  });
  until([&] { return is_in.load(); });
  CHECK(take(intake, 256) == Numbers{0, 1});
  CHECK(intake.queued() == 2);
  intake.settled(1, 10);
  CHECK(publisher.get() == Intake::Pushed::accepted);
  CHECK(take(intake, 256) == Numbers{2});
}

TEST_CASE("close wakes every blocked publisher, and nothing is accepted after it") {
  Intake intake{limits(1, 100'000, Overflow::block), seed};
  push(intake, 0);
  std::vector<std::future<Intake::Pushed>> publishers;
  std::atomic<int> in{0};
  for (int i = 1; i <= 3; ++i)
    publishers.push_back(std::async(std::launch::async, [&intake, &in, i] {
      auto late = event(i);
      Ulid ulid{};
      ++in;
      return intake.push(late, ulid, true);
    }));
  until([&] { return in.load() == 3; });
  intake.close();
  for (auto& publisher : publishers) CHECK(publisher.get() == Intake::Pushed::stopped);
  CHECK(push(intake, 4, 10, true) == Intake::Pushed::stopped);
  CHECK(take(intake, 256) == Numbers{0});  // what was accepted stays
}

TEST_CASE("one holds the role at a time") {
  Intake intake{limits(10, 1000), seed};
  CHECK_FALSE(intake.is_held());
  CHECK(intake.enter());
  CHECK(intake.is_held());
  CHECK_FALSE(intake.enter());
  intake.leave();
  CHECK(intake.enter());
}

TEST_CASE("events of many threads are all taken once, each thread's in its order") {
  constexpr int threads = 4, each = 5000;
  Intake intake{limits(1000, 1'000'000, Overflow::block), seed};
  std::vector<std::thread> publishers;
  for (int t = 0; t < threads; ++t)
    publishers.emplace_back([&intake, t] {
      for (int i = 0; i < each; ++i) {
        auto next = event(t * each + i);
        Ulid ulid{};
        intake.push(next, ulid, true);
      }
    });
  Numbers all;
  while (all.size() < threads * each) {
    auto taken = intake.take(256).events;
    const auto count = taken.count, bytes = taken.bytes;
    for (const int number : numbers(std::move(taken))) all.push_back(number);
    intake.settled(count, bytes);
    if (count == 0) std::this_thread::yield();
  }
  for (auto& publisher : publishers) publisher.join();

  std::vector<int> next(threads, 0);
  bool ordered = true;
  for (const int number : all) ordered = ordered && number % each == next[static_cast<std::size_t>(number / each)]++;
  CHECK(ordered);
  CHECK(next == std::vector<int>(threads, each));
  CHECK(intake.queued() == 0);
}

TEST_CASE("a list of events keeps count, bytes and order through pushing, popping, moving and swapping") {
  QueuedEvents list;
  CHECK(list.pop() == nullptr);
  for (int i = 0; i < 3; ++i) list.push(event(i, 100));
  CHECK(list.count == 3);
  CHECK(list.bytes == 300);
  list.pop();
  CHECK(list.bytes == 200);
  QueuedEvents moved{std::move(list)};
  list = QueuedEvents{};
  list.push(event(7));
  moved.swap(list);
  CHECK(numbers(std::move(list)) == Numbers{1, 2});
  moved.push(event(8));
  CHECK(numbers(std::move(moved)) == Numbers{7, 8});
}

TEST_CASE("a queue of a million events goes without a stack of a million frames") {
  Intake intake{limits(2'000'000, std::size_t{1} << 40), seed};
  for (int i = 0; i < 1'000'000; ++i) {
    auto next = event(i);
    Ulid ulid{};
    if (intake.push(next, ulid, false) != Intake::Pushed::accepted) FAIL("refused");
  }
  CHECK(intake.queued() == 1'000'000);
}

TEST_CASE("an event is named by the application's id, or by its own") {
  const auto named = event();
  named->ulid = Ulid{};
  CHECK(named->id().value == "msg_00000000000000000000000000");
  named->options = std::make_unique<PublishOptions>();
  CHECK(named->id().value == "msg_00000000000000000000000000");
  named->options->id = "order-42";
  CHECK(named->id().value == "order-42");
}

TEST_CASE("the estimate of a size follows what is observed") {
  SizeEstimate estimate;
  CHECK(estimate.mean == 1024);
  for (int i = 0; i < 100; ++i) estimate.observe(8000);
  CHECK(estimate.mean > 7900);
  CHECK(estimate.mean <= 8008);
  for (int i = 0; i < 200; ++i) estimate.observe(80);
  CHECK(estimate.mean < 120);
}
