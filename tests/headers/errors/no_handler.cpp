// error: a handler must take (const E&, const flyhook::Received&) or (const E&)
// This one takes something else.

#include <flyhook/receiver.hpp>

int main() {
  flyhook::Receiver receiver{{.secrets = {"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}}};
  receiver.on("order.*", [](const flyhook::Event&, int) {});
}
