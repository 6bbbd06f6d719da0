#include "catch.hpp"

#include <flyhook/detail/admin/credentials.hpp>

#include <chrono>
#include <string>
#include <string_view>

using namespace flyhook;
using namespace flyhook::detail;
using namespace std::chrono_literals;

namespace {

void counted(void* buffer, std::size_t size) {
  static unsigned char next = 1;
  for (std::size_t i = 0; i < size; ++i) static_cast<unsigned char*>(buffer)[i] = next++;
}

const TimePoint now = TimePoint{1'700'000'000s};

}  // namespace

TEST_CASE("the operator's token is itself and nothing else") {
  const Credentials credentials{"secret", counted};
  REQUIRE(credentials.caller_of("secret", now));
  CHECK(credentials.caller_of("secret", now)->is_operator);
  for (const auto other : {std::string_view{}, std::string_view{"secre"}, std::string_view{"secret "},
                           std::string_view{"Secret"}, std::string_view{"secretsecret"}, std::string_view{"secret\0", 7}})
    CHECK_FALSE(credentials.caller_of(other, now));
}

TEST_CASE("without a token nobody is the operator") {
  const Credentials credentials{"", counted};
  CHECK_FALSE(credentials.caller_of("", now));
  CHECK_FALSE(credentials.caller_of("fhp_", now));
}

TEST_CASE("a portal token carries any tenant's bytes and fits into a URL") {
  const Credentials credentials{"secret", counted};
  for (const std::string& tenant : {std::string{}, std::string{"acme"}, std::string{"a.b.c"},
                                    std::string{"\0\xff\x3e\x3f", 4}, std::string(1024, '\xff')}) {
    const auto token = credentials.portal_token(tenant, 1s, now);
    CHECK(token.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.") == token.npos);
    const auto caller = credentials.caller_of(token, now);
    REQUIRE(caller);
    CHECK_FALSE(caller->is_operator);
    CHECK(caller->tenant == tenant);
    CHECK(credentials.caller_of(token, now + 999ms));
    CHECK_FALSE(credentials.caller_of(token, now + 1s));
  }
}

TEST_CASE("bearer credentials are what follows the scheme") {
  CHECK(bearer_of("Bearer abc") == "abc");
  CHECK(bearer_of("BEARER   abc") == "abc");
  CHECK(bearer_of("Bearer ") == "");
  CHECK_FALSE(bearer_of("Bearer"));
  CHECK_FALSE(bearer_of("Basic abc"));
  CHECK_FALSE(bearer_of(""));
}
