#include <flyhook/detail/security/url.hpp>

#include "catch.hpp"

#include <string>
#include <utility>
#include <variant>
#include <vector>

using namespace flyhook::detail;

namespace {

Url parsed(std::string_view text) {
  auto result = parse_url(text);
  CAPTURE(std::string{text});
  REQUIRE(std::holds_alternative<Url>(result));
  return std::get<Url>(std::move(result));
}

/// Why it is refused; empty: it is not.
std::string refusal(std::string_view text) {
  const auto result = parse_url(text);
  const auto* reason = std::get_if<std::string>(&result);
  return reason == nullptr ? std::string{} : *reason;
}

}  // namespace

TEST_CASE("a URL is taken apart into scheme, host, port and target") {
  const auto url = parsed("https://Hooks.Example.COM:8443/a/b?x=1&y=2");
  CHECK(url.is_https);
  CHECK(url.host == "hooks.example.com");
  CHECK(url.port == 8443);
  CHECK(url.target == "/a/b?x=1&y=2");
  CHECK_FALSE(url.is_literal);
  CHECK(url.authority() == "hooks.example.com:8443");
}

TEST_CASE("a scheme's default port is filled in, and left out of the authority") {
  CHECK(parsed("http://example.com").port == 80);
  CHECK(parsed("https://example.com").port == 443);
  CHECK(parsed("http://example.com:/").port == 80);
  CHECK(parsed("HTTPS://example.com").is_https);
  CHECK(parsed("hTTp://example.com:80/").authority() == "example.com");
  CHECK(parsed("https://example.com:443/").authority() == "example.com");
  CHECK(parsed("https://example.com:80/").authority() == "example.com:80");
  CHECK(parsed("http://example.com:443/").authority() == "example.com:443");
  CHECK(parsed("http://example.com:1").port == 1);
  CHECK(parsed("http://example.com:65535").port == 65535);
  CHECK(parsed("http://example.com:00080").authority() == "example.com");
}

TEST_CASE("the target is path and query as given, at least a slash, and never a fragment") {
  CHECK(parsed("http://a").target == "/");
  CHECK(parsed("http://a/").target == "/");
  CHECK(parsed("http://a?x").target == "/?x");
  CHECK(parsed("http://a#f").target == "/");
  CHECK(parsed("http://a/p#f?x").target == "/p");
  CHECK(parsed("http://a/p?x#f").target == "/p?x");
  CHECK(parsed("http://a?x#f").target == "/?x");
  CHECK(parsed("http://a/%7Euser/../b//c?q=http://b/").target == "/%7Euser/../b//c?q=http://b/");
  CHECK(parsed("http://a/@b").target == "/@b");
  CHECK(parsed("http://a/b:c").target == "/b:c");
  CHECK(parsed("http://a/\xC3\xA4").target == "/\xC3\xA4");
}

TEST_CASE("an address as host is its own only answer") {
  const auto four = parsed("http://127.0.0.1:8080/");
  CHECK(four.is_literal);
  CHECK(four.host == "127.0.0.1");
  CHECK(four.authority() == "127.0.0.1:8080");
  const auto six = parsed("https://[2001:DB8::1]:8443/x");
  CHECK(six.is_literal);
  CHECK(six.host == "2001:db8::1");
  CHECK(six.authority() == "[2001:db8::1]:8443");
  CHECK(parsed("http://[::1]").authority() == "[::1]");
  CHECK(parsed("http://[::ffff:10.0.0.1]/").host == "::ffff:10.0.0.1");
  CHECK_FALSE(parsed("http://127.0.0.1.example.com/").is_literal);
  CHECK_FALSE(parsed("http://1.2.3.4a/").is_literal);
}

TEST_CASE("names of letters, digits, hyphens, underscores and dots are taken") {
  const std::string label(63, 'a');
  for (const auto& good :
       {std::string{"a"}, std::string{"localhost"}, std::string{"a-b_c.d"}, std::string{"example.com."}, label,
        label + "." + label + "." + label + "." + std::string(61, 'b'), std::string{"xn--bcher-kva.example"},
        std::string{"3com.com"}, std::string{"a.0b"}, std::string{"-"}}) {
    CAPTURE(good);
    CHECK(parsed("http://" + good + "/").host == good);
  }
}

TEST_CASE("what is no URL that can be called is refused with a reason") {
  const std::string label(63, 'a');
  const std::vector<std::string> bad{
      "",
      "/hooks",
      "example.com/hooks",
      "//example.com/",
      "http:/example.com/",
      "http:///example.com/",
      "http:example.com",
      "http://",
      "http://?x",
      "http://#f",
      "http://:80/",
      "ftp://example.com/",
      "file:///etc/passwd",
      "javascript://example.com/",
      "httpx://example.com/",
      "https+unix://example.com/",
      "http://user@example.com/",
      "http://user:password@example.com/",
      "http://@example.com/",
      "http://example.com:80@evil.example/",
      "http://exa mple.com/",
      " http://example.com/",
      "http://example.com/ ",
      "http://example.com/a b",
      "http://example.com/\r\nx: y",
      "http://example.com/\t",
      std::string{"http://example.com/\0", 20},
      "http://example.com/\x7F",
      "http://example.com\\@evil.example/",
      "http://example.com/\\",
      "http://ex\xC3\xA4mple.com/",
      "http://%65xample.com/",
      "http://exa*mple.com/",
      "http://exa,mple.com/",
      "http://.example.com/",
      "http://example..com/",
      "http://example.com../",
      "http://./",
      "http://" + std::string(64, 'a') + ".com/",
      "http://" + label + "." + label + "." + label + "." + std::string(62, 'b') + "/",
      "http://example.com:0/",
      "http://example.com:65536/",
      "http://example.com:99999999999999999999/",
      "http://example.com:-1/",
      "http://example.com:+80/",
      "http://example.com:8x/",
      "http://example.com:80:80/",
      "http://example.com: 80/",
      "http://127.1/",
      "http://2130706433/",
      "http://0x7f000001/",
      "http://0x7f.1/",
      "http://0177.0.0.1/",
      "http://127.0.0.1./",
      "http://256.0.0.1/",
      "http://1.2.3/",
      "http://1.2.3.4.5/",
      "http://example.1/",
      "http://[::1/",
      "http://::1/",
      "http://[]/",
      "http://[::1]x/",
      "http://[::1]80/",
      "http://[fe80::1%25eth0]/",
      "http://[fe80::1%eth0]/",
      "http://[127.0.0.1]/",
      "http://[1::2::3]/",
      "http://[g::]/",
      "http://[::1]:x/",
  };
  for (const auto& text : bad) {
    CAPTURE(text);
    const auto reason = refusal(text);
    CHECK_FALSE(reason.empty());
    CHECK(reason.find("password") == std::string::npos);
  }
}

TEST_CASE("a URL has at most 8,000 bytes") {
  const std::string head = "http://example.com/";
  const std::string longest = head + std::string(8000 - head.size(), 'x');
  CHECK(refusal(longest).empty());
  CHECK_FALSE(refusal(longest + "x").empty());
}
