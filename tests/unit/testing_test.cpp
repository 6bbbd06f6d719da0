#include <flyhook/error.hpp>
#include <flyhook/testing.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "catch.hpp"

using namespace std::chrono_literals;
using flyhook::HttpResponse;
using flyhook::ManualClock;
using flyhook::RecordingTransport;

TEST_CASE("a manual clock stands still until it is advanced, wall and elapsed together") {
  ManualClock clock;
  const auto wall = clock.now();
  CHECK(clock.elapsed() == 0ns);
  clock.advance(3s);
  CHECK(clock.elapsed() == 3s);
  CHECK(clock.now() == wall + 3s);
  clock.advance(0s);
  clock.advance(-5s);
  CHECK(clock.elapsed() == 3s);
}

TEST_CASE("a jump of the wall clock moves no delay") {
  ManualClock clock{flyhook::TimePoint{1000s}};
  bool ran = false;
  clock.call_at(10s, [&] { ran = true; });
  clock.jump_wall(1h);
  CHECK(clock.now() == flyhook::TimePoint{1000s + 1h});
  CHECK(clock.elapsed() == 0ns);
  clock.jump_wall(-2h);
  CHECK(clock.now() == flyhook::TimePoint{1000s - 1h});
  clock.advance(1s);
  CHECK_FALSE(ran);
}

TEST_CASE("callbacks run in order of time, then of registration, and each sees its own time") {
  ManualClock clock;
  std::vector<std::string> story;
  const auto tell = [&](std::string name) {
    return [&, name] { story.push_back(name + "@" + std::to_string(clock.elapsed() / 1s)); };
  };
  clock.call_at(7s, tell("c"));
  clock.call_at(3s, tell("a"));
  clock.call_at(3s, tell("b"));
  clock.call_at(20s, tell("late"));
  clock.call_at(4s, [&] {
    clock.call_at(6s, tell("added"));
    clock.call_at(1s, tell("past"));
  });
  clock.advance(10s);
  CHECK(story == std::vector<std::string>{"a@3", "b@3", "past@4", "added@6", "c@7"});
  CHECK(clock.elapsed() == 10s);
}

TEST_CASE("a callback for a time already past runs in the next advance, even one by nothing") {
  ManualClock clock;
  clock.advance(5s);
  bool ran = false;
  clock.call_at(1s, [&] { ran = true; });
  CHECK_FALSE(ran);
  clock.advance(0s);
  CHECK(ran);
  CHECK(clock.elapsed() == 5s);
}

TEST_CASE("advance from inside a callback is refused and leaves the clock usable") {
  ManualClock clock;
  clock.call_at(1s, [&] { clock.advance(1s); });
  CHECK_THROWS_AS(clock.advance(2s), flyhook::Error);
  CHECK(clock.elapsed() == 1s);
  clock.advance(1s);
  CHECK(clock.elapsed() == 2s);
}

TEST_CASE("waiters wake at their deadline, on notification, and not before") {
  ManualClock clock;
  std::mutex mutex;
  std::condition_variable condition;
  bool rung = false;
  std::atomic<int> waiting{0};

  const auto wait_for = [&](std::chrono::nanoseconds deadline) {
    return std::async(std::launch::async, [&, deadline] {
      std::unique_lock lock{mutex};
      ++waiting;
      while (!rung && clock.elapsed() < deadline) clock.wait_until(lock, condition, deadline);
      return clock.elapsed();
    });
  };
  auto early = wait_for(2s);
  auto late = wait_for(100s);
  while (waiting < 2) std::this_thread::yield();
  {
    std::lock_guard lock{mutex};  // both have let the mutex go, that is: they wait
  }
  clock.advance(1s);
  CHECK(early.wait_for(0s) == std::future_status::timeout);
  clock.advance(1s);
  CHECK(early.get() == 2s);
  CHECK(late.wait_for(0s) == std::future_status::timeout);
  {
    std::lock_guard lock{mutex};
    rung = true;
    condition.notify_all();
  }
  CHECK(late.get() == 2s);
}

