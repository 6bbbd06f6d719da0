#include <flyhook/detail/rfc3339.hpp>

#include "catch.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

using namespace flyhook;
using namespace std::chrono_literals;
using detail::parse_rfc3339;
using detail::rfc3339;

namespace {

/// The time as rfc3339 writes it.
std::string read(std::string_view text) {
  const auto time = parse_rfc3339(text);
  return time ? rfc3339(*time) : "none";
}

}  // namespace

TEST_CASE("times are written in UTC with six digits, whatever the day") {
  CHECK(rfc3339(TimePoint{}) == "1970-01-01T00:00:00.000000Z");
  CHECK(rfc3339(TimePoint{1'760'000'000'123'456us}) == "2025-10-09T08:53:20.123456Z");
  CHECK(rfc3339(TimePoint{951'782'399s}) == "2000-02-28T23:59:59.000000Z");
  CHECK(rfc3339(TimePoint{951'782'400s}) == "2000-02-29T00:00:00.000000Z");
  CHECK(rfc3339(TimePoint{1'709'251'199s}) == "2024-02-29T23:59:59.000000Z");
  CHECK(rfc3339(TimePoint{1'735'689'599s} + 999'999us) == "2024-12-31T23:59:59.999999Z");
  CHECK(rfc3339(TimePoint{4'107'542'399s}) == "2100-02-28T23:59:59.000000Z");
  CHECK(rfc3339(TimePoint{4'107'542'400s}) == "2100-03-01T00:00:00.000000Z");
}

TEST_CASE("a time before 1970 is one, too") {
  CHECK(rfc3339(TimePoint{-1us}) == "1969-12-31T23:59:59.999999Z");
  CHECK(rfc3339(TimePoint{-1s}) == "1969-12-31T23:59:59.000000Z");
  CHECK(rfc3339(TimePoint{-86'400s}) == "1969-12-31T00:00:00.000000Z");
  CHECK(rfc3339(TimePoint{-2'203'977'600s}) == "1900-02-28T00:00:00.000000Z");
}

TEST_CASE("microseconds are truncated, never rounded up, before 1970 too") {
  using nanoseconds = std::chrono::nanoseconds;
  const auto time = [](nanoseconds since) { return rfc3339(TimePoint{since}); };
  CHECK(time(nanoseconds{1'999}) == "1970-01-01T00:00:00.000001Z");
  CHECK(time(nanoseconds{999'999'999}) == "1970-01-01T00:00:00.999999Z");
  CHECK(time(nanoseconds{-1}) == "1969-12-31T23:59:59.999999Z");
}

TEST_CASE("what was written reads back as the same microsecond") {
  for (const auto time : {TimePoint{}, TimePoint{1'760'000'000'123'456us}, TimePoint{-1us}, TimePoint{951'782'400s},
                          TimePoint{-2'203'977'600s}, TimePoint{4'107'542'400s}})
    CHECK(parse_rfc3339(rfc3339(time)) == time);
}

TEST_CASE("a date-time may be in either case, with or without a fraction") {
  CHECK(read("2025-10-09T08:53:20Z") == "2025-10-09T08:53:20.000000Z");
  CHECK(read("2025-10-09t08:53:20z") == "2025-10-09T08:53:20.000000Z");
  CHECK(read("2025-10-09T08:53:20.5Z") == "2025-10-09T08:53:20.500000Z");
  CHECK(read("2025-10-09T08:53:20.000001Z") == "2025-10-09T08:53:20.000001Z");
  CHECK(read("2025-10-09T08:53:20.000001999999999999999999999999999Z") == "2025-10-09T08:53:20.000001Z");
  CHECK(read("2025-10-09T08:53:20." + std::string(5000, '9') + "Z") == "2025-10-09T08:53:20.999999Z");
  CHECK(read("1969-12-31T23:59:59.9999999Z") == "1969-12-31T23:59:59.999999Z");
}

TEST_CASE("an offset is taken off, across days and years") {
  CHECK(read("2025-10-09T10:53:20+02:00") == "2025-10-09T08:53:20.000000Z");
  CHECK(read("2025-10-09T03:23:20.25-05:30") == "2025-10-09T08:53:20.250000Z");
  CHECK(read("2025-01-01T00:30:00+01:00") == "2024-12-31T23:30:00.000000Z");
  CHECK(read("2024-02-28T23:59:00-00:01") == "2024-02-29T00:00:00.000000Z");
  CHECK(read("2025-10-09T08:53:20+00:00") == "2025-10-09T08:53:20.000000Z");
  CHECK(read("2025-10-09T08:53:20-00:00") == "2025-10-09T08:53:20.000000Z");
  CHECK(read("2025-10-09T08:53:20+23:59") == "2025-10-08T08:54:20.000000Z");
  CHECK(read("2025-10-09T08:53:20-23:59") == "2025-10-10T08:52:20.000000Z");
}

TEST_CASE("an offset is exactly a sign, an hour and a minute") {
  for (const auto* offset : {"+24:00",
                             "-24:00",
                             "+00:60",
                             "+2:00",
                             "+02:0",
                             "+0200",
                             "+02",
                             "+02:00:00",
                             "+02:00Z",
                             "Z+02:00",
                             "02:00",
                             " 02:00",
                             "\xE2\x88\x92"
                             "02:00",
                             "UTC",
                             "GMT",
                             "ZZ",
                             "",
                             " Z",
                             "Z ",
                             "+",
                             "-",
                             "+:"})
    CHECK(read("2025-10-09T08:53:20" + std::string{offset}) == "none");
}

TEST_CASE("a day must exist") {
  for (const auto* day : {"2024-02-29", "2000-02-29", "2025-01-31", "2025-04-30", "2025-12-01"})
    CHECK(read(std::string{day} + "T00:00:00Z") == std::string{day} + "T00:00:00.000000Z");
  for (const auto* day : {"2025-02-29", "2100-02-29", "1900-02-29", "2024-02-30", "2025-04-31", "2025-00-10", "2025-13-10",
                          "2025-01-00", "2025-01-32", "2025-99-99"})
    CHECK(read(std::string{day} + "T00:00:00Z") == "none");
}

TEST_CASE("a time of day must exist") {
  CHECK(read("2025-10-09T00:00:00Z") == "2025-10-09T00:00:00.000000Z");
  CHECK(read("2025-10-09T23:59:59Z") == "2025-10-09T23:59:59.000000Z");
  for (const auto* time : {"24:00:00", "23:60:00", "12:00:61", "12:00:99", "99:00:00"})
    CHECK(read("2025-10-09T" + std::string{time} + "Z") == "none");
}

TEST_CASE("a leap second is the second after, and there only at 23:59 UTC") {
  CHECK(read("1990-12-31T23:59:60Z") == "1991-01-01T00:00:00.000000Z");
  CHECK(read("1990-12-31T15:59:60-08:00") == "1991-01-01T00:00:00.000000Z");
  CHECK(read("1991-01-01T00:59:60+01:00") == "1991-01-01T00:00:00.000000Z");
  CHECK(read("2016-12-31T23:59:60.25Z") == "2017-01-01T00:00:00.250000Z");
  CHECK(read("1990-12-31T23:58:60Z") == "none");
  CHECK(read("1990-12-31T22:59:60Z") == "none");
  CHECK(read("1990-12-31T23:59:60-08:00") == "none");
  CHECK(read("1990-12-31T23:59:60+00:01") == "none");
}

TEST_CASE("what is not written exactly as RFC 3339 says is no time") {
  for (const auto* text : {"",
                           "2025",
                           "2025-10-09",
                           "2025-10-09T",
                           "2025-10-09T08:53Z",
                           "2025-10-09T08:53:20",
                           "2025-10-09 08:53:20Z",
                           "2025-10-09_08:53:20Z",
                           "25-10-09T08:53:20Z",
                           "+2025-10-09T08:53:20Z",
                           "-2025-10-09T08:53:20Z",
                           "12025-10-09T08:53:20Z",
                           "2025-1-09T08:53:20Z",
                           "2025-10-9T08:53:20Z",
                           "2025-10-09T8:53:20Z",
                           "2025/10/09T08:53:20Z",
                           "2025-10-09T08.53.20Z",
                           "20251009T085320Z",
                           "2025-W41-4T08:53:20Z",
                           "2025-282T08:53:20Z",
                           "2025-10-09T08:53:20.Z",
                           "2025-10-09T08:53:20,5Z",
                           "2025-10-09T08:53:20.5",
                           "2025-10-09T08:53:20.-5Z",
                           "2025-10-09T08:53:20.5 Z",
                           "2025-10-09T08:53:20..5Z",
                           " 2025-10-09T08:53:20Z",
                           "2025-10-09T08:53:20Z\n",
                           "2025-10-09T08:53:+1Z",
                           "2025-10-09T08:53: 1Z",
                           "2025-10-0\xC2\xB9T08:53:20Z",
                           "1760000000",
                           "now"})
    CHECK(read(text) == "none");
  CHECK_FALSE(parse_rfc3339(std::string_view{"2025-10-09T08:53:20Z\0", 21}));
  CHECK_FALSE(parse_rfc3339(std::string_view{"2025-10-09T08:53:2\0Z", 20}));
}

TEST_CASE("what the clock cannot hold is no time, and its first and last microseconds are") {
  if constexpr (std::is_same_v<TimePoint::duration, std::chrono::nanoseconds>) {  // libc++ counts microseconds
    CHECK(read("2262-04-11T23:47:16.854775Z") == "2262-04-11T23:47:16.854775Z");
    CHECK(read("2262-04-11T23:47:16.854776Z") == "none");
    CHECK(read("2262-04-12T01:47:16.854775+02:00") == "2262-04-11T23:47:16.854775Z");
    CHECK(read("1677-09-21T00:12:43.145225Z") == "1677-09-21T00:12:43.145225Z");
    CHECK(read("1677-09-21T00:12:43.145224Z") == "none");
    CHECK(read("0000-01-01T00:00:00+23:59") == "none");
    CHECK(read("9999-12-31T23:59:59.999999-23:59") == "none");
  }
}
