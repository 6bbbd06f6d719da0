// How do I test that my webhooks survive an outage? Nothing is sent and nobody waits: the transport answers by script, time
// moves when it is told to, and with `threads = 0` everything runs inside settle(), on this thread.

#include <flyhook/publisher.hpp>
#include <flyhook/testing.hpp>

#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

using namespace std::chrono_literals;

// Tells what it sees, and when in the story that was.
class Narrator : public flyhook::Observer {
 public:
  explicit Narrator(const flyhook::Clock& clock) : clock_(clock) {}

  void say(const std::string& what) const {
    const auto s = static_cast<int>(clock_.elapsed() / 1s);
    std::printf("day %d, %02d:%02d:%02d  %s\n", s / 86'400 + 1, s / 3'600 % 24, s / 60 % 60, s % 60, what.c_str());
  }

  void on_attempt(const flyhook::DeliveryRecord& delivery, const flyhook::Attempt& attempt) override {
    say(delivery.event_id.value + (attempt.trigger == flyhook::AttemptTrigger::probe ? ", a probe: " : ": ") +
        (attempt.status != 0 ? std::to_string(attempt.status) : attempt.error));
  }
  void on_delivered(const flyhook::DeliveryRecord& delivery) override { say(delivery.event_id.value + " is delivered"); }
  void on_failing(const flyhook::Subscription& endpoint, std::string_view reason) override {
    say(endpoint.id.value + " is failing: " + std::string{reason});
  }
  void on_recovered(const flyhook::Subscription& endpoint) override { say(endpoint.id.value + " has recovered"); }

 private:
  const flyhook::Clock& clock_;
};

int main() {
  const auto clock = std::make_shared<flyhook::ManualClock>();
  const auto transport = std::make_shared<flyhook::RecordingTransport>(clock);
  const auto narrator = std::make_shared<Narrator>(*clock);
  flyhook::Options options{.threads = 0, .url_policy = {.allow = {"127.0.0.0/8"}}, .observer = narrator, .clock = clock};
  options.retry.jitter = 0;  // the same times in every run; all else is the default
  flyhook::Publisher<> shop{transport, options};
  shop.subscribe({.url = "http://127.0.0.1/hooks", .id = {"crm"}});
  const auto publish = [&](const std::string& order) { shop.publish({.type = "order.paid"}, {.id = order}); };
  const auto pass = [&](std::chrono::seconds time) {
    for (shop.settle(); time > 0s; time -= 5s) {
      clock->advance(5s);
      shop.settle();
    }
  };

  transport->fail_with("connect: refused");
  narrator->say("crm is down");
  publish("ord_1");
  pass(48h);
  publish("ord_2");  // its second attempt is the tenth failure in a row, and opens the breaker
  pass(23h + 58min);
  publish("ord_3");  // due again after 5 s, but by now one probe goes every 5 min: it waits, and spends no attempt
  pass(2min);
  transport->answer(200);
  narrator->say("crm is back");
  pass(24h);
  const auto stats = shop.stats();
  narrator->say(std::to_string(stats.delivered) + " delivered, " + std::to_string(stats.dead) + " dead");
  return stats.delivered == 3 ? 0 : 1;
}

// Output:
// day 1, 00:00:00  crm is down
// day 1, 00:00:00  ord_1: connect: refused
// day 1, 00:00:05  ord_1: connect: refused
// day 1, 00:05:05  ord_1: connect: refused
// day 1, 00:35:05  ord_1: connect: refused
// day 1, 02:35:05  ord_1: connect: refused
// day 1, 07:35:05  ord_1: connect: refused
// day 1, 17:35:05  ord_1: connect: refused
// day 2, 07:35:05  ord_1: connect: refused
// day 3, 00:00:00  ord_2: connect: refused
// day 3, 00:00:05  ord_2: connect: refused
// day 3, 00:05:05  ord_2, a probe: connect: refused
// day 3, 00:35:05  ord_2, a probe: connect: refused
// day 3, 02:35:05  ord_2, a probe: connect: refused
// day 3, 03:35:05  ord_1, a probe: connect: refused
// day 3, 07:35:05  ord_2, a probe: connect: refused
// day 3, 17:35:05  ord_2, a probe: connect: refused
// day 3, 17:35:05  crm is failing: no delivery has succeeded for 65 h
// day 3, 23:58:00  ord_3, a probe: connect: refused
// day 4, 00:00:00  crm is back
// day 4, 00:03:00  ord_3, a probe: 200
// day 4, 00:03:00  ord_3 is delivered
// day 4, 00:03:00  crm has recovered
// day 4, 03:35:05  ord_1: 200
// day 4, 03:35:05  ord_1 is delivered
// day 4, 07:35:05  ord_2: 200
// day 4, 07:35:05  ord_2 is delivered
// day 5, 00:00:00  3 delivered, 0 dead
