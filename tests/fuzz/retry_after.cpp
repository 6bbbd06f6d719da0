#include <flyhook/retry_policy.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

// Eight bytes of time, then a Retry-After value. The wait is within its bounds, the same without the space around the
// value, and for a date no longer when it is later.

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace std::chrono_literals;
  std::int64_t ticks = 0;
  if (size < sizeof ticks) return 0;
  std::memcpy(&ticks, data, sizeof ticks);
  size -= sizeof ticks;
  // Exactly as large as the value, so that a byte read beyond it is found.
  const std::unique_ptr<char[]> bytes{new char[size]};
  if (size > 0) std::memcpy(bytes.get(), data + sizeof ticks, size);
  const std::string_view value{bytes.get(), size};
  const flyhook::TimePoint now{flyhook::TimePoint::duration{ticks}};

  const auto wait = flyhook::parse_retry_after(value, now);
  require(flyhook::parse_retry_after("\t " + std::string{value} + " \t", now) == wait);
  if (!wait) return 0;
  require(*wait >= 0s && *wait <= 1'000'000'000'000s);
  if (now < flyhook::TimePoint::max() - std::chrono::hours{1}) {
    const auto later = flyhook::parse_retry_after(value, now + std::chrono::hours{1});
    require(later.has_value());
    const bool is_date = value.find(':') != value.npos;
    // Two digits of a year may come to mean the next century.
    if (is_date && value.find('-') == value.npos) require(*later <= *wait);
    if (!is_date) require(*later == *wait);
  }
  return 0;
}
