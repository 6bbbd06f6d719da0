#ifndef FLYHOOK_IMPL_RETRY_POLICY_RETRY_AFTER_IPP
#define FLYHOOK_IMPL_RETRY_POLICY_RETRY_AFTER_IPP

#include <flyhook/retry_policy.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

// Retry-After: delta-seconds, and the three forms of HTTP-date (RFC 9110, 5.6.7). Each form is read from left to right
// without a step back; what does not fit exactly is no date.

namespace flyhook {

namespace detail {

/// A date as it stands in a field, not yet known to exist.
struct HttpDate {
  unsigned weekday = 0;  // 0 is Sunday
  int year = 0;
  unsigned month = 0, day = 0;
  unsigned hour = 0, minute = 0, second = 0;
};

/// Takes what it is asked for off the front of a text. After the first thing that is not there, nothing is.
class DateText {
 public:
  explicit DateText(std::string_view text) : rest_(text) {}

  FLYHOOK_DECL void literal(std::string_view expected);
  /// Exactly so many digits.
  FLYHOOK_DECL unsigned number(std::size_t width);
  FLYHOOK_DECL void time_of_day(HttpDate& date);
  /// Which of `names` it starts with.
  template <std::size_t Count>
  unsigned name(const std::array<std::string_view, Count>& names) {
    for (unsigned i = 0; i < Count; ++i)
      if (rest_.starts_with(names[i])) {
        rest_.remove_prefix(names[i].size());
        return i;
      }
    is_good_ = false;
    return 0;
  }

