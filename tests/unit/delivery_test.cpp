#include <flyhook/delivery.hpp>

#include "catch.hpp"

#include <set>
#include <string>
#include <utility>
#include <vector>

using namespace flyhook;

TEST_CASE("a status is named as in C++, and is final or not") {
  const std::vector<std::pair<DeliveryStatus, std::pair<std::string, bool>>> all{
      {DeliveryStatus::pending, {"pending", false}},    {DeliveryStatus::in_flight, {"in_flight", false}},
      {DeliveryStatus::delivered, {"delivered", true}}, {DeliveryStatus::dead, {"dead", true}},
      {DeliveryStatus::expired, {"expired", true}},     {DeliveryStatus::cancelled, {"cancelled", true}},
  };
  for (const auto& [status, expected] : all) {
    CAPTURE(expected.first);
    CHECK(to_string(status) == expected.first);
    CHECK(is_final(status) == expected.second);
  }
  CHECK(to_string(static_cast<DeliveryStatus>(99)) == "unknown");
}
