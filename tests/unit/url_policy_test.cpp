#include <flyhook/error.hpp>
#include <flyhook/url_policy.hpp>

#include "catch.hpp"
#include "unit/vectors.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>
#include <vector>

using flyhook::check_url;
using flyhook::Resolver;
using flyhook::UrlPolicy;
using flyhook::UrlStatus;
using flyhook::detail::AddressPolicy;
using flyhook::detail::AllowList;

namespace {

using Names = std::map<std::string, std::vector<std::string>>;

Resolver resolver_of(Names names) {
  return [names = std::move(names)](const std::string& host) {
    auto name = host;
    if (name.ends_with('.')) name.pop_back();
    const auto found = names.find(name);
    return found == names.end() ? std::vector<std::string>{} : found->second;
  };
}

Resolver answering(std::vector<std::string> answers) {
  return [answers = std::move(answers)](const std::string&) { return answers; };
}

Resolver unasked() {
  return [](const std::string& host) -> std::vector<std::string> {
    FAIL_CHECK("the resolver was asked for " << host);
    return {"8.8.8.8"};
  };
}

const char* word(UrlStatus status) {
  return status == UrlStatus::allow ? "allow" : status == UrlStatus::deny ? "deny" : "invalid";
}

std::string status(const std::string& url, const UrlPolicy& policy = {}, const Resolver& resolver = unasked()) {
  return word(check_url(url, policy, resolver).status);
}

std::string reason(const std::string& url, const UrlPolicy& policy = {}, const Resolver& resolver = unasked()) {
  return check_url(url, policy, resolver).reason;
}

flyhook::detail::Url parsed(const std::string& text) {
  auto result = flyhook::detail::parse_url(text);
  CAPTURE(text);
  REQUIRE(std::holds_alternative<flyhook::detail::Url>(result));
  return std::get<flyhook::detail::Url>(std::move(result));
}

}  // namespace

TEST_CASE("URLs are judged as the vectors say") {
  for (const auto& each : unit::cases_of("ssrf_urls.json")) {
    CAPTURE(each.at("name").get<std::string>(), each.at("why").get<std::string>());
    const auto& given = each.at("policy");
    const UrlPolicy policy{given.at("https_only"), given.at("allow"), given.at("deny")};
    auto names = each.at("resolve").get<Names>();
    const Resolver resolver = [&, answer = resolver_of(names)](const std::string& host) {
      CHECK(std::none_of(host.begin(), host.end(), [](char c) { return c >= 'A' && c <= 'Z'; }));
      return answer(host);
    };
    const auto verdict = check_url(each.at("url").get<std::string>(), policy, resolver);
    std::set<std::string> right{each.at("expect").get<std::string>()};
    if (each.contains("or")) right.merge(each.at("or").get<std::set<std::string>>());
    CAPTURE(verdict.reason, word(verdict.status));
    CHECK(right.contains(word(verdict.status)));
    CHECK(verdict.reason.empty() == (verdict.status == UrlStatus::allow));
    const std::set<std::string> addresses{verdict.addresses.begin(), verdict.addresses.end()};
    CHECK(addresses.size() == verdict.addresses.size());
    CHECK(addresses ==
          (each.contains("addresses") ? each.at("addresses").get<std::set<std::string>>() : std::set<std::string>{}));
  }
}

TEST_CASE("invalid is found before deny") {
  CHECK(status("ftp://127.0.0.1/", {.https_only = true}) == "invalid");
  CHECK(status("http://127.0.0.1:22/", {.https_only = true, .deny = {"127.0.0.1"}}) == "invalid");
  CHECK(status("http://evil.example:25/", {.deny = {"evil.example"}}) == "invalid");
  CHECK(status("http://127.0.0.1 /", {.allow = {"no/range"}}) == "invalid");
  CHECK(reason("http://u:secret@a/") == "the URL holds credentials: put them in a header");
}

