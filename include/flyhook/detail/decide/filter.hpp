#ifndef FLYHOOK_DETAIL_DECIDE_FILTER_HPP
#define FLYHOOK_DETAIL_DECIDE_FILTER_HPP

#include <flyhook/detail/config.hpp>
#include <flyhook/message.hpp>

#include <cstddef>
#include <memory>
#include <string_view>

// Which events a subscription wants beyond type and tenant: the JSON text of `Subscription::filter`, compiled once and
// asked for each event that the patterns match (rules M6 to M15 of tests/vectors/README.md). Here alone the core looks into
// data.
//
//     {"/total": {"$gte": 100, "$lt": 1000},                  pointer: operators, all of which must hold
//      "/customer/country": "DE",                             pointer: value, compared as a whole
//      "$or": [{"/key": "vip"}, {"/items/0": {"$exists": true}}]}

namespace flyhook::detail {

struct FilterClause;  // a compiled filter: impl/detail/decide/filter/clause.ipp
struct FilterData;    // parsed data: the same

/// An event as filters look at it. Borrows what it is made of. Its data is parsed when the first filter asks for it, and
/// once; so it is for one thread.
class FilterInput {
 public:
  FLYHOOK_DECL explicit FilterInput(const Message& message);
  /// With data that is parsed already.
  FLYHOOK_DECL FilterInput(std::string_view type, std::string_view tenant, std::string_view key, const FilterData& data);
  FilterInput(const FilterInput&) = delete;
  FilterInput& operator=(const FilterInput&) = delete;
  FLYHOOK_DECL ~FilterInput();

  std::string_view type() const noexcept { return type_; }
  std::string_view tenant() const noexcept { return tenant_; }
  std::string_view key() const noexcept { return key_; }

  /// False for an event with a content type that is not JSON's.
  FLYHOOK_DECL bool has_json_type() const;
  /// Null: it is not JSON. Of a member that is there twice the last one counts.
  FLYHOOK_DECL const FilterData* data();

 private:
  const std::string_view type_, tenant_, key_;
  const Message* const message_ = nullptr;  // null: data_ was given
  std::unique_ptr<const FilterData> parsed_;
  const FilterData* data_ = nullptr;
  bool was_parsed_ = false;
};

/// A compiled filter. Immutable, thread-safe, as cheap to copy as a shared_ptr. Without one (default, or of empty text) it
/// matches everything.
///
/// Numbers are compared by value, without rounding: an integer that fits 64 bits is that integer, any other number the
/// nearest double. `$and` of nothing holds, `$or` of nothing does not.
class Filter {
 public:
  static constexpr std::size_t most_bytes = 8192;  ///< of the text, which bounds the number of conditions as well
  static constexpr std::size_t most_deep = 16;     ///< objects and arrays in one another, the outermost counted

  Filter() = default;
  /// Throws Error (`invalid`, "filter") saying where: what is no filter, a larger or deeper one, or an object with one key
  /// twice, of which JSON libraries would drop one without a word.
  FLYHOOK_DECL explicit Filter(std::string_view text);

  /// An event whose content type is not JSON's matches no filter; nor does one whose data is not JSON match a filter that
  /// looks into data. What `$not` says is the same for these. May throw std::bad_alloc.
  bool matches(FilterInput& event) const { return clause_ == nullptr || holds(event); }

 private:
  FLYHOOK_DECL bool holds(FilterInput& event) const;

  std::shared_ptr<const FilterClause> clause_;  // null: matches everything
};

}  // namespace flyhook::detail

#if defined(FLYHOOK_HEADER_ONLY)
#include <flyhook/impl/detail/decide/filter.ipp>
#endif

#endif
