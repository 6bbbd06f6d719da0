#include "catch.hpp"
#include "contract/engine_session.hpp"

#include <flyhook/error.hpp>

#include <chrono>
#include <future>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

// The URL policy from subscribe to the request, under name servers that change their minds.

using namespace flyhook;
using contract::EngineSession;
using namespace std::chrono_literals;

namespace {

using Addresses = std::vector<std::string>;

/// Names and their addresses as they are now.
struct Names {
  std::map<std::string, Addresses> of;
  std::map<std::string, int> asked;
};

struct Guarded {
  explicit Guarded(UrlPolicy policy = {.allow = {"10.0.0.0/8"}}) {
    options.url_policy = std::move(policy);
    options.breaker = {.consecutive_failures = 1'000'000, .cool_down = 1ms};  // what is refused is seen each time
    options.resolver = [names = names](const std::string& host) {
      ++names->asked[host];
      const auto found = names->of.find(host);
      if (found == names->of.end()) throw std::runtime_error("no such host");
      return found->second;
    };
  }
  std::shared_ptr<Names> names = std::make_shared<Names>();
  Options options;
};

std::string refusal(EngineSession& session, Subscription subscription) {
  try {
    session.publisher->subscribe(std::move(subscription));
  } catch (const Error& error) {
    CHECK(error.field() == "url");
    CHECK(error.code() == ErrorCode::invalid);
    return error.what();
  }
  return {};
}

/// What each attempt connected to, or why it did not.
std::vector<std::string> outcomes(const EngineSession& session) {
  std::vector<std::string> all;
  for (const auto& delivery : session.recorder->attempted()) all.push_back(delivery.attempts.back().error);
  return all;
}

}  // namespace

TEST_CASE("subscribe refuses a URL that leads inside, and nothing is stored") {
  Guarded guarded;
  EngineSession session{contract::each_store(), guarded.options};
  guarded.names->of["inside.example"] = {"93.184.216.34", "192.168.1.1"};
  CHECK(refusal(session, {.url = "http://127.0.0.1:8000/hooks"}) ==
        "url: http://127.0.0.1:8000 is not a public address; for internal endpoints set Options::url_policy.allow = "
        "{\"127.0.0.0/8\"}");
  CHECK(refusal(session, {.url = "https://inside.example/hooks"}) ==
        "url: https://inside.example resolves to 192.168.1.1, which is not a public address; for internal endpoints set "
        "Options::url_policy.allow = {\"192.168.0.0/16\"}");
  CHECK(session.publisher->subscriptions().empty());
  CHECK(refusal(session, {.url = "http://10.1.2.3/"}).empty());
  CHECK(refusal(session, {.url = "http://93.184.216.34/"}).empty());
}

TEST_CASE("a name that does not resolve may be registered; its attempts say so, until it does") {
  Guarded guarded;
  EngineSession session{contract::each_store(), guarded.options};
  CHECK(refusal(session, {.url = "https://tomorrow.example/"}).empty());
  session.publish();
  session.settle();
  CHECK(outcomes(session) == std::vector<std::string>{"dns: tomorrow.example: no such host"});
  guarded.names->of["tomorrow.example"] = {"93.184.216.34"};
  session.clock->advance(10s);
  session.publish();
  session.settle();
  REQUIRE(session.transport->requests().size() == 1);
  CHECK(session.transport->requests()[0].addresses == Addresses{"93.184.216.34"});
}

TEST_CASE("a request says how long its addresses may still be connected to") {
  Guarded guarded;
  EngineSession session{contract::each_store(), guarded.options};
  guarded.names->of["hooks.example"] = {"93.184.216.34"};
  session.publisher->subscribe({.url = "https://hooks.example/"});
  session.publisher->subscribe({.url = "https://93.184.216.34/"});
  session.publish();
  session.settle();
  session.clock->advance(4s);
  session.publish();
  session.settle();
  std::map<std::string, std::vector<std::chrono::milliseconds>> ttls;
  for (const auto& request : session.transport->requests()) ttls[request.url].push_back(request.addresses_ttl);
  CHECK(ttls["https://hooks.example/"] == std::vector<std::chrono::milliseconds>{10s, 6s});
  CHECK(ttls["https://93.184.216.34/"] == std::vector<std::chrono::milliseconds>{15s, 15s});  // the whole exchange
}

TEST_CASE("a URL that stays as it was is not looked up again") {
  Guarded guarded;
  EngineSession session{contract::each_store(), guarded.options};
  guarded.names->of["hooks.example"] = {"93.184.216.34"};
  const Subscription subscription{.url = "https://hooks.example/", .id = {"crm"}};
  session.publisher->subscribe(subscription);
  guarded.names->of["hooks.example"] = {"127.0.0.1"};
  session.clock->advance(1h);
  CHECK_NOTHROW(session.publisher->subscribe(subscription));
  CHECK(session.publisher->update({"crm"}, {.description = "the same"}));
  CHECK(session.publisher->pause({"crm"}));
  CHECK(guarded.names->asked["hooks.example"] == 1);
}

