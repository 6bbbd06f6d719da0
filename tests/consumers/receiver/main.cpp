// A program that only receives, from the one header for it.

#include <flyhook/receiver.hpp>

#include <cstdio>
#include <string>
#include <string_view>

struct OrderPaid {
  static constexpr std::string_view event_type = "order.paid";
  std::string order_id{};
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(OrderPaid, order_id)

int main() {
  const std::string secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
  const flyhook::Verifier verifier{{.secrets = {secret}}};
  const auto result = verifier.verify(flyhook::Headers{}, std::string{"{}"});
  std::printf("unsigned: %s\n", result.ok ? "ok" : "refused");

  flyhook::Receiver receiver{{.secrets = {secret}}};
  receiver.on<OrderPaid>([](const OrderPaid&, const flyhook::Received&) {});
  const auto answer = receiver.handle("POST", "/hooks", {}, "{}");
  std::printf("unsigned: %d\n", answer.status);
  return result.reason == flyhook::VerifyReason::missing_header && answer.status == 401 ? 0 : 1;
}
