#include <flyhook/detail/security/url.hpp>

#include "catch.hpp"
#include "unit/vectors.hpp"

#include <set>
#include <string>
#include <string_view>
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
  CHECK(parsed("http://example.com:2").port == 2);
  CHECK(parsed("http://example.com:65535").port == 65535);
  CHECK(parsed("http://example.com:00080").authority() == "example.com");
  CHECK(parsed("http://example.com:" + std::string(5000, '0') + "8080").port == 8080);
  CHECK(parsed("http://[::1]:/").port == 80);
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
  CHECK(parsed("http://a/^`{|}\"<>[]'%zz%?\"<>'{}").target == "/^`{|}\"<>[]'%zz%?\"<>'{}");
}

TEST_CASE("what is not ASCII in path or query is percent-encoded, byte by byte") {
  CHECK(parsed("http://a/caf\xC3\xA9?\xE2\x82\xAC=%C3").target == "/caf%C3%A9?%E2%82%AC=%C3");
  CHECK(parsed("http://a?\xFF\x80").target == "/?%FF%80");
  CHECK(parsed("http://a/#\xC3\xA9").target == "/");
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
  CHECK(parsed("http://[::ffff:10.0.0.1]/").host == "::ffff:a00:1");
  CHECK(parsed("http://[2001:0db8:0:0:0:0:0:1]/").authority() == "[2001:db8::1]");
  for (const char* name :
       {"127.0.0.1.example.com", "1.2.3.4a", "1.2.3.4-", "1.2.3._4", "0y1", "1.0xg", "0x7f000001.a", "a.0b"}) {
    CAPTURE(name);
    CHECK_FALSE(parsed("http://" + std::string{name}).is_literal);
    CHECK(parsed("http://" + std::string{name}).host == name);
  }
}

TEST_CASE("every spelling of an IPv4 address that WHATWG reads is read, and written in one") {
  const std::vector<std::pair<std::string, std::string>> known{
      {"127.0.0.1.", "127.0.0.1"},
      {"127.1", "127.0.0.1"},
      {"127.0.1", "127.0.0.1"},
      {"127.0.258", "127.0.1.2"},
      {"2130706433", "127.0.0.1"},
      {"2130706433.", "127.0.0.1"},
      {"4294967295", "255.255.255.255"},
      {"255.16777215", "255.255.255.255"},
      {"255.255.65535", "255.255.255.255"},
      {"0x7f000001", "127.0.0.1"},
      {"0X7F000001", "127.0.0.1"},
      {"0x7F.1", "127.0.0.1"},
      {"0x7f.0x0.0x0.0x1", "127.0.0.1"},
      {"0x", "0.0.0.0"},
      {"0x.0x.0x.0x", "0.0.0.0"},
      {"0", "0.0.0.0"},
      {"00", "0.0.0.0"},
      {"0.0", "0.0.0.0"},
      {"017700000001", "127.0.0.1"},
      {"0177.0.0.1", "127.0.0.1"},
      {"0177.0x0.00.1", "127.0.0.1"},
      {"0x00000000000000000000007f.1", "127.0.0.1"},
      {std::string(1000, '0') + "177.1", "127.0.0.1"},
      {"0x" + std::string(1000, '0') + "7f.1", "127.0.0.1"},
      {"%31%32%37.0.0.1", "127.0.0.1"},
      {"127%2e0%2E0%2e1", "127.0.0.1"},
      {"%30%58%37%66.1", "127.0.0.1"},
      {"0%787f.1", "127.0.0.1"},
      {"127.0.0.1%2E", "127.0.0.1"},
  };
  for (const auto& [text, canonical] : known) {
    CAPTURE(text);
    const auto url = parsed("http://" + text + ":8080/");
    CHECK(url.is_literal);
    CHECK(url.host == canonical);
    CHECK(url.authority() == canonical + ":8080");
  }
}

TEST_CASE("a host is percent-decoded once, and in lower case") {
  CHECK(parsed("http://ex%61mple.com/").host == "example.com");
  CHECK(parsed("http://%45XAMPLE%2ecom/").host == "example.com");
  CHECK(parsed("http://%6cocalhost").host == "localhost");
  CHECK(parsed("http://XN--BCHER-KVA.example").host == "xn--bcher-kva.example");
  for (const char* bad : {"%2531.0.0.1",
                          "%",
                          "a%",
                          "a%6",
                          "a%g1",
                          "a%1g",
                          "%%61",
                          "a%00b",
                          "a%0ab",
                          "a%20b",
                          "a%25",
                          "a%2fb",
                          "a%3ab",
                          "a%3fb",
                          "a%40b",
                          "a%5bb",
                          "%5B::1%5D",
                          "%5b1%5d",
                          "a%5cb",
                          "a%7fb",
                          "%C3%A4",
                          "a%80",
                          "127%E3%80%820.0.1",
                          "%EF%BC%91",
                          "%C2%AD",
                          "%ef%bb%bflocalhost"}) {
    CAPTURE(bad);
    CHECK_FALSE(refusal("http://" + std::string{bad} + "/").empty());
  }
  for (const char* bad : {"a%80", "a\x80", "a%FF", "%C3%A4"})
    CHECK(refusal("http://" + std::string{bad} + "/").find("not ASCII") != std::string::npos);
  for (const char* bad : {"[::1", "[", "[::1]x", "::1]", "[]"}) CHECK(std::holds_alternative<std::string>(parse_host(bad)));
  // What stands behind a view is not looked at.
  CHECK(std::holds_alternative<std::string>(parse_host(std::string_view{"a%61"}.substr(0, 3))));
  CHECK(std::holds_alternative<std::string>(parse_host(std::string_view{"a%61"}.substr(0, 2))));
}

