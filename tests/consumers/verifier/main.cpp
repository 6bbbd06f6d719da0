// A program that only verifies: no engine, no JSON, no HTTP library. It links libcrypto and nothing else.

#include <flyhook/signing.hpp>
#include <flyhook/verifier.hpp>

#include <cstdio>
#include <string>

int main() {
  const std::string secret = flyhook::generate_secret();
  const std::string body = R"({"type":"order.paid"})";
  const flyhook::Verifier verifier{{.secrets = {secret}, .now = [] { return 1'700'000'000; }}};
  flyhook::Headers headers{{"webhook-id", "msg_1"},
                           {"webhook-timestamp", "1700000000"},
                           {"webhook-signature", flyhook::sign(secret, "msg_1", 1'700'000'000, body)}};
  const bool genuine = verifier.verify(headers, body).ok;
  const bool forged = verifier.verify(headers, body + " ").ok;
  std::printf("genuine: %s, forged: %s\n", genuine ? "ok" : "refused", forged ? "ok" : "refused");
  return genuine && !forged ? 0 : 1;
}
