#ifndef FLYHOOK_IMPL_ID_IPP
#define FLYHOOK_IMPL_ID_IPP

#include <flyhook/id.hpp>

#include <algorithm>

namespace flyhook {

namespace detail {

inline constexpr std::string_view crockford_digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

bool is_identifier_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

std::string ulid_text(std::string_view prefix, const Ulid& ulid) {
  std::string text;
  text.reserve(prefix.size() + 26);
  text.append(prefix);
  // 26 digits hold 130 bits: two zero bits stand before the first byte.
  unsigned pending = 0;
  int bits = 2;
  for (const auto byte : ulid) {
    pending = (pending << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text.push_back(crockford_digits[(pending >> bits) & 31u]);
    }
    pending &= 0xFFu;
  }
  return text;
}

std::string delivery_text(std::uint64_t sequence) {
  std::string text = "dlv_0000000000000";
  for (std::size_t at = text.size(); at-- > 4; sequence >>= 5) text[at] = crockford_digits[sequence & 31u];
  return text;
}

std::optional<std::uint64_t> delivery_sequence(std::string_view text) {
  if (text.size() != 17 || text.substr(0, 4) != "dlv_") return std::nullopt;
  std::uint64_t sequence = 0;
  for (const char c : text.substr(4)) {
    const auto digit = crockford_digits.find(c);
    if (digit == crockford_digits.npos || (sequence >> 59) != 0) return std::nullopt;
    sequence = (sequence << 5) | digit;
  }
  return sequence;
}

std::uint64_t fnv1a(std::string_view bytes, std::uint64_t state) {
  for (const char c : bytes) state = (state ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return state;
}

UlidSequence::UlidSequence(const std::array<std::uint64_t, 4>& seed) : state_(seed) {
  if (std::all_of(state_.begin(), state_.end(), [](std::uint64_t word) { return word == 0; })) state_[0] = 1;
}

std::uint64_t UlidSequence::draw() {
  const auto rotate = [](std::uint64_t value, int by) { return (value << by) | (value >> (64 - by)); };
  const std::uint64_t result = rotate(state_[1] * 5, 7) * 9;
  const std::uint64_t shifted = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= shifted;
  state_[3] = rotate(state_[3], 45);
  return result;
}

Ulid UlidSequence::next(TimePoint now) {
  const auto since = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count();
  const auto milliseconds = static_cast<std::uint64_t>(std::max<decltype(since)>(since, 0));
  if (milliseconds > milliseconds_) {
    milliseconds_ = milliseconds;
    // The top bit stays clear, so that counting up within a millisecond cannot overflow.
    high_ = static_cast<std::uint16_t>(draw() & 0x7FFFu);
    low_ = draw();
  } else if (++low_ == 0) {
    ++high_;
  }
  Ulid ulid{};
  for (std::size_t i = 0; i < 6; ++i) ulid[i] = static_cast<std::uint8_t>(milliseconds_ >> (40 - 8 * i));
  ulid[6] = static_cast<std::uint8_t>(high_ >> 8);
  ulid[7] = static_cast<std::uint8_t>(high_ & 0xFFu);
  for (std::size_t i = 0; i < 8; ++i) ulid[8 + i] = static_cast<std::uint8_t>(low_ >> (56 - 8 * i));
  return ulid;
}

}  // namespace detail

bool is_id(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), detail::is_identifier_char);
}

}  // namespace flyhook

#endif