TEST_CASE("every block of the registries is judged as a literal and as an answer") {
  const auto file = unit::vectors("special_purpose.json");
  int allowed = 0, denied = 0;
  for (const char* table : {"ipv4", "ipv6", "extra_ipv4", "extra_ipv6"})
    for (const auto& row : file.at(table)) {
      const auto cidr = row.at("cidr").get<std::string>();
      const auto base = cidr.substr(0, cidr.find('/'));
      const bool is_v6 = base.find(':') != base.npos;
      // NAT64's first address holds 0.0.0.0. No other base lies within a more specific block that says otherwise.
      const bool is_public = row.at("global") == true && cidr != "64:ff9b::/96";
      ++(is_public ? allowed : denied);
      CAPTURE(cidr);
      const auto literal = check_url(is_v6 ? "http://[" + base + "]/" : "http://" + base + "/", {}, unasked());
      const auto answer = check_url("http://a.example/", {}, answering({"8.8.8.8", base}));
      CHECK(literal.status == (is_public ? UrlStatus::allow : UrlStatus::deny));
      CHECK(answer.status == literal.status);
      if (is_public) CHECK(literal.addresses == std::vector{base});
    }
  CHECK(allowed >= 12);
  CHECK(denied >= 40);
}

TEST_CASE("a refusal names the remedy") {
  CHECK(reason("http://127.0.0.1:8000") ==
        "http://127.0.0.1:8000 is not a public address; for internal endpoints set Options::url_policy.allow = "
        "{\"127.0.0.0/8\"}");
  CHECK(reason("https://[::1]/hooks?token=secret#x") ==
        "https://[::1] is not a public address; for internal endpoints set Options::url_policy.allow = {\"::1/128\"}");
  CHECK(reason("http://hooks.internal:8080/x", {}, answering({"8.8.8.8", "10.0.0.8"})) ==
        "http://hooks.internal:8080 resolves to 10.0.0.8, which is not a public address; for internal endpoints set "
        "Options::url_policy.allow = {\"10.0.0.0/8\"}");
  CHECK(reason("http://localhost", {}, answering({"::1", "127.0.0.1"})) ==
        "http://localhost resolves to ::1, which is not a public address; for internal endpoints set "
        "Options::url_policy.allow = {\"::1/128\", \"127.0.0.0/8\"}");
}

TEST_CASE("the remedy helps, whatever address was refused") {
  const auto remedy_of = [](const std::string& text) {
    std::vector<std::string> entries;
    const auto list = text.substr(text.find('{') + 1, text.find('}') - text.find('{') - 1);
    for (std::size_t at = 0; (at = list.find('"', at)) != list.npos;) {
      const auto end = list.find('"', at + 1);
      entries.push_back(list.substr(at + 1, end - at - 1));
      at = end + 1;
    }
    return entries;
  };
  const std::vector<std::pair<std::string, std::string>> known{{"127.0.0.1", "127.0.0.0/8"},
                                                               {"0.0.0.0", "0.0.0.0/32"},
                                                               {"0.0.0.1", "0.0.0.0/8"},
                                                               {"192.0.0.7", "192.0.0.0/29"},
                                                               {"168.63.129.16", "168.63.129.16/32"},
                                                               {"::ffff:10.0.0.1", "10.0.0.0/8"},
                                                               {"64:ff9b::10.0.0.1", "64:ff9b::a00:0/104"},
                                                               {"fd00::1", "fc00::/7"},
                                                               {"::9", "::/96"},
                                                               {"4000::1", "4000::1"},
                                                               {"2002:808:808::1", "2002::/16"},
                                                               {"::1:0:0:0", "::1:0:0:0"}};
  for (const auto& [address, entry] : known) {
    CAPTURE(address);
    const auto refusal = reason("http://a.example/", {}, answering({address}));
    CHECK(remedy_of(refusal) == std::vector{entry});
    CHECK(status("http://a.example/", {.allow = remedy_of(refusal)}, answering({address})) == "allow");
  }
  for (const auto& answers :
       {std::vector<std::string>{"127.0.0.1", "::1"},
        std::vector<std::string>{"10.0.0.1", "10.0.0.2", "8.8.8.8", "172.16.0.1", "192.168.0.1", "::1"},
        std::vector<std::string>{"4000::1", "4000::2", "4000::3", "4000::4", "4000::5", "4000::6"}}) {
    const auto refusal = reason("http://a.example./", {}, answering(answers));
    const auto entries = remedy_of(refusal);
    CHECK(entries.size() <= 4);
    CHECK(status("http://a.example./", {.allow = entries}, answering(answers)) == "allow");
  }
}

