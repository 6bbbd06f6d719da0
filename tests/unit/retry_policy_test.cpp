#include <flyhook/error.hpp>
#include <flyhook/retry_policy.hpp>

#include "catch.hpp"
#include "unit/vectors.hpp"

#include <array>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

using namespace flyhook;
using namespace std::chrono_literals;

namespace {

constexpr std::int64_t sunday = 784'111'777;  // Sun, 06 Nov 1994 08:49:37 GMT
constexpr std::int64_t ignored = -1;

std::int64_t wait_of(std::string_view value, std::int64_t now = sunday) {
  const auto wait = parse_retry_after(value, TimePoint{std::chrono::seconds{now}});
  return wait ? wait->count() : ignored;
}

/// The date itself, as seconds since 1970.
std::int64_t date_of(std::string_view value) {
  return wait_of(value, 0);
}

const std::array<std::string, 4> good_dates{"Sun, 06 Nov 1994 08:50:37 GMT", "Sunday, 06-Nov-94 08:50:37 GMT",
                                            "Sun Nov  6 08:50:37 1994", "Sun Nov 06 08:50:37 1994"};

}  // namespace

TEST_CASE("the vectors of Retry-After hold") {
  int ran = 0;
  for (const auto& each : unit::cases_of("retry_after.json")) {
    ++ran;
    CAPTURE(each.at("name").get<std::string>(), each.at("value").get<std::string>(), each.at("why").get<std::string>());
    const auto wait = wait_of(each.at("value").get<std::string>(), each.at("now").get<std::int64_t>());
    const auto& expect = each.at("expect");
    if (expect.is_object()) {
      CHECK(wait >= expect.at("at_least").get<std::int64_t>());
    } else if (expect.is_string()) {
      CHECK(wait == ignored);
    } else {
      CHECK(wait == expect.get<std::int64_t>());
    }
  }
  CHECK(ran >= 36);
}

TEST_CASE("spaces and tabs around the value are no part of it, and nothing else is taken off") {
  CHECK(wait_of("\t 30 \t") == 30);
  CHECK(wait_of(" Sun, 06 Nov 1994 08:50:37 GMT\t") == 60);
  for (const auto bad : {std::string_view{" "}, std::string_view{" \t "}, std::string_view{"\n5"}, std::string_view{"5\r"},
                         std::string_view{"5\0", 2}, std::string_view{"\0", 1}, std::string_view{"5\v"}})
    CHECK(wait_of(bad) == ignored);
}

