#include <flyhook/detail/receive/remembered_ids.hpp>

#include <chrono>
#include <cstring>
#include <deque>
#include <random>
#include <set>
#include <utility>

#include "catch.hpp"

using namespace std::chrono_literals;
using flyhook::detail::RememberedIds;

namespace {

/// Of few different hashes, so that they meet in the table.
RememberedIds::Digest digest_of(std::uint32_t number, std::uint32_t hashes) {
  RememberedIds::Digest digest{};
  const std::uint32_t hash = number % hashes;
  std::memcpy(digest.data(), &hash, sizeof hash);
  std::memcpy(digest.data() + 4, &number, sizeof number);
  return digest;
}

}  // namespace

TEST_CASE("the last ids are known, as in a model of them, however they meet in the table") {
  const std::size_t most = GENERATE(1u, 2u, 63u, 64u, 65u, 1'000u);
  const std::uint32_t hashes = GENERATE(1u, 7u, 4'000'000'000u);
  RememberedIds ids{most, 1h};
  std::deque<std::pair<std::uint32_t, std::chrono::nanoseconds>> model;
  std::mt19937 random{1};
  auto now = 0ns;
  for (std::uint32_t step = 0; step < 4'000; ++step) {
    if (random() % 5 == 0) now += std::chrono::minutes{random() % 10};
    if (random() % 50 == 0) now += 2h;
    ids.forget_old(now);
    while (!model.empty() && now - model.front().second >= 1h) model.pop_front();
    const auto number = step;
    REQUIRE_FALSE(ids.contains(digest_of(number, hashes)));
    ids.add(digest_of(number, hashes), now);
    if (model.size() == most) model.pop_front();
    model.emplace_back(number, now);
    REQUIRE(ids.size() == model.size());
    const auto asked = static_cast<std::uint32_t>(step - random() % 130 % (step + 1));
    const bool is_known = !model.empty() && asked >= model.front().first;
    REQUIRE(ids.contains(digest_of(asked, hashes)) == is_known);
  }
  for (const auto& [number, at] : model) CHECK(ids.contains(digest_of(number, hashes)));
}

TEST_CASE("where nothing is to be remembered nothing is") {
  RememberedIds ids{0, 1h};
  ids.add(digest_of(1, 10), 0ns);
  CHECK(ids.size() == 0);
  CHECK_FALSE(ids.contains(digest_of(1, 10)));
}

TEST_CASE("a time that goes back counts as the greatest so far") {
  RememberedIds ids{10, 1h};
  ids.add(digest_of(1, 10), 2h);
  ids.add(digest_of(2, 10), 1h);
  ids.forget_old(3h - 1ns);
  CHECK(ids.size() == 2);
  ids.forget_old(3h);
  CHECK(ids.size() == 0);
}