TEST_CASE("a waiter may destroy its mutex as soon as it has returned, whatever advance does meanwhile") {
  ManualClock clock;
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i)
    threads.emplace_back([&] {
      while (!stop) {
        auto mutex = std::make_unique<std::mutex>();
        auto condition = std::make_unique<std::condition_variable>();
        std::unique_lock lock{*mutex};
        clock.wait_until(lock, *condition, clock.elapsed() + 1ms);
      }
    });
  std::thread other{[&] {
    for (int i = 0; i < 2000; ++i) clock.advance(1ms);
  }};
  for (int i = 0; i < 2000; ++i) clock.advance(1ms);
  other.join();
  CHECK(clock.elapsed() == 4s);
  stop = true;
  std::atomic<bool> gone{false};
  std::thread pusher{[&] {
    while (!gone) clock.advance(1ms);
  }};
  for (auto& thread : threads) thread.join();
  gone = true;
  pusher.join();
}

namespace {

struct Answers {
  std::mutex mutex{};
  std::condition_variable came{};
  std::vector<HttpResponse> all{};

  flyhook::Completion done() {
    return [this](HttpResponse response) {
      std::lock_guard lock{mutex};
      all.push_back(std::move(response));
      came.notify_all();
    };
  }
  std::size_t count() {
    std::lock_guard lock{mutex};
    return all.size();
  }
  bool wait_for(std::size_t count) {
    std::unique_lock lock{mutex};
    return came.wait_for(lock, 10s, [&] { return all.size() >= count; });
  }
};

flyhook::HttpRequest to(std::string url) {
  return {.url = std::move(url), .timeout = 5s};
}

}  // namespace

TEST_CASE("a recording transport answers by script, the last line stays, and requests are kept") {
  RecordingTransport transport;
  Answers answers;
  transport.send(to("http://a/0"), answers.done());
  transport.answer(500, {{"retry-after", "1"}}, "no").fail_with("connect: refused").answer(204);
  for (int i = 1; i <= 4; ++i) transport.send(to("http://a/" + std::to_string(i)), answers.done());
  transport.answer(410);
  transport.send(to("http://a/5"), answers.done());

  REQUIRE(answers.count() == 6);
  CHECK(answers.all[0].status == 200);
  CHECK(answers.all[1].status == 500);
  CHECK(answers.all[1].headers == flyhook::Headers{{"retry-after", "1"}});
  CHECK(answers.all[1].body == "no");
  CHECK(answers.all[2].status == 0);
  CHECK(answers.all[2].error == "connect: refused");
  CHECK(answers.all[3].status == 204);
  CHECK(answers.all[4].status == 204);
  CHECK(answers.all[5].status == 410);
  CHECK(transport.requests().at(5).url == "http://a/5");
  CHECK(transport.sent_at().size() == 6);
}

TEST_CASE("with a manual clock answers come out of advance, whatever the traits say") {
  const auto clock = std::make_shared<ManualClock>();
  const bool blocking = GENERATE(true, false);
  RecordingTransport transport{clock, {.blocking = blocking}};
  CHECK(transport.traits().blocking == blocking);
  Answers answers;
  transport.answer_after(2s, 201).hang().answer_after(5s, 202).answer_after(5001ms, 203);
  clock->advance(1s);
  for (int i = 0; i < 4; ++i) transport.send(to("http://a/"), answers.done());
  CHECK(answers.count() == 0);
  CHECK(transport.sent_at() == std::vector<std::chrono::nanoseconds>(4, 1s));
  clock->advance(1999ms);
  CHECK(answers.count() == 0);
  clock->advance(1ms);
  REQUIRE(answers.count() == 1);
  CHECK(answers.all[0].status == 201);
  clock->advance(3s);
  REQUIRE(answers.count() == 4);
  CHECK(answers.all[1].error == "timeout: no answer within 5000 ms");
  CHECK(answers.all[2].status == 202);
  CHECK(answers.all[3].error == "timeout: no answer within 5000 ms");
}

