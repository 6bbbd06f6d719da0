#include "simulation/simulated_transport.hpp"

#include <stdexcept>
#include <utility>

using namespace flyhook;

namespace simulation {

SimulatedTransport::SimulatedTransport(TransportPlan plan, std::vector<std::unique_ptr<SimulatedEndpoint>>& endpoints,
                                       std::shared_ptr<ManualClock> clock, Oracle& oracle, RunLog& log, Random random)
    : plan_(plan), clock_(std::move(clock)), oracle_(oracle), log_(log), random_(random) {
  for (const auto& endpoint : endpoints) endpoints_[endpoint->host()] = endpoint.get();
}

void SimulatedTransport::send(HttpRequest request, Completion done) {
  if (is_ended_) return done({.error = "cancelled: the transport has ended"});
  const auto host_at = request.url.find("//") + 2;
  auto& endpoint = *endpoints_.at(request.url.substr(host_at, request.url.find('/', host_at) - host_at));
  const auto request_number = oracle_.sent(request, endpoint);
  if (plan_.lie_from_step != 0 && log_.step >= plan_.lie_from_step) {
    plan_.lie_from_step = 0;
    oracle_.sent(request, endpoint);
  }
  if (random_.chance(plan_.throws)) {
    oracle_.threw();
    oracle_.answered(request_number, {.error = "protocol: thrown"});
    throw std::runtime_error{"the transport was told to fail"};
  }

  const auto now = clock_->elapsed();
  auto answer = endpoint.answer(now, clock_->now(), request.timeout);
  if (answer.delay > request.timeout) {
    answer.delay = request.timeout;
    answer.response = {.error = "timeout: no answer in time"};
  }
  if (answer.delay.count() == 0) {
    oracle_.answered(request_number, answer.response);
    const bool twice = random_.chance(plan_.answers_twice);
    done(answer.response);
    if (twice) done({.status = 500});
    return;
  }
  const auto number = next_number_++;
  const auto due = now + answer.delay;
  due_.emplace(due, number);
  under_way_.emplace(number, Exchange{request_number, due, std::move(done), std::move(answer.response)});
  clock_->call_at(due, [this, number, alive = std::weak_ptr{alive_}] {
    if (!alive.expired()) complete(number);
  });
}

void SimulatedTransport::complete(std::uint64_t number) {
  const auto at = under_way_.find(number);
  if (at == under_way_.end()) return;
  Exchange exchange = std::move(at->second);
  under_way_.erase(at);
  due_.erase({exchange.due, number});
  oracle_.answered(exchange.request, exchange.response);
  const bool twice = random_.chance(plan_.answers_twice);
  exchange.done(std::move(exchange.response));
  if (twice) exchange.done({.status = 500});
}

void SimulatedTransport::cancel_all() noexcept {
  is_ended_ = true;
  while (!under_way_.empty()) {
    const auto number = due_.begin()->second;
    under_way_.at(number).response = {.error = "cancelled: the transport has ended"};
    complete(number);
  }
}

std::vector<std::string> SimulatedTransport::resolve(const std::string& host) {
  log_.saw("resolve", {static_cast<std::uint64_t>(clock_->elapsed().count())});
  try {
    auto addresses = endpoints_.at(host)->resolve(clock_->elapsed());
    if (addresses.empty() || addresses.front() == "127.0.0.1") oracle_.could_not_resolve(host);
    return addresses;
  } catch (...) {
    oracle_.could_not_resolve(host);
    throw;
  }
}

std::chrono::nanoseconds SimulatedTransport::next_answer() const {
  return due_.empty() ? std::chrono::nanoseconds::max() : due_.begin()->first;
}

}  // namespace simulation
