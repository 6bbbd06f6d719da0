#include <flyhook/detail/security/ip.hpp>
#include <flyhook/detail/security/url.hpp>
#include <flyhook/url_policy.hpp>

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

// check_url on anything. Lines of the input: the URL; what the resolver answers; `allow`; `deny` (the last three are
// separated by commas). A URL holds no line break, so that none is lost.
//
// Nothing throws, whatever comes in; the same input gives the same verdict; what is allowed leads to addresses only, to
// public ones unless `allow` has entries, and to a host that reads back as itself.

namespace {

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "check_url: %s\n", what);
  std::abort();
}

std::string_view take_line(std::string_view& rest) {
  const auto end = std::min(rest.find('\n'), rest.size());
  const auto line = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return line;
}

std::vector<std::string> split(std::string_view line) {
  std::vector<std::string> items;
  while (!line.empty()) {
    const auto end = std::min(line.find(','), line.size());
    items.emplace_back(line.substr(0, end));
    line.remove_prefix(std::min(end + 1, line.size()));
  }
  return items;
}

/// As the system reads it: an opinion that is not ours.
bool is_plain_address(const std::string& text) {
  std::array<unsigned char, 16> bytes{};
  return text.find('\0') == text.npos &&
         inet_pton(text.find(':') == text.npos ? AF_INET : AF_INET6, text.c_str(), bytes.data()) == 1;
}

void check(std::string_view url, const flyhook::UrlPolicy& policy, const std::vector<std::string>& answers) {
  std::size_t asked = 0;
  std::string name;
  const auto resolver = [&](const std::string& host) {
    ++asked;
    name = host;
    return answers;
  };
  const auto verdict = flyhook::check_url(url, policy, resolver);
  const auto again = flyhook::check_url(url, policy, resolver);
  require(verdict.status == again.status && verdict.reason == again.reason && verdict.addresses == again.addresses,
          "the same input, another verdict");
  require(asked == 0 || asked == 2, "a look-up too many");

  const bool is_allowed = verdict.status == flyhook::UrlStatus::allow;
  require(verdict.reason.empty() == is_allowed, "a reason for what is allowed, or none for what is not");
  require(verdict.addresses.empty() != is_allowed, "addresses of what is refused, or none of what is allowed");
  require(verdict.reason.size() < 2000, "a reason of thousands of bytes");
  auto parsed = flyhook::detail::parse_url(url);
  const auto* const target = std::get_if<flyhook::detail::Url>(&parsed);
  require((target == nullptr) == (verdict.status == flyhook::UrlStatus::invalid), "invalid is what does not parse");
  if (target == nullptr) return;

  // Host and target hold nothing that could break a request, and the host reads back as itself.
  const auto is_sane = [](std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7F && c != '\\'; });
  };
  require(is_sane(target->host) && is_sane(target->target) && target->target.starts_with('/'),
          "a character unfit to be sent");
  require(target->target.find('#') == std::string::npos, "a fragment that would be sent");
  const auto back = flyhook::detail::parse_url("http://" + target->authority());
  const auto* const same = std::get_if<flyhook::detail::Url>(&back);
  require(same != nullptr && same->host == target->host && same->is_literal == target->is_literal,
          "another host when read again");
  in_addr loose{};
  require(target->is_literal == is_plain_address(target->host),
          "a literal that is no address, or an address that passes for a name");
  require(target->is_literal || inet_aton(target->host.c_str(), &loose) == 0, "a name that the system reads as an address");
  require(asked == 0 || (!target->is_literal && name == target->host), "a look-up of something else");
  if (!is_allowed) return;

  require(asked == (target->is_literal ? 0u : 2u), "allowed, and nobody asked");
  for (const auto& text : verdict.addresses) {
    require(is_plain_address(text), "what is pinned is no address");
    const auto address = flyhook::detail::parse_ip(text);
    require(address && flyhook::detail::to_text(*address) == text, "what is pinned is not canonical");
    require(flyhook::detail::unmapped(*address) == *address, "a mapped address is pinned");
    require(!policy.allow.empty() || flyhook::detail::is_public(*address), "allowed, and not public");
    require(std::find(policy.deny.begin(), policy.deny.end(), text) == policy.deny.end(), "allowed, and denied");
  }
  require(!policy.https_only || target->is_https, "http where https was asked for");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  // Exactly as large as the input, so that a step beyond its end is seen.
  const std::unique_ptr<char[]> exact{new char[size]};
  if (size > 0) std::memcpy(exact.get(), bytes, size);
  std::string_view rest{exact.get(), size};

  const auto url = take_line(rest);
  const auto answers = split(take_line(rest));
  flyhook::UrlPolicy policy;
  policy.allow = split(take_line(rest));
  policy.deny = split(take_line(rest));
  check(url, {}, answers);
  check(url, policy, answers);
  policy.https_only = true;
  check(url, policy, answers);
  check({exact.get(), size}, {}, {"8.8.8.8"});  // line breaks included
  return 0;
}