TEST_CASE("an answer may send the next request from inside done, and time goes on by the script") {
  const auto clock = std::make_shared<ManualClock>();
  RecordingTransport transport{clock};
  transport.answer_after(1s, 200);
  int answered = 0;
  std::function<void(HttpResponse)> again = [&](HttpResponse) {
    if (++answered < 5) transport.send(to("http://a/"), again);
  };
  transport.send(to("http://a/"), again);
  clock->advance(1h);
  CHECK(answered == 5);
  CHECK(transport.sent_at() == std::vector<std::chrono::nanoseconds>{0s, 1s, 2s, 3s, 4s});
}

TEST_CASE("cancel_all of a recording transport ends what hangs, and later sends are cancelled and not recorded") {
  const auto clock = std::make_shared<ManualClock>();
  RecordingTransport transport{clock};
  Answers answers;
  transport.hang();
  transport.send(to("http://a/1"), answers.done());
  transport.cancel_all();
  transport.cancel_all();
  transport.send(to("http://a/2"), answers.done());
  clock->advance(1h);
  REQUIRE(answers.count() == 2);
  CHECK(answers.all[0].error.rfind("cancelled: ", 0) == 0);
  CHECK(answers.all[1].error.rfind("cancelled: ", 0) == 0);
  CHECK(transport.requests().size() == 1);
}

TEST_CASE("a recording transport that is gone leaves nothing in the clock that could hurt") {
  const auto clock = std::make_shared<ManualClock>();
  Answers answers;
  {
    RecordingTransport transport{clock};
    transport.hang().answer_after(1s, 200);
    transport.send(to("http://a/1"), answers.done());
    transport.send(to("http://a/2"), answers.done());
  }
  CHECK(answers.count() == 2);
  clock->advance(1h);
  CHECK(answers.count() == 2);
}

TEST_CASE("on the system clock a blocking recording transport answers before send returns, at its time") {
  RecordingTransport transport;
  transport.answer_after(20ms, 202);
  Answers answers;
  const auto before = std::chrono::steady_clock::now();
  transport.send(to("http://a/"), answers.done());
  CHECK(answers.count() == 1);
  CHECK(std::chrono::steady_clock::now() - before >= 20ms);
  CHECK(answers.all[0].status == 202);

  transport.hang();
  auto request = to("http://a/");
  request.timeout = 20ms;
  transport.send(request, answers.done());
  CHECK(answers.count() == 2);
  CHECK(answers.all[1].error.rfind("timeout: ", 0) == 0);
}

TEST_CASE("cancel_all reaches callers that block inside a recording transport") {
  RecordingTransport transport;
  transport.hang();
  Answers answers;
  std::vector<std::thread> callers;
  for (int i = 0; i < 8; ++i) callers.emplace_back([&] { transport.send(to("http://a/"), answers.done()); });
  while (transport.requests().size() < 8) std::this_thread::yield();
  transport.cancel_all();
  for (auto& caller : callers) caller.join();
  REQUIRE(answers.count() == 8);
  for (const auto& answer : answers.all) CHECK(answer.error.rfind("cancelled: ", 0) == 0);
}

TEST_CASE("on the system clock an asynchronous recording transport returns at once and answers in order of time") {
  RecordingTransport transport{nullptr, {.blocking = false}};
  transport.hang().answer_after(40ms, 202).answer_after(10ms, 201);
  Answers answers;
  for (int i = 0; i < 3; ++i) transport.send(to("http://a/"), answers.done());
  REQUIRE(answers.wait_for(2));
  {
    std::lock_guard lock{answers.mutex};
    CHECK(answers.all[0].status == 201);
    CHECK(answers.all[1].status == 202);
  }
  transport.cancel_all();
  REQUIRE(answers.count() == 3);
  CHECK(answers.all[2].error.rfind("cancelled: ", 0) == 0);
}

TEST_CASE("an asynchronous recording transport may be destroyed from inside its own done") {
  auto transport = std::make_unique<RecordingTransport>(nullptr, flyhook::TransportTraits{.blocking = false});
  transport->answer_after(1ms, 200);
  std::promise<void> gone;
  RecordingTransport* const raw = transport.get();
  raw->send(to("http://a/"), [&](HttpResponse) {
    transport.reset();
    gone.set_value();
  });
  CHECK(gone.get_future().wait_for(10s) == std::future_status::ready);
}
