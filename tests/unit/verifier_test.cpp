#include <flyhook/verifier.hpp>

#include <flyhook/error.hpp>
#include <flyhook/signing.hpp>

#include "catch.hpp"
#include "unit/vectors.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

using namespace flyhook;

namespace {

constexpr std::int64_t now = 1'760'000'000;
const std::string secret = "whsec_sTvERiAqyUbGZe06mDbuzaWH+nddAJwGBqU1zSX00Jg=";
const std::string other_secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const std::string body = R"({"type":"order.paid","data":{"n":1}})";

std::string name_of(VerifyReason reason) {
  switch (reason) {
    case VerifyReason::none: return "none";
    case VerifyReason::missing_header: return "missing_header";
    case VerifyReason::malformed: return "malformed";
    case VerifyReason::too_old: return "too_old";
    case VerifyReason::too_new: return "too_new";
    case VerifyReason::no_match: return "no_match";
  }
  return "?";
}

Verifier verifier_at(std::int64_t time, std::vector<std::string> secrets = {secret}, std::int64_t tolerance = 300) {
  return Verifier{
      {.secrets = std::move(secrets), .tolerance = std::chrono::seconds{tolerance}, .now = [time] { return time; }}};
}

Headers signed_headers(std::int64_t timestamp = now, const std::string& with = secret) {
  return {{"webhook-id", "msg_1"},
          {"webhook-timestamp", std::to_string(timestamp)},
          {"webhook-signature", sign(with, "msg_1", timestamp, body)}};
}

VerifyReason reason_of(const Headers& headers, std::int64_t time = now) {
  const auto result = verifier_at(time).verify(headers, body);
  CHECK(result.ok == (result.reason == VerifyReason::none));
  CHECK(result.id == (result.ok ? "msg_1" : ""));
  return result.reason;
}

}  // namespace

TEST_CASE("the vectors of verifying hold") {
  const std::map<std::string, Scheme> schemes{
      {"standard", Scheme::standard}, {"github", Scheme::github}, {"stripe", Scheme::stripe}};
  std::map<std::string, int> genuine, refused;
  for (const auto& each : unit::cases_of("signatures.json")) {
    if (each.at("kind") != "verify") continue;
    CAPTURE(each.at("name").get<std::string>(), each.at("why").get<std::string>());
    const auto scheme = each.at("scheme").get<std::string>();
    const std::int64_t time = each.at("now");
    const Verifier verifier{{.scheme = schemes.at(scheme),
                             .secrets = each.at("secrets").get<std::vector<std::string>>(),
                             .tolerance = std::chrono::seconds{each.at("tolerance").get<std::int64_t>()},
                             .now = [time] { return time; }}};
    const auto content = each.contains("body") ? each.at("body").get<std::string>()
                                               : detail::base64_decode(each.at("body_base64").get<std::string>()).value();
    const auto headers = each.at("headers").get<Headers>();
    const auto result = verifier.verify(headers, content);
    CHECK(result.ok == each.at("ok").get<bool>());
    if (each.at("ok").get<bool>()) {
      ++genuine[scheme];
      CHECK(result.reason == VerifyReason::none);
      CHECK(result.id.empty() == (scheme != "standard"));
    } else {
      ++refused[scheme];
      const auto reasons = each.at("reasons").get<std::vector<std::string>>();
      CAPTURE(name_of(result.reason));
      CHECK(std::find(reasons.begin(), reasons.end(), name_of(result.reason)) != reasons.end());
      CHECK(result.id.empty());
    }
    // As HTTP libraries hand headers over, with what else a request has.
    std::multimap<std::string, std::string> others{{"content-type", "application/json"}, {"host", "x"}};
    for (const auto& [name, value] : headers) others.emplace(name, value);
    const auto same = verifier.verify(others, content);
    CHECK(same.ok == result.ok);
    CHECK(same.reason == result.reason);
  }
  CHECK(genuine["standard"] >= 12);
  CHECK(refused["standard"] >= 26);
  CHECK(genuine["github"] >= 2);
  CHECK(refused["github"] >= 5);
  CHECK(genuine["stripe"] >= 3);
  CHECK(refused["stripe"] >= 8);
}

TEST_CASE("what sign has signed is verified, and says which message it is") {
  const auto result = verifier_at(now).verify(signed_headers(), body);
  CHECK(result.ok);
  CHECK(result.reason == VerifyReason::none);
  CHECK(result.id == "msg_1");
}

TEST_CASE("a signature that lost or gained bytes is refused") {
  const auto headers = signed_headers();
  const auto whole = headers[2].second;
  auto forged = headers;
  for (std::size_t size = 0; size < whole.size(); ++size) {
    forged[2].second = whole.substr(0, size);
    CHECK_FALSE(verifier_at(now).verify(forged, body).ok);
  }
  for (const auto& bad :
       {whole + "=", whole + "A", "v1," + whole, whole.substr(3), "V1" + whole.substr(2), "v2" + whole.substr(2),
        "v1a" + whole.substr(2), "v1, " + whole.substr(3), std::string{" "}, std::string{"v1,"}}) {
    CAPTURE(bad);
    forged[2].second = bad;
    CHECK(reason_of(forged) == VerifyReason::no_match);
  }
}