TEST_CASE("an update to a URL that leads inside is refused, and the old one stays") {
  Guarded guarded;
  EngineSession session{contract::each_store(), guarded.options};
  session.publisher->subscribe({.url = "https://93.184.216.34/", .id = {"crm"}});
  for (const char* url : {"http://[::1]/", "http://2130706433/", "http://localhost/"}) {
    guarded.names->of["localhost"] = {"127.0.0.1"};
    CHECK_THROWS_AS(session.publisher->update({"crm"}, {.url = url, .description = "changed"}), Error);
    CHECK_FALSE(refusal(session, {.url = url, .id = {"crm"}}).empty());
  }
  CHECK(session.publisher->subscription({"crm"})->url == "https://93.184.216.34/");
  CHECK(session.publisher->subscription({"crm"})->description.empty());
}

TEST_CASE("a name that answers a public address first and an internal one later is never called there") {
  Guarded guarded;
  EngineSession session{contract::each_store(), guarded.options};
  guarded.names->of["rebind.example"] = {"93.184.216.34"};
  session.publisher->subscribe({.url = "http://rebind.example/", .id = {"rebind"}});
  session.publish();
  session.settle();

  guarded.names->of["rebind.example"] = {"127.0.0.1"};
  // In use, it is looked up anew after 5 s; what was found before counts for 10 s at the most.
  for (int i = 0; i < 20; ++i) {
    session.clock->advance(1s);
    session.publish();
    session.settle();
  }
  for (const auto& request : session.transport->requests()) CHECK(request.addresses == Addresses{"93.184.216.34"});
  const auto sent = session.transport->sent_at();
  CHECK(sent.back() - sent.front() < 10s);
  const auto all = outcomes(session);
  REQUIRE(all.size() == 21);
  CHECK(all.back() == "refused_address: 127.0.0.1 of rebind.example");
  CHECK(session.recorder->dead().size() + session.transport->requests().size() == 21);

  guarded.names->of["rebind.example"] = {"93.184.216.34"};
  session.clock->advance(10s);
  session.publish();
  session.settle();
  CHECK(outcomes(session).back().empty());
}

TEST_CASE("what was stored under another policy is judged by the one that is") {
  const auto recorder = std::make_shared<contract::Recorder>();
  const auto transport = std::make_shared<RecordingTransport>();
  Options options{.threads = 0, .url_policy = contract::internal, .store = contract::each_exact_store().make()};
  {
    Publisher publisher{std::make_shared<RecordingTransport>(), options};
    publisher.subscribe({.url = "http://127.0.0.1/", .id = {"loop"}});
    publisher.subscribe({.url = "http://93.184.216.34/", .id = {"plain"}});
  }
  options.url_policy = {.https_only = true};
  options.observer = recorder;
  Publisher publisher{transport, options};
  publisher.publish(Event{"order.paid", 1, {}, {}});
  REQUIRE(publisher.settle());
  CHECK(transport->requests().empty());
  const auto attempted = recorder->attempted();
  REQUIRE(attempted.size() == 2);
  for (const auto& delivery : attempted) CHECK(delivery.attempts.back().error == "refused_address: http");
}

TEST_CASE("from inside an observer, too, a URL is looked up before it is taken") {
  Guarded guarded;
  guarded.options.threads = 2;
  guarded.names->of["hooks.example"] = {"93.184.216.34"};
  guarded.names->of["inside.example"] = {"127.0.0.1"};
  EngineSession session{contract::each_store(), guarded.options};
  std::promise<std::string> refused;
  session.recorder->when_attempted = [&](const DeliveryRecord&) {
    refused.set_value(refusal(session, {.url = "http://inside.example/"}));
  };
  session.publisher->subscribe({.url = "http://hooks.example/"});
  session.publish();
  auto later = refused.get_future();
  REQUIRE(later.wait_for(10s) == std::future_status::ready);
  CHECK(later.get().find("127.0.0.1") != std::string::npos);
}

// Public only -----------------------------------------------------------------------------------------------------------

namespace {

Subscription strangers(std::string url) {
  Subscription subscription;
  subscription.url = std::move(url);
  subscription.id = {"stranger"};
  subscription.public_only = true;
  return subscription;
}

}  // namespace

