#ifndef FLYHOOK_IMPL_DETAIL_ADMIN_REPRESENTATION_READ_IPP
#define FLYHOOK_IMPL_DETAIL_ADMIN_REPRESENTATION_READ_IPP

#include <flyhook/detail/admin/representation.hpp>
#include <flyhook/detail/decide/filter.hpp>
#include <flyhook/detail/rfc3339.hpp>
#include <flyhook/error.hpp>

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

// From bodies to values. Each member is read by what it must be, and refused by where it stands. Nothing goes down a body
// deeper than it checked, since strangers may nest theirs as deep as it is long.

namespace flyhook::detail {

inline constexpr std::size_t most_url_bytes = 8000;  // a longer one is none (U1)
inline constexpr std::size_t most_description_bytes = 1024;
inline constexpr std::size_t most_patterns = 100;
inline constexpr std::size_t most_headers = 32;
inline constexpr std::size_t most_header_bytes = 8192;  // of names and values together
inline constexpr std::size_t most_metadata = 50;
inline constexpr std::size_t most_metadata_bytes = 8192;
inline constexpr std::size_t most_steps = 50;
inline constexpr std::size_t most_statuses = 500;  // that is each of them once
inline constexpr std::int64_t most_seconds = std::chrono::seconds{std::chrono::years{1}}.count();
inline constexpr double most_rate = 1e6;

/// A value in a body, and its path there. An array's elements have the path of the array.
class BodyMember {
 public:
  BodyMember(const nlohmann::json& value, std::string path, bool is_element = false)
      : value_(value), path_(std::move(path)), is_element_(is_element) {}

  [[noreturn]] FLYHOOK_DECL void refuse(const std::string& reason) const;
  [[noreturn]] FLYHOOK_DECL void refuse_size(std::size_t size, std::size_t most, const char* of_what) const;

  const nlohmann::json& json() const noexcept { return value_; }
  bool is_null() const noexcept { return value_.is_null(); }
  FLYHOOK_DECL const std::string& text() const;
  FLYHOOK_DECL const std::string& text(std::size_t most_bytes) const;
  FLYHOOK_DECL bool flag() const;
  FLYHOOK_DECL std::int64_t integer(std::int64_t least, std::int64_t most) const;
  FLYHOOK_DECL double number(double least, double most) const;
  FLYHOOK_DECL TimePoint time() const;
  /// In whole units of Duration.
  template <class Duration>
  Duration duration(Duration least, Duration most) const {
    return Duration{static_cast<typename Duration::rep>(integer(least.count(), most.count()))};
  }
  template <class Enum>
  Enum name() const;

  /// Of an array: its elements.
  FLYHOOK_DECL std::vector<BodyMember> items(bool may_be_empty, std::size_t most) const;
  /// Of an object with texts only, so many bytes with their names.
  FLYHOOK_DECL std::map<std::string, std::string> texts(std::size_t most, std::size_t most_bytes) const;
  /// Of an object: calls `read(name, member)` for each; false: there is none of that name.
  template <class Read>
  void each(Read read) const;

 private:
  FLYHOOK_DECL const nlohmann::json::object_t& object() const;

