#ifndef FLYHOOK_IMPL_EVENT_IPP
#define FLYHOOK_IMPL_EVENT_IPP

#include <flyhook/detail/decide/filter.hpp>
#include <flyhook/error.hpp>
#include <flyhook/event.hpp>
#include <flyhook/impl/detail/decide/filter/clause.ipp>

#include <algorithm>
#include <cstddef>
#include <set>
#include <string>
#include <vector>

namespace flyhook {

namespace detail {

FLYHOOK_DECL std::size_t find_deeper(std::string_view text, std::size_t most_deep);
FLYHOOK_DECL nlohmann::json parse_with(std::string_view text, std::size_t most_deep,
                                       const nlohmann::json::parser_callback_t& check);

/// Where the text goes deeper than that; npos: nowhere. Right for as long as the text is JSON, which is all that a parser
/// looks at.
std::size_t find_deeper(std::string_view text, std::size_t most_deep) {
  std::size_t depth = 0;
  for (std::size_t i = 0; i < text.size();) {
    const char c = text[i];
    if (c == '"') {
      i = behind_json_string(text, i);
      continue;
    }
    if (c == '[' || c == '{') {
      if (++depth > most_deep) return i;
    } else if ((c == ']' || c == '}') && depth > 0) {
      --depth;
    }
    ++i;
  }
  return text.npos;
}

std::size_t behind_json_string(std::string_view text, std::size_t at) {
  for (auto quote = text.find('"', at + 1); quote != text.npos; quote = text.find('"', quote + 1)) {
    // Escaped by an odd number of backslashes; before the first of them there is the opening quote at least.
    auto first = quote;
    while (text[first - 1] == '\\') --first;
    if ((quote - first) % 2 == 0) return quote + 1;
  }
  return text.size();
}

nlohmann::json parse_with(std::string_view text, std::size_t most_deep, const nlohmann::json::parser_callback_t& check) {
  const auto refused = [](const std::string& reason) { return Error{ErrorCode::invalid, "", reason}; };
  if (const auto at = find_deeper(text, most_deep); at != text.npos)
    throw refused("the JSON is nested deeper than " + std::to_string(most_deep) + " at byte " + std::to_string(at));
  // nlohmann's parser takes a NUL for the end of the text.
  if (const auto at = text.find('\0'); at != text.npos)
    throw refused("it is not JSON in UTF-8, at byte " + std::to_string(at));
  try {
    return nlohmann::json::parse(text, check);
  } catch (const nlohmann::json::parse_error& error) {
    // Counted from 1, and for what is missing at the end one behind it.
    const auto at = std::min(error.byte == 0 ? 0 : error.byte - 1, text.size());
    throw refused("it is not JSON in UTF-8, at byte " + std::to_string(at));
  } catch (const nlohmann::json::exception&) {
    throw refused("it holds a number that is out of range");
  }
}

nlohmann::json parse_json(std::string_view text, std::size_t most_deep) {
  return parse_with(text, most_deep, nullptr);
}

nlohmann::json parse_strict_json(std::string_view text, std::size_t most_deep) {
  using Parsing = nlohmann::json::parse_event_t;
  std::vector<std::set<std::string>> keys;  // of what is open, by depth
  return parse_with(text, most_deep, [&keys](int depth, Parsing step, const nlohmann::json& parsed) {
    const auto level = static_cast<std::size_t>(depth);
    if (step == Parsing::object_start || step == Parsing::array_start) {
      keys.resize(level);
      keys.emplace_back();
    } else if (step == Parsing::key) {
      const auto& key = parsed.get_ref<const std::string&>();
      if (!keys[level - 1].insert(key).second)
        throw Error{ErrorCode::invalid, "", "the member \"" + printable(key) + "\" stands twice in one object"};
    }
    return true;
  });
}

}  // namespace detail

bool matches(std::string_view filter, const Event& event) {
  const detail::FilterData data{&event.data};
  detail::FilterInput input{event.type, event.tenant, event.key, data};
  return detail::Filter{filter}.matches(input);
}

}  // namespace flyhook

#endif
