// error: this type cannot be received by its type name
// It has a name and can be sent, but nothing reads it from JSON.

#include <flyhook/receiver.hpp>

struct Sent {
  static constexpr std::string_view event_type = "sent";
  int value = 0;
};
inline void to_json(nlohmann::json& json, const Sent& sent) {
  json = sent.value;
}

int main() {
  flyhook::Receiver receiver{{.secrets = {"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}}};
  receiver.on<Sent>([](const Sent&, const flyhook::Received&) {}).on("*", [](const flyhook::Event&) {});
}
