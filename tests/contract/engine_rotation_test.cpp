#include "catch.hpp"
#include "contract/engine_session.hpp"

#include <flyhook/error.hpp>
#include <flyhook/signing.hpp>
#include <flyhook/verifier.hpp>

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

using namespace flyhook;
using contract::EngineSession;
using namespace std::chrono_literals;

// What a receiver sees of a rotation: it may change its secret at any time within the grace.

namespace {

const std::string key = "whsk_" + detail::base64(std::string(32, 'k'));

/// Publishes and lets it be sent; the request.
HttpRequest sent(EngineSession& session) {
  const auto before = session.transport->requests().size();
  session.publish();
  session.settle();
  const auto requests = session.transport->requests();
  REQUIRE(requests.size() == before + 1);
  return requests.back();
}

std::size_t signatures_of(const HttpRequest& request) {
  const auto& value = *find_header(request.headers, "webhook-signature");
  CHECK(value.find("  ") == std::string::npos);
  return 1 + static_cast<std::size_t>(std::count(value.begin(), value.end(), ' '));
}

bool verifies(const HttpRequest& request, const std::string& secret) {
  const auto time = std::stoll(*find_header(request.headers, "webhook-timestamp"));
  const Verifier verifier{{.secrets = {secret}, .now = [time] { return time; }}};
  return verifier.verify(request.headers, *request.body).ok;
}

/// The first entry is the one of `secret`.
bool is_first(const HttpRequest& request, const std::string& secret) {
  auto alone = request;
  for (auto& [name, value] : alone.headers)
    if (name == "webhook-signature") value = value.substr(0, value.find(' '));
  return verifies(alone, secret);
}

ErrorCode refusal(EngineSession& session, const SubscriptionId& id, std::chrono::seconds grace) {
  try {
    session.publisher->rotate_secret(id, grace);
    FAIL("rotated");
    return {};
  } catch (const Error& error) {
    CHECK(error.field() == (error.code() == ErrorCode::not_found ? "id" : "grace"));
    return error.code();
  }
}

}  // namespace

TEST_CASE("for a day after a rotation requests carry both signatures, the new one first; then the new one alone") {
  EngineSession session{contract::each_store()};
  const auto id = session.subscribe("one");
  CHECK(signatures_of(sent(session)) == 1);
  const auto fresh = session.publisher->rotate_secret(id);
  CHECK(fresh.starts_with("whsec_"));
  CHECK(fresh != contract::secret);
  CHECK(session.publisher->reveal_secret(id) == fresh);
  CHECK(session.publisher->subscription(id)->secret == "whsec_********");

  for (const auto wait : {0h, 12h, 11h}) {
    session.clock->advance(wait);
    const auto request = sent(session);
    CHECK(signatures_of(request) == 2);
    CHECK(is_first(request, fresh));
    CHECK(verifies(request, contract::secret));
  }
  session.clock->advance(1h);
  const auto request = sent(session);
  CHECK(signatures_of(request) == 1);
  CHECK(verifies(request, fresh));
  CHECK_FALSE(verifies(request, contract::secret));
}

TEST_CASE("which secrets sign is decided when the attempt is made, by the wall clock") {
  EngineSession session{contract::each_store()};
  const auto id = session.subscribe("one");
  session.publish();
  session.publisher->rotate_secret(id, 1h);
  session.settle();
  REQUIRE(session.transport->requests().size() == 1);
  CHECK(signatures_of(session.transport->requests()[0]) == 2);
  session.clock->jump_wall(1h);
  CHECK(signatures_of(sent(session)) == 1);
  session.clock->jump_wall(-10min);
  CHECK(signatures_of(sent(session)) == 2);
}

TEST_CASE("a grace of nothing takes effect at once") {
  EngineSession session{contract::each_store()};
  const auto id = session.subscribe("one");
  session.publisher->rotate_secret(id);
  const auto fresh = session.publisher->rotate_secret(id, 0s);
  const auto request = sent(session);
  CHECK(signatures_of(request) == 1);
  CHECK(verifies(request, fresh));
}

TEST_CASE("rotating again within the grace: three signatures at most, the oldest falls out") {
  EngineSession session{contract::each_store()};
  const auto id = session.subscribe("one");
  std::vector<std::string> secrets{contract::secret};
  for (std::size_t i = 1; i < 5; ++i) {
    secrets.push_back(session.publisher->rotate_secret(id));
    const auto request = sent(session);
    CHECK(signatures_of(request) == std::min<std::size_t>(i + 1, 3));
    CHECK(is_first(request, secrets.back()));
    for (std::size_t j = 0; j < secrets.size(); ++j) CHECK(verifies(request, secrets[j]) == (j + 3 > i));
  }
}

TEST_CASE("a subscription that signs with ed25519 rotates to another key, and only its public half is shown") {
  EngineSession session{contract::each_store()};
  const auto id = session.publisher->subscribe({.url = "http://127.0.0.1/a", .secret = key});
  const auto old_public = detail::receivers_secret(key);
  CHECK(session.publisher->reveal_secret(id) == old_public);
  CHECK(session.publisher->subscription(id)->secret == "whsk_********");
  auto request = sent(session);
  CHECK(find_header(request.headers, "webhook-signature")->starts_with("v1a,"));
  CHECK(verifies(request, old_public));

  const auto new_public = session.publisher->rotate_secret(id, 1h);
  CHECK(new_public.starts_with("whpk_"));
  CHECK(new_public != old_public);
  CHECK(session.publisher->reveal_secret(id) == new_public);
  request = sent(session);
  CHECK(signatures_of(request) == 2);
  CHECK(is_first(request, new_public));
  CHECK(verifies(request, old_public));
  session.clock->advance(1h);
  request = sent(session);
  CHECK(signatures_of(request) == 1);
  CHECK(verifies(request, new_public));
}

