#include <flyhook/detail/security/system_resolver.hpp>

#include "catch.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

using flyhook::detail::resolve_by_system;

// Names that every system answers without asking a server.

TEST_CASE("an address resolves to itself, once, whichever its family") {
  CHECK(resolve_by_system("127.0.0.1") == std::vector<std::string>{"127.0.0.1"});
  CHECK(resolve_by_system("::1") == std::vector<std::string>{"::1"});
}

TEST_CASE("localhost resolves to loopback addresses") {
  const auto addresses = resolve_by_system("localhost");
  CHECK_FALSE(addresses.empty());
  CHECK(std::all_of(addresses.begin(), addresses.end(),
                    [](const auto& address) { return address == "::1" || address.starts_with("127."); }));
}

TEST_CASE("a name that cannot be asked for has no addresses, and the system says why") {
  try {
    resolve_by_system(std::string(64, 'a') + ".invalid");  // a label has 63 characters at most
    FAIL("it has addresses");
  } catch (const std::runtime_error& error) {
    CHECK_FALSE(std::string{error.what()}.empty());
  }
}