TEST_CASE("one good entry among others suffices, wherever it stands") {
  const auto good = signed_headers()[2].second;
  auto headers = signed_headers();
  for (const auto& entries : {good + " v1,AAAA", "v1,AAAA " + good, "v1a,x " + good + " v9,y", "  " + good + "  ",
                              sign(other_secret, "msg_1", now, body) + " " + good}) {
    CAPTURE(entries);
    headers[2].second = entries;
    CHECK(reason_of(headers) == VerifyReason::none);
  }
  headers[2].second = good + "," + good;
  CHECK(reason_of(headers) == VerifyReason::no_match);
}

TEST_CASE("any of several secrets may have signed, and no other") {
  CHECK(verifier_at(now, {other_secret, secret}).verify(signed_headers(), body).ok);
  CHECK(verifier_at(now, {secret, other_secret}).verify(signed_headers(), body).ok);
  CHECK_FALSE(verifier_at(now, {other_secret}).verify(signed_headers(), body).ok);
}

TEST_CASE("a request is as old as the tolerance allows, and not a second older or newer") {
  CHECK(reason_of(signed_headers(), now + 300) == VerifyReason::none);
  CHECK(reason_of(signed_headers(), now + 301) == VerifyReason::too_old);
  CHECK(reason_of(signed_headers(), now - 300) == VerifyReason::none);
  CHECK(reason_of(signed_headers(), now - 301) == VerifyReason::too_new);
  CHECK(verifier_at(now, {secret}, 0).verify(signed_headers(), body).ok);
  CHECK(verifier_at(now + 1, {secret}, 0).verify(signed_headers(), body).reason == VerifyReason::too_old);
  CHECK(verifier_at(now - 1, {secret}, 0).verify(signed_headers(), body).reason == VerifyReason::too_new);
}

TEST_CASE("no time, however far, makes the computing overflow") {
  constexpr auto last = std::numeric_limits<std::int64_t>::max();
  constexpr auto first = std::numeric_limits<std::int64_t>::min();
  CHECK(reason_of(signed_headers(last)) == VerifyReason::too_new);
  CHECK(reason_of(signed_headers(last), last) == VerifyReason::none);
  CHECK(reason_of(signed_headers(last), first) == VerifyReason::too_new);
  CHECK(reason_of(signed_headers(0), last) == VerifyReason::too_old);
  CHECK(reason_of(signed_headers(last), 0) == VerifyReason::too_new);
  CHECK(reason_of(signed_headers(last), -1) == VerifyReason::too_new);
  CHECK(reason_of(signed_headers(0), first) == VerifyReason::too_new);
  // A clock before 1970 is no excuse: 200 s apart are more than 150.
  CHECK(verifier_at(-100, {secret}, 150).verify(signed_headers(100), body).reason == VerifyReason::too_new);
  CHECK(verifier_at(-100, {secret}, 200).verify(signed_headers(100), body).ok);
  CHECK_FALSE(verifier_at(first, {secret}, last).verify(signed_headers(0), body).ok);  // 2^63 s apart
  CHECK(verifier_at(first + 1, {secret}, last).verify(signed_headers(0), body).ok);
  CHECK(verifier_at(0, {secret}, last).verify(signed_headers(last), body).ok);
}

TEST_CASE("the timestamp is digits only and fits 63 bits") {
  for (const char* bad :
       {"9223372036854775808", "18446744073709551616", "99999999999999999999999999999999", "-1", "+1760000000",
        " 1760000000", "1760000000 ", "1760000000.0", "1.76e9", "0x68e77a00", "now", "176000000\xD9\xA0"}) {
    CAPTURE(bad);
    auto headers = signed_headers();
    headers[1].second = bad;
    const auto result = verifier_at(now).verify(headers, body);
    CHECK(result.reason == VerifyReason::malformed);
  }
  // Zeros in front change no value, but they are signed: only their sender can have put them there.
  const auto content = detail::Signer{secret}.sign("msg_1", "001760000000", body);
  CHECK(reason_of({{"webhook-id", "msg_1"}, {"webhook-timestamp", "001760000000"}, {"webhook-signature", content}}) ==
        VerifyReason::none);
  auto zeros = signed_headers();
  zeros[1].second = "001760000000";
  CHECK(reason_of(zeros) == VerifyReason::no_match);
}

TEST_CASE("each of the three headers must be there, once, and not empty") {
  for (std::size_t field = 0; field < 3; ++field) {
    auto headers = signed_headers();
    CAPTURE(headers[field].first);
    auto twice = headers;
    twice.push_back(headers[field]);
    CHECK(reason_of(twice) == VerifyReason::malformed);
    twice.back().first[0] = 'W';
    CHECK(reason_of(twice) == VerifyReason::malformed);
    auto empty = headers;
    empty[field].second.clear();
    CHECK(reason_of(empty) == VerifyReason::missing_header);
    headers.erase(headers.begin() + static_cast<std::ptrdiff_t>(field));
    CHECK(reason_of(headers) == VerifyReason::missing_header);
  }
  CHECK(reason_of({}) == VerifyReason::missing_header);
}