TEST_CASE("a rotation that cannot be is refused and changes nothing") {
  EngineSession session{contract::each_store()};
  const auto id = session.subscribe("one");
  CHECK(refusal(session, {"nobody"}, 1h) == ErrorCode::not_found);
  CHECK(refusal(session, id, -1s) == ErrorCode::invalid);
  CHECK(refusal(session, id, std::chrono::seconds::max()) == ErrorCode::invalid);
  CHECK(session.publisher->reveal_secret(id) == contract::secret);
  CHECK(signatures_of(sent(session)) == 1);
}

TEST_CASE("a program that starts with the old secret while the grace lasts does not undo the rotation") {
  EngineSession session{contract::each_store()};
  const auto id = session.subscribe("one");
  const auto fresh = session.publisher->rotate_secret(id, 1h);
  session.subscribe("one");  // with the old one
  CHECK(session.publisher->reveal_secret(id) == fresh);
  CHECK(signatures_of(sent(session)) == 2);
  session.publisher->subscribe({.url = "http://127.0.0.1/one", .id = id});  // with none
  CHECK(session.publisher->subscribe({.url = "http://127.0.0.1/one", .secret = fresh, .id = id}) ==
        id);  // with the new one
  session.publisher->update(id, {.secret = contract::secret, .description = "changed"});
  session.publisher->update(id, {.secret = ""});
  CHECK(session.publisher->reveal_secret(id) == fresh);
  CHECK(session.publisher->subscription(id)->description == "changed");
  CHECK(signatures_of(sent(session)) == 2);

  session.clock->advance(1h);
  session.subscribe("one");  // the grace is over: any other secret replaces it
  CHECK(session.publisher->reveal_secret(id) == contract::secret);
  CHECK(signatures_of(sent(session)) == 1);
}

TEST_CASE("any other secret that is given replaces the current one and ends the rotation") {
  EngineSession session{contract::each_store()};
  const auto id = session.subscribe("one");
  for (const bool by_update : {true, false}) {
    const auto fresh = session.publisher->rotate_secret(id);
    const auto other = generate_secret();
    if (by_update) {
      session.publisher->update(id, {.secret = other});
    } else {
      session.publisher->subscribe({.url = "http://127.0.0.1/one", .secret = other, .id = id});
    }
    CHECK(session.publisher->reveal_secret(id) == other);
    const auto request = sent(session);
    CHECK(signatures_of(request) == 1);
    CHECK(verifies(request, other));
    CHECK_FALSE(verifies(request, fresh));
  }
}

TEST_CASE("what only verifies, and what was read back, is refused as a secret and not stored") {
  EngineSession session{contract::each_store()};
  const auto id = session.publisher->subscribe({.url = "http://127.0.0.1/one", .secret = key, .id = {"one"}});
  for (const auto& bad : {session.publisher->subscription(id)->secret, *session.publisher->reveal_secret(id),
                          std::string{"whsec_********"}, std::string{"whsk_AAAA"}}) {
    CHECK_THROWS_AS(session.publisher->update(id, {.secret = bad}), Error);
    CHECK_THROWS_AS(session.publisher->subscribe({.url = "http://127.0.0.1/one", .secret = bad, .id = id}), Error);
  }
  CHECK(verifies(sent(session), detail::receivers_secret(key)));
}

TEST_CASE("a rotation outlives the process that made it, where the store does") {
  const auto& under_test = contract::each_store();
  CAPTURE(under_test.name);
  const std::shared_ptr<Store> store = under_test.make();
  const auto clock = std::make_shared<ManualClock>();
  Options options{.threads = 0, .url_policy = contract::internal};
  options.clock = clock;
  options.store = store;
  std::string fresh;
  {
    Publisher<> first{std::make_shared<RecordingTransport>(clock), options};
    first.subscribe({.url = "http://127.0.0.1/one", .secret = contract::secret, .id = {"one"}});
    fresh = first.rotate_secret({"one"}, 1h);
  }
  const auto transport = std::make_shared<RecordingTransport>(clock);
  Publisher<> second{transport, options};
  CHECK(second.reveal_secret({"one"}) == fresh);
  second.publish({.type = "a"});
  for (int i = 0; i < 100 && !second.settle(0ms); ++i) clock->advance(100ms);
  REQUIRE(transport->requests().size() == 1);
  CHECK(signatures_of(transport->requests()[0]) == 2);
  CHECK(verifies(transport->requests()[0], contract::secret));
  CHECK(is_first(transport->requests()[0], fresh));
}

TEST_CASE("rotations and updates by many threads at once: none is lost, and the last secret is one of theirs") {
  EngineSession session{contract::each_store()};
  const auto id = session.subscribe("one");
  constexpr std::size_t threads = 4, times = 8;
  std::vector<std::vector<std::string>> returned(threads);
  std::vector<std::thread> running;
  for (std::size_t thread = 0; thread < threads; ++thread)
    running.emplace_back([&session, &id, &returned, thread] {
      for (std::size_t i = 0; i < times; ++i) {
        returned[thread].push_back(session.publisher->rotate_secret(id));
        std::map<std::string, std::string> metadata;
        metadata["thread"] = std::to_string(thread);
        session.publisher->update(id, {.metadata = metadata});
      }
    });
  for (auto& thread : running) thread.join();
  std::set<std::string> all;
  for (const auto& each : returned) all.insert(each.begin(), each.end());
  CHECK(all.size() == threads * times);
  const auto last = session.publisher->reveal_secret(id);
  CHECK(all.contains(*last));
  CHECK(session.publisher->subscription(id)->metadata.size() == 1);
  const auto request = sent(session);
  CHECK(signatures_of(request) == 3);
  CHECK(is_first(request, *last));
}
