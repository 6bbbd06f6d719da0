#ifndef FLYHOOK_TESTS_INTEGRATION_ATTEMPTS_HPP
#define FLYHOOK_TESTS_INTEGRATION_ATTEMPTS_HPP

#include "catch.hpp"
#include "integration/scripted_server.hpp"

#include <flyhook/publisher.hpp>

#include <cstddef>
#include <mutex>
#include <utility>
#include <vector>

// The attempts that a publisher made, as its observer saw them.

namespace flyhook::test {

class Attempts : public Observer {
 public:
  void on_attempt(const DeliveryRecord&, const Attempt& attempt) override {
    const std::lock_guard lock{mutex_};
    all_.push_back(attempt);
  }

  /// Publishes an event that one subscription gets, and waits for what becomes of it.
  Attempt after_publishing(Publisher<>& publisher, nlohmann::json data = 1) {
    const auto before = count();
    publisher.publish(Event{"order.paid", std::move(data), {}, {}});
    REQUIRE(eventually([&] { return count() > before; }));
    const std::lock_guard lock{mutex_};
    return all_.back();
  }

 private:
  std::size_t count() const {
    const std::lock_guard lock{mutex_};
    return all_.size();
  }

  mutable std::mutex mutex_;
  std::vector<Attempt> all_;
};

}  // namespace flyhook::test

#endif