TEST_CASE("seconds beyond the greatest wait are the greatest, which microseconds can hold") {
  CHECK(wait_of("999999999999") == 999'999'999'999);
  CHECK(wait_of("1000000000000") == 1'000'000'000'000);
  for (const std::string& beyond : {std::string{"1000000000001"}, std::string{"9223372036854775807"},
                                    std::string{"9223372036854775808"}, std::string(100'000, '9')})
    CHECK(wait_of(beyond) == 1'000'000'000'000);
  CHECK(wait_of(std::string(100'000, '0') + "7") == 7);
  CHECK(std::chrono::microseconds{*parse_retry_after("99999999999999999999", {})}.count() == 1'000'000'000'000'000'000);
}

TEST_CASE("a date is read to its last character: one more or one less, anywhere, and it is none") {
  for (const auto& good : good_dates) {
    REQUIRE(wait_of(good) == 60);
    for (std::size_t i = 0; i < good.size(); ++i) {
      auto shorter = good;
      shorter.erase(i, 1);
      auto longer = good;
      longer.insert(i, 1, good[i]);
      auto other = good;
      other[i] = '!';
      CAPTURE(shorter, longer, other);
      CHECK(wait_of(good.substr(0, i)) == ignored);
      CHECK(wait_of(shorter) == ignored);
      CHECK(wait_of(longer) == ignored);
      CHECK(wait_of(other) == ignored);
      if (good[i] < '0' || good[i] > '9') continue;
      for (const char beside : {'/', ':'}) {  // of the digits in ASCII
        other[i] = beside;
        CHECK(wait_of(other) == ignored);
      }
    }
    CHECK(wait_of(good + "x") == ignored);
    auto twice = good;
    CHECK(wait_of(twice.append(" ").append(good)) == ignored);
  }
}

TEST_CASE("names of days and months are the form's own, in its case") {
  const std::array<std::string, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                           "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  for (const auto& month : months) {
    CHECK(date_of("Sun, 15 " + month + " 1995 00:00:00 GMT") != ignored);
    CHECK(date_of("Sunday, 15-" + month + "-95 00:00:00 GMT") != ignored);
    CHECK(date_of("Sun " + month + " 15 00:00:00 1995") != ignored);
  }
  CHECK(date_of("Sun, 15 Mar 1995 00:00:00 GMT") == 795'225'600);
  CHECK(date_of("Sun, 15 Dec 1995 00:00:00 GMT") == 818'985'600);
  for (const std::string day : {"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"}) {
    CHECK(wait_of(day.substr(0, 3) + ", 06 Nov 1994 08:50:37 GMT") == 60);
    CHECK(wait_of(day + ", 06-Nov-94 08:50:37 GMT") == 60);
    CHECK(wait_of(day.substr(0, 3) + " Nov  6 08:50:37 1994") == 60);
    // The other form's name.
    CHECK(wait_of(day + ", 06 Nov 1994 08:50:37 GMT") == ignored);
    CHECK(wait_of(day.substr(0, 3) + ", 06-Nov-94 08:50:37 GMT") == ignored);
    CHECK(wait_of(day + " Nov  6 08:50:37 1994") == ignored);
  }
  for (const auto* bad :
       {"SUN, 06 Nov 1994 08:50:37 GMT", "Sun, 06 NOV 1994 08:50:37 GMT", "Sun, 06 Nov 1994 08:50:37 gmt",
        "Sun, 06 Nov 1994 08:50:37 UTC", "Sun, 06 Nov 1994 08:50:37 +0000", "Son, 06 Nov 1994 08:50:37 GMT",
        "sunday, 06-Nov-94 08:50:37 GMT", "Sun nov  6 08:50:37 1994", "Sun Nov  6 08:50:37 1994 GMT",
        "Sunday, 06-Nov-1994 08:50:37 GMT", "Sun, 06-Nov-1994 08:50:37 GMT", "Sun Nov 006 08:50:37 1994"})
    CHECK(wait_of(bad) == ignored);
}

TEST_CASE("a date must exist") {
  CHECK(date_of("Tue, 29 Feb 2000 00:00:00 GMT") == 951'782'400);
  CHECK(date_of("Thu, 29 Feb 2024 00:00:00 GMT") == 1'709'164'800);
  CHECK(date_of("Thu Feb 29 00:00:00 2024") == 1'709'164'800);
  CHECK(date_of("Thu, 01 Jan 0000 00:00:00 GMT") == 0);
  for (const auto* bad : {"Thu, 29 Feb 2023 00:00:00 GMT", "Thu, 29 Feb 1900 00:00:00 GMT", "Thu, 29 Feb 2100 00:00:00 GMT",
                          "Thu, 30 Feb 2024 00:00:00 GMT", "Thu, 00 Jan 2024 00:00:00 GMT", "Thu, 32 Jan 2024 00:00:00 GMT",
                          "Thu, 31 Apr 2024 00:00:00 GMT", "Thu, 99 Apr 2024 00:00:00 GMT", "Thu, 01 Jan 2024 24:00:00 GMT",
                          "Thu, 01 Jan 2024 00:60:00 GMT", "Thu, 01 Jan 2024 00:00:60 GMT", "Thu, 01 Jan 2024 99:99:99 GMT",
                          "Thursday, 29-Feb-95 00:00:00 GMT", "Thursday, 99-Feb-95 99:99:99 GMT",
                          "Thu Feb 30 00:00:00 2024", "Thu Feb  0 00:00:00 2024"})
    CHECK(date_of(bad) == ignored);
}

TEST_CASE("a leap second is the first one of the next half-year, and is nowhere else") {
  CHECK(date_of("Sat, 31 Dec 2016 23:59:60 GMT") == 1'483'228'800);
  CHECK(date_of("Tue Jun 30 23:59:60 2015") == 1'435'708'800);
  for (const auto* bad : {"Sun, 06 Nov 1994 23:59:60 GMT", "Sat, 31 Dec 2016 23:58:60 GMT", "Sat, 31 Dec 2016 22:59:60 GMT",
                          "Sat, 31 Dec 2016 23:59:61 GMT", "Fri, 30 Dec 2016 23:59:60 GMT", "Wed, 31 May 2017 23:59:60 GMT",
                          "Thu, 29 Jun 2017 23:59:60 GMT"})
    CHECK(date_of(bad) == ignored);
}

TEST_CASE("a wait until a date is rounded up to whole seconds, and never negative") {
  const TimePoint half = TimePoint{std::chrono::seconds{sunday}} + 500ms;
  CHECK(parse_retry_after("Sun, 06 Nov 1994 08:49:38 GMT", half) == 1s);
  CHECK(parse_retry_after("Sun, 06 Nov 1994 08:49:37 GMT", half) == 0s);
  CHECK(parse_retry_after("Sun, 06 Nov 1994 08:49:39 GMT", half) == 2s);
  const TimePoint before_1970 = TimePoint{-1500ms};
  CHECK(parse_retry_after("Thu, 01 Jan 1970 00:00:00 GMT", before_1970) == 2s);
}

TEST_CASE("the first and the last time a clock can tell overflow nothing") {
  for (const auto now : {TimePoint::min(), TimePoint::max()}) {
    for (const auto& date : good_dates) CHECK(parse_retry_after(date, now));
    CHECK(parse_retry_after("Fri, 31 Dec 9999 23:59:59 GMT", now)->count() > 0);
    CHECK(parse_retry_after("Sat, 01 Jan 0000 00:00:00 GMT", now) == 0s);
    CHECK(parse_retry_after("Thu, 31 Dec 9999 23:59:60 GMT", now)->count() < 1'000'000'000'000);
    CHECK(parse_retry_after("99999999999999", now)->count() == 1'000'000'000'000);
  }
}

TEST_CASE("two digits are the latest such year that is not more than fifty years ahead") {
  CHECK(wait_of("Sunday, 06-Nov-44 08:49:37 GMT") == 2'362'034'977 - sunday);
  CHECK(wait_of("Friday, 01-Jan-45 00:00:00 GMT") == 0);
  CHECK(wait_of("Saturday, 01-Jan-00 00:00:00 GMT", 946'684'740) == 60);  // on the last day of 1999
  CHECK(wait_of("Friday, 31-Dec-99 23:59:59 GMT", 946'684'800) == 0);     // a second later
  CHECK(wait_of("Thursday, 01-Jun-51 00:00:00 GMT", 2'537'654'400) > 0);  // in 2050
  CHECK(wait_of("Tuesday, 01-Jun-49 00:00:00 GMT", 2'537'654'400) == 0);
  CHECK(wait_of("Wednesday, 29-Feb-44 00:00:00 GMT", 825'552'000) > 0);  // in 1996; there is a 29 February 2044
}

TEST_CASE("in the fiftieth year ahead the weekday tells the century, and the later one needs it to be right") {
  // One second more than fifty years ahead, and in the year that is fifty ahead.
  CHECK(wait_of("Sunday, 06-Nov-44 08:49:38 GMT") == 2'362'034'978 - sunday);  // a Sunday in 2044
  CHECK(wait_of("Monday, 06-Nov-44 08:49:38 GMT") == 0);                       // a Monday in 1944
  CHECK(wait_of("Friday, 06-Nov-44 08:49:38 GMT") == 0);
  CHECK(wait_of("Friday, 06-Nov-44 08:49:37 GMT") > 0);  // not more than fifty years: no question
  // From 29 February: there is none fifty years on.
  constexpr std::int64_t leap_day = 825'552'000;
  CHECK(wait_of("Wednesday, 28-Feb-46 00:00:00 GMT", leap_day) > 0);
  CHECK(wait_of("Sunday, 01-Mar-46 00:00:00 GMT", leap_day) > 0);
}

namespace {

using Waits = std::vector<std::chrono::milliseconds>;
constexpr auto longest = std::chrono::milliseconds::max();

/// The argument that `exponential` refuses.
std::string refused(std::chrono::milliseconds first, double factor, std::chrono::milliseconds cap, unsigned attempts) {
  try {
    RetryPolicy::exponential(first, factor, cap, attempts);
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::invalid);
    return error.field();
  }
  return "none";
}

}  // namespace

TEST_CASE("an exponential policy goes at once, waits, and multiplies the wait up to the cap") {
  CHECK(RetryPolicy::exponential(5s, 2, 1min, 7).schedule == Waits{0s, 5s, 10s, 20s, 40s, 60s, 60s});
  CHECK(RetryPolicy::exponential(1s, 10, 1000s, 5).schedule == Waits{0s, 1s, 10s, 100s, 1000s});
  CHECK(RetryPolicy::exponential(3s, 1, 1h, 4).schedule == Waits{0s, 3s, 3s, 3s});
  CHECK(RetryPolicy::exponential(3s, 2, 3s, 4).schedule == Waits{0s, 3s, 3s, 3s});
  CHECK(RetryPolicy::exponential(3s, 2, 3001ms, 3).schedule == Waits{0s, 3s, 3001ms});
  CHECK(RetryPolicy::exponential(0s, 2, 1h, 3).schedule == Waits{0s, 0s, 0s});
  CHECK(RetryPolicy::exponential(0s, 2, 0s, 3).schedule == Waits{0s, 0s, 0s});
  CHECK(RetryPolicy::exponential(1s, 2, 1h, 2).schedule == Waits{0s, 1s});
  CHECK(RetryPolicy::exponential(1s, 2, 1h, 1) == RetryPolicy::none());
}

TEST_CASE("an exponential policy is rounded to milliseconds, without the error adding up") {
  CHECK(RetryPolicy::exponential(1s, 1.15, 1h, 4).schedule == Waits{0s, 1s, 1150ms, 1323ms});  // 1322.5
  CHECK(RetryPolicy::exponential(1ms, 1.5, 1h, 8).schedule == Waits{0ms, 1ms, 2ms, 2ms, 3ms, 5ms, 8ms, 11ms});
}

TEST_CASE("an exponential policy is otherwise the default one") {
  auto policy = RetryPolicy::exponential(5s, 2, 1min, 7);
  policy.schedule = RetryPolicy{}.schedule;
  CHECK(policy == RetryPolicy{});
}

TEST_CASE("an exponential policy does not overflow") {
  const auto huge = RetryPolicy::exponential(1ms, std::numeric_limits<double>::max(), longest, 1000).schedule;
  CHECK(huge.size() == 1000);
  CHECK(huge[1] == 1ms);
  CHECK(huge[2] == longest);
  CHECK(huge[999] == longest);
  const auto doubled = RetryPolicy::exponential(1ms, 2, longest, 1000).schedule;
  CHECK(doubled[63] == std::chrono::milliseconds{std::int64_t{1} << 62});
  CHECK(doubled[64] == longest);
  CHECK(doubled[999] == longest);
  CHECK(RetryPolicy::exponential(longest, 1, longest, 3).schedule == Waits{0ms, longest, longest});
}

TEST_CASE("an exponential policy of arguments that make no sense is refused, by name") {
  CHECK(refused(0ms, 1, 0ms, 1) == "none");
  CHECK(refused(-1ms, 2, 1h, 5) == "first");
  CHECK(refused(std::chrono::milliseconds::min(), 2, 1h, 5) == "first");
  for (const double factor :
       {0.999, 0., -2., std::nan(""), std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity()})
    CHECK(refused(1s, factor, 1h, 5) == "factor");
  CHECK(refused(1s, 2, 999ms, 5) == "cap");
  CHECK(refused(0s, 2, -1ms, 5) == "cap");
  CHECK(refused(1s, 2, 1s, 5) == "none");
  CHECK(refused(1s, 2, 1h, 0) == "attempts");
  CHECK(refused(1s, 2, 1h, 1001) == "attempts");
  CHECK(refused(1s, 2, 1h, 1000) == "none");
}