TEST_CASE("names of letters, digits, hyphens, underscores and dots are taken") {
  const std::string label(63, 'a');
  std::string longest;
  for (int i = 0; i < 3; ++i) longest.append(label).push_back('.');
  longest.append(61, 'b');
  for (const auto& good :
       {std::string{"a"}, std::string{"localhost"}, std::string{"a-b_c.d"}, std::string{"example.com."}, label, longest,
        longest + ".", std::string{"xn--bcher-kva.example"}, std::string{"3com.com"}, std::string{"-"},
        std::string{"-a-.-"}, std::string{"_"}, std::string{"r3---sn-x"}, std::string{"xn--"}, std::string{"xn--a"}}) {
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
      "http://256.0.0.1/",
      "http://1.256.1/",
      "http://1.2.65536/",
      "http://1.16777216/",
      "http://4294967296/",
      "http://0x100000000/",
      "http://040000000000/",
      "http://0x1" + std::string(200, '0') + "/",
      "http://" + std::string(7000, '9') + "/",
      "http://127.0.0.08/",
      "http://127.0.0.0x100/",
      "http://127.0.0.0x100000000000000000000000000000001/",
      "http://09/",
      "http://0x7g.1/",
      "http://foo.0x1/",
      "http://foo.0X/",
      "http://foo.1./",
      "http://1..2/",
      "http://.1/",
      "http://1.2.3.4../",
      "http://1.2.3.4.5/",
      "http://1.2.3.4.0/",
      "http://0.0.0.0.0/",
      "http://127.0.0.1.0x0/",
      "http://example.1/",
      "http://[::1/",
      "http://::1/",
      "http://[]/",
      "http://[::1]x/",
      "http://[::1]80/",
      "http://[fe80::1%25eth0]/",
      "http://[fe80::1%eth0]/",
      "http://[127.0.0.1]/",
      "http://[::127.1]/",
      "http://[::ffff:127.0.0.01]/",
      "http://[::%31]/",
      "http://[v1.fe]/",
      "http://[[::1]]/",
      "http://[::1]]/",
      "http://[/",
      "http://]/",
      "http://a[::1]/",
      "http://[::1].example.com/",
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

TEST_CASE("each of the bad ports is refused, and its neighbours are not") {
  const auto bad = unit::vectors("special_purpose.json").at("bad_ports").get<std::set<int>>();
  REQUIRE(bad.size() > 80);
  for (int port = 0; port <= 65'535; ++port) {
    const auto text = std::to_string(port);
    const bool is_bad = bad.contains(port);
    if (refusal(std::string{"http://a:"}.append(text)).empty() == is_bad) FAIL_CHECK("http, port " << port);
    if (refusal(std::string{"https://a:"}.append(text)).empty() == is_bad) FAIL_CHECK("https, port " << port);
  }
  CHECK(refusal("http://a:0022").find("22") != std::string::npos);
}

TEST_CASE("a port beyond 65535 is none, and is not taken for what is left of it in fewer bits") {
  for (const char* port : {"65536", "65616", "99999", "655360", "4294967296", "4294967376", "4294975296",
                           "18446744073709551616", "18446744073709551696"}) {
    CAPTURE(port);
    CHECK(refusal(std::string{"http://a:"}.append(port)) == "has a port that is not a number from 0 to 65535");
  }
  CHECK(refusal("http://a:" + std::string(5000, '9')) == "has a port that is not a number from 0 to 65535");
  CHECK(refusal("http://a:" + std::string(5000, '0') + "8080").empty());
}

TEST_CASE("a forbidden byte is refused wherever it stands, and no other byte is but where it means something") {
  const std::string url = "http://example.com/a?b#c";
  for (int value = 0; value < 256; ++value) {
    const bool is_bad = value <= 0x20 || value == 0x7F || value == '\\';
    for (std::size_t at = 0; at <= url.size(); ++at) {
      auto text = url;
      text.insert(at, 1, static_cast<char>(value));
      if (is_bad && refusal(text).empty()) FAIL_CHECK("byte " << value << " at " << at);
      if (!is_bad && at > 18 && !refusal(text).empty()) FAIL_CHECK("byte " << value << " at " << at);
    }
  }
}

TEST_CASE("a refusal quotes nothing of the URL") {
  for (const char* text :
       {"http://token:secret@example.com", "http://secret\\", "secret://a", "secret", "http://secret%00", "http://[secret]",
        "http://a:secret", "http://secret.1/", "http://secret\xC3\xA4/", "http://secret$/"}) {
    CAPTURE(text);
    CHECK_FALSE(refusal(text).empty());
    CHECK(refusal(text).find("secret") == std::string::npos);
  }
}

TEST_CASE("a URL has at most 8,000 bytes") {
  const std::string head = "http://example.com/";
  const std::string longest = head + std::string(8000 - head.size(), 'x');
  CHECK(refusal(longest).empty());
  CHECK_FALSE(refusal(longest + "x").empty());
}
