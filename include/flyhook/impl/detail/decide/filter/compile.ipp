#ifndef FLYHOOK_IMPL_DETAIL_DECIDE_FILTER_COMPILE_IPP
#define FLYHOOK_IMPL_DETAIL_DECIDE_FILTER_COMPILE_IPP

#include <flyhook/error.hpp>
#include <flyhook/impl/detail/decide/filter/clause.ipp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <limits>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// From a filter's text to its clause. Every branch is checked here, reached by an event or not (M14). The JSON parser keeps
// its own stack, and nothing deeper than Filter::most_deep gets past it, so that what recurses behind it is bounded.

namespace flyhook::detail {

/// Compiles what is parsed, and knows where it is in the text.
class FilterCompiler {
 public:
  FLYHOOK_DECL FilterClause clause(const nlohmann::json& filter);

 private:
  class Place;  // a step down

  FLYHOOK_DECL FilterClause combination(const std::string& name, const nlohmann::json& filters);
  FLYHOOK_DECL static void add(FilterClause& to, FilterClause&& clause);
  FLYHOOK_DECL FilterCondition condition(const std::string& pointer, const nlohmann::json& value);
  FLYHOOK_DECL FilterTest test(const std::string& name, const nlohmann::json& operand);
  [[noreturn]] FLYHOOK_DECL void refuse(const std::string& reason) const;

  std::string at_{};  // a JSON Pointer into the filter
};

FLYHOOK_DECL nlohmann::json parse_filter(std::string_view text);
FLYHOOK_DECL std::string as_quoted(std::string_view text);
[[noreturn]] FLYHOOK_DECL void refuse_filter(const std::string& reason);
FLYHOOK_DECL bool is_operators(const nlohmann::json& value);
FLYHOOK_DECL std::optional<std::vector<FilterStep>> pointer_steps(std::string_view pointer);
FLYHOOK_DECL std::optional<std::size_t> array_index(std::string_view token);

struct FilterOperatorName {
  std::string_view name{};
  FilterOperator op{};
};
inline constexpr std::array<FilterOperatorName, 11> filter_operators{{{"$eq", FilterOperator::eq},
                                                                      {"$ne", FilterOperator::ne},
                                                                      {"$gt", FilterOperator::gt},
                                                                      {"$gte", FilterOperator::gte},
                                                                      {"$lt", FilterOperator::lt},
                                                                      {"$lte", FilterOperator::lte},
                                                                      {"$in", FilterOperator::in},
                                                                      {"$nin", FilterOperator::nin},
                                                                      {"$exists", FilterOperator::exists},
                                                                      {"$prefix", FilterOperator::prefix},
                                                                      {"$suffix", FilterOperator::suffix}}};

/// As a JSON string in ASCII, so that a message stays one line of text whatever it quotes; cut where it is long.
std::string as_quoted(std::string_view text) {
  constexpr std::size_t most = 200;
  const bool is_cut = text.size() > most;
  return nlohmann::json(text.substr(0, most)).dump(-1, ' ', true, nlohmann::json::error_handler_t::ignore) +
         (is_cut ? "..." : "");
}

void refuse_filter(const std::string& reason) {
  throw Error{ErrorCode::invalid, "filter", reason};
}

// Text ------------------------------------------------------------------------------------------------------------------

FilterClause compile_filter(std::string_view text) {
  return FilterCompiler{}.clause(parse_filter(text));
}

nlohmann::json parse_filter(std::string_view text) {
  if (text.size() > Filter::most_bytes)
    refuse_filter("has " + std::to_string(text.size()) + " bytes, the most are " + std::to_string(Filter::most_bytes));
  // nlohmann's parser takes a NUL for the end of the text.
  if (text.find('\0') != text.npos) refuse_filter("is not JSON: it holds a NUL byte");

  using Event = nlohmann::json::parse_event_t;
  std::vector<std::set<std::string>> keys;  // of each object that is open, by depth
  const auto check = [&keys](int depth, Event event, const nlohmann::json& parsed) {
    const auto level = static_cast<std::size_t>(depth);
    if (event == Event::object_start || event == Event::array_start) {
      if (level >= Filter::most_deep)
        refuse_filter("is more than " + std::to_string(Filter::most_deep) + " objects and arrays deep");
      keys.resize(level);
      keys.emplace_back();
    } else if (event == Event::key) {
      const auto& key = parsed.get_ref<const std::string&>();
      if (!keys[level - 1].insert(key).second) refuse_filter("the key " + as_quoted(key) + " stands twice in one object");
    }
    return true;
  };
  try {
    return nlohmann::json::parse(text, check);
  } catch (const nlohmann::json::parse_error& error) {
    refuse_filter("is not JSON: byte " + std::to_string(error.byte) + " is not what must stand there");
  } catch (const nlohmann::json::out_of_range&) {
    refuse_filter("holds a number that is too large for a double");
  }
}

// Clauses ---------------------------------------------------------------------------------------------------------------

class FilterCompiler::Place {
 public:
  Place(std::string& at, std::string_view token) : at_(at), size_(at.size()) {
    at_.push_back('/');
    for (const char c : token) {
      if (c == '~' || c == '/') {
        at_.append(c == '~' ? "~0" : "~1");
      } else {
        at_.push_back(c);
      }
    }
  }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  ~Place() { at_.resize(size_); }

