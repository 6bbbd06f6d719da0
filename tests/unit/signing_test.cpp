#include <flyhook/signing.hpp>

#include <flyhook/error.hpp>

#include "catch.hpp"
#include "unit/vectors.hpp"

#include <cstring>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

using namespace flyhook;

namespace {

/// The text or the bytes of a case.
std::string body_of(const nlohmann::json& each) {
  if (each.contains("body")) return each.at("body");
  return detail::base64_decode(each.at("body_base64").get<std::string>()).value();
}

std::optional<std::string> refusal(const std::string& secret) {
  try {
    sign(secret, "msg_1", 1, "{}");
    return std::nullopt;
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::invalid);
    CHECK(error.field() == "secret");
    return error.what();
  }
}

}  // namespace

TEST_CASE("the vectors of signing with whsec_ secrets hold") {
  int signatures = 0, refusals = 0;
  for (const auto& each : unit::cases_of("signatures.json")) {
    if (each.at("kind") != "sign") continue;
    const auto secret = each.at("secret").get<std::string>();
    if (secret.starts_with("whsk_")) continue;  // ed25519 is not built yet
    CAPTURE(each.at("name").get<std::string>(), each.at("why").get<std::string>());
    if (each.at("expect") == "error") {
      ++refusals;
      const auto what = refusal(secret);
      REQUIRE(what);
      const auto tail = secret.substr(std::min(secret.size(), secret.find('_') + 1));
      if (tail.size() > 3) CHECK(what->find(tail) == std::string::npos);
    } else {
      ++signatures;
      CHECK(sign(secret, each.at("id").get<std::string>(), each.at("timestamp"), body_of(each)) ==
            each.at("expect").get<std::string>());
    }
  }
  CHECK(signatures >= 8);
  CHECK(refusals >= 6);
}

TEST_CASE("a secret is whsec_ and the strict base64 of 24 to 64 bytes") {
  const auto secret_of = [](std::size_t bytes) { return "whsec_" + detail::base64(std::string(bytes, 'k')); };
  for (const std::size_t good : {24u, 25u, 26u, 32u, 63u, 64u}) CHECK_FALSE(refusal(secret_of(good)));
  for (const std::size_t bad : {0u, 1u, 23u, 65u, 100u}) {
    CAPTURE(bad);
    CHECK(refusal(secret_of(bad)));
  }
  const auto good = secret_of(32);
  CHECK(refusal(good + " "));
  CHECK(refusal(" " + good));
  CHECK(refusal(good + "\n"));
  CHECK(refusal(good.substr(0, good.size() - 1)));
  CHECK(refusal("WHSEC_" + good.substr(6)));
  CHECK(refusal(good.substr(6)));
  CHECK(refusal("whsec_********"));
}

TEST_CASE("a generated secret is good for signing, and each is another") {
  std::set<std::string> made;
  for (int i = 0; i < 100; ++i) {
    const auto secret = generate_secret();
    CHECK(detail::decode_secret(secret, "secret").size() == 32);
    made.insert(secret);
  }
  CHECK(made.size() == 100);
}

TEST_CASE("a secret is made of the random source that was given") {
  const auto secret = detail::generate_secret_from([](void* buffer, std::size_t size) { std::memset(buffer, 0xAB, size); });
  CHECK(detail::decode_secret(secret, "secret") == std::string(32, '\xAB'));
  CHECK_THROWS_AS(detail::generate_secret_from([](void*, std::size_t) {
                    throw Error{ErrorCode::unavailable, "random", "none left"};
                  }),
                  Error);
}

TEST_CASE("the signed content is id, timestamp and body with dots between: moving a byte changes it") {
  const auto secret = generate_secret();
  CHECK(sign(secret, "a", 1, "b") == sign(secret, "a", 1, "b"));
  CHECK(sign(secret, "a", 1, "b") != sign(secret, "a", 11, "b"));
  CHECK(sign(secret, "a", 1, "1.b") != sign(secret, "a", 11, "b"));
  CHECK(sign(secret, "a", 1, "b") != sign(secret, "ab", 1, ""));
  CHECK(sign(secret, "a", 1, "b") != sign(generate_secret(), "a", 1, "b"));
  CHECK(sign(secret, "a", -1, "b") == detail::Signer{secret}.sign("a", "-1", "b"));
}

TEST_CASE("one signer serves many threads") {
  const auto secret = generate_secret();
  const detail::Signer signer{secret};
  const auto expected = signer.sign("msg_1", "1760000000", "{}");
  CHECK(expected == sign(secret, "msg_1", 1'760'000'000, "{}"));
  std::vector<int> wrong(4, 0);
  std::vector<std::thread> threads;
  for (auto& own : wrong)
    threads.emplace_back([&signer, &expected, &own] {
      for (int i = 0; i < 500; ++i) own += signer.sign("msg_1", "1760000000", "{}") == expected ? 0 : 1;
    });
  for (auto& thread : threads) thread.join();
  CHECK(wrong == std::vector<int>(4, 0));
}
