#include <flyhook/verifier.hpp>

#include <flyhook/error.hpp>
#include <flyhook/signing.hpp>

#include "catch.hpp"

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

using namespace flyhook;

// What verifier_test.cpp does for v1, for the other ways to sign: v1a, GitHub's, Stripe's.

namespace {

constexpr std::int64_t now = 1'760'000'000;
const std::string body = R"({"type":"order.paid","data":{"n":1}})";
const std::string shared = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const std::string key = "whsk_" + detail::base64(std::string(32, 'k'));
const std::string public_key = detail::receivers_secret(key);
const std::string other_key = "whsk_" + detail::base64(std::string(32, 'o'));

VerifyResult verify(Scheme scheme, std::vector<std::string> secrets, const Headers& headers,
                    std::string_view content = body, std::int64_t time = now) {
  const Verifier verifier{{.scheme = scheme, .secrets = std::move(secrets), .now = [time] { return time; }}};
  const auto result = verifier.verify(headers, content);
  CHECK(result.ok == (result.reason == VerifyReason::none));
  return result;
}

Headers standard_headers(std::string signature) {
  return {{"webhook-id", "msg_1"}, {"webhook-timestamp", std::to_string(now)}, {"webhook-signature", std::move(signature)}};
}

std::string v1a(const std::string& with = key, std::string_view content = body) {
  return sign(with, "msg_1", now, content);
}

std::string hex_hmac(std::string_view with, std::initializer_list<std::string_view> parts) {
  const auto digest = detail::HmacKey{with}.sign(parts);
  return detail::hex({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

VerifyReason github(const std::string& value, std::vector<std::string> secrets = {"secret"},
                    std::string_view content = body) {
  return verify(Scheme::github, std::move(secrets), {{"X-Hub-Signature-256", value}}, content).reason;
}

std::string stripe_v1(std::string_view time = "1760000000", std::string_view with = "whsec_stripe",
                      std::string_view content = body) {
  return "v1=" + hex_hmac(with, {time, ".", content});
}

VerifyReason stripe(const std::string& value, std::vector<std::string> secrets = {"whsec_stripe"},
                    std::string_view content = body, std::int64_t time = now) {
  return verify(Scheme::stripe, std::move(secrets), {{"Stripe-Signature", value}}, content, time).reason;
}

}  // namespace

// v1a -------------------------------------------------------------------------------------------------------------------

TEST_CASE("what a whsk_ has signed its whpk_ verifies, and no other key") {
  const auto result = verify(Scheme::standard, {public_key}, standard_headers(v1a()));
  CHECK(result.ok);
  CHECK(result.id == "msg_1");
  CHECK(verify(Scheme::standard, {detail::receivers_secret(other_key)}, standard_headers(v1a())).reason ==
        VerifyReason::no_match);
  CHECK(verify(Scheme::standard, {public_key}, standard_headers(v1a()), body + " ").reason == VerifyReason::no_match);
}

TEST_CASE("whsec_ and whpk_ secrets stand beside each other, in any order, for entries in any order") {
  const auto v1 = sign(shared, "msg_1", now, body);
  const std::vector<std::vector<std::string>> orders{{shared, public_key},
                                                     {public_key, shared},
                                                     {detail::receivers_secret(other_key), public_key, shared},
                                                     {shared, detail::receivers_secret(other_key), public_key}};
  for (const auto& secrets : orders)
    for (const auto& entries : {v1, v1a(), v1 + " " + v1a(), v1a() + " " + v1, "v1,x v1a,y " + v1a(),
                                v1a(other_key) + " " + v1, v1a(other_key) + " " + v1a()})
      CHECK(verify(Scheme::standard, secrets, standard_headers(entries)).ok);
  // A signature counts under its own version only.
  CHECK_FALSE(verify(Scheme::standard, {shared, public_key}, standard_headers("v1a" + v1.substr(2))).ok);
  CHECK_FALSE(verify(Scheme::standard, {shared, public_key}, standard_headers("v1" + v1a().substr(3))).ok);
  CHECK_FALSE(verify(Scheme::standard, {shared}, standard_headers(v1a())).ok);
  CHECK_FALSE(verify(Scheme::standard, {public_key}, standard_headers(v1)).ok);
}

TEST_CASE("a v1a entry is decoded strictly") {
  const auto right = v1a();
  REQUIRE(right.ends_with("=="));
  std::string stray = right;  // the last sextet holds four bits that are nobody's
  const std::string alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  stray[stray.size() - 3] = alphabet[alphabet.find(stray[stray.size() - 3]) + 1];
  auto url_safe = right;
  for (auto& c : url_safe) c = c == '+' ? '-' : c == '/' ? '_' : c;
  for (const auto& bad :
       {stray, right.substr(0, right.size() - 1), right.substr(0, right.size() - 2), right + "=", right + "\n",
        "v1a, " + right.substr(4), "v1a" + right.substr(4), right + "," + right, std::string{"v1a,"}, std::string{"v1a"},
        "V1A" + right.substr(3), "v1a," + std::string(88, '=')}) {
    CAPTURE(bad);
    CHECK(verify(Scheme::standard, {public_key}, standard_headers(bad)).reason == VerifyReason::no_match);
  }
}

TEST_CASE("bodies are bytes under v1a, too") {
  for (const auto& bytes : {std::string{}, std::string{"\0\0", 2}, std::string{"a\0b", 3}, std::string{"\xFF\xFE"}}) {
    CHECK(verify(Scheme::standard, {public_key}, standard_headers(v1a(key, bytes)), bytes).ok);
    CHECK_FALSE(verify(Scheme::standard, {public_key}, standard_headers(v1a(key, bytes)), bytes + '\0').ok);
  }
}

TEST_CASE("a receiver is not to hold a whsk_, and is told what it needs") {
  try {
    const Verifier verifier{{.secrets = {public_key, key}}};
    FAIL("made");
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::invalid);
    CHECK(error.field() == "secrets");
    CHECK(std::string{error.what()}.find("whpk_") != std::string::npos);
    CHECK(std::string{error.what()}.find(key.substr(5, 8)) == std::string::npos);
  }
}

TEST_CASE("thousands of entries are read, and the right one is found among them") {
  std::string entries;
  for (int i = 0; i < 5000; ++i) entries += "v1," + detail::base64(std::to_string(i) + std::string(27, 'x')) + " ";
  CHECK(verify(Scheme::standard, {shared}, standard_headers(entries + sign(shared, "msg_1", now, body))).ok);
  CHECK_FALSE(verify(Scheme::standard, {shared}, standard_headers(entries)).ok);
  CHECK(verify(Scheme::standard, {public_key}, standard_headers(entries + v1a())).ok);
  std::string well_formed;
  for (int i = 0; i < 300; ++i)
    well_formed += "v1a," + detail::base64(std::to_string(100 + i) + std::string(61, 'x')) + " ";
  CHECK(verify(Scheme::standard, {public_key}, standard_headers(well_formed + v1a())).ok);
  CHECK_FALSE(verify(Scheme::standard, {public_key}, standard_headers(well_formed)).ok);
  CHECK_FALSE(verify(Scheme::standard, {shared, public_key}, standard_headers(std::string(100'000, ' '))).ok);
}

TEST_CASE("under a large body v1a entries beyond the sixteenth are verified up to a bound of work") {
  const std::string large(5u << 20, 'x');
  const auto wrong = [](int count) {
    std::string entries;
    for (int i = 0; i < count; ++i) entries += v1a(other_key, "x") + " ";
    return entries;
  };
  CHECK(verify(Scheme::standard, {public_key}, standard_headers(wrong(15) + v1a(key, large)), large).ok);
  CHECK_FALSE(verify(Scheme::standard, {public_key}, standard_headers(wrong(16) + v1a(key, large)), large).ok);
  // What cannot be a signature costs nothing, and does not count.
  std::string others;
  for (int i = 0; i < 20; ++i)
    others += "v1a,AAAA v1a," + detail::base64(std::string(63, 'x')) + " v1a," + std::string(88, '*') + " v1a, v1,x ";
  CHECK(verify(Scheme::standard, {public_key}, standard_headers(others + v1a(key, large)), large).ok);
}

// GitHub ----------------------------------------------------------------------------------------------------------------

TEST_CASE("GitHub's own example verifies") {
  // docs.github.com, "Validating webhook deliveries".
  CHECK(github("sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17", {"It's a Secret to Everybody"},
               "Hello, World!") == VerifyReason::none);
}

TEST_CASE("a GitHub signature is sha256= and 64 lower-case digits, anything else is malformed") {
  const auto right = "sha256=" + hex_hmac("secret", {body});
  CHECK(github(right) == VerifyReason::none);
  auto upper = right;
  for (auto& c : upper) c = c >= 'a' && c <= 'f' ? static_cast<char>(c - 'a' + 'A') : c;
  for (const auto& bad :
       {std::string{"x"}, std::string{"sha256="}, right.substr(7), right.substr(0, 70), right + "0", right + " ",
        " " + right, "SHA256" + right.substr(6), "sha1=" + right.substr(7), upper.replace(0, 7, "sha256="),
        right.substr(0, 70) + "g", right.substr(0, 70) + std::string(1, '\0'), right + "," + right}) {
    CAPTURE(bad);
    CHECK(github(bad) == VerifyReason::malformed);
  }
  CHECK(github("sha256=" + std::string(64, '0')) == VerifyReason::no_match);
  CHECK(github("") == VerifyReason::missing_header);
  CHECK(verify(Scheme::github, {"secret"}, {}).reason == VerifyReason::missing_header);
  CHECK(verify(Scheme::github, {"secret"}, {{"X-Hub-Signature", "sha1=" + std::string(40, '0')}}).reason ==
        VerifyReason::missing_header);
  CHECK(verify(Scheme::github, {"secret"}, {{"X-Hub-Signature-256", right}, {"x-hub-signature-256", right}}).reason ==
        VerifyReason::malformed);
  CHECK(verify(Scheme::github, {"secret"}, {{"X-Hub-Signature-256", ""}, {"x-hub-signature-256", right}}).reason ==
        VerifyReason::malformed);
}

TEST_CASE("GitHub's secret is the text itself, several may be given, and no time matters") {
  for (const auto& secret : {std::string{"whsec_x"}, std::string{"\xC3\xA9 text"}, std::string(200, 's')}) {
    const auto value = "sha256=" + hex_hmac(secret, {body});
    CHECK(github(value, {secret}) == VerifyReason::none);
    CHECK(github(value, {"other", secret}) == VerifyReason::none);
    CHECK(github(value, {secret, "other"}) == VerifyReason::none);
    CHECK(github(value, {"other"}) == VerifyReason::no_match);
    CHECK(verify(Scheme::github, {secret}, {{"x-hub-signature-256", value}}, body, 0).ok);
  }
}

TEST_CASE("what is not signed is not told: GitHub's delivery id") {
  const auto result =
      verify(Scheme::github, {"secret"},
             {{"X-GitHub-Delivery", "72d3162e"}, {"X-Hub-Signature-256", "sha256=" + hex_hmac("secret", {body})}});
  CHECK(result.ok);
  CHECK(result.id.empty());
}

TEST_CASE("bodies are bytes for GitHub and Stripe") {
  for (const auto& bytes : {std::string{}, std::string{"\0\0", 2}, std::string{"a\0b", 3}, std::string{"\xFF\xFE"}}) {
    const auto value = "sha256=" + hex_hmac("secret", {bytes});
    CHECK(github(value, {"secret"}, bytes) == VerifyReason::none);
    CHECK(github(value, {"secret"}, bytes + '\0') == VerifyReason::no_match);
    const auto signature = "t=1760000000," + stripe_v1("1760000000", "whsec_stripe", bytes);
    CHECK(stripe(signature, {"whsec_stripe"}, bytes) == VerifyReason::none);
    CHECK(stripe(signature, {"whsec_stripe"}, bytes + '\0') == VerifyReason::no_match);
  }
}

// Stripe ----------------------------------------------------------------------------------------------------------------

TEST_CASE("any v1 of a Stripe signature suffices, other schemes and garbage are passed over") {
  const auto right = stripe_v1();
  const auto zeros = "v1=" + std::string(64, '0');
  for (const auto& value : {"t=1760000000," + right, right + ",t=1760000000", "t=1760000000," + zeros + "," + right,
                            "t=1760000000," + right + "," + zeros, "v0=x,t=1760000000,,=,garbage," + right + ",v2=y,",
                            "T=1,t=1760000000," + right})
    CHECK(stripe(value) == VerifyReason::none);
  for (const auto& value : {std::string{"t=1760000000"}, "t=1760000000," + zeros, "t=1760000000,v0=" + right.substr(3),
                            "t=1760000000, " + right, "t=1760000000," + right + " ", "t=1760000000," + right.substr(0, 66),
                            "t=1760000000,V1=" + right.substr(3), "t=1760000000," + right + "0", "t=1760000000;" + right}) {
    CAPTURE(value);
    CHECK(stripe(value) != VerifyReason::none);
  }
  CHECK(stripe("t=1760000000," + zeros) == VerifyReason::no_match);
}

TEST_CASE("a Stripe signature has one t, digits that fit 63 bits") {
  const auto right = stripe_v1();
  for (const auto& bad :
       {right, "t=," + right, "t=1760000000,t=1760000000," + right, "t=1760000000,t=," + right, "t=+1760000000," + right,
        "t= 1760000000," + right, "t=1760000000 ," + right, "t=1.76e9," + right, "t=9223372036854775808," + right,
        "t=99999999999999999999999," + right, "t1760000000," + right, " t=1760000000," + right}) {
    CAPTURE(bad);
    CHECK(stripe(bad) == VerifyReason::malformed);
  }
  CHECK(stripe("") == VerifyReason::missing_header);
  CHECK(stripe("t=9223372036854775807," + right) == VerifyReason::too_new);
  CHECK(stripe("t=001760000000," + right) == VerifyReason::no_match);
  CHECK(stripe("t=001760000000," + stripe_v1("001760000000")) == VerifyReason::none);
  CHECK(verify(Scheme::stripe, {"whsec_stripe"},
               {{"Stripe-Signature", "t=1760000000," + right}, {"stripe-signature", "t=1760000000," + right}})
            .reason == VerifyReason::malformed);
}

TEST_CASE("Stripe requests are as old and as new as the tolerance allows") {
  const auto value = "t=1760000000," + stripe_v1();
  const auto at = [&](std::int64_t time) { return stripe(value, {"whsec_stripe"}, body, time); };
  CHECK(at(now + 300) == VerifyReason::none);
  CHECK(at(now + 301) == VerifyReason::too_old);
  CHECK(at(now - 300) == VerifyReason::none);
  CHECK(at(now - 301) == VerifyReason::too_new);
  CHECK(stripe("t=1760000000,v1=forged", {"whsec_stripe"}, body, now + 301) == VerifyReason::too_old);
}

TEST_CASE("Stripe's secret is the whole text, and several may be given") {
  const auto value = "t=1760000000," + stripe_v1();
  CHECK(stripe(value, {"other", "whsec_stripe"}) == VerifyReason::none);
  CHECK(stripe(value, {"whsec_stripe", "other"}) == VerifyReason::none);
  CHECK(stripe(value, {"stripe"}) == VerifyReason::no_match);
  CHECK(stripe("t=1760000000," + stripe_v1("1760000000", "stripe")) == VerifyReason::no_match);
  std::string many = "t=1760000000";
  for (int i = 0; i < 3000; ++i) many += ",v1=" + std::string(64, '1');
  CHECK(stripe(many + "," + stripe_v1()) == VerifyReason::none);
  CHECK(stripe(many) == VerifyReason::no_match);
}

TEST_CASE("each scheme asks for its own headers") {
  const Headers all{{"webhook-id", "msg_1"},
                    {"webhook-timestamp", std::to_string(now)},
                    {"webhook-signature", sign(shared, "msg_1", now, body)},
                    {"x-hub-signature-256", "sha256=" + hex_hmac("secret", {body})},
                    {"stripe-signature", "t=1760000000," + stripe_v1()}};
  CHECK(verify(Scheme::standard, {shared}, all).ok);
  CHECK(verify(Scheme::github, {"secret"}, all).ok);
  CHECK(verify(Scheme::stripe, {"whsec_stripe"}, all).ok);
  CHECK(verify(Scheme::github, {"secret"}, {all.begin(), all.begin() + 3}).reason == VerifyReason::missing_header);
  CHECK(verify(Scheme::stripe, {"whsec_stripe"}, {all.begin(), all.begin() + 4}).reason == VerifyReason::missing_header);
  CHECK(verify(Scheme::standard, {shared}, {all.begin() + 3, all.end()}).reason == VerifyReason::missing_header);
}