  const nlohmann::json& value_;
  std::string path_;
  bool is_element_;
};

FLYHOOK_DECL bool is_deeper(const nlohmann::json& value, std::size_t levels);
FLYHOOK_DECL std::string with_commas(std::int64_t number);
FLYHOOK_DECL bool is_operators_own(std::string_view name);
FLYHOOK_DECL bool is_read_only(std::string_view name);
FLYHOOK_DECL std::string read_filter(const BodyMember& member);
FLYHOOK_DECL RetryPolicy read_retry(const BodyMember& member);
FLYHOOK_DECL RateLimit read_rate_limit(const BodyMember& member);
FLYHOOK_DECL Headers read_headers(const BodyMember& member);
FLYHOOK_DECL std::vector<std::string> read_patterns(const BodyMember& member);

// Values ----------------------------------------------------------------------------------------------------------------

void BodyMember::refuse(const std::string& reason) const {
  throw Error{ErrorCode::invalid, path_, is_element_ ? "an element " + reason : reason};
}

void BodyMember::refuse_size(std::size_t size, std::size_t most, const char* of_what) const {
  refuse("has " + std::to_string(size) + " " + of_what + ", the most are " + std::to_string(most));
}

const std::string& BodyMember::text() const {
  if (!value_.is_string()) refuse("must be a string");
  return value_.get_ref<const std::string&>();
}

const std::string& BodyMember::text(std::size_t most_bytes) const {
  const auto& whole = text();
  if (whole.size() > most_bytes) refuse_size(whole.size(), most_bytes, "bytes");
  return whole;
}

bool BodyMember::flag() const {
  if (!value_.is_boolean()) refuse("must be true or false");
  return value_.get<bool>();
}

/// Not 1.0: whoever writes a fraction may mean another unit.
std::int64_t BodyMember::integer(std::int64_t least, std::int64_t most) const {
  // nlohmann keeps what is not negative as unsigned, and what does not fit 64 bits as a double.
  const bool is_integer = value_.is_number_integer();
  const bool fits =
      is_integer && (!value_.is_number_unsigned() || value_.get<std::uint64_t>() <= static_cast<std::uint64_t>(INT64_MAX));
  const auto found = fits ? value_.get<std::int64_t>() : 0;
  if (!fits || found < least || found > most)
    refuse("must be an integer from " + with_commas(least) + " to " + with_commas(most));
  return found;
}

double BodyMember::number(double least, double most) const {
  const auto found = value_.is_number() ? value_.get<double>() : least - 1;
  if (!(found >= least && found <= most))  // NaN is neither
    refuse("must be a number from " + with_commas(static_cast<std::int64_t>(least)) + " to " +
           with_commas(static_cast<std::int64_t>(most)));
  return found;
}

TimePoint BodyMember::time() const {
  const auto found = parse_rfc3339(text());
  if (!found) refuse("must be a time of RFC 3339, as 2025-10-09T08:53:20Z");
  return *found;
}

template <class Enum>
Enum BodyMember::name() const {
  if (value_.is_string())
    if (const auto found = enum_value<Enum>(value_.get_ref<const std::string&>())) return *found;
  std::string known;
  for (const auto each : enum_names<Enum>) known.append(known.empty() ? "" : ", ").append(each);
  refuse("must be one of " + known);
}

std::vector<BodyMember> BodyMember::items(bool may_be_empty, std::size_t most) const {
  if (!value_.is_array()) refuse("must be an array");
  if (value_.empty() && !may_be_empty) refuse("is empty");
  if (value_.size() > most) refuse_size(value_.size(), most, "elements");
  std::vector<BodyMember> found;
  for (const auto& item : value_) found.emplace_back(item, path_, true);
  return found;
}

const nlohmann::json::object_t& BodyMember::object() const {
  if (!value_.is_object()) refuse("must be a JSON object");
  return value_.get_ref<const nlohmann::json::object_t&>();
}

std::map<std::string, std::string> BodyMember::texts(std::size_t most, std::size_t most_bytes) const {
  if (object().size() > most) refuse_size(object().size(), most, "members");
  std::map<std::string, std::string> found;
  std::size_t bytes = 0;
  for (const auto& [name, value] : object()) {
    if (!value.is_string()) refuse("the value of \"" + printable(name) + "\" must be a string");
    const auto& own = value.get_ref<const std::string&>();
    bytes += name.size() + own.size();
    found.emplace(name, own);
  }
  if (bytes > most_bytes) refuse_size(bytes, most_bytes, "bytes of names and values");
  return found;
}

template <class Read>
void BodyMember::each(Read read) const {
  for (const auto& [name, value] : object()) {
    auto path = (path_.empty() ? "" : path_ + ".") + printable(std::string_view{name}.substr(0, 100));
    const BodyMember member{value, std::move(path)};
    if (!read(std::string_view{name}, member)) member.refuse("is no member that can be set here");
  }
}

/// Has it more objects and arrays in one another than `levels`?
bool is_deeper(const nlohmann::json& value, std::size_t levels) {
  if (!value.is_structured()) return false;
  if (levels == 0) return true;
  for (const auto& each : value)
    if (is_deeper(each, levels - 1)) return true;
  return false;
}

/// 60000 as "60,000".
std::string with_commas(std::int64_t number) {
  auto text = std::to_string(number);
  for (std::size_t at = text.size(); at > 3; at -= 3) text.insert(at - 3, 1, ',');
  return text;
}

// Subscriptions ---------------------------------------------------------------------------------------------------------

bool is_operators_own(std::string_view name) {
  return name == "retry" || name == "rate_limit" || name == "timeout" || name == "max_in_flight" || name == "public_only";
}

bool is_read_only(std::string_view name) {
  return name == "created_at" || name == "disabled_reason";
}

/// JSON text, or the object itself.
std::string read_filter(const BodyMember& member) {
  if (member.is_null()) return {};
  const auto& filter = member.json();
  if (filter.is_string()) return member.text(Filter::most_bytes);
  if (!filter.is_object()) member.refuse("must be a filter: a JSON object, or the text of one");
  if (is_deeper(filter, Filter::most_deep))
    member.refuse("is more than " + std::to_string(Filter::most_deep) + " objects and arrays deep");
  auto text = dump(filter);
  if (text.size() > Filter::most_bytes) member.refuse_size(text.size(), Filter::most_bytes, "bytes");
  return text;
}

std::vector<std::string> read_patterns(const BodyMember& member) {
  std::vector<std::string> patterns;
  for (const auto& item : member.items(false, most_patterns)) patterns.push_back(item.text());
  return patterns;
}

Headers read_headers(const BodyMember& member) {
  if (member.is_null()) return {};
  const auto found = member.texts(most_headers, most_header_bytes);
  return {found.begin(), found.end()};
}

RateLimit read_rate_limit(const BodyMember& member) {
  RateLimit limit;
  if (member.is_null()) return limit;
  member.each([&](std::string_view name, const BodyMember& each) {
    if (name == "per_second") {
      limit.per_second = each.number(0, most_rate);
    } else if (name == "burst") {
      limit.burst = each.number(1, most_rate);
    } else {
      return false;
    }
    return true;
  });
  return limit;
}

RetryPolicy read_retry(const BodyMember& member) {
  using namespace std::chrono;
  constexpr seconds year{most_seconds};
  RetryPolicy retry;
  member.each([&](std::string_view name, const BodyMember& each) {
    if (name == "schedule") {
      retry.schedule.clear();
      for (const auto& item : each.items(false, most_steps))
        retry.schedule.push_back(item.duration<milliseconds>(milliseconds{0}, year));
    } else if (name == "jitter") {
      retry.jitter = each.number(0, 1);
    } else if (name == "max_age") {
      retry.max_age = each.duration(seconds{0}, year);
    } else if (name == "stop_on") {
      for (const auto& item : each.items(true, most_statuses))
        retry.stop_on.push_back(static_cast<int>(item.integer(100, 599)));
    } else if (name == "retry_after_cap") {
      retry.retry_after_cap = each.duration(seconds{0}, year);
    } else {
      return false;
    }
    return true;
  });
  return retry;
}

/// The members that a new subscription and a patch have in common; false: it is none of them.
template <class To>
bool read_settable(std::string_view name, const BodyMember& member, const ApiCaller& caller, To& to) {
  using std::chrono::milliseconds;
  if (is_read_only(name)) member.refuse("is read only");
  if (is_operators_own(name) && !caller.is_operator) member.refuse("only the operator can set it");
  const bool is_null = member.is_null();
  if (name == "url") {
    to.url = member.text(most_url_bytes);
    if (!caller.is_operator) to.public_only = true;
  } else if (name == "events") {
    to.events = read_patterns(member);
  } else if (name == "filter") {
    to.filter = read_filter(member);
  } else if (name == "secret") {
    to.secret = member.text();
  } else if (name == "headers") {
    to.headers = read_headers(member);
  } else if (name == "encoding") {
    to.encoding = is_null ? std::optional<Encoding>{} : member.name<Encoding>();
  } else if (name == "rate_limit") {
    to.rate_limit = read_rate_limit(member);
  } else if (name == "max_in_flight") {
    to.max_in_flight = is_null ? std::optional<std::size_t>{} : static_cast<std::size_t>(member.integer(1, 1000));
  } else if (name == "ordering") {
    to.ordering = is_null ? Ordering::none : member.name<Ordering>();
  } else if (name == "timeout") {
    to.timeout = is_null ? std::optional<milliseconds>{} : member.duration(milliseconds{1'000}, milliseconds{60'000});
  } else if (name == "retry") {
    to.retry = is_null ? std::optional<RetryPolicy>{} : read_retry(member);
  } else if (name == "description") {
    to.description = is_null ? std::string{} : member.text(most_description_bytes);
  } else if (name == "metadata") {
    to.metadata = is_null ? std::map<std::string, std::string>{} : member.texts(most_metadata, most_metadata_bytes);
  } else if (name == "enabled") {
    to.enabled = member.flag();
  } else if (name == "paused") {
    to.paused = member.flag();
  } else if (name == "public_only") {
    to.public_only = member.flag();
  } else {
    return false;
  }
  return true;
}

Subscription read_subscription(const nlohmann::json& body, const ApiCaller& caller) {
  Subscription subscription;
  if (!caller.is_operator) subscription.tenant = caller.tenant;
  BodyMember{body, ""}.each([&](std::string_view name, const BodyMember& member) {
    if (name == "tenant") {
      const auto& tenant = member.text();
      if (!caller.is_operator && tenant != caller.tenant) member.refuse("only the operator can set it");
      subscription.tenant = tenant;
    } else if (name == "id") {
      subscription.id.value = member.text();
    } else {
      return read_settable(name, member, caller, subscription);
    }
    return true;
  });
  if (!body.contains("url")) throw Error{ErrorCode::invalid, "url", "must be there: where to send"};
  return subscription;
}

SubscriptionPatch read_patch(const nlohmann::json& body, const ApiCaller& caller) {
  SubscriptionPatch patch;
  BodyMember{body, ""}.each([&](std::string_view name, const BodyMember& member) {
    if (name == "id" || name == "tenant") member.refuse("cannot be changed");
    return read_settable(name, member, caller, patch);
  });
  return patch;
}

// Actions ---------------------------------------------------------------------------------------------------------------

RecoverOptions read_recover(const nlohmann::json& body) {
  RecoverOptions options;
  BodyMember{body, ""}.each([&](std::string_view name, const BodyMember& member) {
    if (name == "since") {
      options.since = member.time();
    } else if (name == "until") {
      options.until = member.is_null() ? std::optional<TimePoint>{} : member.time();
    } else if (name == "include_missed") {
      options.include_missed = member.flag();
    } else if (name == "dry_run") {
      options.dry_run = member.flag();
    } else {
      return false;
    }
    return true;
  });
  if (!body.contains("since")) throw Error{ErrorCode::invalid, "since", "must be there: from which time on"};
  return options;
}

void read_nothing(const nlohmann::json& body) {
  BodyMember{body, ""}.each([](std::string_view, const BodyMember&) { return false; });
}

std::chrono::seconds read_grace(const nlohmann::json& body) {
  std::chrono::seconds grace = std::chrono::hours{24};
  BodyMember{body, ""}.each([&](std::string_view name, const BodyMember& member) {
    if (name != "grace") return false;
    grace = member.duration(std::chrono::seconds{0}, std::chrono::seconds{std::chrono::days{365}});
    return true;
  });
  return grace;
}

}  // namespace flyhook::detail

#endif
