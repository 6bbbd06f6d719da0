#include <flyhook/detail/security/ed25519.hpp>

#include <flyhook/detail/security/crypto.hpp>
#include <flyhook/error.hpp>

#include "catch.hpp"

#include <openssl/err.h>

#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

using namespace flyhook::detail;

namespace {

std::string bytes_of_hex(std::string_view digits) {
  std::string bytes;
  for (std::size_t i = 0; i < digits.size(); i += 2)
    bytes.push_back(static_cast<char>(std::stoi(std::string{digits.substr(i, 2)}, nullptr, 16)));
  return bytes;
}

std::string text_of(const Ed25519Signature& signature) {
  return {reinterpret_cast<const char*>(signature.data()), signature.size()};
}

struct Known {
  const char *seed, *public_key, *message, *signature;
};

// RFC 8032, 7.1: TEST 1 to 3.
const std::vector<Known> known{{"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
                                "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
                                "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701c"
                                "f9b46bd25bf5f0595bbe24655141"
                                "438e7a100b"},
                               {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
                                "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
                                "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0"
                                "f11d8c387b2eaeb4302aeeb00d29"
                                "1612bb0c00"},
                               {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
                                "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
                                "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f76098"
                                "4dc6594a7c15e9716ed28dc027be"
                                "ceea1ec40a"}};

}  // namespace

TEST_CASE("ed25519 gives what RFC 8032 says, and verifies it") {
  for (const auto& each : known) {
    const Ed25519PrivateKey key{bytes_of_hex(each.seed)};
    const auto message = bytes_of_hex(each.message);
    CHECK(hex(key.public_key()) == each.public_key);
    CHECK(hex(text_of(key.sign(message))) == each.signature);
    CHECK(Ed25519PublicKey{bytes_of_hex(each.public_key)}.verify(message, bytes_of_hex(each.signature)));
  }
}

TEST_CASE("a key of another size than 32 bytes is none") {
  for (const std::size_t size : {0u, 1u, 31u, 33u, 64u}) {
    CAPTURE(size);
    for (const bool is_private : {true, false}) {
      try {
        if (is_private)
          Ed25519PrivateKey{std::string(size, 'k')};
        else
          Ed25519PublicKey{std::string(size, 'k')};
        FAIL_CHECK("it was made");
      } catch (const flyhook::Error& error) {
        CHECK(error.code() == flyhook::ErrorCode::unavailable);
        CHECK(error.field() == "secret");
      }
    }
  }
}

TEST_CASE("a signature of another message, of another key, changed or of another size is wrong") {
  const auto& each = known[1];
  const Ed25519PublicKey key{bytes_of_hex(each.public_key)};
  const auto right = bytes_of_hex(each.signature);
  REQUIRE(key.verify("\x72", right));
  CHECK_FALSE(key.verify("", right));
  CHECK_FALSE(key.verify("\x73", right));
  CHECK_FALSE(Ed25519PublicKey{bytes_of_hex(known[0].public_key)}.verify("\x72", right));
  for (std::size_t at = 0; at < right.size(); ++at) {
    auto wrong = right;
    wrong[at] = static_cast<char>(wrong[at] ^ 1);
    CHECK_FALSE(key.verify("\x72", wrong));
  }
  CHECK_FALSE(key.verify("\x72", ""));
  CHECK_FALSE(key.verify("\x72", right.substr(1)));
  CHECK_FALSE(key.verify("\x72", right + '\0'));
}

TEST_CASE("bytes that are no point of the curve verify nothing") {
  for (const char fill : {'\x02', '\xFF'}) {
    const Ed25519PublicKey key{std::string(32, fill)};
    CHECK_FALSE(key.verify("\x72", bytes_of_hex(known[1].signature)));
    CHECK_FALSE(key.verify("\x72", std::string(64, '\0')));
  }
}

TEST_CASE("S is below the order of the group: no signature has a second form") {
  // RFC 8032, 5.1.7: S + L would satisfy the equation as well.
  const std::string order = bytes_of_hex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
  auto forged = bytes_of_hex(known[1].signature);
  unsigned carry = 0;
  for (std::size_t i = 0; i < 32; ++i) {
    carry += static_cast<unsigned char>(forged[32 + i]) + static_cast<unsigned>(static_cast<unsigned char>(order[i]));
    forged[32 + i] = static_cast<char>(carry & 0xFFu);
    carry >>= 8;
  }
  CHECK_FALSE(Ed25519PublicKey{bytes_of_hex(known[1].public_key)}.verify("\x72", forged));
}

TEST_CASE("verifying leaves the application's OpenSSL errors as they were") {
  ERR_clear_error();
  ERR_raise(ERR_LIB_USER, 7);
  const Ed25519PublicKey key{bytes_of_hex(known[1].public_key)};
  CHECK_FALSE(key.verify("x", std::string(64, '\xFF')));
  CHECK_FALSE(key.verify("x", bytes_of_hex(known[1].signature)));
  CHECK(ERR_GET_REASON(ERR_get_error()) == 7);
  CHECK(ERR_get_error() == 0);
}

TEST_CASE("ed25519 keys may be moved, and serve many threads") {
  Ed25519PrivateKey first{bytes_of_hex(known[1].seed)};
  const Ed25519PrivateKey key{std::move(first)};
  Ed25519PublicKey made{bytes_of_hex(known[1].public_key)};
  const Ed25519PublicKey public_key{std::move(made)};
  std::vector<int> wrong(4, 0);
  std::vector<std::thread> threads;
  for (auto& own : wrong)
    threads.emplace_back([&key, &public_key, &own] {
      for (int i = 0; i < 50; ++i) {
        const auto message = std::to_string(i);
        own += public_key.verify(message, text_of(key.sign(message))) ? 0 : 1;
        own += public_key.verify(message + "x", text_of(key.sign(message))) ? 1 : 0;
      }
    });
  for (auto& thread : threads) thread.join();
  CHECK(wrong == std::vector<int>(4, 0));
}
