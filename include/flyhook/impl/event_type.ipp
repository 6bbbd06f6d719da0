#ifndef FLYHOOK_IMPL_EVENT_TYPE_IPP
#define FLYHOOK_IMPL_EVENT_TYPE_IPP

#include <flyhook/event_type.hpp>
#include <flyhook/id.hpp>

namespace flyhook {

bool is_event_type(std::string_view text) {
  if (text.size() > 128) return false;
  bool in_segment = false;
  for (const char c : text) {
    if (c == '.') {
      if (!in_segment) return false;
      in_segment = false;
    } else if (detail::is_identifier_char(c)) {
      in_segment = true;
    } else {
      return false;
    }
  }
  return in_segment;
}

bool is_event_pattern(std::string_view text) {
  if (text == "*") return true;
  if (text.ends_with(".*")) text.remove_suffix(2);
  return is_event_type(text);
}

bool pattern_matches(std::string_view pattern, std::string_view type) {
  if (!pattern.ends_with('*')) return pattern == type;
  return type.starts_with(pattern.substr(0, pattern.size() - 1));
}

}  // namespace flyhook

#endif