TEST_CASE("no remedy is named where none would help") {
  const auto has_remedy = [](const std::string& text) { return text.find("allow = ") != text.npos; };
  CHECK(has_remedy(reason("http://10.0.0.1/")));
  CHECK_FALSE(has_remedy(reason("http://10.0.0.1/", {.https_only = true})));
  CHECK_FALSE(has_remedy(reason("http://10.0.0.1/", {.deny = {"10.0.0.0/8"}})));
  CHECK_FALSE(has_remedy(reason("http://10.0.0.1:25/")));
  CHECK_FALSE(has_remedy(reason("http://a.example/", {.deny = {"a.example"}})));
  CHECK_FALSE(has_remedy(reason("http://localhost/", {}, answering({"127.0.0.1", "10.0.0.1"}))));
  CHECK_FALSE(has_remedy(reason("http://a.example/", {}, answering({}))));
  CHECK_FALSE(has_remedy(reason("http://a.example/", {}, answering({"10.0.0.1", "nonsense"}))));
  CHECK_FALSE(has_remedy(reason("http://a.example/", {.deny = {"8.8.8.8"}}, answering({"10.0.0.1", "8.8.8.8"}))));
  CHECK_FALSE(has_remedy(reason("http://10.0.0.1/", {.allow = {"no/range"}})));

  const AddressPolicy policy{UrlPolicy{}};
  CHECK(has_remedy(policy.judge(parsed("http://10.0.0.1"), {}).reason));
  CHECK_FALSE(has_remedy(policy.judge(parsed("http://10.0.0.1"), {}, AllowList::ignored).reason));
}

TEST_CASE("a refusal says what refused, and nothing of the path") {
  CHECK(reason("http://a.example/secret", {.https_only = true}) ==
        "http://a.example is refused: Options::url_policy.https_only is set");
  CHECK(reason("http://a.example:81/secret", {.deny = {"A.EXAMPLE."}}) ==
        "http://a.example:81 is refused: Options::url_policy.deny names the host");
  CHECK(reason("http://8.8.8.8/secret", {.deny = {"8.8.0.0/16", "8.8.8.8"}}) ==
        "http://8.8.8.8 is refused: Options::url_policy.deny holds 8.8.0.0/16");
  CHECK(reason("http://a.example/secret", {.deny = {"8.8.8.8"}}, answering({"8.8.4.4", "8.8.8.8"})) ==
        "http://a.example is refused: Options::url_policy.deny holds 8.8.8.8/32, and it resolves to 8.8.8.8");
  CHECK(reason("http://app.localhost/secret", {}, answering({"8.8.8.8"})) ==
        "http://app.localhost resolves to 8.8.8.8, which is not a loopback address as RFC 6761 asks for");
  CHECK(reason("http://a.example/secret", {}, answering({})) == "a.example does not resolve");
  CHECK(reason("http://a.example/secret", {}, answering({"127.1"})) ==
        "http://a.example resolves to \"127.1\", which is not an IP address");
}

TEST_CASE("the resolver is asked once, for a name in lower case, and never for an address or in vain") {
  std::vector<std::string> asked;
  const Resolver resolver = [&](const std::string& host) {
    asked.push_back(host);
    return std::vector<std::string>{"8.8.8.8"};
  };
  CHECK(status("HTTP://%45xAmPlE.CoM/", {}, resolver) == "allow");
  CHECK(status("http://example.com./", {}, resolver) == "allow");
  CHECK(asked == std::vector<std::string>{"example.com", "example.com."});
  for (const char* literal : {"http://8.8.8.8/", "http://134744072/", "http://[2600::1]/", "http://8.8.8.8./"})
    CHECK(status(literal) == "allow");
  CHECK(status("http://a.example/", {.https_only = true}) == "deny");
  CHECK(status("http://a.example./", {.deny = {"a.example"}}) == "deny");
  CHECK(status("http://a.example/", {.allow = {"no/range"}}) == "deny");
}

