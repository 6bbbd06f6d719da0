#ifndef FLYHOOK_IMPL_DETAIL_RFC3339_IPP
#define FLYHOOK_IMPL_DETAIL_RFC3339_IPP

#include <flyhook/detail/rfc3339.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace flyhook::detail {

FLYHOOK_DECL bool starts_in_shape(std::string_view text, std::string_view shape);
FLYHOOK_DECL unsigned two_digits(std::string_view text, std::size_t at);
FLYHOOK_DECL std::optional<std::chrono::microseconds> take_fraction(std::string_view& text);
FLYHOOK_DECL std::optional<std::chrono::minutes> utc_offset(std::string_view text);

std::string rfc3339(TimePoint time) {
  using namespace std::chrono;
  const auto whole = floor<microseconds>(time);
  const auto day = floor<days>(whole);
  const year_month_day date{day};
  const auto in_day = whole - day;

  std::string text = "0000-00-00T00:00:00.000000Z";
  const auto put = [&](std::size_t at, std::size_t width, std::int64_t value) {
    for (std::size_t i = width; i-- > 0; value /= 10) text[at + i] = static_cast<char>('0' + value % 10);
  };
  put(0, 4, static_cast<int>(date.year()));
  put(5, 2, static_cast<unsigned>(date.month()));
  put(8, 2, static_cast<unsigned>(date.day()));
  put(11, 2, duration_cast<hours>(in_day).count());
  put(14, 2, duration_cast<minutes>(in_day).count() % 60);
  put(17, 2, duration_cast<seconds>(in_day).count() % 60);
  put(20, 6, in_day.count() % 1'000'000);
  return text;
}

std::optional<TimePoint> parse_rfc3339(std::string_view text) {
  using namespace std::chrono;
  constexpr std::string_view shape = "0000-00-00T00:00:00";
  if (!starts_in_shape(text, shape)) return std::nullopt;
  const year_month_day date{year{static_cast<int>(two_digits(text, 0) * 100 + two_digits(text, 2))},
                            month{two_digits(text, 5)}, day{two_digits(text, 8)}};
  const auto hour = two_digits(text, 11);
  const auto minute = two_digits(text, 14);
  const auto second = two_digits(text, 17);
  if (!date.ok() || hour > 23 || minute > 59 || second > 60) return std::nullopt;

  auto rest = text.substr(shape.size());
  const auto fraction = take_fraction(rest);
  const auto offset = utc_offset(rest);
  if (!fraction || !offset) return std::nullopt;

  const auto utc_minute = sys_days{date} + hours{hour} + minutes{minute} - *offset;
  if (second == 60 && utc_minute - floor<days>(utc_minute) != hours{23} + minutes{59}) return std::nullopt;
  const auto time = utc_minute.time_since_epoch() + seconds{second} + *fraction;
  if (time < duration_cast<microseconds>(TimePoint::min().time_since_epoch()) ||
      time > duration_cast<microseconds>(TimePoint::max().time_since_epoch()))
    return std::nullopt;
  return TimePoint{time};
}

/// In `shape` a 0 stands for any digit and a T for one of either case; everything else for itself.
bool starts_in_shape(std::string_view text, std::string_view shape) {
  if (text.size() < shape.size()) return false;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    const bool fits = shape[i] == '0'   ? text[i] >= '0' && text[i] <= '9'
                      : shape[i] == 'T' ? text[i] == 'T' || text[i] == 't'
                                        : text[i] == shape[i];
    if (!fits) return false;
  }
  return true;
}

unsigned two_digits(std::string_view text, std::size_t at) {
  return static_cast<unsigned>(text[at] - '0') * 10 + static_cast<unsigned>(text[at + 1] - '0');
}

/// Takes ".123" off the front, which need not be there; nullopt: a dot without digits.
std::optional<std::chrono::microseconds> take_fraction(std::string_view& text) {
  std::int64_t us = 0;
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    const auto digits = text.substr(0, text.find_first_not_of("0123456789"));
    if (digits.empty()) return std::nullopt;
    for (std::size_t i = 0; i < 6; ++i) us = us * 10 + (i < digits.size() ? digits[i] - '0' : 0);
    text.remove_prefix(digits.size());
  }
  return std::chrono::microseconds{us};
}

/// "Z", "+01:00": how far the clock on that wall is ahead of UTC.
std::optional<std::chrono::minutes> utc_offset(std::string_view text) {
  if (text == "Z" || text == "z") return std::chrono::minutes{0};
  const bool is_ahead = starts_in_shape(text, "+00:00");
  if ((!is_ahead && !starts_in_shape(text, "-00:00")) || text.size() != 6) return std::nullopt;
  const auto hour = two_digits(text, 1);
  const auto minute = two_digits(text, 4);
  if (hour > 23 || minute > 59) return std::nullopt;
  const std::chrono::minutes offset = std::chrono::hours{hour} + std::chrono::minutes{minute};
  return is_ahead ? offset : -offset;
}

}  // namespace flyhook::detail

#endif
