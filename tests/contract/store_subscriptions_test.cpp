#include "catch.hpp"
#include "contract/store_bytes.hpp"
#include "contract/store_session.hpp"

#include <set>
#include <string>
#include <vector>

using namespace contract;
using namespace flyhook;

// Subscriptions: written in full, changed only by who has seen the last change, their lanes never given twice.

TEST_CASE("a subscription is written only by who has seen its last version") {
  const auto& under_test = each_store();
  CAPTURE(under_test.name);
  const auto store = under_test.make();
  Subscription given = subscription("a");
  CHECK_FALSE(store->put({given}, 5).stored);
  CHECK(store->subscriptions().empty());
  const auto first = store->put({given}, 0);
  REQUIRE(first.stored);
  CHECK(first.version > 0);
  CHECK_FALSE(store->put({given}, 0).stored);

  given.url = "https://example.com/other";
  const auto second = store->put({given}, first.version);
  REQUIRE(second.stored);
  CHECK(second.version > first.version);
  CHECK(second.lane == first.lane);

  given.url = "https://example.com/stale";
  const auto stale = store->put({given}, first.version);
  CHECK_FALSE(stale.stored);
  const auto rows = store->subscriptions();
  REQUIRE(rows.size() == 1);
  CHECK(rows.front().subscription.url == "https://example.com/other");
  CHECK(rows.front().lane == first.lane);
  CHECK(rows.front().version == second.version);
}

TEST_CASE("the version grows with every change of any subscription") {
  const auto& under_test = each_store();
  CAPTURE(under_test.name);
  const auto store = under_test.make();
  const auto a = store->put({subscription("a")}, 0);
  const auto b = store->put({subscription("b")}, 0);
  CHECK(b.version > a.version);
  CHECK(b.lane != a.lane);
  const auto a2 = store->put({subscription("a")}, a.version);
  CHECK(a2.version > b.version);
  const auto removed = store->remove({"b"});
  REQUIRE(removed);
  CHECK(*removed > a2.version);
  CHECK(store->put({subscription("c")}, 0).version > *removed);
}

TEST_CASE("a lane is never given twice, not even to the same id") {
  const auto& under_test = each_store();
  CAPTURE(under_test.name);
  const auto store = under_test.make();
  std::set<std::uint64_t> lanes;
  for (int i = 0; i < 5; ++i) {
    const auto put = store->put({subscription("a")}, 0);
    REQUIRE(put.stored);
    CHECK(lanes.insert(put.lane).second);
    CHECK(lanes.insert(store->put({subscription("b" + std::to_string(i))}, 0).lane).second);
    CHECK(store->remove({"a"}));
    CHECK_FALSE(store->remove({"a"}));
  }
  CHECK(store->subscriptions().size() == 5);
}

TEST_CASE("removing an id that is unknown changes nothing") {
  const auto& under_test = each_store();
  CAPTURE(under_test.name);
  const auto store = under_test.make();
  const auto put = store->put({subscription("a")}, 0);
  CHECK_FALSE(store->remove({"b"}));
  CHECK(store->put({subscription("b")}, 0).version > put.version);
}

TEST_CASE("a subscription comes back as it was written, its secret in full") {
  const auto& under_test = each_store();
  CAPTURE(under_test.name);
  const auto store = under_test.make();
  Subscription given = subscription("full");
  given.events = {"order.*", "user.created"};
  given.tenant = std::string("ten\0ant", 7);
  given.filter = R"({"/data/total":{"$gt":1}})";
  given.headers = {{"x-a", "1"}, {"x-a", std::string("\0\xff", 2)}};
  given.encoding = Encoding::raw;
  given.rate_limit = {12.5, 3};
  given.max_in_flight = 3;
  given.ordering = Ordering::per_key;
  given.timeout = std::chrono::milliseconds{1234};
  given.retry = RetryPolicy{.schedule = {std::chrono::milliseconds{0}, std::chrono::milliseconds{7}},
                            .jitter = 0.125,
                            .max_age = std::chrono::seconds{9},
                            .stop_on = {400, 404},
                            .retry_after_cap = std::chrono::seconds{60}};
  given.description = "the CRM's";
  given.metadata = {{"", "empty"}, {"team", "crm"}};
  given.enabled = false;
  given.paused = true;
  given.disabled_reason = "410";
  given.created_at = now + std::chrono::microseconds{1};
  given.public_only = true;
  SubscriptionRow row{given};
  row.lane = 77, row.version = 88;  // not the caller's to say
  row.previous_secrets = {{std::string("whsec_new\0er", 12), now + std::chrono::hours{24} + std::chrono::microseconds{7}},
                          {"whsk_older", now}};
  const auto put = store->put(row, 0);
  REQUIRE(put.stored);
  const auto rows = store->subscriptions();
  REQUIRE(rows.size() == 1);
  CHECK(rows.front().lane == put.lane);
  CHECK(rows.front().version == put.version);
  REQUIRE(rows.front().previous_secrets.size() == 2);
  for (std::size_t i = 0; i < 2; ++i) {
    CHECK(rows.front().previous_secrets[i].secret == row.previous_secrets[i].secret);
    CHECK(rows.front().previous_secrets[i].until == row.previous_secrets[i].until);
  }
  const Subscription& back = rows.front().subscription;
  CHECK(back.url == given.url);
  CHECK(back.events == given.events);
  CHECK(back.tenant == given.tenant);
  CHECK(back.filter == given.filter);
  CHECK(back.secret == given.secret);
  CHECK(back.headers == given.headers);
  CHECK(back.encoding == given.encoding);
  CHECK(back.rate_limit == given.rate_limit);
  CHECK(back.max_in_flight == given.max_in_flight);
  CHECK(back.ordering == given.ordering);
  CHECK(back.timeout == given.timeout);
  CHECK(back.retry == given.retry);
  CHECK(back.description == given.description);
  CHECK(back.metadata == given.metadata);
  CHECK(back.id == given.id);
  CHECK(back.enabled == given.enabled);
  CHECK(back.paused == given.paused);
  CHECK(back.disabled_reason == given.disabled_reason);
  CHECK(back.created_at == given.created_at);
  CHECK(back.public_only == given.public_only);
  // Whatever member comes later is compared as well.
  CHECK((bytes_of(back) == bytes_of(given)));
}

TEST_CASE("a change replaces previous secrets as well, also by none") {
  const auto& under_test = each_store();
  CAPTURE(under_test.name);
  const auto store = under_test.make();
  SubscriptionRow row{subscription("a")};
  row.previous_secrets = {{"whsec_one", now}};
  auto put = store->put(row, 0);
  REQUIRE(put.stored);
  row.previous_secrets = {{"whsec_two", now}, {"whsec_one", now}};
  CHECK_FALSE(store->put(row, put.version + 1).stored);
  CHECK(store->subscriptions().front().previous_secrets.size() == 1);
  put = store->put(row, put.version);
  REQUIRE(put.stored);
  const auto stored = store->subscriptions().front();
  CHECK((bytes_of(stored.previous_secrets) == bytes_of(row.previous_secrets)));
  CHECK(stored.lane == put.lane);
  CHECK(stored.version == put.version);
  REQUIRE(store->put({subscription("a")}, put.version).stored);
  CHECK(store->subscriptions().front().previous_secrets.empty());
}
