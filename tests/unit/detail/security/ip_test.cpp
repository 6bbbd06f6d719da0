#include <flyhook/detail/security/ip.hpp>

#include "catch.hpp"
#include "unit/vectors.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace flyhook::detail;

namespace {

// An independent reading: the system's parser, and 128-bit numbers as bytes. IPv4 is kept apart by its width.
struct Oracle {
  std::vector<unsigned char> bytes{};

  explicit Oracle(const std::string& text) : bytes(text.find(':') == text.npos ? 4 : 16) {
    if (inet_pton(bytes.size() == 4 ? AF_INET : AF_INET6, text.c_str(), bytes.data()) != 1)
      throw std::runtime_error{"no address: " + text};
  }

  bool bit(std::size_t i) const { return (bytes[i / 8] >> (7 - i % 8) & 1) != 0; }
  void set(std::size_t i, bool on) {
    const auto mask = static_cast<unsigned char>(1u << (7 - i % 8));
    bytes[i / 8] = static_cast<unsigned char>(on ? bytes[i / 8] | mask : bytes[i / 8] & ~mask);
  }
  bool shares(const Oracle& other, std::size_t bits) const {
    if (bytes.size() != other.bytes.size()) return false;
    for (std::size_t i = 0; i < bits; ++i)
      if (bit(i) != other.bit(i)) return false;
    return true;
  }
  /// One more or less; none beyond either end.
  std::optional<Oracle> step(bool up) const {
    Oracle next = *this;
    for (auto at = next.bytes.rbegin(); at != next.bytes.rend(); ++at) {
      *at = static_cast<unsigned char>(up ? *at + 1 : *at - 1);
      if (*at != (up ? 0 : 0xFF)) return next;
    }
    return std::nullopt;
  }
  std::string text() const {
    std::array<char, INET6_ADDRSTRLEN> out{};
    inet_ntop(bytes.size() == 4 ? AF_INET : AF_INET6, bytes.data(), out.data(), out.size());
    return out.data();
  }
};

struct Line {
  Oracle base;
  std::size_t prefix = 0;
  bool is_global = false;
  std::string cidr{}, name{}, rfc{};
};

std::vector<Line> lines_of_registry() {
  std::vector<Line> lines;
  const auto file = unit::vectors("special_purpose.json");
  for (const char* table : {"ipv4", "ipv6", "extra_ipv4", "extra_ipv6"})
    for (const auto& row : file.at(table)) {
      const auto cidr = row.at("cidr").get<std::string>();
      const auto slash = cidr.find('/');
      lines.push_back({Oracle{cidr.substr(0, slash)}, std::stoul(cidr.substr(slash + 1)),
                       row.at("global").is_boolean() && row.at("global").get<bool>(), cidr, row.at("name"), row.at("rfc")});
    }
  return lines;
}

bool oracle_is_public(const std::vector<Line>& lines, const Oracle& address) {
  if (address.bytes.size() == 16) {
    const bool is_mapped = address.shares(Oracle{"::ffff:0:0"}, 96), is_nat64 = address.shares(Oracle{"64:ff9b::"}, 96);
    if (is_mapped || is_nat64) {
      Oracle inner{"0.0.0.0"};
      std::copy(address.bytes.begin() + 12, address.bytes.end(), inner.bytes.begin());
      return oracle_is_public(lines, inner);
    }
    if (!address.shares(Oracle{"2000::"}, 3)) return false;
  }
  const Line* best = nullptr;
  for (const auto& line : lines)
    if (address.shares(line.base, line.prefix) && (best == nullptr || line.prefix > best->prefix)) best = &line;
  return best == nullptr || best->is_global;
}

IpAddress ip(const std::string& text) {
  const auto address = parse_ip(text);
  CAPTURE(text);
  REQUIRE(address);
  return *address;
}

IpRange range(const std::string& text) {
  const auto parsed = parse_ip_range(text);
  CAPTURE(text);
  REQUIRE(parsed);
  return *parsed;
}

}  // namespace

