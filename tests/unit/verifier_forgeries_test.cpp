#include <flyhook/verifier.hpp>

#include <flyhook/signing.hpp>

#include "catch.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

using namespace flyhook;

// Every byte of everything that is signed, and of every signature, changed in several ways: nothing of it passes.

namespace {

constexpr std::int64_t now = 1'760'000'000;
const std::string body =
    R"({"type":"order.paid","timestamp":"2025-10-09T08:53:20Z","data":{"order_id":"ord_1","cents":4200}})";

struct Genuine {
  const char* name;
  Verifier verifier;
  Headers headers;
};

std::string hex_hmac(std::string_view key, std::initializer_list<std::string_view> parts) {
  const auto digest = detail::HmacKey{key}.sign(parts);
  return detail::hex({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

/// The tolerance lets every other time pass too, so that it is the signature that refuses it.
Verifier verifier(Scheme scheme, std::vector<std::string> secrets) {
  return Verifier{{.scheme = scheme, .secrets = std::move(secrets), .tolerance = std::chrono::seconds::max(), .now = [] {
                     return now;
                   }}};
}

std::vector<Genuine> every_scheme() {
  const std::string shared = "whsec_sTvERiAqyUbGZe06mDbuzaWH+nddAJwGBqU1zSX00Jg=";
  const std::string key = "whsk_" + detail::base64(std::string(32, 'k'));
  const std::string other = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
  const auto standard = [](const std::string& secret) {
    return Headers{{"webhook-id", "msg_01J9ZK4Q8E7B6D5C4A3F2G1H0J"},
                   {"webhook-timestamp", std::to_string(now)},
                   {"webhook-signature", sign(secret, "msg_01J9ZK4Q8E7B6D5C4A3F2G1H0J", now, body)}};
  };
  std::vector<Genuine> all;
  all.push_back({"v1", verifier(Scheme::standard, {shared, other}), standard(shared)});
  all.push_back({"v1a", verifier(Scheme::standard, {other, detail::receivers_secret(key)}), standard(key)});
  all.push_back({"github",
                 verifier(Scheme::github, {"other", "secret"}),
                 {{"X-Hub-Signature-256", "sha256=" + hex_hmac("secret", {body})}}});
  all.push_back({"stripe",
                 verifier(Scheme::stripe, {"whsec_other", "whsec_stripe"}),
                 {{"Stripe-Signature",
                   "t=" + std::to_string(now) + ",v1=" + hex_hmac("whsec_stripe", {std::to_string(now), ".", body})}}});
  return all;
}

}  // namespace

TEST_CASE("a change of any byte of id, timestamp, body or signature is refused, whatever the scheme") {
  constexpr std::array<char, 10> masks{'\x01', '\x02', '\x04', '\x08', '\x10', '\x20', '\x40', '\x7F', '\x80', '\xFF'};
  std::size_t total = 0;
  for (const auto& genuine : every_scheme()) {
    CAPTURE(genuine.name);
    REQUIRE(genuine.verifier.verify(genuine.headers, body).ok);
    std::size_t refused = 0, tried = 0;
    const auto try_one = [&](const Headers& headers, const std::string& content) {
      ++tried;
      const auto result = genuine.verifier.verify(headers, content);
      if (result.ok || result.reason == VerifyReason::none || !result.id.empty()) {
        INFO(headers.back().second);
        FAIL("a forgery passed");
      }
      ++refused;
    };
    for (std::size_t field = 0; field < genuine.headers.size(); ++field)
      for (std::size_t at = 0; at < genuine.headers[field].second.size(); ++at)
        for (const char mask : masks) {
          auto forged = genuine.headers;
          forged[field].second[at] = static_cast<char>(forged[field].second[at] ^ mask);
          try_one(forged, body);
        }
    for (std::size_t at = 0; at < body.size(); ++at)
      for (const char mask : masks) {
        auto forged = body;
        forged[at] = static_cast<char>(forged[at] ^ mask);
        try_one(genuine.headers, forged);
      }
    CHECK(refused == tried);
    CHECK(tried >= 1500);
    total += refused;
  }
  CHECK(total >= 6000);
}

TEST_CASE("a byte more or less, anywhere, is refused, whatever the scheme") {
  std::size_t total = 0;
  for (const auto& genuine : every_scheme()) {
    CAPTURE(genuine.name);
    for (std::size_t field = 0; field < genuine.headers.size(); ++field) {
      const auto& value = genuine.headers[field].second;
      for (std::size_t at = 0; at <= value.size(); ++at) {
        for (const char added : {'0', 'A', '\0'}) {
          auto forged = genuine.headers;
          forged[field].second.insert(at, 1, added);
          CHECK_FALSE(genuine.verifier.verify(forged, body).ok);
          ++total;
        }
        if (at == value.size()) continue;
        auto forged = genuine.headers;
        forged[field].second.erase(at, 1);
        CHECK_FALSE(genuine.verifier.verify(forged, body).ok);
        ++total;
      }
    }
    for (std::size_t at = 0; at <= body.size(); ++at) {
      auto longer = body;
      longer.insert(at, 1, ' ');
      CHECK_FALSE(genuine.verifier.verify(genuine.headers, longer).ok);
      ++total;
      if (at == body.size()) continue;
      auto shorter = body;
      shorter.erase(at, 1);
      CHECK_FALSE(genuine.verifier.verify(genuine.headers, shorter).ok);
      ++total;
    }
    CHECK_FALSE(genuine.verifier.verify(genuine.headers, "").ok);
    REQUIRE(genuine.verifier.verify(genuine.headers, body).ok);
  }
  CHECK(total >= 2000);
}

TEST_CASE("a signature of one scheme is none of another") {
  const auto all = every_scheme();
  for (const auto& receiver : all)
    for (const auto& sender : all)
      CHECK(receiver.verifier.verify(sender.headers, body).ok == (receiver.name == sender.name));
}

TEST_CASE("bytes that move from one signed part to the next are a forgery") {
  const auto verify = [](const std::string& id, const std::string& timestamp, const std::string& content,
                         const std::string& signature) {
    return verifier(Scheme::standard, {"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"})
        .verify(Headers{{"webhook-id", id}, {"webhook-timestamp", timestamp}, {"webhook-signature", signature}}, content);
  };
  const auto signature = sign("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_1", 17, "60.{}");
  CHECK(verify("msg_1", "17", "60.{}", signature).ok);
  CHECK_FALSE(verify("msg_1", "1760", ".{}", signature).ok);
  CHECK_FALSE(verify("msg_1", "1760", "{}", signature).ok);
  CHECK_FALSE(verify("msg_1.17", "60", "60.{}", signature).ok);
  // Only an id with a dot would make this content ambiguous: flyhook makes and takes none (DESIGN, section 4).
  CHECK(verify("msg_1.17", "60", "{}", signature).ok);
}
