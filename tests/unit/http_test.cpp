#include <flyhook/http.hpp>

#include "catch.hpp"

#include <string>

using namespace flyhook;

TEST_CASE("a header is found by its name in any case, the first of several") {
  const Headers headers{{"X-One", "1"}, {"x-two", "2"}, {"x-TWO", "3"}, {"", "4"}};
  REQUIRE(find_header(headers, "x-one") != nullptr);
  CHECK(*find_header(headers, "x-one") == "1");
  CHECK(*find_header(headers, "X-TWO") == "2");
  CHECK(find_header(headers, "x-two") == &headers[1].second);
  CHECK(find_header(headers, "x-thre") == nullptr);
  CHECK(find_header(headers, "x-on") == nullptr);
  CHECK(find_header({}, "x-one") == nullptr);
}

TEST_CASE("only ASCII letters have a case") {
  CHECK(detail::equal_without_case("aZ-09", "Az-09"));
  CHECK_FALSE(detail::equal_without_case("a", "b"));
  CHECK_FALSE(detail::equal_without_case("a", "aa"));
  CHECK_FALSE(detail::equal_without_case("@", "`"));
  CHECK_FALSE(detail::equal_without_case("[", "{"));
  CHECK_FALSE(detail::equal_without_case("\xC4", "\xE4"));
}

TEST_CASE("a header name is a token of RFC 9110 and nothing else") {
  const std::string allowed = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    CAPTURE(byte);
    CHECK(is_header_name(std::string{c}) == (allowed.find(c) != std::string::npos));
    CHECK(is_header_name(std::string{"x"} + c + "y") == (allowed.find(c) != std::string::npos));
  }
  CHECK_FALSE(is_header_name(""));
}

TEST_CASE("a header value has no control character but tab") {
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    CAPTURE(byte);
    CHECK(is_header_value(std::string{"x"} + c + "y") == (byte == '\t' || (byte >= 0x20 && byte != 0x7F)));
  }
  CHECK(is_header_value(""));
}
