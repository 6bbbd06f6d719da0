#include <flyhook/detail/decide/lane.hpp>

#include "catch.hpp"
#include "unit/detail/decide/endpoints.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

using namespace flyhook;
using namespace flyhook::detail;
using namespace std::chrono_literals;

namespace {

Lane open_lane(std::size_t max_in_flight = 2) {
  Lane lane{unit::endpoint_of(7, max_in_flight), BreakerPolicy{}, 0s};
  lane.owned = true;
  lane.epoch = 1;
  return lane;
}

std::vector<Flying> flying(const std::vector<std::uint64_t>& sequences) {
  std::vector<Flying> all;
  for (const auto sequence : sequences) all.push_back({sequence, 1, nullptr, 0s, false, false});
  return all;
}

void fill(Lane& lane, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) lane.window.push_back({i + 1});
}

/// The lane's endpoint with another state.
EndpointPtr with(bool enabled, bool paused) {
  auto subscription = unit::subscription("lane-7");
  subscription.enabled = enabled;
  subscription.paused = paused;
  return unit::endpoint(std::move(subscription), 7, 2);
}

}  // namespace

TEST_CASE("a window has room for twice the in-flight limit, and for 64 at least") {
  CHECK(open_lane(1).room() == 64);
  CHECK(open_lane(32).room() == 64);
  CHECK(open_lane(33).room() == 66);
  CHECK(open_lane(500).room() == 1000);
}

TEST_CASE("whatever is claimed and not yet settled takes room") {
  auto lane = open_lane();
  fill(lane, 10);
  lane.taking = 20;
  lane.in_flight = flying({11, 12});
  lane.unsettled = 30;
  CHECK(lane.room() == 2);
  lane.unsettled = 32;
  CHECK(lane.room() == 0);
  lane.unsettled = 1000;
  CHECK(lane.room() == 0);
}

TEST_CASE("a lane is open while its subscription is there, enabled, not paused, and its slot is ours") {
  auto lane = open_lane();
  CHECK(lane.is_open());
  lane.owned = false;
  CHECK_FALSE(lane.is_open());
  lane.owned = true;
  lane.endpoint = with(true, true);
  CHECK_FALSE(lane.is_open());
  lane.endpoint = with(false, false);
  CHECK_FALSE(lane.is_open());
  lane.endpoint = with(true, false);
  CHECK(lane.is_open());
  lane.endpoint = nullptr;
  CHECK_FALSE(lane.is_open());
  CHECK(lane.room() == 0);
}

TEST_CASE("a lane is ready when it has something to send, may send, and nothing holds it") {
  auto lane = open_lane(2);
  CHECK_FALSE(lane.is_ready(0s));
  fill(lane, 3);
  CHECK(lane.is_ready(0s));

  lane.in_flight = flying({10});
  CHECK(lane.is_ready(0s));
  lane.in_flight = flying({10, 11});
  CHECK_FALSE(lane.is_ready(0s));
  lane.in_flight.clear();

  lane.resolving = 5s;
  CHECK_FALSE(lane.is_ready(0s));
  lane.resolving.reset();

  lane.notices = Lane::most_notices - 1;
  CHECK(lane.is_ready(0s));
  lane.notices = Lane::most_notices;
  CHECK_FALSE(lane.is_ready(0s));
  lane.notices = 0;

  lane.owned = false;
  CHECK_FALSE(lane.is_ready(0s));
  lane.owned = true;
  lane.endpoint = nullptr;
  CHECK_FALSE(lane.is_ready(0s));
}

TEST_CASE("a delivery is taken while it is appended only if none can wait before it") {
  auto lane = open_lane();
  CHECK(lane.may_take());
  lane.more = true;
  CHECK_FALSE(lane.may_take());
  lane.more = false;
  lane.fetching = true;
  CHECK_FALSE(lane.may_take());
  lane.fetching = false;
  lane.taking = 64;
  CHECK_FALSE(lane.may_take());
  lane.taking = 63;
  CHECK(lane.may_take());
  lane.owned = false;
  CHECK_FALSE(lane.may_take());
}

TEST_CASE("a lane wants a fetch when the store has more and its window is half empty") {
  auto lane = open_lane();
  CHECK_FALSE(lane.wants_fetch());
  lane.more = true;
  CHECK(lane.wants_fetch());
  fill(lane, 32);
  CHECK(lane.wants_fetch());
  lane.window.push_back({100});
  CHECK_FALSE(lane.wants_fetch());
  lane.window.clear();
  lane.fetching = true;
  CHECK_FALSE(lane.wants_fetch());
  lane.fetching = false;
  lane.endpoint = with(true, true);
  CHECK_FALSE(lane.wants_fetch());
  lane.endpoint = nullptr;
  CHECK_FALSE(lane.wants_fetch());
}

TEST_CASE("a lane can be forgotten only when there is nothing to remember") {
  const auto remembers = [](auto change) {
    auto lane = open_lane();
    change(lane);
    return !lane.is_idle(0s);
  };
  CHECK(open_lane().is_idle(0s));
  CHECK(remembers([](Lane& lane) { lane.window.push_back({1}); }));
  CHECK(remembers([](Lane& lane) { lane.taking = 1; }));
  CHECK(remembers([](Lane& lane) { lane.in_flight = flying({1}); }));
  CHECK(remembers([](Lane& lane) { lane.unsettled = 1; }));
  CHECK(remembers([](Lane& lane) { lane.more = true; }));
  CHECK(remembers([](Lane& lane) { lane.fetching = true; }));
  CHECK(remembers([](Lane& lane) { lane.due = 1s; }));
  CHECK(remembers([](Lane& lane) { lane.resolving = 1s; }));
  CHECK(remembers([](Lane& lane) { lane.notices = 1; }));
  // What waits for an unsubscribed endpoint is not its business any more.
  CHECK_FALSE(remembers([](Lane& lane) {
    lane.endpoint = nullptr;
    lane.more = true;
  }));
}
