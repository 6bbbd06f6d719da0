#include <flyhook/id.hpp>

#include "catch.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <unordered_set>
#include <utility>
#include <vector>

using namespace flyhook;
using namespace std::chrono_literals;
using detail::Ulid;
using detail::ulid_text;
using detail::UlidSequence;

namespace {

constexpr TimePoint start{1'704'067'200'000ms};
constexpr std::array<std::uint64_t, 4> any_seed{1, 2, 3, 4};

/// The 80 bits behind the time, as two numbers.
std::pair<unsigned, std::uint64_t> random_part(const Ulid& ulid) {
  std::uint64_t low = 0;
  for (std::size_t i = 8; i < 16; ++i) low = (low << 8) | ulid[i];
  return {(unsigned{ulid[6]} << 8) | ulid[7], low};
}

std::uint64_t milliseconds(const Ulid& ulid) {
  std::uint64_t time = 0;
  for (std::size_t i = 0; i < 6; ++i) time = (time << 8) | ulid[i];
  return time;
}

std::uint64_t inverse(std::uint64_t odd) {
  std::uint64_t found = odd;
  for (int i = 0; i < 6; ++i) found *= 2 - odd * found;  // Newton: each round doubles the bits that are right
  return found;
}

/// A seed whose second draw, the low 64 bits of the first id, is `low`; its first draw is 0. xoshiro256** draws
/// rotl(s1 * 5, 7) * 9, and with s1 = s2 = 0 the next s1 is s0.
std::array<std::uint64_t, 4> seed_for(std::uint64_t low) {
  const std::uint64_t rotated = low * inverse(9);
  return {((rotated >> 7) | (rotated << 57)) * inverse(5), 0, 0, 0};
}

}  // namespace

TEST_CASE("a ULID's text is Crockford base 32, most significant first") {
  CHECK(ulid_text("msg_", Ulid{}) == "msg_00000000000000000000000000");
  Ulid ones{};
  ones.fill(0xFF);
  CHECK(ulid_text("", ones) == "7ZZZZZZZZZZZZZZZZZZZZZZZZZ");
  // The example of the ULID specification.
  const Ulid known{0x01, 0x56, 0x3E, 0x3A, 0xB5, 0xD3, 0xD6, 0x76, 0x4C, 0x61, 0xEF, 0xB9, 0x93, 0x02, 0xBD, 0x5B};
  CHECK(ulid_text("sub_", known) == "sub_01ARZ3NDEKTSV4RRFFQ69G5FAV");
}

TEST_CASE("texts of ULIDs are ordered as their bytes are") {
  UlidSequence sequence{any_seed};
  Ulid last = sequence.next(start);
  for (int i = 1; i < 2000; ++i) {
    const Ulid next = sequence.next(start + std::chrono::milliseconds{i / 3});
    CHECK((last < next && ulid_text("", last) < ulid_text("", next)));
    last = next;
  }
}

TEST_CASE("an id says when it was made, and draws anew with each millisecond") {
  UlidSequence sequence{any_seed};
  std::set<std::uint64_t> drawn;
  for (int i = 0; i < 1000; ++i) {
    const auto ulid = sequence.next(start + std::chrono::milliseconds{i} + 999us);
    CHECK(milliseconds(ulid) == 1'704'067'200'000u + static_cast<unsigned>(i));
    CHECK(random_part(ulid).first < 0x8000u);  // room to count up
    drawn.insert(random_part(ulid).second);
  }
  CHECK(drawn.size() == 1000);
}

TEST_CASE("within a millisecond the last id is counted up") {
  UlidSequence sequence{any_seed};
  const auto first = random_part(sequence.next(start));
  for (std::uint64_t i = 1; i <= 1000; ++i) {
    const auto next = sequence.next(start);
    CHECK(milliseconds(next) == 1'704'067'200'000u);
    CHECK(random_part(next) == std::pair{first.first, first.second + i});
  }
}

TEST_CASE("the counter within a millisecond carries into the upper bits") {
  UlidSequence sequence{seed_for(~std::uint64_t{0})};
  const auto first = sequence.next(start);
  REQUIRE(random_part(first) == std::pair{0u, ~std::uint64_t{0}});
  const auto second = sequence.next(start);
  CHECK(random_part(second) == std::pair{1u, std::uint64_t{0}});
  CHECK(first < second);
  CHECK(random_part(sequence.next(start)) == std::pair{1u, std::uint64_t{1}});
}

TEST_CASE("a wall clock that goes back makes no id smaller") {
  UlidSequence sequence{any_seed};
  const auto first = sequence.next(start);
  const auto second = sequence.next(start - 24h);
  const auto third = sequence.next(TimePoint{-1s});
  CHECK(first < second);
  CHECK(second < third);
  CHECK(milliseconds(third) == milliseconds(first));
  CHECK(milliseconds(sequence.next(start + 1ms)) == milliseconds(first) + 1);
}