TEST_CASE("what allow lets through is refused to a subscription that is public only, and it is not told why") {
  Guarded guarded{{.allow = {"127.0.0.0/8", "inside.example"}}};
  EngineSession session{contract::each_store(), guarded.options};
  guarded.names->of["inside.example"] = {"10.0.0.7"};
  guarded.names->of["hooks.example"] = {"93.184.216.34"};
  CHECK(refusal(session, strangers("http://127.0.0.1:8000/hooks")) == "url: http://127.0.0.1:8000 is not a public address");
  CHECK(refusal(session, strangers("https://inside.example/hooks")) ==
        "url: https://inside.example leads to an address that is not public");
  CHECK(session.publisher->subscriptions().empty());
  CHECK(refusal(session, strangers("https://hooks.example/hooks")).empty());
  CHECK(session.publisher->subscription({"stranger"})->public_only);
  CHECK(refusal(session, {.url = "http://127.0.0.1:8000/hooks"}).empty());
  CHECK(refusal(session, {.url = "https://inside.example/hooks"}).empty());
}

TEST_CASE("a public only subscription whose name comes to lead inside is not called, and its log does not say where") {
  Guarded guarded{{.allow = {"127.0.0.0/8"}}};
  EngineSession session{contract::each_store(), guarded.options};
  guarded.names->of["hooks.example"] = {"93.184.216.34"};
  session.publisher->subscribe(strangers("http://hooks.example/stranger"));
  session.publisher->subscribe({.url = "http://hooks.example/ours", .id = {"ours"}});
  session.publish();
  session.settle();
  CHECK(session.transport->requests().size() == 2);

  guarded.names->of["hooks.example"] = {"127.0.0.1"};
  session.clock->advance(10s);
  const auto event = session.publish();
  session.settle();
  const auto requests = session.transport->requests();
  REQUIRE(requests.size() == 3);
  CHECK(requests[2].url == "http://hooks.example/ours");
  CHECK(requests[2].addresses == Addresses{"127.0.0.1"});
  const auto rows = session.publisher->deliveries({.subscription_id = SubscriptionId{"stranger"}, .limit = 1});
  REQUIRE(rows.size() == 1);
  CHECK(rows[0].event_id == event.id);
  REQUIRE_FALSE(rows[0].attempts.empty());
  CHECK(rows[0].attempts.back().error == "refused_address: hooks.example");
  for (const auto& why : session.publisher->explain(event.id)) CHECK(why.reason.find("127.0.0.1") == std::string::npos);
}

TEST_CASE("a subscription that becomes public only is checked again, and what is known of its host judged anew") {
  Guarded guarded{{.allow = {"127.0.0.0/8"}}};
  EngineSession session{contract::each_steady_store(), guarded.options};
  guarded.names->of["hooks.example"] = {"127.0.0.1"};
  session.publisher->subscribe({.url = "http://hooks.example/", .id = {"stranger"}});
  session.publish();
  session.settle();
  SubscriptionPatch patch;
  patch.public_only = true;
  CHECK_THROWS_AS(session.publisher->update({"stranger"}, patch), Error);
  CHECK_FALSE(refusal(session, strangers("http://hooks.example/")).empty());
  CHECK_FALSE(session.publisher->subscription({"stranger"})->public_only);

  guarded.names->of["hooks.example"] = {"93.184.216.34"};
  session.clock->advance(10s);
  CHECK(session.publisher->update({"stranger"}, patch));
  CHECK(session.publisher->subscription({"stranger"})->public_only);
  CHECK(guarded.names->asked["hooks.example"] == 2);

  guarded.names->of["hooks.example"] = {"127.0.0.1"};
  session.clock->advance(10s);
  session.publish();
  session.settle();
  CHECK(outcomes(session).back() == "refused_address: hooks.example");
  patch.public_only = false;
  CHECK(session.publisher->update({"stranger"}, patch));
  session.publish();  // at once, by the same look-up
  session.settle();
  CHECK(guarded.names->asked["hooks.example"] == 3);
  const auto requests = session.transport->requests();
  REQUIRE(requests.size() == 2);
  CHECK(requests[1].addresses == Addresses{"127.0.0.1"});
}

TEST_CASE("a target that is public only is refused where the same URL is called without the flag") {
  Guarded guarded{{.allow = {"127.0.0.0/8"}}};
  EngineSession session{contract::each_steady_store(), guarded.options};
  guarded.names->of["callback.example"] = {"127.0.0.1"};
  Target target;
  target.url = "http://127.0.0.1:8000/callback";
  target.public_only = true;
  const auto refused = session.publisher->send(target, {"order.paid", 1, {}, {}});
  CHECK(refused.status == PublishStatus::invalid);
  CHECK(refused.reason == "url: http://127.0.0.1:8000 is not a public address");

  target.url = "http://callback.example/";
  for (const bool public_only : {false, true, false, true}) {  // in one breath, so that both share a look-up
    target.public_only = public_only;
    REQUIRE(session.publisher->send(target, {"order.paid", 1, {}, {}}));
  }
  session.settle();
  CHECK(session.transport->requests().size() == 2);
  std::vector<std::string> errors;
  for (const auto& error : outcomes(session))
    if (!error.empty()) errors.push_back(error);
  CHECK(errors == std::vector<std::string>(2, "refused_address: callback.example"));
}
