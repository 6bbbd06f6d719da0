#include "catch.hpp"
#include "contract/store_bytes.hpp"
#include "contract/store_session.hpp"

#include <algorithm>
#include <memory>
#include <string>

using namespace contract;
using namespace flyhook;

// Events with a recipient of their own: their lanes belong to no subscription.

namespace {

constexpr std::uint64_t lane = direct_lane | 4711;

Message to(Recipient recipient, const std::string& id) {
  Message made = message(id);
  made.recipient = std::make_shared<Recipient>(std::move(recipient));
  return made;
}

Recipient target() {
  Recipient recipient;
  recipient.target.url = "https://example.com/callback";
  recipient.target.secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
  recipient.target.headers = {{"x-tenant", "north"}};
  recipient.target.retry = RetryPolicy::none();
  recipient.target.public_only = true;
  return recipient;
}

}  // namespace

TEST_CASE("a lane of no subscription is there as soon as something is appended, and the recipient comes back whole") {
  const auto& under_test = each_store();
  CAPTURE(under_test.name);
  const auto store = under_test.make();
  StoreSession session{*store};
  const auto sent = to(target(), "x");
  session.append(Batch{}.event(sent, {{lane}}).event(to({{}, {"sub-1"}}, "y"), {{lane + 1}}));
  const auto fetched = session.fetch(lane);
  REQUIRE(fetched.size() == 1);
  REQUIRE(fetched[0].message->recipient);
  CHECK((bytes_of(*fetched[0].message->recipient) == bytes_of(*sent.recipient)));
  CHECK(session.fetch(lane + 1).at(0).message->recipient->tested == SubscriptionId{"sub-1"});
  session.deliver(lane, fetched[0].sequence);
  CHECK(session.of_event("x").at(0).subscription_id == SubscriptionId{});
  CHECK(session.of_event("y").at(0).subscription_id == SubscriptionId{"sub-1"});
  DeliveryQuery query;
  query.subscription_id = SubscriptionId{"sub-1"};
  CHECK(event_ids(session.list(query)) == std::vector<std::string>{"y"});
  CHECK(session.reopen(fetched[0].sequence).status == ReopenStatus::done);
  CHECK(event_ids(session.fetch(lane)) == std::vector<std::string>{"x"});
}

TEST_CASE("whoever takes the slots learns of lanes of no subscription where something waits") {
  const auto& under_test = each_steady_store();
  CAPTURE(under_test.name);
  const auto store = under_test.make();
  {
    StoreSession session{*store};
    session.append(Batch{}.event(to(target(), "x"), {session.taken(lane)}));
    store->release("engine-1");
  }
  StoreSession session{*store, "engine-2"};
  REQUIRE(session.work.size() == 1);
  CHECK(session.work[0].lane == lane);
  CHECK(event_ids(session.fetch(lane)) == std::vector<std::string>{"x"});
}

TEST_CASE("no subscription has missed an event with a recipient of its own") {
  const auto& under_test = each_store();
  CAPTURE(under_test.name);
  const auto store = under_test.make();
  StoreSession session{*store};
  const auto late = session.subscribe("late"), other = session.subscribe("other");
  session.append(Batch{}.event(to(target(), "x"), {{lane}}).event("y", {{other}}));
  const auto missed = session.missed({.lane = late});
  REQUIRE(missed.size() == 1);
  CHECK(missed[0].message->id.value == "y");
}

TEST_CASE("an event is found by its id, without its payload once that is erased") {
  const auto& under_test = each_store();
  CAPTURE(under_test.name);
  const auto store = under_test.make();
  StoreSession session{*store};
  const auto one = session.subscribe("one");
  session.append(
      Batch{}.event("x", {{one}}).event(to(target(), "y"), {{lane}}).event(to({{}, {"one"}}, "z"), {{lane + 1}}));
  auto& history = store->history();
  CHECK(history.event({"nobody"}) == nullptr);
  REQUIRE(history.event({"x"}));
  CHECK(history.event({"x"})->data == message("x").data);
  CHECK(history.event({"x"})->recipient == nullptr);
  CHECK(history.event({"y"})->recipient->target.url == target().target.url);
  for (const auto* id : {"x", "y", "z"}) history.erase({id});
  CHECK(history.event({"x"})->data.empty());
  CHECK(history.event({"x"})->type == "order.paid");
  CHECK(history.event({"y"})->recipient->target.url.empty());
  CHECK(history.event({"y"})->recipient->target.secret.empty());
  CHECK(history.event({"z"})->recipient->tested == SubscriptionId{"one"});
}