TEST_CASE("a time before 1970 counts as 1970") {
  UlidSequence sequence{any_seed};
  const auto first = sequence.next(TimePoint{-1h});
  CHECK(milliseconds(first) == 0);
  CHECK(first < sequence.next(TimePoint{-2h}));
}

TEST_CASE("the seed decides the ids, and one of zeros draws all the same") {
  UlidSequence a{any_seed}, b{any_seed}, other{{5, 6, 7, 8}}, zeros{{0, 0, 0, 0}};
  const auto first = a.next(start);
  CHECK(first == b.next(start));
  CHECK(first != other.next(start));
  std::set<std::uint64_t> drawn;
  for (int i = 0; i < 100; ++i) drawn.insert(random_part(zeros.next(start + std::chrono::milliseconds{i})).second);
  CHECK(drawn.size() > 90);
}

TEST_CASE("four threads behind one mutex get ids that are all different and grow for each") {
  UlidSequence sequence{any_seed};
  std::mutex mutex;
  std::array<std::vector<Ulid>, 4> made;
  std::vector<std::thread> threads;
  for (auto& own : made)
    threads.emplace_back([&sequence, &mutex, &own] {
      for (int i = 0; i < 2000; ++i) {
        const std::lock_guard lock{mutex};
        own.push_back(sequence.next(start + std::chrono::milliseconds{i / 10}));
      }
    });
  for (auto& thread : threads) thread.join();

  std::set<Ulid> all;
  bool grow = true;
  for (const auto& own : made) {
    for (std::size_t i = 1; i < own.size(); ++i) grow = grow && own[i - 1] < own[i];
    all.insert(own.begin(), own.end());
  }
  CHECK(grow);
  CHECK(all.size() == 8000);
}

TEST_CASE("a delivery id is its sequence in 13 characters, and reads back") {
  CHECK(detail::delivery_text(0) == "dlv_0000000000000");
  CHECK(detail::delivery_text(1) == "dlv_0000000000001");
  CHECK(detail::delivery_text(32) == "dlv_0000000000010");
  CHECK(detail::delivery_text(~std::uint64_t{0}) == "dlv_FZZZZZZZZZZZZ");
  std::string last;
  for (int bit = 0; bit < 64; ++bit)
    for (const std::uint64_t less : {1u, 0u}) {
      const auto sequence = (std::uint64_t{1} << bit) - less;
      const auto text = detail::delivery_text(sequence);
      CHECK(detail::delivery_sequence(text) == sequence);
      CHECK(last <= text);
      last = text;
    }
  CHECK(detail::delivery_sequence("dlv_FZZZZZZZZZZZZ") == ~std::uint64_t{0});
}

TEST_CASE("what is no delivery id is refused") {
  for (const char* text :
       {"", "dlv_", "dlv_000000000000", "dlv_00000000000000", "msg_0000000000000", "DLV_0000000000000", "0000000000000",
        "dlv_000000000000a", "dlv_000000000000I", "dlv_000000000000L", "dlv_000000000000O", "dlv_000000000000U",
        "dlv_000000000000 ", "dlv_00000-0000000", "dlv_G000000000000", "dlv_ZZZZZZZZZZZZZ"}) {
    CAPTURE(text);
    CHECK_FALSE(detail::delivery_sequence(text));
  }
  CHECK_FALSE(detail::delivery_sequence(std::string_view{"dlv_000000000000\0", 17}));
}

TEST_CASE("an application's id is 1 to 64 letters, digits, underscores and hyphens") {
  for (const auto& good : {std::string{"a"}, std::string{"Z"}, std::string{"0"}, std::string{"_-"},
                           std::string{"order-42_PAID"}, std::string(64, 'x')})
    CHECK(is_id(good));
  for (const auto& bad : {std::string{}, std::string(65, 'x'), std::string{"a.b"}, std::string{"a b"}, std::string{"a/b"},
                          std::string{"a\n"}, std::string{"\xC3\xA4"}, std::string{"a\0b", 3}, std::string{"a:b"}}) {
    CAPTURE(bad);
    CHECK_FALSE(is_id(bad));
  }
}

TEST_CASE("ids are compared and hashed by their text") {
  CHECK(EventId{"a"} == EventId{"a"});
  CHECK(EventId{"a"} < EventId{"b"});
  CHECK(DeliveryId{"dlv_2"} > DeliveryId{"dlv_1"});
  CHECK(SubscriptionId{"x"} != SubscriptionId{"y"});
  const std::unordered_set<EventId> events{{"a"}, {"b"}, {"a"}};
  CHECK(events.size() == 2);
  CHECK(events.count(EventId{"b"}) == 1);
}

TEST_CASE("FNV-1a is the one everybody computes, in one piece or several") {
  CHECK(detail::fnv1a("") == 0xcbf29ce484222325u);
  CHECK(detail::fnv1a("a") == 0xaf63dc4c8601ec8cu);
  CHECK(detail::fnv1a("foobar") == 0x85944171f73967e8u);
  CHECK(detail::fnv1a("bar", detail::fnv1a("foo")) == 0x85944171f73967e8u);
}