TEST_CASE("an address is written in one way, however it was read") {
  const std::vector<std::pair<std::string, std::string>> known{
      {"0.0.0.0", "0.0.0.0"},
      {"255.255.255.255", "255.255.255.255"},
      {"1.20.200.9", "1.20.200.9"},
      {"::", "::"},
      {"::1", "::1"},
      {"1::", "1::"},
      {"0:0:0:0:0:0:0:0", "::"},
      {"0000:0000:0000:0000:0000:0000:0000:0001", "::1"},
      {"2001:DB8::A", "2001:db8::a"},
      {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},  // RFC 5952, 4.2.2: one zero piece is not shortened
      {"2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
      {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},        // the longest run
      {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},  // of equal ones the first
      {"1:0:0:2:0:0:3:4", "1::2:0:0:3:4"},
      {"0:0:1:0:0:0:0:0", "0:0:1::"},
      {"0:0:0:1:0:0:0:0", "0:0:0:1::"},
      {"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"},
      {"::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"},
      {"1:2:3::5:6:7:8", "1:2:3:0:5:6:7:8"},
      {"a000:0b00:00c0:000d::1000", "a000:b00:c0:d::1000"},
      {"::ffff:1.2.3.4", "::ffff:102:304"},
      {"::1.2.3.4", "::102:304"},
      {"1:2:3:4:5:6:7.8.9.10", "1:2:3:4:5:6:708:90a"},
      {"1:2:3:4:5::7.8.9.10", "1:2:3:4:5:0:708:90a"},
      {"64:ff9b::255.255.255.255", "64:ff9b::ffff:ffff"},
  };
  for (const auto& [text, canonical] : known) {
    CAPTURE(text);
    CHECK(to_text(ip(text)) == canonical);
    CHECK(ip(canonical) == ip(text));
    const auto address = ip(text);
    const auto read = Oracle{text}.bytes;
    CHECK(std::equal(read.begin(), read.end(), address.bytes.begin()));
  }
}

TEST_CASE("what is not an address to the letter is none") {
  const std::vector<std::string> bad{
      "",
      " ",
      "1",
      "127.1",
      "1.2.3",
      "1.2.3.4.5",
      "1.2.3.",
      "1.2.3.4.",
      ".1.2.3.4",
      "1..2.3",
      "01.2.3.4",
      "1.2.3.04",
      "00.0.0.0",
      "0x1.2.3.4",
      "256.1.1.1",
      "1.1.1.256",
      "1.1.1.999",
      "1.1.1.1000",
      "-1.2.3.4",
      "+1.2.3.4",
      "1.2.3.4 ",
      " 1.2.3.4",
      "1.2.3.4/8",
      "1.2.3.4:80",
      "a.b.c.d",
      "2130706433",
      "1,2,3,4",
      ":",
      ":::",
      "::1::",
      "1::2::3",
      ":1",
      "1:",
      "1:2:3:4:5:6:7",
      ":1:2:3:4:5:6:7:8",
      "1:2:3:4:5:6:7:8:",
      "1:2:3:4:5:6:7:8:9",
      "1:2:3:4:5:6:7:8::",
      "::1:2:3:4:5:6:7:8",
      "1:2:3:4::5:6:7:8",
      "12345::",
      "::00001",
      "g::",
      "::1%eth0",
      "fe80::1%1",
      "[::1]",
      "::1/128",
      "::1.2.3",
      "::1.2.3.4.5",
      "::01.2.3.4",
      "::256.1.1.1",
      "::1.2.3.4:1",
      "::.1.2.3",
      "::1234.1.1.1",
      "::12345.1.1.1",
      "1:2:3:4:5:6:7:8.8.8.8",
      "1:2:3:4:5:6:7:1.2.3.4",
      "1.2.3.4::",
      "::ffff:127.1",
      "::a.1.1.1",
      "1:::2",
      "::1 ",
      std::string{"1.2.3.4\0", 8},
      std::string{"::1\0", 4},
      "\xEF\xBC\x91.2.3.4",
      std::string(100'000, ':'),
      std::string(100'000, '1'),
      std::string(100'000, '.'),
  };
  for (const auto& text : bad) {
    CAPTURE(text.substr(0, 50));
    CHECK_FALSE(parse_ip(text));
    // The system agrees where it can be asked.
    std::array<unsigned char, 16> unused{};
    if (text.find('\0') == text.npos)
      CHECK(inet_pton(text.find(':') == text.npos ? AF_INET : AF_INET6, text.c_str(), unused.data()) != 1);
  }
}

TEST_CASE("addresses made at random read back, and as the system reads them") {
  std::uint64_t state = 1;
  const auto random = [&] {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return static_cast<std::uint32_t>(state >> 33);
  };
  for (int i = 0; i < 2000; ++i) {
    IpAddress address;
    address.is_v6 = i % 4 != 0;
    for (std::size_t at = 0; at < (address.is_v6 ? 16u : 4u); at += 2) {
      const auto piece = random() % 3 == 0 ? 0u : random() % 2 == 0 ? random() & 0xFu : random();
      address.bytes[at] = static_cast<std::uint8_t>(piece >> 8);
      address.bytes[at + 1] = static_cast<std::uint8_t>(piece);
    }
    const auto text = to_text(address);
    CAPTURE(text);
    REQUIRE(parse_ip(text) == address);
    const Oracle read{text};
    REQUIRE(std::equal(read.bytes.begin(), read.bytes.end(), address.bytes.begin()));
    const auto its = read.text();  // inet_ntop writes a dotted tail where WHATWG writes none
    if (its.find('.') == its.npos || !address.is_v6) REQUIRE(text == its);
  }
}

TEST_CASE("IPv4 comes before IPv6, and a mapped address is not yet the one in it") {
  CHECK(ip("255.255.255.255") < ip("::"));
  CHECK(ip("1.2.3.4") < ip("1.2.3.5"));
  CHECK(ip("::1") < ip("1::"));
  CHECK(ip("::ffff:1.2.3.4") != ip("1.2.3.4"));
  CHECK(unmapped(ip("::ffff:1.2.3.4")) == ip("1.2.3.4"));
  CHECK(unmapped(ip("::ffff:0:0")) == ip("0.0.0.0"));
  CHECK(unmapped(ip("::fffe:ffff:ffff")) == ip("::fffe:ffff:ffff"));
  CHECK(unmapped(ip("::1:0:0:0")) == ip("::1:0:0:0"));
  CHECK(unmapped(ip("::1.2.3.4")) == ip("::1.2.3.4"));
  CHECK(unmapped(ip("9.9.9.9")) == ip("9.9.9.9"));
  CHECK(ipv4_of(0x7F000001) == ip("127.0.0.1"));
  CHECK(ipv4_of(0xFFFEFDFC) == ip("255.254.253.252"));
}

TEST_CASE("NAT64 of the well-known prefix holds an IPv4 address, and nothing else does") {
  CHECK(nat64_inner(ip("64:ff9b::1.2.3.4")) == ip("1.2.3.4"));
  CHECK_FALSE(nat64_inner(ip("64:ff9b::1:102:304")));
  CHECK_FALSE(nat64_inner(ip("64:ff9b:1::1.2.3.4")));
  CHECK_FALSE(nat64_inner(ip("64:ff9a::1.2.3.4")));
  CHECK_FALSE(nat64_inner(ip("::ffff:1.2.3.4")));
  CHECK_FALSE(nat64_inner(ip("1.2.3.4")));
}

TEST_CASE("loopback is 127.0.0.0/8 and ::1") {
  for (const char* good : {"127.0.0.0", "127.0.0.1", "127.255.255.255", "::1"}) CHECK(is_loopback(ip(good)));
  for (const char* bad : {"126.255.255.255", "128.0.0.0", "::", "::2", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "7f00:1::"})
    CHECK_FALSE(is_loopback(ip(bad)));
}

TEST_CASE("a range is a CIDR block, or an address for itself") {
  CHECK(range("10.0.0.0/8") == IpRange{ip("10.0.0.0"), 8});
  CHECK(range("10.1.2.3/8") == IpRange{ip("10.0.0.0"), 8});
  CHECK(range("10.1.2.3/32") == range("10.1.2.3"));
  CHECK(range("255.255.255.255/0") == IpRange{ip("0.0.0.0"), 0});
  CHECK(range("255.255.255.255/1") == IpRange{ip("128.0.0.0"), 1});
  CHECK(range("255.255.255.255/31") == IpRange{ip("255.255.255.254"), 31});
  CHECK(range("::1") == IpRange{ip("::1"), 128});
  CHECK(range("FD00::1/8") == IpRange{ip("fd00::"), 8});
  CHECK(range("ffff::/9") == IpRange{ip("ff80::"), 9});
  CHECK(range("::/0") == IpRange{ip("::"), 0});
  CHECK(to_text(range("10.0.0.0/8")) == "10.0.0.0/8");
  CHECK(to_text(range("::1")) == "::1/128");
  for (const char* bad : {"",
                          "/",
                          "/8",
                          "10.0.0.0/",
                          "10.0.0.0/33",
                          "10.0.0.0/-1",
                          "10.0.0.0/+8",
                          "10.0.0.0/08",
                          "10.0.0.0/8 ",
                          "10.0.0.0 /8",
                          "10.0.0.0/8/8",
                          "10.0.0.0/255.0.0.0",
                          "10/8",
                          "10.0.0/8",
                          "::/129",
                          "::/1000",
                          "::/4294967296",
                          "::1%1/128",
                          "[::1]/128",
                          "localhost/8",
                          "10.0.0.0/0x8",
                          "127.1",
                          "10.0.0.0/8,",
                          "10.0.0.0/99999999999999999999"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_ip_range(bad));
  }
}

TEST_CASE("a range of mapped addresses is the IPv4 range in it, and nothing half of each") {
  CHECK(range("::ffff:10.0.0.1") == range("10.0.0.1"));
  CHECK(range("::ffff:10.0.0.0/104") == range("10.0.0.0/8"));
  CHECK(range("::ffff:0:0/96") == range("0.0.0.0/0"));
  CHECK(range("::ffff:ffff:ffff/127") == range("255.255.255.254/31"));
  for (const char* bad : {"::ffff:10.0.0.0/8", "::ffff:10.0.0.0/95", "::ffff:0:0/0"}) CHECK_FALSE(parse_ip_range(bad));
  CHECK(range("::/80") == IpRange{ip("::"), 80});
}

TEST_CASE("a range holds its first and its last address, and not their neighbours") {
  for (const char* text : {"10.0.0.0/8", "172.16.0.0/12", "1.2.3.4/32", "128.0.0.0/1", "192.168.0.254/31", "2001:db8::/32",
                           "fe80::/10", "::1/128", "8000::/1", "2001:20::/28", "::/127"}) {
    CAPTURE(text);
    const std::string cidr = text;
    const auto parsed = range(cidr);
    Oracle first{cidr.substr(0, cidr.find('/'))};
    Oracle last = first;
    for (std::size_t i = std::stoul(cidr.substr(cidr.find('/') + 1)); i < last.bytes.size() * 8; ++i) last.set(i, true);
    CHECK(parsed.holds(ip(first.text())));
    CHECK(parsed.holds(ip(last.text())));
    if (const auto before = first.step(false)) CHECK_FALSE(parsed.holds(ip(before->text())));
    if (const auto after = last.step(true)) CHECK_FALSE(parsed.holds(ip(after->text())));
  }
  CHECK(range("0.0.0.0/0").holds(ip("255.255.255.255")));
  CHECK_FALSE(range("0.0.0.0/0").holds(ip("::")));
  CHECK(range("::/0").holds(ip("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")));
  CHECK_FALSE(range("::/0").holds(ip("0.0.0.0")));
}

TEST_CASE("a NAT64 range is as wide as the IPv4 range behind it") {
  CHECK(to_text(nat64_range(range("10.0.0.0/8"))) == "64:ff9b::a00:0/104");
  CHECK(to_text(nat64_range(range("0.0.0.0/0"))) == "64:ff9b::/96");
  CHECK(nat64_range(range("10.0.0.0/8")).holds(ip("64:ff9b::10.255.255.255")));
  CHECK_FALSE(nat64_range(range("10.0.0.0/8")).holds(ip("64:ff9b::11.0.0.0")));
}

TEST_CASE("of many ranges the widest that holds an address is found") {
  const IpRanges none;
  CHECK(none.find(ip("1.2.3.4")) == nullptr);
  CHECK(IpRanges{{}}.find(ip("1.2.3.4")) == nullptr);

  const std::vector<std::string> texts{"10.1.0.0/16",   "10.0.0.0/8", "10.0.0.0/16", "10.0.0.0/8", "9.255.255.255",
                                       "172.16.0.0/12", "fd00::/8",   "fd00::1",     "::1",        "255.255.255.255"};
  std::vector<IpRange> all;
  std::transform(texts.begin(), texts.end(), std::back_inserter(all), range);
  const IpRanges ranges{all};
  const auto found = [&](const char* text) {
    const auto* at = ranges.find(ip(text));
    return at == nullptr ? std::string{} : to_text(*at);
  };
  CHECK(found("10.1.2.3") == "10.0.0.0/8");
  CHECK(found("10.0.0.0") == "10.0.0.0/8");
  CHECK(found("10.255.255.255") == "10.0.0.0/8");
  CHECK(found("9.255.255.255") == "9.255.255.255/32");
  CHECK(found("9.255.255.254").empty());
  CHECK(found("11.0.0.0").empty());
  CHECK(found("0.0.0.0").empty());
  CHECK(found("172.31.0.1") == "172.16.0.0/12");
  CHECK(found("255.255.255.255") == "255.255.255.255/32");
  CHECK(found("::").empty());
  CHECK(found("::1") == "::1/128");
  CHECK(found("fd00::1") == "fd00::/8");
  CHECK(found("fe00::1").empty());

  std::uint32_t state = 7;  // against a plain search
  for (int i = 0; i < 3000; ++i) {
    state = state * 1664525u + 1013904223u;
    const auto address = ipv4_of((state & 0x0FFF'FFFFu) | (i % 2 == 0 ? 0x0800'0000u : 0xA000'0000u));
    const bool expected = std::any_of(all.begin(), all.end(), [&](const IpRange& each) { return each.holds(address); });
    REQUIRE((ranges.find(address) != nullptr) == expected);
  }
}

TEST_CASE("the table is the IANA registries and what is refused beyond them") {
  const auto lines = lines_of_registry();
  const auto table = special_blocks();
  CHECK(table.size() == lines.size());
  for (const auto& line : lines) {
    CAPTURE(line.cidr);
    const auto found = std::find_if(table.begin(), table.end(),
                                    [&](const SpecialBlock& block) { return to_text(block.range) == line.cidr; });
    REQUIRE(found != table.end());
    CHECK(found->is_global == line.is_global);
    CHECK(found->rfc == line.rfc);
    CHECK(line.name.rfind(std::string{found->name}, 0) == 0);
  }
}

TEST_CASE("every block is public as its registry says: first, last, the one before and the one after") {
  const auto lines = lines_of_registry();
  REQUIRE(lines.size() > 50);
  int publics = 0, others = 0;
  for (const auto& line : lines) {
    Oracle last = line.base;
    for (std::size_t i = line.prefix; i < last.bytes.size() * 8; ++i) last.set(i, true);
    for (const auto& address : {std::optional{line.base}, std::optional{last}, line.base.step(false), last.step(true)}) {
      if (!address) continue;
      const bool expected = oracle_is_public(lines, *address);
      ++(expected ? publics : others);
      CAPTURE(line.cidr, address->text());
      CHECK(is_public(ip(address->text())) == expected);
    }
    // Where nothing more specific decides, the line itself is the answer.
    const auto* block = special_block_of(ip(last.text()));
    REQUIRE(block != nullptr);
    CHECK(block->range.prefix >= line.prefix);
  }
  CHECK(publics > 30);
  CHECK(others > 100);
}

TEST_CASE("the most specific block decides") {
  CHECK(to_text(special_block_of(ip("192.0.0.9"))->range) == "192.0.0.9/32");
  CHECK(to_text(special_block_of(ip("192.0.0.7"))->range) == "192.0.0.0/29");
  CHECK(to_text(special_block_of(ip("192.0.0.11"))->range) == "192.0.0.0/24");
  CHECK(to_text(special_block_of(ip("2001::1"))->range) == "2001::/32");
  CHECK(to_text(special_block_of(ip("2001:1::1"))->range) == "2001:1::1/128");
  CHECK(to_text(special_block_of(ip("2001:1ff::"))->range) == "2001::/23");
  CHECK(to_text(special_block_of(ip("::1"))->range) == "::1/128");
  CHECK(to_text(special_block_of(ip("::2"))->range) == "::/96");
  CHECK(special_block_of(ip("8.8.8.8")) == nullptr);
  CHECK(special_block_of(ip("2600::")) == nullptr);
}

TEST_CASE("IPv6 is public within 2000::/3 only, and what carries IPv4 as its kind says") {
  for (const char* good : {"2000::", "3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2a00:1450::1", "64:ff9b::8.8.8.8",
                           "64:ff9b::192.0.0.9", "::ffff:8.8.8.8", "8.8.8.8"}) {
    CAPTURE(good);
    CHECK(is_public(ip(good)));
  }
  for (const char* bad : {"1fff:ffff::", "4000::", "::8.8.8.8", "2002:808:808::1", "2001:0:808:808::1",
                          "64:ff9b:1::8.8.8.8", "64:ff9b::10.0.0.1", "64:ff9b::168.63.129.16", "::ffff:192.168.1.1",
                          "fec0::1", "ff0e::1", "168.63.129.16", "239.1.2.3", "::", "200::", "64:ff9b::1:808:808"}) {
    CAPTURE(bad);
    CHECK_FALSE(is_public(ip(bad)));
  }
}
