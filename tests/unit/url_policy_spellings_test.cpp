#include <flyhook/url_policy.hpp>

#include "catch.hpp"

#include <arpa/inet.h>

#include <array>
#include <cstdint>
#include <functional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

// Server-side request forgery lives on spellings: the same internal address in a form that a filter does not know. Forms of
// hosts, encodings of them and URLs around them are multiplied with addresses that must never be reached. Each result is
// also built from a public address, where the verdict has to be what the form deserves: a check that refuses everything,
// or a form that is merely broken, would show.

using flyhook::check_url;
using flyhook::UrlStatus;

namespace {

struct Form {
  std::string name{};
  std::function<std::string(std::uint32_t address)> host{};
  UrlStatus of_public = UrlStatus::allow;                      ///< the verdict where the address is public
  std::function<std::string(std::uint32_t address)> pinned{};  ///< what is then connected to; empty: the address itself
};

struct Encoding {
  std::string name{};
  std::function<std::string(std::string host)> of{};
  bool is_valid = true;
  bool is_for_v6 = true;
};

std::string text_of(std::uint32_t address) {
  return std::to_string(address >> 24) + "." + std::to_string(address >> 16 & 255) + "." +
         std::to_string(address >> 8 & 255) + "." + std::to_string(address & 255);
}

std::string in_radix(std::uint64_t number, unsigned radix, bool upper = false) {
  const std::string digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
  std::string text;
  for (auto rest = number; rest != 0 || text.empty(); rest /= radix) text.insert(0, 1, digits[rest % radix]);
  return text;
}

using Writer = std::function<std::string(std::uint64_t number)>;

const std::vector<Writer>& writers() {
  static const std::vector<Writer> all{
      [](std::uint64_t n) { return in_radix(n, 10); },
      [](std::uint64_t n) { return "0" + in_radix(n, 8); },
      [](std::uint64_t n) { return "0x" + in_radix(n, 16); },
      [](std::uint64_t n) { return "0X" + in_radix(n, 16, true); },
      [](std::uint64_t n) { return "0000000" + in_radix(n, 8); },
      [](std::uint64_t n) { return "0x00000000" + in_radix(n, 16); },
  };
  return all;
}

/// In 1 to 4 parts, each written by the next of the writers from `first` on, `step` further each time.
std::string in_parts(std::uint32_t address, unsigned parts, std::size_t first, std::size_t step) {
  std::string host;
  for (unsigned i = 0; i < parts; ++i) {
    const bool is_last = i + 1 == parts;
    const std::uint64_t number = is_last ? address & (0xFFFF'FFFFu >> (8 * i)) : address >> (24 - 8 * i) & 255;
    host += (i == 0 ? "" : ".") + writers()[(first + i * step) % writers().size()](number);
  }
  return host;
}

std::string pieces(std::uint32_t address, const char* between = ":") {
  return in_radix(address >> 16, 16) + between + in_radix(address & 0xFFFF, 16);
}

std::vector<Form> forms_of_ipv4() {
  std::vector<Form> forms;
  for (unsigned parts = 1; parts <= 4; ++parts)
    for (std::size_t first = 0; first < writers().size(); ++first)
      for (std::size_t step = 0; step < (parts == 1 ? 1u : 3u); ++step)
        forms.push_back(
            {"parts " + std::to_string(parts) + " from writer " + std::to_string(first) + " step " + std::to_string(step),
             [=](std::uint32_t address) { return in_parts(address, parts, first, step); }});
  return forms;
}

std::vector<Form> forms_in_ipv6() {
  const auto nat64 = [](std::uint32_t address) {
    auto low = address & 0xFFFF, high = address >> 16;
    return "64:ff9b::" + (high == 0 ? "" : in_radix(high, 16) + ":") + in_radix(low, 16);
  };
  return {
      {"mapped, dotted", [](std::uint32_t a) { return "[::ffff:" + text_of(a) + "]"; }},
      {"mapped, hex", [](std::uint32_t a) { return "[::ffff:" + pieces(a) + "]"; }},
      {"mapped, upper case", [](std::uint32_t a) { return "[::FFFF:" + text_of(a) + "]"; }},
      {"mapped, expanded", [](std::uint32_t a) { return "[0:0:0:0:0:ffff:" + pieces(a) + "]"; }},
      {"mapped, leading zeros", [](std::uint32_t a) { return "[0000:0000:0000:0000:0000:ffff:" + text_of(a) + "]"; }},
      {"mapped, gap elsewhere", [](std::uint32_t a) { return "[0:0::0:ffff:" + text_of(a) + "]"; }},
      {"NAT64, dotted", [](std::uint32_t a) { return "[64:ff9b::" + text_of(a) + "]"; }, UrlStatus::allow, nat64},
      {"NAT64, hex", [](std::uint32_t a) { return "[64:FF9B::" + pieces(a) + "]"; }, UrlStatus::allow, nat64},
      {"NAT64, expanded", [](std::uint32_t a) { return "[0064:ff9b:0:0:0:0:" + pieces(a) + "]"; }, UrlStatus::allow, nat64},
      {"compatible", [](std::uint32_t a) { return "[::" + text_of(a) + "]"; }, UrlStatus::deny},
      {"compatible, hex", [](std::uint32_t a) { return "[0:0:0:0:0:0:" + pieces(a) + "]"; }, UrlStatus::deny},
      {"6to4", [](std::uint32_t a) { return "[2002:" + pieces(a) + "::1]"; }, UrlStatus::deny},
      {"6to4, expanded", [](std::uint32_t a) { return "[2002:" + pieces(a) + ":0:0:0:0:1]"; }, UrlStatus::deny},
      {"Teredo client", [](std::uint32_t a) { return "[2001:0:4136:e378:8000:63bf:" + pieces(~a) + "]"; }, UrlStatus::deny},
      {"Teredo server", [](std::uint32_t a) { return "[2001::" + pieces(a) + ":0:0:0:1]"; }, UrlStatus::deny},
      {"local NAT64", [](std::uint32_t a) { return "[64:ff9b:1::" + text_of(a) + "]"; }, UrlStatus::deny},
      {"translated (SIIT)", [](std::uint32_t a) { return "[::ffff:0:" + text_of(a) + "]"; }, UrlStatus::deny},
      {"link-local ISATAP", [](std::uint32_t a) { return "[fe80::5efe:" + text_of(a) + "]"; }, UrlStatus::deny},
      {"mapped, short tail", [](std::uint32_t a) { return "[::ffff:" + in_parts(a, 2, 0, 0) + "]"; }, UrlStatus::invalid},
      {"mapped, octal tail", [](std::uint32_t a) { return "[::ffff:" + in_parts(a, 4, 1, 0) + "]"; }, UrlStatus::invalid},
      {"mapped, hex tail", [](std::uint32_t a) { return "[::ffff:" + in_parts(a, 4, 2, 0) + "]"; }, UrlStatus::invalid},
      {"mapped, zone", [](std::uint32_t a) { return "[::ffff:" + text_of(a) + "%25lo]"; }, UrlStatus::invalid},
      {"IPv4 in brackets", [](std::uint32_t a) { return "[" + text_of(a) + "]"; }, UrlStatus::invalid},
      {"without brackets", [](std::uint32_t a) { return "::ffff:" + pieces(a); }, UrlStatus::invalid},
  };
}

std::string percent(std::string_view host, const std::function<bool(std::size_t, char)>& which, bool upper) {
  std::string text;
  for (std::size_t i = 0; i < host.size(); ++i) {
    const auto byte = static_cast<unsigned char>(host[i]);
    text +=
        which(i, host[i]) ? "%" + in_radix(byte >> 4, 16, upper) + in_radix(byte & 15, 16, upper) : std::string(1, host[i]);
  }
  return text;
}

std::string replaced(const std::string& host, const std::function<std::string(char)>& by) {
  std::string text;
  for (const char c : host) text += by(c);
  return text;
}

std::vector<Encoding> encodings() {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  return {
      {"as it is", [](const std::string& host) { return host; }},
      {"trailing dot", [](const std::string& host) { return host + "."; }, true, false},
      {"all percent-encoded",
       [](const std::string& host) {
         return percent(
             host, [](auto, auto) { return true; }, false);
       },
       true, false},
      {"every other one percent-encoded",
       [](const std::string& host) {
         return percent(
             host, [](auto i, auto) { return i % 2 == 0; }, true);
       },
       true, false},
      {"dots percent-encoded, one more at the end",
       [](const std::string& host) {
         return percent(
             host + ".", [](auto, char c) { return c == '.'; }, true);
       },
       true, false},
      {"percent-encoded twice",
       [](const std::string& host) {
         return percent(
             percent(
                 host, [](auto, auto) { return true; }, true),
             [](auto, char c) { return c == '%'; }, true);
       },
       false},
      {"two trailing dots", [](const std::string& host) { return host + ".."; }, false},
      {"a dot in front", [](const std::string& host) { return "." + host; }, false},
      {"full-width digits",  // U+FF10 and on
       [=](const std::string& host) {
         return replaced(host, [=](char c) {
           return is_digit(c) ? std::string{"\xEF\xBC"} + static_cast<char>(0x90 + c - '0') : std::string(1, c);
         });
       },
       false},
      {"full-width digits, percent-encoded",
       [=](const std::string& host) {
         return replaced(host, [=](char c) { return is_digit(c) ? "%EF%BC%9" + std::string(1, c) : std::string(1, c); });
       },
       false},
      {"ideographic full stop",
       [](const std::string& host) {
         return replaced(host + ".", [](char c) { return c == '.' ? std::string{"\xE3\x80\x82"} : std::string(1, c); });
       },
       false},
      {"a soft hyphen", [](const std::string& host) { return host + "%C2%AD"; }, false},
      {"a zero-width space", [](const std::string& host) { return "\xE2\x80\x8B" + host; }, false},
      {"a NUL", [](const std::string& host) { return host + "%00.example.com"; }, false},
      {"a tab", [](std::string host) { return host.insert(host.size() / 2, "\t"); }, false},
      {"a line break", [](const std::string& host) { return host + "\r\n.example.com"; }, false},
      {"credentials in front", [](const std::string& host) { return "example.com@" + host; }, false},
      {"credentials behind", [](const std::string& host) { return host + "@example.com"; }, false},
      {"no credentials", [](const std::string& host) { return "@" + host; }, false},
      {"a backslash", [](const std::string& host) { return "example.com\\@" + host; }, false},
      {"encoded slash", [](const std::string& host) { return host + "%2fexample.com"; }, false},
      {"bad port", [](const std::string& host) { return host + ":25"; }, false},
      {"no port", [](const std::string& host) { return host + ":65536"; }, false},
  };
}

// Ways to put a host into a URL. None changes the verdict.
const std::vector<std::array<std::string, 2>> frames{
    {"http://", "/"},
    {"https://", ""},
    {"HTTP://", ":80/a/../b"},
    {"hTTpS://", ":8443?x=http://example.com/"},
    {"http://", ":/#@example.com"},
    {"https://", ":00443/%2e%2e/"},
};

const std::vector<std::string> special{
    "0.0.0.0",     "0.0.0.1",         "10.0.0.1",        "10.255.255.255",  "100.64.0.1",      "100.100.100.200",
    "127.0.0.1",   "127.0.0.53",      "127.255.255.254", "169.254.0.1",     "169.254.169.254", "169.254.170.2",
    "172.16.0.1",  "172.31.255.255",  "192.0.0.8",       "192.0.0.170",     "192.0.2.1",       "192.88.99.2",
    "192.168.0.1", "192.168.255.255", "198.18.0.1",      "198.51.100.7",    "203.0.113.9",     "168.63.129.16",
    "224.0.0.1",   "239.255.255.250", "240.0.0.1",       "255.255.255.255",
};
const std::vector<std::string> reachable{"8.8.8.8", "93.184.216.34", "1.0.0.1", "192.0.0.9", "223.255.255.255"};

std::uint32_t number_of(const std::string& text) {
  in_addr address{};
  if (inet_pton(AF_INET, text.c_str(), &address) != 1) throw std::runtime_error{text};
  return ntohl(address.s_addr);
}

/// Whatever passes for a name gets a public answer: a spelling that slips through is allowed, and seen.
std::vector<std::string> trap(const std::string&) {
  return {"8.8.8.8"};
}

void check(const std::vector<Form>& forms, bool is_v6, std::size_t at_least) {
  std::set<std::string> seen;
  std::size_t refused = 0, passed = 0, turn = 0;
  for (const auto& form : forms)
    for (const auto& encoding : encodings()) {
      if (is_v6 && !encoding.is_for_v6) continue;
      const auto url_of = [&](std::uint32_t address) {
        const auto& frame = frames[turn++ % frames.size()];
        return frame[0] + encoding.of(form.host(address)) + frame[1];
      };
      // A host of letters alone has no digit to widen.
      const auto is_changed = [&](const std::string& text) {
        const auto host = form.host(number_of(text));
        return encoding.is_valid || encoding.of(host) != host;
      };
      for (const auto& text : special) {
        if (!is_changed(text)) continue;
        const auto url = url_of(number_of(text));
        const auto verdict = check_url(url, {}, trap);
        seen.insert(url);
        ++refused;
        const auto expected =
            encoding.is_valid && form.of_public != UrlStatus::invalid ? UrlStatus::deny : UrlStatus::invalid;
        if (verdict.status != expected || verdict.reason.empty() || !verdict.addresses.empty())
          FAIL_CHECK(text << " as " << form.name << ", " << encoding.name << ": " << url << " is " << int(verdict.status));
      }
      for (const auto& text : reachable) {
        if (!is_changed(text)) continue;
        const auto number = number_of(text);
        const auto url = url_of(number);
        const auto verdict = check_url(url, {}, trap);
        const auto expected = encoding.is_valid ? form.of_public : UrlStatus::invalid;
        const auto pinned = form.pinned ? form.pinned(number) : text;
        if (verdict.status != expected ||
            (expected == UrlStatus::allow && verdict.addresses != std::vector<std::string>{pinned}))
          FAIL_CHECK(text << " as " << form.name << ", " << encoding.name << ": " << url << " is " << int(verdict.status)
                          << " " << verdict.reason);
        passed += verdict.status == UrlStatus::allow ? 1 : 0;
      }
    }
  CHECK(refused >= at_least);
  CHECK(seen.size() >= at_least);
  CHECK(passed >= 40);
}

}  // namespace

TEST_CASE("the forms of IPv4 addresses are what the system's loose parser reads, too") {
  for (const auto& form : forms_of_ipv4())
    for (const auto* addresses : {&special, &reachable})
      for (const auto& text : *addresses) {
        in_addr address{};
        const auto host = form.host(number_of(text));
        CAPTURE(form.name, host);
        REQUIRE(inet_aton(host.c_str(), &address) == 1);
        REQUIRE(ntohl(address.s_addr) == number_of(text));
      }
}

TEST_CASE("no spelling of an internal IPv4 address is allowed, and each of a public one is as its form deserves") {
  check(forms_of_ipv4(), false, 30'000);
}

TEST_CASE("no IPv4 address within an IPv6 one is allowed unless it is public and its kind says so") {
  check(forms_in_ipv6(), true, 10'000);
}

TEST_CASE("no spelling of an internal IPv6 address is allowed, and every one of a public one is") {
  const std::vector<std::vector<std::string>> spellings{
      {"::1", "0:0:0:0:0:0:0:1", "0000:0000:0000:0000:0000:0000:0000:0001", "::0001", "0::1", "0::0:1", "::0:0:1",
       "0:0:0::0:0:1", "::0.0.0.1", "0:0:0:0:0:0:0.0.0.1"},
      {"::", "0::", "::0", "0::0", "0:0:0:0:0:0:0:0", "::0.0.0.0"},
      {"fe80::1", "FE80::1", "fe80:0:0:0:0:0:0:1", "febf:ffff::1", "feBF::0.0.0.1"},
      {"fc00::1", "fd00:ec2::254", "FD00:EC2::254", "fd00:0ec2:0000::0254", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
      {"fec0::1", "FEC0::1"},
      {"ff02::1", "FF0E::1", "ff05:0:0:0:0:0:0:2"},
      {"2001:db8::1", "2001:DB8::1", "2001:0db8:0:0:0:0:0:1", "3fff::1", "3FFF:0fff::1"},
      {"100::1", "0100::1", "100:0:0:1::1", "5f00::1", "4000::1", "1fff:ffff::", "e000::1", "200::1"},
      {"2001:2::1", "2001:10::1", "2001:1::4", "2001:0:1::1", "2002::1"},
  };
  std::size_t count = 0;
  for (const auto& group : spellings)
    for (const auto& text : group)
      for (const auto& frame : frames) {
        const auto url = frame[0] + "[" + text + "]" + frame[1];
        CAPTURE(url);
        ++count;
        CHECK(check_url(url, {}, trap).status == UrlStatus::deny);
      }
  CHECK(count > 200);
  for (const char* text : {"2606:4700:4700::1111", "2606:4700:4700:0:0:0:0:1111", "2606:4700:4700::0.0.17.17",
                           "2606:4700:4700:0000:0000:0000:0000:1111", "2606:4700:4700:0::1111", "2606:4700:4700::0:1111"})
    for (const auto& frame : frames) {
      const auto url = frame[0] + "[" + text + "]" + frame[1];
      CAPTURE(url);
      CHECK(check_url(url, {}, trap).addresses == std::vector<std::string>{"2606:4700:4700::1111"});
    }
}

TEST_CASE("an answer is an address to the letter, and judged in whatever form it comes") {
  const auto verdict_of = [](std::string answer) {
    return check_url("http://a.example/", {}, [&](const std::string&) {
      return std::vector<std::string>{"8.8.8.8", answer};
    });
  };
  for (const auto& form : forms_of_ipv4())
    for (const auto* addresses : {&special, &reachable})
      for (const auto& text : *addresses) {
        const auto host = form.host(number_of(text));
        const bool is_right = host == text && addresses == &reachable;
        if ((verdict_of(host).status == UrlStatus::allow) != is_right) FAIL_CHECK(host);
      }
  for (const auto& form : forms_in_ipv6()) {
    const auto answer_of = [&](const std::string& text) {
      auto host = form.host(number_of(text));
      return host.starts_with('[') ? host.substr(1, host.size() - 2) : host;
    };
    if (form.name == "IPv4 in brackets" || form.name == "without brackets") continue;  // plain, once the brackets are gone
    for (const auto& text : special)
      if (verdict_of(answer_of(text)).status != UrlStatus::deny) FAIL_CHECK(answer_of(text));
    for (const auto& text : reachable)
      if ((verdict_of(answer_of(text)).status == UrlStatus::allow) != (form.of_public == UrlStatus::allow))
        FAIL_CHECK(answer_of(text));
  }
}
