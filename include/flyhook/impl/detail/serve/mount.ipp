#ifndef FLYHOOK_IMPL_DETAIL_SERVE_MOUNT_IPP
#define FLYHOOK_IMPL_DETAIL_SERVE_MOUNT_IPP

#include <flyhook/detail/serve/mount.hpp>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <system_error>

namespace flyhook::detail {

std::string escaped_for_regex(std::string_view path) {
  constexpr std::string_view special = R"(^$\.*+?()[]{}|)";
  std::string escaped;
  escaped.reserve(path.size());
  for (const char c : path) {
    if (c == ':') {
      escaped.append("[:]");
      continue;
    }
    if (special.find(c) != special.npos) escaped.push_back('\\');
    escaped.push_back(c);
  }
  return escaped;
}

bool is_made_by_server(std::string_view name) {
  if (name.size() != 10 && name.size() != 11) return false;
  return equal_without_case(name, "REMOTE_ADDR") || equal_without_case(name, "REMOTE_PORT") ||
         equal_without_case(name, "LOCAL_ADDR") || equal_without_case(name, "LOCAL_PORT");
}

bool has_body(const Headers& headers) {
  if (find_header(headers, "transfer-encoding") != nullptr) return true;
  const auto* length = find_header(headers, "content-length");
  return length != nullptr && *length != "0";
}

bool announces_more_than(const Headers& headers, std::size_t limit) {
  const auto* length = find_header(headers, "content-length");
  if (length == nullptr || find_header(headers, "transfer-encoding") != nullptr) return false;
  std::uint64_t bytes = 0;
  const auto read = std::from_chars(length->data(), length->data() + length->size(), bytes);
  return read.ec == std::errc::result_out_of_range || (read.ec == std::errc{} && bytes > limit);
}

void forget_decoded(Headers& headers) {
  const auto is_encoding = [](const auto& field) { return equal_without_case(field.first, "content-encoding"); };
  const auto found = std::find_if(headers.begin(), headers.end(), is_encoding);
  if (found == headers.end() || std::find_if(found + 1, headers.end(), is_encoding) != headers.end()) return;
  const auto& value = found->second;
  if (value == "gzip" || value == "deflate" || value == "br") headers.erase(found);
}

}  // namespace flyhook::detail

#endif
