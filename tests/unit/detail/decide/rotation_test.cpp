#include <flyhook/detail/decide/rotation.hpp>

#include <flyhook/error.hpp>

#include "catch.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <vector>

using namespace flyhook;
using namespace flyhook::detail;
using namespace std::chrono_literals;

namespace {

const TimePoint start{std::chrono::seconds{1'760'000'000}};
const std::string a = "whsec_" + base64(std::string(24, 'a'));
const std::string b = "whsec_" + base64(std::string(24, 'b'));
const std::string c = "whsk_" + base64(std::string(32, 'c'));
const std::string d = "whsec_" + base64(std::string(24, 'd'));

Subscription with(const std::string& secret) {
  Subscription subscription;
  subscription.secret = secret;
  subscription.id = {"crm"};
  return subscription;
}

/// What a header of these secrets' signatures is.
std::string signed_by(const std::vector<std::string>& secrets) {
  std::string entries;
  for (const auto& secret : secrets) entries += (entries.empty() ? "" : " ") + sign(secret, "msg_1", 1, "{}");
  return entries;
}

std::string signature_at(const SubscriptionRow& row, TimePoint now) {
  return RotatingSigner{row.subscription.secret, row.previous_secrets}.sign("msg_1", "1", "{}", now);
}

std::optional<ErrorCode> refusal(std::chrono::seconds grace) {
  try {
    rotated(with(a), b, {}, grace, start);
    return std::nullopt;
  } catch (const Error& error) {
    CHECK(error.field() == "grace");
    return error.code();
  }
}

}  // namespace

TEST_CASE("one secret signs as sign does") {
  CHECK(RotatingSigner(a, {}).sign("msg_1", "1", "{}", start) == signed_by({a}));
  CHECK(RotatingSigner(c, {}).sign("msg_1", "1", "{}", start) == signed_by({c}));
  CHECK_THROWS_AS(RotatingSigner("whsec_x", {}), Error);
}

TEST_CASE("while a grace lasts both secrets sign, the newest first, and not a microsecond longer") {
  const auto row = rotated(with(a), b, {}, 1h, start);
  CHECK(row.subscription.secret == b);
  CHECK(row.subscription.id.value == "crm");
  REQUIRE(row.previous_secrets.size() == 1);
  CHECK(signature_at(row, start) == signed_by({b, a}));
  CHECK(signature_at(row, start + 1h - 1us) == signed_by({b, a}));
  CHECK(signature_at(row, start + 1h) == signed_by({b}));
  CHECK(signature_at(row, start + 24h) == signed_by({b}));
}

TEST_CASE("rotating again within the grace keeps each until its own end, three signatures at most") {
  const auto first = rotated(with(a), b, {}, 24h, start);
  const auto second = rotated(first.subscription, c, first.previous_secrets, 24h, start + 6h);
  CHECK(signature_at(second, start + 6h) == signed_by({c, b, a}));
  CHECK(signature_at(second, start + 24h) == signed_by({c, b}));
  CHECK(signature_at(second, start + 30h) == signed_by({c}));

  const auto third = rotated(second.subscription, d, second.previous_secrets, 1h, start + 7h);
  CHECK(third.previous_secrets.size() == 2);
  CHECK(signature_at(third, start + 7h) == signed_by({d, c, b}));
  CHECK(signature_at(third, start + 8h) == signed_by({d, b}));
  CHECK(signature_at(third, start + 30h) == signed_by({d}));
}

TEST_CASE("a rotation forgets what no longer signs") {
  const auto first = rotated(with(a), b, {}, 1h, start);
  const auto second = rotated(first.subscription, d, first.previous_secrets, 1h, start + 1h);
  REQUIRE(second.previous_secrets.size() == 1);
  CHECK(second.previous_secrets[0].secret == b);
}

TEST_CASE("a grace of 0 leaves the new secret alone, at once") {
  const auto first = rotated(with(a), b, {}, 24h, start);
  const auto second = rotated(first.subscription, d, first.previous_secrets, 0s, start + 1h);
  CHECK(second.previous_secrets.empty());
  CHECK(signature_at(second, start + 1h) == signed_by({d}));
}

TEST_CASE("a grace is 0 to 365 days") {
  CHECK_FALSE(refusal(0s));
  CHECK_FALSE(refusal(1s));
  CHECK_FALSE(refusal(24h * 365));
  CHECK(refusal(-1s) == ErrorCode::invalid);
  CHECK(refusal(24h * 365 + 1s) == ErrorCode::invalid);
  CHECK(refusal(std::chrono::seconds::max()) == ErrorCode::invalid);
  CHECK(refusal(std::chrono::seconds::min()) == ErrorCode::invalid);
}

TEST_CASE("stored by who knows better, more than three secrets still make three signatures") {
  const std::vector<PreviousSecret> stored{{b, start + 1h}, {a, start - 1s}, {c, start + 1h}, {a, start + 1h}};
  CHECK(RotatingSigner(d, stored).sign("msg_1", "1", "{}", start) == signed_by({d, b, c}));
}

TEST_CASE("a change without a secret, or with the current or a previous one, leaves the rotation as it is") {
  const std::vector<PreviousSecret> previous{{b, start + 2h}, {c, start + 1h}};
  for (const auto& given : {std::string{}, a, b, c}) {
    const auto row = with_secrets(with(given), a, previous, start);
    CHECK(row.subscription.secret == a);
    CHECK(signature_at(row, start) == signed_by({a, b, c}));
    CHECK(signature_at(row, start + 1h) == signed_by({a, b}));
  }
}

TEST_CASE("any other secret replaces it at once and ends the rotation, a previous one whose grace is over too") {
  const std::vector<PreviousSecret> previous{{b, start + 2h}, {c, start + 1h}};
  const auto other = with_secrets(with(d), a, previous, start);
  CHECK(other.previous_secrets.empty());
  CHECK(signature_at(other, start) == signed_by({d}));
  const auto late = with_secrets(with(c), a, previous, start + 1h);
  CHECK(signature_at(late, start + 1h) == signed_by({c}));
  const auto kept = with_secrets(with(""), a, previous, start + 1h);
  CHECK(kept.previous_secrets.size() == 1);  // c is forgotten
}
