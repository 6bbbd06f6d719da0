#ifndef FLYHOOK_IMPL_DETAIL_DECIDE_FILTER_IPP
#define FLYHOOK_IMPL_DETAIL_DECIDE_FILTER_IPP

#include <flyhook/detail/decide/filter.hpp>
#include <flyhook/encoding.hpp>
#include <flyhook/impl/detail/decide/filter/clause.ipp>
#include <flyhook/impl/detail/decide/filter/compile.ipp>

#include <algorithm>
#include <cmath>
#include <compare>
#include <cstdint>
#include <limits>
#include <utility>

// A clause asked about an event. Nothing is copied, and what recurses goes down a filter or an operand, which are shallow;
// how deep or large the data is does not matter.

namespace flyhook::detail {

/// What a pointer leads to: JSON, a member of the event that is text, or nothing (missing).
struct FilterValue {
  const nlohmann::json* json = nullptr;
  std::optional<std::string_view> text{};  // set for every string, JSON's too

  bool is_missing() const noexcept { return json == nullptr && !text; }
};

/// An event whose data is parsed, if the filter needs it.
struct FilterEvent {
  const FilterInput& input;
  const nlohmann::json* data;  // null: the filter does not look there
};

FLYHOOK_DECL bool holds(const FilterClause& clause, const FilterEvent& event);
FLYHOOK_DECL bool holds(const FilterTest& test, const FilterValue& value);
FLYHOOK_DECL FilterValue find_value(const FilterCondition& condition, const FilterEvent& event);
FLYHOOK_DECL const nlohmann::json* step_into(const nlohmann::json& value, const FilterStep& step);
FLYHOOK_DECL bool equals(const FilterValue& value, const nlohmann::json& operand);
FLYHOOK_DECL bool equals_any(const FilterValue& value, const nlohmann::json& operands);
FLYHOOK_DECL std::partial_ordering compare(const FilterValue& value, const nlohmann::json& operand);
FLYHOOK_DECL nlohmann::json::value_t kind_of(const nlohmann::json& value);
FLYHOOK_DECL bool same_value(const nlohmann::json& a, const nlohmann::json& b);
FLYHOOK_DECL std::partial_ordering compare_numbers(const nlohmann::json& a, const nlohmann::json& b);
FLYHOOK_DECL std::partial_ordering compare_mixed(double real, const nlohmann::json& whole);
FLYHOOK_DECL std::partial_ordering compare_integers(const nlohmann::json& a, const nlohmann::json& b);

// Input -----------------------------------------------------------------------------------------------------------------

FilterInput::FilterInput(const Message& message)
    : type_(message.type), tenant_(message.tenant), key_(message.key), message_(&message) {}

FilterInput::FilterInput(std::string_view type, std::string_view tenant, std::string_view key, const FilterData& data)
    : type_(type), tenant_(tenant), key_(key), data_(&data), was_parsed_(true) {}

FilterInput::~FilterInput() = default;

bool FilterInput::has_json_type() const {
  return message_ == nullptr || is_json_type(message_->content_type);
}

const FilterData* FilterInput::data() {
  if (std::exchange(was_parsed_, true)) return data_;
  const auto& text = message_->data;
  if (text.find('\0') != text.npos) return nullptr;  // nlohmann's parser would take it for the end of the text
  auto parsed = nlohmann::json::parse(text, nullptr, false);
  if (parsed.is_discarded()) return nullptr;
  parsed_ = std::make_unique<const FilterData>(std::move(parsed));
  data_ = parsed_.get();
  return data_;
}

// Filter ----------------------------------------------------------------------------------------------------------------

Filter::Filter(std::string_view text) {
  if (!text.empty()) clause_ = std::make_shared<const FilterClause>(compile_filter(text));
}

bool Filter::holds(FilterInput& event) const {
  if (!event.has_json_type()) return false;
  const FilterData* data = nullptr;
  // Before anything is judged: data that is no JSON must not hold by way of a `$not`.
  if (clause_->looks_into_data && (data = event.data()) == nullptr) return false;
  return detail::holds(*clause_, {event, data == nullptr ? nullptr : &data->value});
}

bool holds(const FilterClause& clause, const FilterEvent& event) {
  for (const auto& condition : clause.conditions) {
    const auto value = find_value(condition, event);
    for (const auto& test : condition.tests)
      if (!holds(test, value)) return false;
  }
  const auto& clauses = clause.clauses;
  const auto each_holds = [&](const FilterClause& each) { return holds(each, event); };
  switch (clause.kind) {
    case FilterClause::Kind::all: return std::all_of(clauses.begin(), clauses.end(), each_holds);
    case FilterClause::Kind::any: return std::any_of(clauses.begin(), clauses.end(), each_holds);
    case FilterClause::Kind::none: return std::none_of(clauses.begin(), clauses.end(), each_holds);
  }
  return false;
}

/// Where it leads nowhere, no test of equality, order or text holds, and so `$ne` and `$nin`, which negate, do (M10).
bool holds(const FilterTest& test, const FilterValue& value) {
  const auto& operand = test.operand;
  switch (test.op) {
    case FilterOperator::eq: return equals(value, operand);
    case FilterOperator::ne: return !equals(value, operand);
    case FilterOperator::gt: return std::is_gt(compare(value, operand));
    case FilterOperator::gte: return std::is_gteq(compare(value, operand));
    case FilterOperator::lt: return std::is_lt(compare(value, operand));
    case FilterOperator::lte: return std::is_lteq(compare(value, operand));
    case FilterOperator::in: return equals_any(value, operand);
    case FilterOperator::nin: return !equals_any(value, operand);
    case FilterOperator::exists: return operand.get<bool>() != value.is_missing();
    case FilterOperator::prefix: return value.text && value.text->starts_with(operand.get_ref<const std::string&>());
    case FilterOperator::suffix: return value.text && value.text->ends_with(operand.get_ref<const std::string&>());
  }
  return false;
}

FilterValue find_value(const FilterCondition& condition, const FilterEvent& event) {
  FilterValue found;
  if (condition.root != FilterRoot::data && !condition.steps.empty()) return found;  // a step into a scalar
  switch (condition.root) {
    case FilterRoot::type: found.text = event.input.type(); return found;
    case FilterRoot::tenant: found.text = event.input.tenant(); return found;
    case FilterRoot::key: found.text = event.input.key(); return found;
    case FilterRoot::data: break;
  }
  found.json = event.data;
  for (const auto& step : condition.steps) {
    if (found.json == nullptr) return found;
    found.json = step_into(*found.json, step);
  }
  if (found.json != nullptr && found.json->is_string()) found.text = found.json->get_ref<const std::string&>();
  return found;
}

const nlohmann::json* step_into(const nlohmann::json& value, const FilterStep& step) {
  if (const auto* object = value.get_ptr<const nlohmann::json::object_t*>()) {
    const auto member = object->find(step.member);
    return member == object->end() ? nullptr : &member->second;
  }
  if (const auto* array = value.get_ptr<const nlohmann::json::array_t*>())
    return step.index && *step.index < array->size() ? &(*array)[*step.index] : nullptr;
  return nullptr;
}

// Comparison ------------------------------------------------------------------------------------------------------------

bool equals(const FilterValue& value, const nlohmann::json& operand) {
  if (value.text) return operand.is_string() && *value.text == operand.get_ref<const std::string&>();
  return value.json != nullptr && same_value(operand, *value.json);
}

bool equals_any(const FilterValue& value, const nlohmann::json& operands) {
  return std::any_of(operands.begin(), operands.end(), [&](const auto& operand) { return equals(value, operand); });
}

/// Unordered across types (M11). Strings by bytes.
std::partial_ordering compare(const FilterValue& value, const nlohmann::json& operand) {
  if (value.text && operand.is_string()) return *value.text <=> operand.get_ref<const std::string&>();
  const bool is_number = value.json != nullptr && kind_of(*value.json) == nlohmann::json::value_t::number_float;
  return is_number && operand.is_number() ? compare_numbers(*value.json, operand) : std::partial_ordering::unordered;
}

/// One kind for all numbers. Infinity and NaN, which only a value built in C++ can hold, are written as null.
nlohmann::json::value_t kind_of(const nlohmann::json& value) {
  if (value.is_number_float() && !std::isfinite(value.get<double>())) return nlohmann::json::value_t::null;
  return value.is_number() ? nlohmann::json::value_t::number_float : value.type();
}

/// M8. Not nlohmann's ==, which compares an integer with a double as doubles.
bool same_value(const nlohmann::json& a, const nlohmann::json& b) {
  using Json = nlohmann::json;
  const auto kind = kind_of(a);
  if (kind != kind_of(b)) return false;
  switch (kind) {
    case Json::value_t::null: return true;
    case Json::value_t::boolean: return a.get<bool>() == b.get<bool>();
    case Json::value_t::string: return a.get_ref<const std::string&>() == b.get_ref<const std::string&>();
    case Json::value_t::array: return std::equal(a.begin(), a.end(), b.begin(), b.end(), same_value);
    case Json::value_t::object: {
      const auto& of_a = a.get_ref<const Json::object_t&>();
      const auto& of_b = b.get_ref<const Json::object_t&>();
      // Both are sorted by key.
      return std::equal(of_a.begin(), of_a.end(), of_b.begin(), of_b.end(), [](const auto& one, const auto& other) {
        return one.first == other.first && same_value(one.second, other.second);
      });
    }
    case Json::value_t::number_integer:
    case Json::value_t::number_unsigned:
    case Json::value_t::number_float: return std::is_eq(compare_numbers(a, b));
    case Json::value_t::binary:
    case Json::value_t::discarded: break;  // no JSON
  }
  return false;
}

/// By value: the double is never rounded to an integer, nor the integer to a double.
template <class Integer>
std::partial_ordering compare_whole(double real, Integer whole) {
  using Limits = std::numeric_limits<Integer>;
  // The greatest integer becomes the power of two above it.
  if (real >= static_cast<double>(Limits::max())) return std::partial_ordering::greater;
  if (real < static_cast<double>(Limits::min())) return std::partial_ordering::less;
  const auto truncated = static_cast<Integer>(real);
  if (truncated != whole) return truncated <=> whole;
  return real <=> static_cast<double>(truncated);  // exact: a double with a fraction is below 2^53
}

std::partial_ordering compare_mixed(double real, const nlohmann::json& whole) {
  return whole.is_number_unsigned() ? compare_whole(real, whole.get<std::uint64_t>())
                                    : compare_whole(real, whole.get<std::int64_t>());
}

std::partial_ordering compare_integers(const nlohmann::json& a, const nlohmann::json& b) {
  // get converts; what is not negative is the same in both types, and what is negative keeps its order.
  const bool is_a_negative = !a.is_number_unsigned() && a.get<std::int64_t>() < 0;
  const bool is_b_negative = !b.is_number_unsigned() && b.get<std::int64_t>() < 0;
  if (is_a_negative != is_b_negative) return is_a_negative ? std::partial_ordering::less : std::partial_ordering::greater;
  return a.get<std::uint64_t>() <=> b.get<std::uint64_t>();
}

std::partial_ordering compare_numbers(const nlohmann::json& a, const nlohmann::json& b) {
  if (a.is_number_float() && b.is_number_float()) return a.get<double>() <=> b.get<double>();
  if (a.is_number_float()) return compare_mixed(a.get<double>(), b);
  if (!b.is_number_float()) return compare_integers(a, b);
  const auto reversed = compare_mixed(b.get<double>(), a);
  return std::is_lt(reversed)   ? std::partial_ordering::greater
         : std::is_gt(reversed) ? std::partial_ordering::less
                                : reversed;
}

}  // namespace flyhook::detail

#endif
