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

TEST_CASE("the vectors of signing hold") {
  int shared = 0, ed25519 = 0, refusals = 0;
  for (const auto& each : unit::cases_of("signatures.json")) {
    if (each.at("kind") != "sign") continue;
    const auto secret = each.at("secret").get<std::string>();
    CAPTURE(each.at("name").get<std::string>(), each.at("why").get<std::string>());
    if (each.at("expect") == "error") {
      ++refusals;
      const auto what = refusal(secret);
      REQUIRE(what);
      const auto tail = secret.substr(std::min(secret.size(), secret.find('_') + 1));
      if (tail.size() > 3) CHECK(what->find(tail) == std::string::npos);
    } else {
      ++(secret.starts_with("whsk_") ? ed25519 : shared);
      CHECK(sign(secret, each.at("id").get<std::string>(), each.at("timestamp"), body_of(each)) ==
            each.at("expect").get<std::string>());
    }
  }
  CHECK(shared >= 8);
  CHECK(ed25519 >= 5);
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

TEST_CASE("a whsk_ is a seed, alone or with the public key that belongs to it; nothing else") {
  const std::string seed(32, 's'), other(32, 't');
  const auto whsk = [](const std::string& bytes) { return "whsk_" + detail::base64(bytes); };
  const auto public_key = detail::Ed25519PrivateKey{seed}.public_key();
  CHECK_FALSE(refusal(whsk(seed)));
  CHECK_FALSE(refusal(whsk(seed + public_key)));
  CHECK(sign(whsk(seed), "msg_1", 1, "{}") == sign(whsk(seed + public_key), "msg_1", 1, "{}"));
  CHECK(sign(whsk(seed), "msg_1", 1, "{}").starts_with("v1a,"));

  CHECK(refusal(whsk(seed + detail::Ed25519PrivateKey{other}.public_key())));
  for (std::size_t at = 0; at < 32; ++at) {
    auto wrong = public_key;
    wrong[at] = static_cast<char>(wrong[at] ^ '\x80');
    CHECK(refusal(whsk(seed + wrong)));
  }
  for (const std::size_t bad : {0u, 1u, 24u, 31u, 33u, 63u, 65u, 96u}) {
    CAPTURE(bad);
    CHECK(refusal(whsk(std::string(bad, 's'))));
  }
  CHECK(refusal(whsk(seed) + "\n"));
  CHECK(refusal("WHSK_" + whsk(seed).substr(5)));
  CHECK(refusal("whsk_********"));
  CHECK(refusal("whpk_" + detail::base64(public_key)).value().find("whsk_ signs") != std::string::npos);
  CHECK(refusal("whpk_" + detail::base64(public_key) + "x"));
}

TEST_CASE("no refusal of a secret tells it") {
  const std::string seed(32, 's');
  const auto planted = detail::base64("planted" + std::string(25, 'x'));  // what every message is searched for
  for (const auto& bad :
       {planted, "whsec_" + planted + "!", "whsec_" + planted.substr(0, 20), "whsec_" + planted + planted + planted,
        "whsk_" + planted + "=", "whsk_" + detail::base64("planted" + std::string(57, 'x')), "whpk_" + planted,
        "whpk_" + planted + "!", "whsk_" + planted.substr(0, 24)}) {
    const auto what = refusal(bad);
    REQUIRE(what);
    CHECK(what->find(planted.substr(0, 8)) == std::string::npos);
  }
}

TEST_CASE("a whpk_ is 32 bytes, no more and no less") {
  for (const std::size_t bytes : {0u, 1u, 31u, 32u, 33u, 64u}) {
    CAPTURE(bytes);
    const auto secret = "whpk_" + detail::base64(std::string(bytes, 'k'));
    if (bytes == 32) {
      CHECK(detail::decode_secret(secret, "secret").kind == detail::SecretKind::public_key);
    } else {
      CHECK(refusal(secret).value().find("32 bytes") != std::string::npos);
    }
  }
}

TEST_CASE("of a whsk_ a receiver gets the whpk_ that verifies it, of a whsec_ the secret itself") {
  const std::string seed(32, 's');
  const auto public_key = detail::Ed25519PrivateKey{seed}.public_key();
  for (const auto& bytes : {seed, seed + public_key})
    CHECK(detail::receivers_secret("whsk_" + detail::base64(bytes)) == "whpk_" + detail::base64(public_key));
  const auto shared = generate_secret();
  CHECK(detail::receivers_secret(shared) == shared);
  const auto read = detail::decode_secret("whpk_" + detail::base64(public_key), "secret");
  CHECK(read.kind == detail::SecretKind::public_key);
  CHECK(read.bytes.text == public_key);
}

TEST_CASE("a secret made like another is of its kind, of the random source, and good for signing") {
  const auto random = [](void* buffer, std::size_t size) { std::memset(buffer, 0xAB, size); };
  const auto shared = detail::generate_secret_like(generate_secret(), random);
  CHECK(shared == detail::generate_secret_from(random));
  const auto key = detail::generate_secret_like("whsk_" + detail::base64(std::string(32, 's')), random);
  const std::string seed(32, '\xAB');
  CHECK(key == "whsk_" + detail::base64(seed + detail::Ed25519PrivateKey{seed}.public_key()));
  CHECK_FALSE(refusal(key));
}

TEST_CASE("a generated secret is good for signing, and each is another") {
  std::set<std::string> made;
  for (int i = 0; i < 100; ++i) {
    const auto secret = generate_secret();
    CHECK(detail::decode_secret(secret, "secret").bytes.text.size() == 32);
    made.insert(secret);
  }
  CHECK(made.size() == 100);
}

TEST_CASE("a secret is made of the random source that was given") {
  const auto secret = detail::generate_secret_from([](void* buffer, std::size_t size) { std::memset(buffer, 0xAB, size); });
  CHECK(detail::decode_secret(secret, "secret").bytes.text == std::string(32, '\xAB'));
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
