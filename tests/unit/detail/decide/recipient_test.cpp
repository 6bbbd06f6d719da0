#include "catch.hpp"
#include "unit/detail/decide/endpoints.hpp"

#include <flyhook/detail/decide/recipient.hpp>

#include <cstdint>
#include <string>

using namespace flyhook;
using namespace flyhook::detail;

namespace {

std::uint64_t lane_of(const std::string& url, const std::string& tenant = {}) {
  return target_endpoint({.url = url}, tenant, Options{})->lane;
}

}  // namespace

TEST_CASE("a target's lane is its origin's within the tenant, however the URL spells it") {
  const auto lane = lane_of("https://hooks.example/a");
  CHECK(is_direct(lane));
  CHECK(lane < std::uint64_t{1} << 63);
  CHECK(lane_of("https://hooks.example/b?c=d") == lane);
  CHECK(lane_of("https://HOOKS.example:443/") == lane);
  CHECK(lane_of("http://hooks.example/a") != lane);
  CHECK(lane_of("https://hooks.example:8443/a") != lane);
  CHECK(lane_of("https://other.example/a") != lane);
  CHECK(lane_of("https://hooks.example/a", "north") != lane);
  CHECK(lane_of("http://127.0.0.1/") == lane_of("http://0x7f.1:80/x"));
}

TEST_CASE("a target that is public only shares no lane with those that are not") {
  const Target open{.url = "https://hooks.example/a"};
  Target closed = open;
  closed.public_only = true;
  const auto endpoint = target_endpoint(closed, "", Options{});
  CHECK(is_direct(endpoint->lane));
  CHECK(endpoint->lane != lane_of("https://hooks.example/a"));
  CHECK(endpoint->allow_list() == AllowList::ignored);
  CHECK(target_endpoint(open, "", Options{})->allow_list() == AllowList::counts);
  closed.url = "https://hooks.example/b";
  CHECK(target_endpoint(closed, "", Options{})->lane == endpoint->lane);
}

TEST_CASE("lanes are the same for ever, for stores keep them") {
  CHECK(lane_of("https://hooks.example/a", "north") == 0x453f948bd842c66e);
  Target closed{.url = "https://hooks.example/a"};
  closed.public_only = true;
  CHECK(target_endpoint(closed, "north", Options{})->lane == 0x7377f3cc86946afe);
}

TEST_CASE("a lane of no subscription has its slot by its number") {
  const auto endpoint = target_endpoint({.url = "https://hooks.example/a"}, "", Options{});
  CHECK(endpoint->slot == endpoint->lane % slot_count);
  CHECK(unknown_endpoint(direct_lane | 70, Options{})->slot == 6);
}

TEST_CASE("a target's endpoint has what it says, and else what Options say") {
  Options options;
  options.headers = {{"x-a", "ours"}, {"x-b", "ours"}};
  Target target{.url = "https://hooks.example/a"};
  target.headers = {{"x-b", "its own"}};
  auto endpoint = target_endpoint(target, "north", options);
  CHECK(endpoint->retry == options.retry);
  CHECK(*find_header(endpoint->headers, "x-a") == "ours");
  CHECK(*find_header(endpoint->headers, "x-b") == "its own");
  CHECK(endpoint->signer.sign("msg_1", "1", "{}", {}).empty());
  CHECK(endpoint->subscription.id.value.empty());
  target.retry = RetryPolicy::none();
  target.secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
  endpoint = target_endpoint(target, "north", options);
  CHECK(endpoint->retry == RetryPolicy::none());
  CHECK(endpoint->signer.sign("msg_1", "1", "{}", {}).starts_with("v1,"));
}

TEST_CASE("a test has the subscription's endpoint, one attempt, and nothing that holds it back") {
  auto tested = unit::subscription("one");
  tested.enabled = false;
  tested.paused = true;
  tested.rate_limit = {0.001, 1};
  tested.ordering = Ordering::strict;
  tested.public_only = true;
  const auto its_own = unit::endpoint(tested, 7, 3);
  const auto endpoint = test_endpoint(*its_own, Options{});
  CHECK(is_direct(endpoint->lane));
  CHECK(endpoint->lane != test_endpoint(*unit::endpoint(unit::subscription("two"), 7, 3), Options{})->lane);
  CHECK(endpoint->version == 3);
  CHECK(endpoint->subscription.url == tested.url);
  CHECK(endpoint->subscription.id == tested.id);
  CHECK(endpoint->subscription.enabled);
  CHECK_FALSE(endpoint->subscription.paused);
  CHECK(endpoint->subscription.ordering == Ordering::none);
  CHECK(endpoint->allow_list() == AllowList::ignored);
  CHECK(endpoint->subscription.rate_limit.per_second == 0);
  CHECK(endpoint->retry == RetryPolicy::none());
  CHECK(endpoint->signer.sign("msg_1", "1", "{}", {}) == its_own->signer.sign("msg_1", "1", "{}", {}));
}
