#include <flyhook/error.hpp>

#include "catch.hpp"

#include <stdexcept>
#include <string>

using namespace flyhook;

TEST_CASE("an error is one sentence that begins with the field") {
  const Error error{ErrorCode::invalid, "url", "\"ftp://x\" its scheme must be http or https"};
  CHECK(error.code() == ErrorCode::invalid);
  CHECK(error.field() == "url");
  CHECK(std::string{error.what()} == "url: \"ftp://x\" its scheme must be http or https");
}

TEST_CASE("an error of the call as a whole names no field") {
  const Error error{ErrorCode::stopped, "", "the publisher was stopped"};
  CHECK(error.field().empty());
  CHECK(std::string{error.what()} == "the publisher was stopped");
}

TEST_CASE("an error is caught as what it is, and survives copying") {
  try {
    throw Error{ErrorCode::conflict, "id", "is taken"};
  } catch (const std::runtime_error& caught) {
    const auto* error = dynamic_cast<const Error*>(&caught);
    REQUIRE(error != nullptr);
    const Error copy = *error;
    CHECK(copy.code() == ErrorCode::conflict);
    CHECK(copy.field() == "id");
    CHECK(std::string{copy.what()} == "id: is taken");
  }
}