 private:
  std::string& at_;
  std::size_t size_;
};

void FilterCompiler::refuse(const std::string& reason) const {
  if (at_.empty()) refuse_filter(reason);
  auto place = as_quoted(at_);
  std::erase(place, '"');  // a quote of the text is left as \"
  throw Error{ErrorCode::invalid, "filter", "at " + place + ": " + reason};
}

FilterClause FilterCompiler::clause(const nlohmann::json& filter) {
  if (!filter.is_object()) refuse("must be a filter: a JSON object");
  FilterClause clause;
  for (const auto& [key, value] : filter.get_ref<const nlohmann::json::object_t&>()) {
    if (key.starts_with('$')) {
      add(clause, combination(key, value));
    } else {
      clause.conditions.push_back(condition(key, value));
      clause.looks_into_data = clause.looks_into_data || clause.conditions.back().root == FilterRoot::data;
    }
  }
  return clause;
}

FilterClause FilterCompiler::combination(const std::string& name, const nlohmann::json& filters) {
  if (name != "$and" && name != "$or" && name != "$not") refuse(as_quoted(name) + " is none of $and, $or and $not");
  FilterClause combined;
  const Place here{at_, name};
  if (name == "$not") {
    combined.kind = FilterClause::Kind::none;
    add(combined, clause(filters));
    return combined;
  }
  combined.kind = name == "$and" ? FilterClause::Kind::all : FilterClause::Kind::any;
  if (!filters.is_array()) refuse("must be an array of filters");
  for (std::size_t i = 0; i < filters.size(); ++i) {
    const Place at_element{at_, std::to_string(i)};
    add(combined, clause(filters[i]));
  }
  return combined;
}

void FilterCompiler::add(FilterClause& to, FilterClause&& clause) {
  to.looks_into_data = to.looks_into_data || clause.looks_into_data;
  to.clauses.push_back(std::move(clause));
}

/// M7: one key that starts with $ makes it one, and then each key must be an operator.
bool is_operators(const nlohmann::json& value) {
  if (!value.is_object()) return false;
  const auto& members = value.get_ref<const nlohmann::json::object_t&>();
  return std::any_of(members.begin(), members.end(), [](const auto& member) { return member.first.starts_with('$'); });
}

FilterCondition FilterCompiler::condition(const std::string& pointer, const nlohmann::json& value) {
  auto steps = pointer_steps(pointer);
  if (!steps)
    refuse(as_quoted(pointer) +
           " is neither a JSON Pointer (\"/data/total\", with ~ as ~0 and / in a name as ~1) nor $and, $or or $not");

  FilterCondition condition;
  condition.steps = std::move(*steps);
  constexpr std::array<std::pair<std::string_view, FilterRoot>, 4> roots{
      {{"type", FilterRoot::type}, {"tenant", FilterRoot::tenant}, {"key", FilterRoot::key}, {"data", FilterRoot::data}}};
  for (const auto& [name, root] : roots)
    if (!condition.steps.empty() && condition.steps.front().member == name) {
      condition.root = root;
      condition.steps.erase(condition.steps.begin());
      break;
    }

  const Place here{at_, pointer};
  if (!is_operators(value)) {
    condition.tests.push_back({FilterOperator::eq, value});
    return condition;
  }
  for (const auto& [name, operand] : value.get_ref<const nlohmann::json::object_t&>())
    condition.tests.push_back(test(name, operand));
  return condition;
}

FilterTest FilterCompiler::test(const std::string& name, const nlohmann::json& operand) {
  const auto known = std::find_if(filter_operators.begin(), filter_operators.end(),
                                  [&](const FilterOperatorName& each) { return each.name == name; });
  if (known == filter_operators.end()) refuse(as_quoted(name) + " is not an operator");
  const Place here{at_, name};
  switch (known->op) {
    case FilterOperator::eq:
    case FilterOperator::ne: break;
    case FilterOperator::gt:
    case FilterOperator::gte:
    case FilterOperator::lt:
    case FilterOperator::lte:
      if (!operand.is_number() && !operand.is_string()) refuse("must be a number or a string");
      break;
    case FilterOperator::in:
    case FilterOperator::nin:
      if (!operand.is_array()) refuse("must be an array");
      break;
    case FilterOperator::exists:
      if (!operand.is_boolean()) refuse("must be true or false");
      break;
    case FilterOperator::prefix:
    case FilterOperator::suffix:
      if (!operand.is_string()) refuse("must be a string");
      break;
  }
  return {known->op, operand};
}

// Pointers (RFC 6901) ---------------------------------------------------------------------------------------------------

/// nullopt: not a JSON Pointer.
std::optional<std::vector<FilterStep>> pointer_steps(std::string_view pointer) {
  std::vector<FilterStep> steps;
  while (!pointer.empty()) {
    if (pointer.front() != '/') return std::nullopt;
    pointer.remove_prefix(1);
    const auto token = pointer.substr(0, pointer.find('/'));
    pointer.remove_prefix(token.size());
    FilterStep step;
    for (std::size_t i = 0; i < token.size(); ++i) {
      if (token[i] != '~') {
        step.member.push_back(token[i]);
        continue;
      }
      const char escaped = ++i < token.size() ? token[i] : '\0';
      if (escaped != '0' && escaped != '1') return std::nullopt;
      step.member.push_back(escaped == '0' ? '~' : '/');
    }
    step.index = array_index(token);
    steps.push_back(std::move(step));
  }
  return steps;
}

/// "0", or digits without a leading zero; nullopt for all else, and for what no array is long enough for (M9).
std::optional<std::size_t> array_index(std::string_view token) {
  constexpr auto most = std::numeric_limits<std::size_t>::max();
  if (token.empty() || (token.size() > 1 && token.front() == '0')) return std::nullopt;
  std::size_t index = 0;
  for (const char c : token) {
    if (c < '0' || c > '9') return std::nullopt;
    const auto digit = static_cast<std::size_t>(c - '0');
    if (index > (most - digit) / 10) return std::nullopt;
    index = index * 10 + digit;
  }
  return index;
}

}  // namespace flyhook::detail

#endif
