#ifndef FLYHOOK_IMPL_DETAIL_DECIDE_FILTER_CLAUSE_IPP
#define FLYHOOK_IMPL_DETAIL_DECIDE_FILTER_CLAUSE_IPP

#include <flyhook/detail/decide/filter.hpp>

#include <nlohmann/json.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// What a filter is once compiled, and what it is asked about: JSON values, which filter.hpp must not know.

namespace flyhook::detail {

/// An event's data, parsed: its own, or somebody else's who keeps it.
struct FilterData {
  explicit FilterData(nlohmann::json&& parsed) : own(std::move(parsed)), value(own) {}
  explicit FilterData(const nlohmann::json* borrowed) : value(*borrowed) {}
  FilterData(const FilterData&) = delete;
  FilterData& operator=(const FilterData&) = delete;
  ~FilterData() = default;

  const nlohmann::json own{};
  const nlohmann::json& value;
};

enum class FilterOperator { eq, ne, gt, gte, lt, lte, in, nin, exists, prefix, suffix };

/// One operator with its operand.
struct FilterTest {
  FilterOperator op = FilterOperator::eq;
  nlohmann::json operand{};
};

/// One step of a JSON Pointer: a member, or, in an array, an element.
struct FilterStep {
  std::string member{};
  std::optional<std::size_t> index{};  // if the token is one (RFC 6901, 4)
};

/// Where a pointer starts (M6).
enum class FilterRoot { type, tenant, key, data };

/// A pointer and what must hold of the value it leads to.
struct FilterCondition {
  FilterRoot root = FilterRoot::data;
  std::vector<FilterStep> steps{};
  std::vector<FilterTest> tests{};  // all must hold
};

/// A filter, or the filters that `$and`, `$or` or `$not` combines. Only a filter has conditions, and then it is of kind
/// `all`.
struct FilterClause {
  enum class Kind { all, any, none };
  Kind kind = Kind::all;
  std::vector<FilterCondition> conditions{};
  std::vector<FilterClause> clauses{};
  bool looks_into_data = false;  // here or further down
};

/// Throws Error ("filter").
FLYHOOK_DECL FilterClause compile_filter(std::string_view text);

}  // namespace flyhook::detail

#endif
