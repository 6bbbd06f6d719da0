#include <flyhook/detail/security/crypto.hpp>

#include "catch.hpp"

#include <array>
#include <cstddef>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace flyhook::detail;

namespace {

std::string hex(const std::array<unsigned char, 32>& digest) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (const auto byte : digest) {
    text.push_back(digits[byte >> 4]);
    text.push_back(digits[byte & 15u]);
  }
  return text;
}

std::string hmac(std::string_view key, std::string_view text) {
  return hex(HmacKey{key}.sign({text}));
}

}  // namespace

TEST_CASE("base64 is RFC 4648's, and reads back") {
  const std::vector<std::pair<std::string, std::string>> known{{"", ""},
                                                               {"f", "Zg=="},
                                                               {"fo", "Zm8="},
                                                               {"foo", "Zm9v"},
                                                               {"foob", "Zm9vYg=="},
                                                               {"fooba", "Zm9vYmE="},
                                                               {"foobar", "Zm9vYmFy"},
                                                               {"\xFB\xFF\xBF", "+/+/"}};
  for (const auto& [bytes, text] : known) {
    CHECK(base64(bytes) == text);
    CHECK(base64_decode(text) == bytes);
  }
  for (std::size_t size = 0; size < 100; ++size) {
    std::string bytes;
    for (std::size_t i = 0; i < size; ++i) bytes.push_back(static_cast<char>(i * 37 + size));
    CHECK(base64_decode(base64(bytes)) == bytes);
  }
}

TEST_CASE("base64 that is not exactly as it would be written is refused") {
  for (const char* bad : {"Zg",   "Zg=",  "Zg===",  "Zg==Zg==", "Z",     "=",         "==",       "===",      "====",
                          "Z===", "=Zg=", "Zm9v\n", "\nZm9v",   " Zm9v", "Zm9v ",     "Zm 9v",    "Zm9v====", "Zm9=",
                          "Zh==", "Zm9-", "Zm_v",   "Zm9v!",    "Zm9*",  "Zm9vYg=\n", "\t\t\t\t", "    "}) {
    CAPTURE(bad);
    CHECK_FALSE(base64_decode(bad));
  }
  CHECK_FALSE(base64_decode(std::string_view{"Zm9\0", 4}));
  CHECK_FALSE(base64_decode("Zm9\xFF"));
}

TEST_CASE("base64 of more than a mebibyte is not read at all") {
  const std::string most(1u << 20, 'A');
  const auto read = base64_decode(most);
  REQUIRE(read);
  CHECK(read->size() == most.size() / 4 * 3);
  CHECK_FALSE(base64_decode(most + "AAAA"));
}

TEST_CASE("every byte outside the alphabet is refused at every place") {
  const std::string alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    for (std::size_t at = 0; at < 8; ++at) {
      std::string text = "Zm9vYmFy";
      text[at] = c;
      const bool is_right = alphabet.find(c) != std::string::npos;
      CAPTURE(byte, at);
      // An '=' at the end is padding, and good where no bit is left over: "Zm9vYmF=" has stray ones.
      CHECK(base64_decode(text).has_value() == is_right);
    }
  }
}

TEST_CASE("HMAC-SHA256 gives what RFC 4231 says") {
  CHECK(hmac(std::string(20, '\x0b'), "Hi There") == "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  CHECK(hmac("Jefe", "what do ya want for nothing?") == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  CHECK(hmac(std::string(20, '\xaa'), std::string(50, '\xdd')) ==
        "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
  std::string counting;
  for (char c = 1; c <= 25; ++c) counting.push_back(c);
  CHECK(hmac(counting, std::string(50, '\xcd')) == "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b");
  CHECK(hmac(std::string(20, '\x0c'), "Test With Truncation").substr(0, 32) == "a3b6167473100ee06e0c796c2955552b");
}

TEST_CASE("a key longer than a block is hashed first, as RFC 4231 says") {
  const std::string key(131, '\xaa');
  CHECK(hmac(key, "Test Using Larger Than Block-Size Key - Hash Key First") ==
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
  CHECK(hmac(key,
             "This is a test using a larger than block-size key and a larger than block-size data. The key needs to be "
             "hashed before being used by the HMAC algorithm.") ==
        "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2");
  // 64 bytes are one block and stay as they are; 65 are not.
  CHECK(hmac(std::string(64, 'k'), "x") != hmac(std::string(65, 'k'), "x"));
  CHECK(hmac("k", "x") == hmac(std::string{"k\0", 2}, "x"));
}

TEST_CASE("parts are signed as if they were one, and a key signs again and again") {
  const HmacKey key{"secret"};
  const auto whole = key.sign({"one.two.three"});
  CHECK(key.sign({"one", ".", "two", ".", "three"}) == whole);
  CHECK(key.sign({"", "one.two.", "", "three", ""}) == whole);
  CHECK(key.sign({"other"}) != whole);
  CHECK(key.sign({"one.two.three"}) == whole);
  CHECK(key.sign({}) == key.sign({""}));
}

TEST_CASE("a key may be moved") {
  HmacKey first{"secret"};
  const auto expected = first.sign({"text"});
  HmacKey second{std::move(first)};
  CHECK(second.sign({"text"}) == expected);
  HmacKey third{"other"};
  third = std::move(second);
  CHECK(third.sign({"text"}) == expected);
}

TEST_CASE("comparing in constant time is comparing") {
  CHECK(equal_in_constant_time("", ""));
  CHECK(equal_in_constant_time("abc", "abc"));
  CHECK_FALSE(equal_in_constant_time("abc", "abd"));
  CHECK_FALSE(equal_in_constant_time("abc", "ab"));
  CHECK_FALSE(equal_in_constant_time("", "a"));
  CHECK(equal_in_constant_time(std::string_view{"a\0b", 3}, std::string_view{"a\0b", 3}));
  CHECK_FALSE(equal_in_constant_time(std::string_view{"a\0b", 3}, std::string_view{"a\0c", 3}));
}

TEST_CASE("hexadecimal digits are lower case, two a byte") {
  CHECK(hex("") == "");
  CHECK(hex(std::string_view{"\0\x7f\x80\xff\x0a", 5}) == "007f80ff0a");
}

TEST_CASE("a wiped secret is empty, and its bytes are gone, those behind its end too") {
  for (std::string secret : {std::string{"whsec_something long enough not to live in the object"}, std::string{"short"}}) {
    const auto size = secret.size();
    const char* const at = secret.data();
    secret.resize(2);
    wipe(secret);
    CHECK(secret.empty());
    REQUIRE(secret.data() == at);
    CHECK(std::string(at, size) == std::string(size, '\0'));  // still the string's own memory
  }
  std::string empty;
  wipe(empty);
  CHECK(empty.empty());
}

TEST_CASE("a secret text is wiped where it was moved from, and somebody else's at the end of a scope") {
  SecretText first{"short"};
  SecretText second{std::move(first)};
  CHECK(first.text.empty());
  CHECK(second.text == "short");
  SecretText third;
  third = std::move(second);
  CHECK(third.text == "short");

  std::string given = "whsec_given";
  { const WipeAtEnd wiped{given}; }
  CHECK(given.empty());
}

TEST_CASE("random bytes are asked for in any number, and differ") {
  std::set<std::string> drawn;
  for (int i = 0; i < 50; ++i) {
    std::string bytes(32, '\0');
    openssl_random(bytes.data(), bytes.size());
    drawn.insert(bytes);
  }
  CHECK(drawn.size() == 50);
  std::string guarded(3, 'x');
  openssl_random(guarded.data() + 1, 0);
  CHECK(guarded == "xxx");
}
