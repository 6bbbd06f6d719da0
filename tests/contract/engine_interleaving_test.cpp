#include "catch.hpp"
#include "contract/engine_session.hpp"

#include <functional>
#include <memory>
#include <span>
#include <stdexcept>
#include <utility>

using namespace flyhook;
using contract::exact_waits;
using namespace std::chrono_literals;

// What happens while a store call is under way, and what a call that failed leaves to be found out.

namespace {

/// Passes everything on to a store, and lets something happen in between.
class Interrupted : public Store {
 public:
  explicit Interrupted(std::unique_ptr<Store> store) : store_(std::move(store)) {}

  StoreTraits traits() const noexcept override { return store_->traits(); }
  Ownership acquire(const std::string& owner, TimePoint now) override { return store_->acquire(owner, now); }
  void release(const std::string& owner) override { store_->release(owner); }
  AppendResult append(AppendBatch batch) override { return store_->append(std::move(batch)); }
  std::vector<LaneFetched> fetch(std::span<const LaneWant> wants, TimePoint now) override {
    auto fetched = store_->fetch(wants, now);
    if (when_fetched) when_fetched();
    return fetched;
  }
  void give_back(std::span<const Claim> claims) override { store_->give_back(claims); }
  std::vector<FinishStatus> finish(std::span<const Outcome> outcomes) override { return store_->finish(outcomes); }
  Closed close(const CloseRequest& request) override {
    if (std::exchange(fails_to_close, false)) throw std::runtime_error{"the store was told to fail"};
    return store_->close(request);
  }
  std::size_t pending() override { return store_->pending(); }
  std::vector<SubscriptionRow> subscriptions() override { return store_->subscriptions(); }
  PutResult put(const SubscriptionRow& row, std::uint64_t expected) override { return store_->put(row, expected); }
  std::optional<std::uint64_t> remove(const SubscriptionId& id) override { return store_->remove(id); }
  History& history() override { return store_->history(); }

  std::function<void()> when_fetched{};  ///< the store has answered, the engine does not know yet
  bool fails_to_close = false;           ///< once

 private:
  const std::unique_ptr<Store> store_;
};

struct Interruptible {
  explicit Interruptible(const contract::StoreUnderTest& under_test, Options options = {})
      : session({under_test.name, under_test.exact, under_test.steady,
                 [&](std::size_t) {
                   auto made = std::make_unique<Interrupted>(under_test.make());
                   store = made.get();
                   return made;
                 }},
                std::move(options)) {}

  Interrupted* store = nullptr;
  contract::EngineSession session;
};

}  // namespace

TEST_CASE("what is appended while the store is asked for more is sent on time") {
  Interruptible interruptible{contract::each_steady_store()};
  auto& session = interruptible.session;
  session.subscribe("one");
  session.publish("order.paid", 0, {.deliver_at = session.clock->now() + 1h});
  int appended = 0;
  interruptible.store->when_fetched = [&] {
    ++appended;
    session.publish("order.paid", appended, {.deliver_at = session.clock->now() + 10s});
  };
  for (int i = 0; i < 100; ++i) session.publish();  // more than a window
  session.settle();
  interruptible.store->when_fetched = nullptr;
  REQUIRE(appended > 0);
  CHECK(session.transport->requests().size() == 100);
  session.pass(10s);
  CHECK(session.transport->requests().size() == 100 + static_cast<std::size_t>(appended));
}

TEST_CASE("in strict order what is erased holds nothing back, though the store failed to cancel it first") {
  Interruptible interruptible{contract::each_steady_store(), contract::with(exact_waits({0s, 1h}))};
  auto& session = interruptible.session;
  session.publisher->subscribe({.url = "http://127.0.0.1/one", .ordering = Ordering::strict, .id = {"one"}});
  session.transport->answer(500).answer(200);
  const auto first = session.publish("order.paid", 1);
  session.publish("order.paid", 2);
  session.settle();
  CHECK(session.transport->requests().size() == 1);
  interruptible.store->fails_to_close = true;
  CHECK(session.publisher->erase(first.id));
  session.settle();
  CHECK(session.transport->requests().size() == 2);
}
