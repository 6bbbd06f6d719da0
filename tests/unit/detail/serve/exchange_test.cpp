#include <flyhook/detail/serve/exchange.hpp>

#include <nlohmann/json.hpp>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "catch.hpp"

using namespace flyhook;
using namespace flyhook::detail;

namespace {

using Query = std::vector<std::pair<std::string, std::string>>;

std::string path_of(std::string_view target) {
  const auto parsed = parse_target(target);
  return parsed ? parsed->path : "malformed";
}

Query query_of(std::string_view target) {
  const auto parsed = parse_target(target);
  return parsed ? parsed->query : Query{{"malformed", ""}};
}

}  // namespace

TEST_CASE("the path of a request target is decoded, and its plus stays a plus") {
  CHECK(path_of("/hooks") == "/hooks");
  CHECK(path_of("/a%20b%2Fc+d") == "/a b/c+d");
  CHECK(path_of("/%c3%A4") == "/\xC3\xA4");
  CHECK(path_of("").empty());
  CHECK(path_of("?a=b").empty());
}

TEST_CASE("the query of a request target keeps its order and its repeats") {
  CHECK(query_of("/") == Query{});
  CHECK(query_of("/?") == Query{});
  CHECK(query_of("/?b=1&a=2&b=3") == Query{{"b", "1"}, {"a", "2"}, {"b", "3"}});
  CHECK(query_of("/?a+b=c+d%2B%26%3D") == Query{{"a b", "c d+&="}});
  CHECK(query_of("/?flag&empty=&&x=1=2&=v") == Query{{"flag", ""}, {"empty", ""}, {"x", "1=2"}, {"", "v"}});
  CHECK(query_of("/?a=b?c") == Query{{"a", "b?c"}});
}

TEST_CASE("the fragment of a request target is cut off") {
  CHECK(path_of("/hooks#%zz") == "/hooks");
  CHECK(query_of("/hooks?a=b#c=d?e") == Query{{"a", "b"}});
  CHECK(query_of("/hooks#?a=b") == Query{});
}

TEST_CASE("a malformed percent-encoding or a NUL makes a target malformed") {
  for (const char* target : {"/%", "/%4", "/%4g", "/%g4", "/%%20", "/a?b=%", "/a?%4=b", "/a?b=c&d=%f", "/%00", "/?a=%00"}) {
    CAPTURE(target);
    CHECK_FALSE(parse_target(target));
  }
  CHECK_FALSE(parse_target(std::string_view{"/a\0b", 4}));
  CHECK(parse_target("/%41"));
}

TEST_CASE("a problem is RFC 9457's JSON") {
  const auto response = problem(404, "no such subscription");
  CHECK(response.status == 404);
  CHECK(response.error.empty());
  CHECK(response.headers == Headers{{"content-type", "application/problem+json"}});
  CHECK(nlohmann::json::parse(response.body) ==
        nlohmann::json{{"title", "Not Found"}, {"status", 404}, {"detail", "no such subscription"}});

  const auto with_field = problem(422, "is empty", "url");
  CHECK(nlohmann::json::parse(with_field.body).at("field") == "url");
}

TEST_CASE("a problem survives text that is no UTF-8") {
  const auto response = problem(400, "bytes \xFF\xC3 \"quoted\"\n", "f\x80");
  const auto body = nlohmann::json::parse(response.body);
  CHECK(body.at("detail") == "bytes \xEF\xBF\xBD\xEF\xBF\xBD \"quoted\"\n");
  CHECK(body.at("field") == "f\xEF\xBF\xBD");
}

TEST_CASE("every status that a face answers has its title") {
  for (const int status : {400, 401, 403, 404, 405, 409, 413, 415, 422, 429, 500, 503}) {
    CAPTURE(status);
    const std::string title = nlohmann::json::parse(problem(status, "").body).at("title");
    CHECK(title != "Refused");
    CHECK(title != "Failed");
  }
  CHECK(nlohmann::json::parse(problem(418, "").body).at("title") == "Refused");
  CHECK(nlohmann::json::parse(problem(599, "").body).at("title") == "Failed");
}