  bool starts_with(char c) const noexcept { return rest_.starts_with(c); }
  /// All of it was there, and nothing else.
  bool is_done() const noexcept { return is_good_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool is_good_ = true;
};

FLYHOOK_DECL std::optional<HttpDate> read_imf_fixdate(std::string_view text);
FLYHOOK_DECL std::optional<HttpDate> read_rfc850_date(std::string_view text, TimePoint now);
FLYHOOK_DECL std::optional<HttpDate> read_asctime_date(std::string_view text);
FLYHOOK_DECL int rfc850_year(const HttpDate& date, TimePoint now);
FLYHOOK_DECL std::chrono::sys_seconds instant_of(const HttpDate& date);
FLYHOOK_DECL bool date_exists(const HttpDate& date);

inline constexpr std::array<std::string_view, 7> http_short_days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
inline constexpr std::array<std::string_view, 7> http_long_days{"Sunday",   "Monday", "Tuesday", "Wednesday",
                                                                "Thursday", "Friday", "Saturday"};
inline constexpr std::array<std::string_view, 12> http_months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                              "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

void DateText::literal(std::string_view expected) {
  is_good_ = is_good_ && rest_.starts_with(expected);
  if (is_good_) rest_.remove_prefix(expected.size());
}

unsigned DateText::number(std::size_t width) {
  unsigned value = 0;
  for (std::size_t i = 0; i < width; ++i) {
    is_good_ = is_good_ && !rest_.empty() && rest_.front() >= '0' && rest_.front() <= '9';
    if (!is_good_) return 0;
    value = value * 10 + static_cast<unsigned>(rest_.front() - '0');
    rest_.remove_prefix(1);
  }
  return value;
}

void DateText::time_of_day(HttpDate& date) {
  date.hour = number(2);
  literal(":");
  date.minute = number(2);
  literal(":");
  date.second = number(2);
}

/// Sun, 06 Nov 1994 08:49:37 GMT
std::optional<HttpDate> read_imf_fixdate(std::string_view text) {
  DateText from{text};
  HttpDate date;
  date.weekday = from.name(http_short_days);
  from.literal(", ");
  date.day = from.number(2);
  from.literal(" ");
  date.month = from.name(http_months) + 1;
  from.literal(" ");
  date.year = static_cast<int>(from.number(4));
  from.literal(" ");
  from.time_of_day(date);
  from.literal(" GMT");
  return from.is_done() ? std::optional{date} : std::nullopt;
}

/// Sunday, 06-Nov-94 08:49:37 GMT
std::optional<HttpDate> read_rfc850_date(std::string_view text, TimePoint now) {
  DateText from{text};
  HttpDate date;
  date.weekday = from.name(http_long_days);
  from.literal(", ");
  date.day = from.number(2);
  from.literal("-");
  date.month = from.name(http_months) + 1;
  from.literal("-");
  date.year = static_cast<int>(from.number(2));
  from.literal(" ");
  from.time_of_day(date);
  from.literal(" GMT");
  if (!from.is_done()) return std::nullopt;
  date.year = rfc850_year(date, now);
  return date;
}

/// Sun Nov  6 08:49:37 1994
std::optional<HttpDate> read_asctime_date(std::string_view text) {
  DateText from{text};
  HttpDate date;
  date.weekday = from.name(http_short_days);
  from.literal(" ");
  date.month = from.name(http_months) + 1;
  from.literal(" ");
  if (from.starts_with(' ')) {
    from.literal(" ");
    date.day = from.number(1);
  } else {
    date.day = from.number(2);
  }
  from.literal(" ");
  from.time_of_day(date);
  from.literal(" ");
  date.year = static_cast<int>(from.number(4));
  return from.is_done() ? std::optional{date} : std::nullopt;
}

/// The latest year of these two digits that is at most 50 years ahead (R6). In the fiftieth year itself R6, which counts
/// years, and RFC 9110, which counts time, may differ by a century; the weekday then tells which of the two is meant.
int rfc850_year(const HttpDate& date, TimePoint now) {
  const auto this_second = std::chrono::floor<std::chrono::seconds>(now);
  const std::chrono::year_month_day today{std::chrono::floor<std::chrono::days>(this_second)};
  const int latest = static_cast<int>(today.year()) + 50;
  HttpDate meant = date;
  meant.year = latest - (latest - date.year) % 100;
  if (meant.year < latest) return meant.year;

  const std::chrono::sys_days same_day_ahead{today + std::chrono::years{50}};
  const auto in_day = this_second - std::chrono::floor<std::chrono::days>(this_second);
  const bool is_beyond = instant_of(meant) > same_day_ahead + in_day;
  const std::chrono::weekday weekday{std::chrono::floor<std::chrono::days>(instant_of(meant))};
  return is_beyond && weekday.c_encoding() != date.weekday ? meant.year - 100 : meant.year;
}

std::chrono::sys_seconds instant_of(const HttpDate& date) {
  const std::chrono::sys_days day{std::chrono::year{date.year} / static_cast<int>(date.month) / static_cast<int>(date.day)};
  return day + std::chrono::hours{date.hour} + std::chrono::minutes{date.minute} + std::chrono::seconds{date.second};
}

/// The weekday may be wrong: that the server cannot count days says nothing about when it wants to be asked again.
bool date_exists(const HttpDate& date) {
  const std::chrono::year_month_day day{std::chrono::year{date.year}, std::chrono::month{date.month},
                                        std::chrono::day{date.day}};
  if (!day.ok() || date.hour > 23 || date.minute > 59) return false;
  if (date.second < 60) return true;
  // A leap second: RFC 9110 has it in its grammar, and UTC at the end of these two months.
  const bool is_end_of_half = (date.month == 6 && date.day == 30) || (date.month == 12 && date.day == 31);
  return date.second == 60 && date.hour == 23 && date.minute == 59 && is_end_of_half;
}

}  // namespace detail

std::optional<std::chrono::seconds> parse_retry_after(std::string_view value, TimePoint now) {
  constexpr std::int64_t most = 1'000'000'000'000;
  const auto first = std::min(value.find_first_not_of(" \t"), value.size());
  value = value.substr(first, value.find_last_not_of(" \t") + 1 - first);

  if (!value.empty() && std::all_of(value.begin(), value.end(), [](char c) { return c >= '0' && c <= '9'; })) {
    std::int64_t seconds = 0;
    for (const char c : value) seconds = std::min(most, seconds * 10 + (c - '0'));
    return std::chrono::seconds{seconds};
  }
  auto date = detail::read_imf_fixdate(value);
  if (!date) date = detail::read_rfc850_date(value, now);
  if (!date) date = detail::read_asctime_date(value);
  if (!date || !detail::date_exists(*date)) return std::nullopt;
  const auto wait = detail::instant_of(*date) - std::chrono::floor<std::chrono::seconds>(now);
  return std::max(wait, std::chrono::seconds{0});
}

}  // namespace flyhook

#endif
