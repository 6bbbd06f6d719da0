#ifndef FLYHOOK_TESTS_UNIT_DETAIL_ADMIN_REFUSALS_HPP
#define FLYHOOK_TESTS_UNIT_DETAIL_ADMIN_REFUSALS_HPP

#include <flyhook/detail/admin/representation.hpp>
#include <flyhook/error.hpp>

#include "catch.hpp"

#include <functional>
#include <string>
#include <utility>

// Bodies given to the API, and how they are refused.

namespace flyhook::test {

using detail::ApiCaller;
using nlohmann::json;

inline const ApiCaller an_operator{true, {}};
inline const ApiCaller acme{false, "acme"};

struct Refusal {
  std::string field = "accepted", what{};
};

/// What is refused, and how; whatever else is thrown fails the test.
inline Refusal refusal_of(const std::function<void()>& read) {
  try {
    read();
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::invalid);
    return {error.field(), error.what()};
  }
  return {};
}

inline Refusal refusal_of_post(const json& body, const ApiCaller& caller = an_operator) {
  return refusal_of([&] { static_cast<void>(detail::read_subscription(body, caller)); });
}

inline Refusal refusal_of_patch(const json& body, const ApiCaller& caller = an_operator) {
  return refusal_of([&] { static_cast<void>(detail::read_patch(body, caller)); });
}

inline json with(const std::string& member, json value) {
  json body{{"url", "https://hooks.example.com/x"}};
  body[member] = std::move(value);
  return body;
}

/// A member, a value that it cannot have, the field that the refusal names, and a part of its reason.
struct Wrong {
  const char* member;
  const char* value;
  const char* field;
  const char* reason;
};

inline void check_refusal(const Refusal& refusal, const Wrong& wrong) {
  CAPTURE(wrong.member, wrong.value, refusal.what);
  CHECK(refusal.field == wrong.field);
  CHECK(refusal.what.find(wrong.reason) != std::string::npos);
  CHECK(refusal.what.starts_with(refusal.field));
}

}  // namespace flyhook::test

#endif
