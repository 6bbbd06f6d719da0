// A program that only receives, from the one header for it.

#include <flyhook/receiver.hpp>

#include <cstdio>
#include <string>

int main() {
  const flyhook::Verifier verifier{{.secrets = {"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}}};
  const auto result = verifier.verify(flyhook::Headers{}, std::string{"{}"});
  std::printf("unsigned: %s\n", result.ok ? "ok" : "refused");
  return !result.ok && result.reason == flyhook::VerifyReason::missing_header ? 0 : 1;
}
