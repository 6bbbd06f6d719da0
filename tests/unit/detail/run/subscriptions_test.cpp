#include <flyhook/detail/run/subscriptions.hpp>

#include <flyhook/error.hpp>
#include <flyhook/store/memory.hpp>

#include "catch.hpp"

#include <functional>
#include <string>
#include <utility>
#include <vector>

using namespace flyhook;
using namespace flyhook::detail;

namespace {

/// Notes which URLs are checked, and lets something happen while the first one is.
struct Session {
  bool create(const std::string& id) {
    try {
      return subscriptions.create(named(id), {}) != nullptr;
    } catch (const Error& error) {
      CHECK(error.code() == ErrorCode::conflict);
      CHECK(error.field() == "id");
      return false;
    }
  }
  static Subscription named(const std::string& id) {
    Subscription subscription;
    subscription.url = "http://hooks.example/" + id;
    subscription.id = {id};
    return subscription;
  }
  static SubscriptionPatch public_only(bool is_so) {
    SubscriptionPatch patch;
    patch.public_only = is_so;
    return patch;
  }

  Options options{};
  MemoryStore store{};
  std::vector<std::string> checked{};  ///< the path, with a * where `allow` was ignored
  std::function<void()> meanwhile{};
  Subscriptions subscriptions{options, store, {1, 2, 3, 4}, [this](const Url& url, AllowList allow) {
                                checked.push_back(url.target + (allow == AllowList::ignored ? "*" : ""));
                                if (meanwhile) std::exchange(meanwhile, nullptr)();
                              }};
};

using Checked = std::vector<std::string>;

}  // namespace

TEST_CASE("what another creates while the URL is looked up is not overwritten") {
  Session session;
  bool other_won = false;
  session.meanwhile = [&] { other_won = session.create("a"); };
  CHECK_FALSE(session.create("a"));
  CHECK(other_won);
  CHECK(session.store.subscriptions().size() == 1);
}

TEST_CASE("what another creates and removes while the URL is looked up is in nobody's way") {
  Session session;
  session.meanwhile = [&] {
    session.create("a");
    session.subscriptions.remove({"a"});
  };
  CHECK(session.create("a"));
}

TEST_CASE("an id that exists is refused before its URL is looked up") {
  Session session;
  CHECK(session.create("a"));
  session.checked.clear();
  CHECK_FALSE(session.create("a"));
  CHECK(session.checked.empty());
}

TEST_CASE("another process may have created it: the store has the last word") {
  Session session;
  SubscriptionRow row;
  row.subscription = Session::named("a");
  row.subscription.secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
  session.store.put(row, 0);
  CHECK_FALSE(session.create("a"));
  CHECK(session.subscriptions.find({"a"}) != nullptr);
}

TEST_CASE("a URL is checked when it is new or becomes public only, and not when it stays or is that no more") {
  Session session;
  session.create("a");
  CHECK(session.checked == Checked{"/a"});
  session.subscriptions.update({"a"}, Session::public_only(false), {});
  CHECK(session.checked == Checked{"/a"});
  session.subscriptions.update({"a"}, Session::public_only(true), {});
  session.subscriptions.update({"a"}, Session::public_only(true), {});
  CHECK(session.checked == Checked{"/a", "/a*"});
  SubscriptionPatch moved;
  moved.url = "http://hooks.example/b";
  session.subscriptions.update({"a"}, moved, {});
  CHECK(session.checked == Checked{"/a", "/a*", "/b*"});
  session.subscriptions.update({"a"}, Session::public_only(false), {});
  CHECK(session.checked.size() == 3);

  auto again = Session::named("a");
  bool is_new = false;
  again.url = "http://hooks.example/b";
  again.public_only = true;
  session.subscriptions.subscribe(again, {}, is_new);
  session.subscriptions.subscribe(again, {}, is_new);
  CHECK(session.checked == Checked{"/a", "/a*", "/b*", "/b*"});
}

TEST_CASE("a URL that passed is checked again where the subscription became public only meanwhile") {
  Session session;
  session.create("a");
  session.checked.clear();
  session.meanwhile = [&] { session.subscriptions.update({"a"}, Session::public_only(true), {}); };
  SubscriptionPatch moved;
  moved.url = "http://hooks.example/b";
  const auto now = session.subscriptions.update({"a"}, moved, {});
  CHECK(now->subscription.public_only);
  CHECK(session.checked == Checked{"/b", "/a*", "/b*"});
}