TEST_CASE("whatever a resolver does, the answer is deny and nothing is thrown") {
  const auto denied = [](const Resolver& resolver) {
    const auto verdict = check_url("http://a.example/", {.allow = {"a.example", "::/0", "0.0.0.0/0"}}, resolver);
    CHECK(verdict.addresses.empty());
    CHECK(verdict.reason.size() < 400);
    CHECK(std::all_of(verdict.reason.begin(), verdict.reason.end(), [](char c) { return c >= 0x20 && c <= 0x7E; }));
    return std::string{word(verdict.status)} + ": " + verdict.reason;
  };
  CHECK(denied(answering({})) == "deny: a.example does not resolve");
  CHECK(denied([](const std::string&) -> std::vector<std::string> {
          throw std::runtime_error{"no\r\nserver\x1F\x7F\x80~ "};
        }) == "deny: a.example does not resolve: no??server???~ ");
  CHECK(denied([](const std::string&) -> std::vector<std::string> {
          throw std::runtime_error{std::string(100'000, 'x')};
        }) == "deny: a.example does not resolve: " + std::string(100, 'x') + "...");
  CHECK(denied([](const std::string&) -> std::vector<std::string> { throw 42; }) ==
        "deny: a.example does not resolve: the resolver threw");
  for (const auto& answer :
       {std::string{}, std::string{" "}, std::string{"8.8.8.8 "}, std::string{"8.8.8.8\0", 8}, std::string{"08.8.8.8"},
        std::string{"fe80::1%eth0"}, std::string{"2600::1%1"}, std::string{"[2600::1]"}, std::string{"8.8.8.8:80"},
        std::string{"8.8.8.0/24"}, std::string{"b.example"}, std::string{"\xFF\x00\r\n", 4}, std::string(1'000'000, ':'),
        std::string(1'000'000, '1'), std::string{"134744072"}, std::string{"0x08080808"}, std::string{"8.8.8.8."}}) {
    CHECK(denied(answering({answer})).starts_with("deny: http://a.example resolves to \""));
    CHECK(denied(answering({"8.8.8.8", answer})).starts_with("deny: http://a.example resolves to \""));
  }
}

TEST_CASE("thousands of answers are judged, once each, in no time worth the name") {
  const auto beneath = [](const char* first, int i) {
    return first + std::to_string(i / 256 % 256) + "." + std::to_string(i % 256);
  };
  std::vector<std::string> answers(50'000), bad(50'000);
  for (std::size_t i = 0; i < answers.size(); ++i) {
    answers[i] = beneath("8.0.", static_cast<int>(i));
    bad[i] = "4000::" + std::to_string(i % 10'000) + ":" + std::to_string(i / 10'000);
  }
  const auto once = answers;
  answers.insert(answers.end(), once.begin(), once.end());
  answers.emplace_back("::ffff:8.0.0.1");
  UrlPolicy policy;
  for (int i = 0; i < 20'000; ++i) {
    policy.deny.push_back(beneath("9.0.", i));
    policy.allow.push_back("h" + std::to_string(i) + ".example");
  }
  const auto began = std::chrono::steady_clock::now();
  CHECK(check_url("http://a.example/", policy, answering(answers)).addresses == once);
  answers.emplace_back("10.0.0.1");
  CHECK(check_url("http://a.example/", policy, answering(answers)).status == UrlStatus::deny);
  CHECK(check_url("http://a.example/", policy, answering(bad)).reason.size() < 300);
  // Quadratic work would take minutes; this is far from a measure.
  CHECK(std::chrono::steady_clock::now() - began < std::chrono::seconds{30});
}

TEST_CASE("on allow all checked answers are there, in their order, in one spelling, once") {
  CHECK(check_url("http://a.example/", {},
                  answering({"2606:4700:0000::1111", "8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "::FFFF:0808:0404",
                             "64:ff9b::8.8.8.8"}))
            .addresses == std::vector<std::string>{"2606:4700::1111", "8.8.8.8", "8.8.4.4", "64:ff9b::808:808"});
  CHECK(check_url("http://[::ffff:8.8.8.8]/").addresses == std::vector<std::string>{"8.8.8.8"});
  CHECK(check_url("http://0x8080808/").addresses == std::vector<std::string>{"8.8.8.8"});
}

TEST_CASE("localhost answers loopback addresses only, whatever is allowed") {
  const UrlPolicy open{.allow = {"0.0.0.0/0", "::/0", "localhost", "a.localhost"}};
  for (const char* name : {"localhost", "localhost.", "LOCALHOST", "a.localhost", "a.b.LocalHost.", "%6Cocalhost"}) {
    CAPTURE(name);
    const auto url = "http://" + std::string{name} + "/";
    CHECK(status(url, open, answering({"127.0.0.1", "::1", "127.9.9.9", "::ffff:127.0.0.1"})) == "allow");
    for (const char* other : {"8.8.8.8", "10.0.0.1", "::", "64:ff9b::127.0.0.1", "::127.0.0.1", "128.0.0.0"}) {
      CHECK(status(url, open, answering({other})) == "deny");
      CHECK(status(url, open, answering({"127.0.0.1", other})) == "deny");
    }
    CHECK(status(url, {}, answering({"127.0.0.1"})) == "deny");
  }
  for (const char* name : {"notlocalhost", "localhost.example", "local-host", "localhos"})
    CHECK(status("http://" + std::string{name} + "/", {}, answering({"8.8.8.8"})) == "allow");
}

TEST_CASE("an allowed range adds what it holds, and no more") {
  const UrlPolicy policy{.allow = {"10.0.0.0/24", "fd00::/16", "64:ff9b::a00:0/104", "4000::1"}};
  for (const char* good : {"http://10.0.0.0/", "http://10.0.0.255/", "http://[::ffff:10.0.0.1]/", "http://[fd00::1]/",
                           "http://[64:ff9b::10.255.0.1]/", "http://[4000::1]/", "http://8.8.8.8/", "http://[2600::1]/"}) {
    CAPTURE(good);
    CHECK(status(good, policy) == "allow");
  }
  for (const char* bad : {"http://10.0.1.0/", "http://[fd01::1]/", "http://[64:ff9b::127.0.0.1]/", "http://[4000::2]/",
                          "http://[::10.0.0.1]/", "http://[2002:a00:1::]/", "http://192.168.0.1/"}) {
    CAPTURE(bad);
    CHECK(status(bad, policy) != "allow");
  }
  // An IPv4 range lets no IPv6 address through that merely carries one; an IPv6 range lets no IPv4 address through.
  CHECK(status("http://[64:ff9b::10.0.0.1]/", {.allow = {"10.0.0.0/8"}}) == "deny");
  CHECK(status("http://127.0.0.1/", {.allow = {"::/0"}}) == "deny");
  CHECK(status("http://[::ffff:127.0.0.1]/", {.allow = {"::/0"}}) == "deny");
  CHECK(status("http://[::ffff:127.0.0.1]/", {.allow = {"::ffff:127.0.0.1"}}) == "allow");
  CHECK(status("http://127.0.0.1/", {.allow = {"::ffff:127.0.0.0/104"}}) == "allow");
}

TEST_CASE("an allowed host lets all answers of that name through, and of no other") {
  const UrlPolicy policy{.allow = {"Hooks.Internal."}};
  for (const char* name : {"hooks.internal", "HOOKS.internal", "hooks.internal.", "hooks%2einternal"}) {
    CHECK(status("http://" + std::string{name} + "/", policy, answering({"10.0.0.1", "::1", "4000::1", "8.8.8.8"})) ==
          "allow");
    CHECK(status("http://" + std::string{name} + "/", policy, answering({"10.0.0.1", "junk"})) == "deny");
    CHECK(status("http://" + std::string{name} + "/", policy, answering({})) == "deny");
  }
  for (const char* name : {"a.hooks.internal", "internal", "hooks.internal.example", "hooks-internal", "ahooks.internal"})
    CHECK(status("http://" + std::string{name} + "/", policy, answering({"10.0.0.1"})) == "deny");
  CHECK(status("http://hooks.internal/", {.allow = {"hooks.internal"}, .deny = {"10.0.0.0/8"}}, answering({"10.0.0.1"})) ==
        "deny");
}

TEST_CASE("deny wins, over what is public and over what is allowed") {
  CHECK(status("http://8.8.8.8/", {.allow = {"8.8.8.8"}, .deny = {"8.0.0.0/8"}}) == "deny");
  CHECK(status("http://a.example/", {.deny = {"8.8.8.8"}}, answering({"9.9.9.9", "8.8.8.8"})) == "deny");
  CHECK(status("http://a.example/", {.deny = {"8.8.8.8"}}, answering({"9.9.9.9", "::ffff:8.8.8.8"})) == "deny");
  CHECK(status("http://b.a.example/", {.deny = {"a.example"}}, answering({"8.8.8.8"})) == "allow");
  // NAT64: an entry of either family.
  CHECK(status("http://[64:ff9b::8.8.8.8]/", {.deny = {"8.8.8.8"}}) == "deny");
  CHECK(status("http://[64:ff9b::8.8.8.8]/", {.deny = {"64:ff9b::/96"}}) == "deny");
  CHECK(status("http://[64:ff9b::8.8.8.8]/", {.allow = {"64:ff9b::/96"}, .deny = {"8.8.0.0/16"}}) == "deny");
  CHECK(status("http://[64:ff9b::8.8.8.8]/", {.deny = {"9.9.9.9", "::/16"}}) == "allow");
  // A mapped entry is the IPv4 range in it; an IPv6 one holds no IPv4 address.
  CHECK(status("http://8.8.8.8/", {.deny = {"::ffff:8.8.0.0/112"}}) == "deny");
  CHECK(status("http://8.8.8.8/", {.deny = {"::/0"}}) == "allow");
  CHECK(status("http://[2600::1]/", {.deny = {"::/0"}}) == "deny");
  CHECK(status("http://[2600::1]/", {.deny = {"0.0.0.0/0"}}) == "allow");
}

TEST_CASE("a malformed entry is refused by name, by the constructor and by check_url") {
  const std::vector<std::string> bad{"",
                                     " ",
                                     "10.0.0.0/33",
                                     "10.0.0.0/",
                                     "/8",
                                     "10.0.0/8",
                                     "::/129",
                                     "::ffff:10.0.0.0/8",
                                     "hooks.internal/8",
                                     "127.1",
                                     "0x7f000001",
                                     "127.0.0.1.",
                                     "[::1]",
                                     "[::1]:80",
                                     "fe80::1%eth0",
                                     "127.0.0.1:80",
                                     "hooks.internal:80",
                                     "*.internal",
                                     "*",
                                     ".internal",
                                     "hooks..internal",
                                     "hooks.internal..",
                                     "example.1",
                                     "http://hooks.internal",
                                     " hooks.internal",
                                     "hooks.internal\n",
                                     "hooks%2einternal",
                                     "caf\xC3\xA9",
                                     std::string{"a\0b", 3},
                                     std::string(64, 'a'),
                                     std::string(100'000, 'a')};
  for (const auto& entry : bad) {
    CAPTURE(entry.substr(0, 100));
    for (const bool is_allow : {true, false}) {
      UrlPolicy policy;
      (is_allow ? policy.allow : policy.deny) = {"10.0.0.0/8", entry};
      const std::string field = is_allow ? "url_policy.allow" : "url_policy.deny";
      try {
        const AddressPolicy compiled{policy};
        FAIL_CHECK("taken");
      } catch (const flyhook::Error& error) {
        CHECK(error.code() == flyhook::ErrorCode::invalid);
        CHECK(error.field() == field);
      }
      const auto verdict = check_url("http://8.8.8.8/", policy, unasked());
      CHECK(verdict.status == UrlStatus::deny);
      CHECK(verdict.reason.starts_with(field + ": \""));
      CHECK(verdict.reason.size() < 300);
    }
  }
  CHECK(reason("http://8.8.8.8/", {.allow = {"127.1"}}) ==
        "url_policy.allow: \"127.1\" is an address in another spelling: write \"127.0.0.1\"");
  CHECK(reason("http://8.8.8.8/", {.deny = {"10.0.0.0/33"}}) ==
        "url_policy.deny: \"10.0.0.0/33\" is no CIDR range such as \"10.0.0.0/8\" or \"fd00::/8\"");
  CHECK(reason("http://8.8.8.8/", {.deny = {"*.a"}}) ==
        "url_policy.deny: \"*.a\" is neither a CIDR range nor an address nor a host name (ports and wildcards are not "
        "taken)");
  for (const char* good : {"10.0.0.0/8", "10.1.2.3/8", "1.2.3.4", "::1", "FD00::/8", "localhost", "Hooks.Internal.",
                           "a_b-c", "xn--bcher-kva.example", "1.2.3.4a"}) {
    CAPTURE(good);
    CHECK(status("http://9.9.9.9/", {.allow = {good}, .deny = {good}}) == "allow");
  }
}

TEST_CASE("the compiled policy tells what it can without a look-up") {
  const AddressPolicy policy{{.allow = {"10.0.0.0/8", "hooks.internal"}, .deny = {"evil.example", "9.9.9.9"}}};
  CHECK_FALSE(policy.judge_unresolved(parsed("http://a.example/")));
  CHECK_FALSE(policy.judge_unresolved(parsed("http://hooks.internal/")));
  CHECK(policy.judge_unresolved(parsed("http://8.8.8.8/")).value().addresses == std::vector<std::string>{"8.8.8.8"});
  CHECK(policy.judge_unresolved(parsed("http://10.0.0.1/")).value().status == UrlStatus::allow);
  CHECK(policy.judge_unresolved(parsed("http://127.0.0.1/")).value().status == UrlStatus::deny);
  CHECK(policy.judge_unresolved(parsed("http://9.9.9.9/")).value().status == UrlStatus::deny);
  CHECK(policy.judge_unresolved(parsed("http://evil.example./")).value().status == UrlStatus::deny);
  const AddressPolicy strict{{.https_only = true}};
  CHECK(strict.judge_unresolved(parsed("http://a.example/")).value().status == UrlStatus::deny);
  CHECK_FALSE(strict.judge_unresolved(parsed("https://a.example/")));

  // judge finds all of it again, and looks at no answer of a literal.
  CHECK(policy.judge(parsed("http://evil.example/"), {"8.8.8.8"}).status == UrlStatus::deny);
  CHECK(strict.judge(parsed("http://a.example/"), {"8.8.8.8"}).status == UrlStatus::deny);
  CHECK(policy.judge(parsed("http://8.8.8.8/"), {}).status == UrlStatus::allow);
  CHECK(policy.judge(parsed("http://127.0.0.1/"), {"8.8.8.8"}).status == UrlStatus::deny);
}

TEST_CASE("allow does not count for URLs that tenants registered, and deny does") {
  const AddressPolicy policy{{.allow = {"10.0.0.0/8", "hooks.internal"}, .deny = {"9.9.9.9"}}};
  const auto without = [&](const char* url, const std::vector<std::string>& answers) {
    return std::string{word(policy.judge(parsed(url), answers, AllowList::ignored).status)};
  };
  CHECK(policy.judge(parsed("http://hooks.internal/"), {"10.0.0.1"}).status == UrlStatus::allow);
  CHECK(without("http://hooks.internal/", {"10.0.0.1"}) == "deny");
  CHECK(without("http://hooks.internal/", {"8.8.8.8"}) == "allow");
  CHECK(without("http://10.0.0.1/", {}) == "deny");
  CHECK(without("http://a.example/", {"8.8.8.8", "9.9.9.9"}) == "deny");
  CHECK(policy.judge_unresolved(parsed("http://10.0.0.1/"), AllowList::ignored).value().status == UrlStatus::deny);
  CHECK(policy.judge(parsed("http://10.1.1.1"), {}, AllowList::ignored).reason ==
        "http://10.1.1.1 is not a public address");
}

TEST_CASE("where allow is ignored a refusal tells nothing of what a look-up answered") {
  const AddressPolicy policy{{.allow = {"hooks.internal"}, .deny = {"9.9.9.9", "10.9.0.0/16"}}};
  const auto judged = [&](const char* url, const std::vector<std::string>& answers) {
    const auto verdict = policy.judge(parsed(url), answers, AllowList::ignored);
    CHECK(verdict.status == UrlStatus::deny);
    CHECK(verdict.addresses.empty());
    return verdict.reason + " | " + verdict.refused;
  };
  const std::string not_public = "http://hooks.internal:81 leads to an address that is not public | hooks.internal";
  CHECK(judged("http://hooks.internal:81/secret", {"10.0.0.1"}) == not_public);
  CHECK(judged("http://hooks.internal:81/secret", {"8.8.8.8", "10.0.0.1"}) == not_public);
  CHECK(judged("http://hooks.internal:81/secret", {"10.9.0.1"}) == not_public);  // by `deny`
  CHECK(judged("http://localhost/", {"127.0.0.1"}) ==
        "http://localhost leads to an address that is not public | localhost");
  CHECK(judged("http://localhost/", {"10.0.0.1"}) == "http://localhost leads to an address that is not public | localhost");
  CHECK(judged("http://a.example/", {"9.9.9.9"}) ==
        "http://a.example leads to an address that must not be called | a.example");
  CHECK(judged("http://a.example/", {"10.0.0.1:80"}) == "http://a.example leads to what is not an IP address | a.example");
  // What stands in the URL is named, and what no look-up is to blame for.
  CHECK(judged("http://10.0.0.1/", {}) == "http://10.0.0.1 is not a public address | 10.0.0.1");
  CHECK(judged("http://10.9.0.1/", {}) ==
        "http://10.9.0.1 is refused: Options::url_policy.deny holds 10.9.0.0/16 | 10.9.0.1");
  CHECK(judged("http://a.example/", {}) == "a.example does not resolve | ");
}

TEST_CASE("a refused verdict has the words for an attempt's error") {
  const AddressPolicy policy{{.deny = {"evil.example", "9.9.9.9"}}};
  const auto refused = [&](const char* url, const std::vector<std::string>& answers) {
    return policy.judge(parsed(url), answers).refused;
  };
  CHECK(refused("http://hooks.example.com/", {"8.8.8.8", "127.0.0.1"}) == "127.0.0.1 of hooks.example.com");
  CHECK(refused("http://hooks.example.com/", {"::ffff:127.0.0.1"}) == "127.0.0.1 of hooks.example.com");
  CHECK(refused("http://hooks.example.com/", {"8.8.8.8", "9.9.9.9"}) == "9.9.9.9 of hooks.example.com");
  CHECK(refused("http://localhost/", {"8.8.8.8"}) == "8.8.8.8 of localhost");
  CHECK(refused("http://hooks.example.com/", {"x\ny"}) == "\"x?y\" of hooks.example.com");
  CHECK(refused("http://evil.example/", {"8.8.8.8"}) == "evil.example");
  CHECK(refused("http://0x7f.1/", {}) == "127.0.0.1");
  CHECK(refused("http://hooks.example.com/", {}).empty());
  CHECK(refused("http://hooks.example.com/", {"8.8.8.8"}).empty());
  CHECK(AddressPolicy{{.https_only = true}}.judge(parsed("http://a.example/"), {"8.8.8.8"}).refused == "http of a.example");
}

TEST_CASE("an empty resolver is the system's") {
  // A name that every system knows without asking a server.
  const auto loopback = check_url("http://localhost/", {.allow = {"localhost"}});
  CHECK(loopback.status == UrlStatus::allow);
  CHECK_FALSE(loopback.addresses.empty());
  CHECK(check_url("http://localhost/").status == UrlStatus::deny);
}

TEST_CASE("a URL that did not come through parse_url is refused, not believed") {
  flyhook::detail::Url url;
  url.is_literal = true;
  url.host = "127.1";
  CHECK(AddressPolicy{UrlPolicy{}}.judge(url, {"8.8.8.8"}).status == UrlStatus::deny);
}

TEST_CASE("what is refused carries no address, wherever among the answers the refused one stands") {
  const std::vector<std::vector<std::string>> orders{
      {"127.0.0.1", "8.8.8.8"}, {"8.8.8.8", "127.0.0.1"}, {"8.8.8.8", "127.0.0.1", "1.1.1.1"}};
  for (const auto& answers : orders) {
    const auto verdict = AddressPolicy{UrlPolicy{}}.judge(parsed("http://hooks.example.com/"), answers);
    CHECK(verdict.status == UrlStatus::deny);
    CHECK(verdict.addresses.empty());
    CHECK(check_url("http://hooks.example.com/", {}, [&](const auto&) { return answers; }).addresses.empty());
  }
}

TEST_CASE("a refusal names up to four ranges to allow, and beyond that the host") {
  std::vector<std::string> answers{"127.0.0.1", "10.0.0.1", "192.168.0.1", "172.16.0.1"};
  const AddressPolicy policy{UrlPolicy{}};
  const auto reason = [&] { return policy.judge(parsed("http://hooks.example.com/"), answers).reason; };
  CHECK(reason().ends_with("allow = {\"127.0.0.0/8\", \"10.0.0.0/8\", \"192.168.0.0/16\", \"172.16.0.0/12\"}"));
  answers.push_back("10.0.0.2");  // of a range that is named already
  CHECK(reason().ends_with("\"172.16.0.0/12\"}"));
  answers.push_back("169.254.0.1");
  CHECK(reason().ends_with("allow = {\"hooks.example.com\"}"));
}