TEST_CASE("headers are judged before the time, and the time before the signature") {
  auto headers = signed_headers(now - 1000);
  headers[2].second = "v1,forged";
  CHECK(reason_of(headers) == VerifyReason::too_old);
  headers[1].second = "soon";
  CHECK(reason_of(headers) == VerifyReason::malformed);
  headers.erase(headers.begin());
  CHECK(reason_of(headers) == VerifyReason::missing_header);
}

TEST_CASE("svix- headers stand in where no webhook- one is there, and the two do not mix") {
  auto headers = signed_headers();
  for (auto& [name, value] : headers) name.replace(0, 7, "SVIX");
  CHECK(reason_of(headers) == VerifyReason::none);
  auto mixed = headers;
  mixed[1].first = "webhook-timestamp";
  CHECK(reason_of(mixed) == VerifyReason::missing_header);
  auto beside = headers;
  beside.push_back({"webhook-id", ""});
  CHECK(reason_of(beside) == VerifyReason::missing_header);
  // Other headers of that prefix say nothing.
  headers.push_back({"webhook-request-id", "x"});
  CHECK(reason_of(headers) == VerifyReason::none);
}

TEST_CASE("any range of pairs of strings will do: a multimap as HTTP libraries have") {
  struct WithoutCase {
    bool operator()(const std::string& a, const std::string& b) const {
      return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end(),
                                          [](char x, char y) { return detail::ascii_lower(x) < detail::ascii_lower(y); });
    }
  };
  std::multimap<std::string, std::string, WithoutCase> headers{{"Content-Type", "application/json"}, {"Host", "x"}};
  for (const auto& [name, value] : signed_headers()) headers.emplace(name, value);
  CHECK(verifier_at(now).verify(headers, body).ok);
  CHECK_FALSE(verifier_at(now).verify(headers, "").ok);
  headers.emplace("Webhook-Id", "msg_2");
  CHECK(verifier_at(now).verify(headers, body).reason == VerifyReason::malformed);

  std::vector<std::pair<std::string_view, std::string_view>> views;
  const auto owned = signed_headers();
  for (const auto& [name, value] : owned) views.emplace_back(name, value);
  CHECK(verifier_at(now).verify(views, body).ok);
  CHECK(verifier_at(now).verify(std::map<std::string, std::string>{}, body).reason == VerifyReason::missing_header);
}

TEST_CASE("bodies are bytes") {
  for (const auto& bytes : {std::string{}, std::string{"\0\0", 2}, std::string{"a\0b", 3}, std::string{"\xFF\xFE"}}) {
    const Headers headers{{"webhook-id", "msg_1"},
                          {"webhook-timestamp", std::to_string(now)},
                          {"webhook-signature", sign(secret, "msg_1", now, bytes)}};
    CHECK(verifier_at(now).verify(headers, bytes).ok);
    CHECK_FALSE(verifier_at(now).verify(headers, bytes + '\0').ok);
  }
}

TEST_CASE("without a clock of its own a verifier asks the system's") {
  const auto today =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
  const Verifier verifier{{.secrets = {secret}}};
  CHECK(verifier.verify(signed_headers(today), body).ok);
  CHECK(verifier.verify(signed_headers(today - 600), body).reason == VerifyReason::too_old);
  CHECK(verifier.verify(signed_headers(today + 600), body).reason == VerifyReason::too_new);
}

TEST_CASE("a verifier that could not verify is not made, and never tells a secret") {
  const auto refused = [](VerifierOptions options, const std::string& field, ErrorCode code) {
    try {
      const Verifier verifier{std::move(options)};
      FAIL("made");
    } catch (const Error& error) {
      CHECK(error.field() == field);
      CHECK(error.code() == code);
      CHECK(std::string{error.what()}.find("AAAA") == std::string::npos);
    }
  };
  refused({}, "secrets", ErrorCode::invalid);
  refused({.secrets = {secret, "whsec_AAAA"}}, "secrets", ErrorCode::invalid);
  refused({.secrets = {""}}, "secrets", ErrorCode::invalid);
  refused({.secrets = {secret}, .tolerance = std::chrono::seconds{-1}}, "tolerance", ErrorCode::invalid);
  refused({.scheme = Scheme::github}, "secrets", ErrorCode::invalid);
  refused({.scheme = Scheme::github, .secrets = {secret, ""}}, "secrets", ErrorCode::invalid);
  refused({.scheme = Scheme::stripe, .secrets = {""}}, "secrets", ErrorCode::invalid);
  refused({.scheme = Scheme::stripe, .secrets = {secret}, .tolerance = std::chrono::seconds{-1}}, "tolerance",
          ErrorCode::invalid);
  refused({.scheme = static_cast<Scheme>(99), .secrets = {secret}}, "scheme", ErrorCode::invalid);
  refused({.secrets = {"whpk_AAAA"}}, "secrets", ErrorCode::invalid);
  refused({.secrets = {"whsk_" + detail::base64(std::string(64, '\0'))}}, "secrets", ErrorCode::invalid);
}
