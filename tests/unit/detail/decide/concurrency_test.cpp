#include <flyhook/detail/decide/concurrency.hpp>

#include "catch.hpp"

#include <cstddef>

using namespace flyhook::detail;

TEST_CASE("concurrency begins at its most and is halved down to one") {
  Concurrency concurrency{9};
  CHECK(concurrency.limit() == 9);
  for (const std::size_t limit : {4u, 2u, 1u, 1u, 1u}) {
    concurrency.overloaded();
    CHECK(concurrency.limit() == limit);
  }
}

TEST_CASE("each success allows one more request at a time, up to the most") {
  Concurrency concurrency{4};
  concurrency.succeeded();
  CHECK(concurrency.limit() == 4);
  concurrency.overloaded();
  concurrency.overloaded();
  for (const std::size_t limit : {2u, 3u, 4u, 4u}) {
    concurrency.succeeded();
    CHECK(concurrency.limit() == limit);
  }

  Concurrency one{1};
  one.overloaded();
  CHECK(one.limit() == 1);
  one.succeeded();
  CHECK(one.limit() == 1);
}

TEST_CASE("a changed most bounds the limit, and lifts it only where nothing had held it down") {
  Concurrency concurrency{8};
  concurrency.set_most(20);
  CHECK(concurrency.limit() == 20);
  concurrency.set_most(6);
  CHECK(concurrency.limit() == 6);

  concurrency.overloaded();  // 3
  concurrency.set_most(10);
  CHECK(concurrency.limit() == 3);
  concurrency.set_most(2);
  CHECK(concurrency.limit() == 2);
  concurrency.set_most(2);
  CHECK(concurrency.limit() == 2);
  concurrency.overloaded();
  concurrency.set_most(3);
  for (const std::size_t limit : {2u, 3u, 3u}) {
    concurrency.succeeded();
    CHECK(concurrency.limit() == limit);
  }
}
