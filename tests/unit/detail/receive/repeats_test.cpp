#include <flyhook/detail/receive/repeats.hpp>

#include <chrono>
#include <future>
#include <latch>
#include <stdexcept>
#include <string>
#include <thread>

#include "catch.hpp"

using namespace flyhook;
using namespace flyhook::detail;
using namespace std::chrono_literals;

namespace {

/// Repeats whose calls count and answer what they are told.
struct Counted {
  explicit Counted(std::size_t remember) : repeats("scope", remember) {}

  int call(const std::string& id, std::chrono::nanoseconds now = 0ns, int status = 204) {
    return repeats
        .answer(id, now,
                [&] {
                  ++runs;
                  return HttpResponse{.status = status, .error = {}, .headers = {}, .body = {}};
                })
        .status;
  }

  Repeats repeats;
  int runs = 0;
};

/// Until that many calls wait.
void await_waiting(const Repeats& repeats, std::size_t count) {
  while (repeats.waiting() != count) std::this_thread::yield();
}

}  // namespace

TEST_CASE("an id is known once its request has succeeded") {
  Counted counted{10};
  CHECK(counted.call("a") == 204);
  CHECK(counted.call("a") == 204);
  CHECK(counted.runs == 1);
  CHECK(counted.call("b", 0ns, 200) == 200);
  CHECK(counted.call("b") == 204);
  CHECK(counted.runs == 2);
  CHECK(counted.repeats.size() == 2);
}

TEST_CASE("a failure makes an id unknown again") {
  Counted counted{10};
  for (const int status : {400, 415, 500}) CHECK(counted.call("a", 0ns, status) == status);
  CHECK(counted.runs == 3);
  CHECK(counted.repeats.size() == 0);
  CHECK_THROWS_AS(counted.repeats.answer("a", 0ns, []() -> HttpResponse { throw std::bad_alloc{}; }), std::bad_alloc);
  CHECK(counted.repeats.size() == 0);
  CHECK(counted.call("a") == 204);
}

TEST_CASE("beyond the count the oldest is forgotten") {
  Counted counted{3};
  for (const char* id : {"a", "b", "c", "d"}) counted.call(id);
  CHECK(counted.repeats.size() == 3);
  for (const char* id : {"b", "c", "d"}) counted.call(id);
  CHECK(counted.runs == 4);
  counted.call("a");
  CHECK(counted.runs == 5);
}

TEST_CASE("after seven days an id is forgotten") {
  Counted counted{3};
  counted.call("a", 1h);
  counted.call("b", 2h);
  counted.call("a", 1h + Repeats::longest - 1ns);
  CHECK(counted.runs == 2);
  counted.call("c", 1h + Repeats::longest);
  CHECK(counted.repeats.size() == 2);
  counted.call("a", 1h + Repeats::longest);
  CHECK(counted.runs == 4);
}

TEST_CASE("a time that goes back a little forgets nothing early and nothing late") {
  Counted counted{10};
  counted.call("a", 2h);
  counted.call("b", 1h);
  counted.call("x", 2h + Repeats::longest - 1ns, 500);
  CHECK(counted.repeats.size() == 2);
  counted.call("x", 2h + Repeats::longest, 500);
  CHECK(counted.repeats.size() == 0);
}

TEST_CASE("with nothing to remember every call runs") {
  Counted counted{0};
  counted.call("a");
  counted.call("a");
  CHECK(counted.runs == 2);
  CHECK(counted.repeats.size() == 0);
}

TEST_CASE("ids of any length and bytes are told apart") {
  Counted counted{10};
  const std::string long_one(100'000, 'x');
  for (const auto& id : {std::string{}, std::string{"\0", 1}, long_one, long_one + "x"}) counted.call(id);
  CHECK(counted.runs == 4);
  counted.call(long_one);
  CHECK(counted.runs == 4);
}

TEST_CASE("a second call of an id that runs waits for its answer and gets the same") {
  const auto remember = GENERATE(std::size_t{0}, std::size_t{10});
  const int status = GENERATE(204, 400, 500);
  Repeats repeats{"scope", remember};
  std::latch is_running{1}, may_end{1};
  auto first = std::async(std::launch::async, [&] {
    return repeats.answer("a", 0ns, [&] {
      is_running.count_down();
      may_end.wait();
      return HttpResponse{.status = status, .error = {}, .headers = {{"x", "y"}}, .body = "the first's"};
    });
  });
  is_running.wait();
  const auto call = [&] {
    return repeats.answer("a", 0ns, [] { return HttpResponse{.status = 1, .error = {}, .headers = {}, .body = {}}; });
  };
  auto second = std::async(std::launch::async, call);
  auto third = std::async(std::launch::async, call);
  await_waiting(repeats, 2);
  // Another id is not held up by them.
  CHECK(
      repeats.answer("b", 0ns, [] { return HttpResponse{.status = 500, .error = {}, .headers = {}, .body = {}}; }).status ==
      500);
  may_end.count_down();

  CHECK(first.get().status == status);
  for (auto* const answer : {&second, &third}) {
    const auto response = answer->get();
    CHECK(response.status == status);
    CHECK(response.headers == Headers{{"x", "y"}});
    CHECK(response.body == "the first's");
  }
  CHECK(repeats.size() == (status == 204 && remember > 0 ? 1 : 0));
}

TEST_CASE("who waits for a call that throws gets a 500") {
  Repeats repeats{"scope", 10};
  std::latch is_running{1}, may_end{1};
  auto first = std::async(std::launch::async, [&] {
    return repeats.answer("a", 0ns, [&]() -> HttpResponse {
      is_running.count_down();
      may_end.wait();
      throw std::bad_alloc{};
    });
  });
  is_running.wait();
  auto second = std::async(std::launch::async, [&] {
    return repeats.answer("a", 0ns, [] { return HttpResponse{.status = 204, .error = {}, .headers = {}, .body = {}}; });
  });
  await_waiting(repeats, 1);
  may_end.count_down();
  CHECK_THROWS_AS(first.get(), std::bad_alloc);
  CHECK(second.get().status == 500);
}

TEST_CASE("a call that comes back with its own id does not wait for itself") {
  Repeats repeats{"", 10};
  int inner = 0, outer = 0;
  const auto answer = repeats.answer("a", {}, [&] {
    inner =
        repeats.answer("a", {}, [] { return HttpResponse{.status = 204, .error = {}, .headers = {}, .body = {}}; }).status;
    outer =
        repeats.answer("b", {}, [] { return HttpResponse{.status = 204, .error = {}, .headers = {}, .body = {}}; }).status;
    return HttpResponse{.status = 204, .error = {}, .headers = {}, .body = {}};
  });
  CHECK(inner == 500);
  CHECK(outer == 204);
  CHECK(answer.status == 204);
  CHECK(repeats.waiting() == 0);
  CHECK(repeats.size() == 2);
}
