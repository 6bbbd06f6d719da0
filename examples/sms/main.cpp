// When a payment bounces, the customer gets a text message. The gateway fails once, as gateways do: the handler throws,
// the answer is 500, and flyhook comes again. A second message for one payment is never sent.

#include <flyhook/flyhook.hpp>

#include <httplib.h>

#include <chrono>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>

using namespace std::chrono_literals;

struct PaymentBounced {
  static constexpr std::string_view event_type = "payment.bounced";
  std::string payment, customer, phone, reason;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(PaymentBounced, payment, customer, phone, reason)

// Stands for the service that sends text messages. Its first call fails.
struct Gateway {
  bool has_failed = false;
  void send(const std::string& phone, const std::string& text) {
    if (!std::exchange(has_failed, true)) throw std::runtime_error{"the gateway is busy"};
    std::printf("SMS to %s: %s\n", phone.c_str(), text.c_str());
  }
};

int main() {
  const auto secret = flyhook::generate_secret();

  // The receiving side. What the handler throws makes the answer a 500, and the event comes again.
  Gateway gateway;
  flyhook::Receiver receiver{{
      .secrets = {secret},
      .on_error =
          [](const flyhook::Received& event, std::string_view what) {
            std::printf("%s: %.*s\n", event.type.c_str(), static_cast<int>(what.size()), what.data());
          },
  }};
  receiver.on<PaymentBounced>([&](const PaymentBounced& payment) {
    gateway.send(payment.phone,
                 "Dear " + payment.customer + ", your payment " + payment.payment + " bounced: " + payment.reason + ".");
  });
  httplib::Server server;
  receiver.mount(server, "/sms");
  const auto url = "http://127.0.0.1:" + std::to_string(server.bind_to_any_port("127.0.0.1")) + "/sms";
  std::thread serving{[&] { server.listen_after_bind(); }};

  // The bank. Only large sums are worth a message: the subscription's filter says so, and the others are never sent.
  {
    flyhook::Publisher<> bank{{.shutdown_timeout = 20s, .url_policy = {.allow = {"127.0.0.0/8"}}}};
    bank.subscribe({.url = url,
                    .events = {"payment.bounced"},
                    .filter = R"({"/cents": {"$gte": 10000}})",
                    .secret = secret,
                    .retry = flyhook::RetryPolicy::exponential(50ms, 2, 1s, 5)});
    const auto bounce = [&](const char* payment, int cents) {
      bank.publish({.type = "payment.bounced",
                    .data = {{"payment", payment},
                             {"customer", "Ada"},
                             {"phone", "+44 20 7946 0000"},
                             {"reason", "insufficient funds"},
                             {"cents", cents}}});
    };
    bounce("pay_1", 999);
    bounce("pay_2", 25000);
    bank.drain(20s);
  }
  server.stop();
  serving.join();
}

// Output:
// payment.bounced: the gateway is busy
// SMS to +44 20 7946 0000: Dear Ada, your payment pay_2 bounced: insufficient funds.
