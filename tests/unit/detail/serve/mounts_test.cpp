#include "catch.hpp"

#include <flyhook/detail/serve/mounts.hpp>

#include <string>
#include <variant>

using namespace flyhook::detail;

namespace {

Url url_of(const std::string& text) {
  const auto parsed = parse_url(text);
  REQUIRE(std::holds_alternative<Url>(parsed));
  return std::get<Url>(parsed);
}

}  // namespace

TEST_CASE("a path is beneath another one whatever is done to its spelling") {
  for (const auto* const target : {"/hooks", "/hooks/", "/hooks/a", "/hooks?x=1", "/ho%6fks", "/%68ooks/x", "//hooks",
                                   "/./hooks", "/x/../hooks", "/hooks/./a#b"})
    CHECK(is_beneath(target, "/hooks"));
  for (const auto* const target : {"/", "/hook", "/hooks2", "/x/hooks", "/hooks/..", "/Hooks", "/%zz"})
    CHECK_FALSE(is_beneath(target, "/hooks"));
  CHECK(is_beneath("/anything", ""));
  CHECK(is_beneath("/anything", "/"));
}

TEST_CASE("a URL leads to a mount by its port, an address of this machine, and the path") {
  int server = 0, other_server = 0;
  const auto hooks = add_mount(&server, "/hooks"), api = add_mount(&server, "/webhooks/"),
             other = add_mount(&other_server, "/o");
  CHECK_FALSE(leads_to_mount(url_of("http://127.0.0.1:8123/hooks"), {"127.0.0.1"}));  // no request has told its port
  api->port = 8123;  // which one of its mounts learns for all
  CHECK(leads_to_mount(url_of("http://127.0.0.1:8123/hooks"), {"127.0.0.1"}));
  CHECK(leads_to_mount(url_of("http://me.example.com:8123/webhooks/api"), {"8.8.8.8", "127.9.9.9"}));
  CHECK(leads_to_mount(url_of("http://[::1]:8123/hooks/x"), {"::1"}));
  CHECK(leads_to_mount(url_of("http://x:8123/hooks/x"), {"::ffff:127.0.0.1"}));
  CHECK(leads_to_mount(url_of("http://0.0.0.0:8123/hooks/x"), {"0.0.0.0"}));
  CHECK_FALSE(leads_to_mount(url_of("http://127.0.0.1:8124/hooks"), {"127.0.0.1"}));
  CHECK_FALSE(leads_to_mount(url_of("http://127.0.0.1:8123/sink"), {"127.0.0.1"}));
  CHECK_FALSE(leads_to_mount(url_of("http://127.0.0.1:8123/o"), {"127.0.0.1"}));
  CHECK_FALSE(leads_to_mount(url_of("http://else.example.com:8123/hooks"), {"93.184.216.34"}));
  CHECK_FALSE(leads_to_mount(url_of("http://127.0.0.1:8123/hooks"), {}));
}

TEST_CASE("a URL leads to a mount by the name that clients use, whatever stands in between") {
  int server = 0, other_server = 0;
  const auto hooks = add_mount(&server, "/hooks"), other = add_mount(&other_server, "/other");
  CHECK(leads_to_mount(url_of("https://app.example.com/hooks"), "App.Example.com", &server));
  CHECK(leads_to_mount(url_of("http://app.example.com/hooks"), "app.example.com", &server));
  CHECK(leads_to_mount(url_of("https://app.example.com:8443/hooks/x"), "app.example.com:8443", &server));
  CHECK(leads_to_mount(url_of("https://app.example.com/hooks"), "app.example.com:443", &server));
  CHECK_FALSE(leads_to_mount(url_of("https://app.example.com/else"), "app.example.com", &server));
  CHECK_FALSE(leads_to_mount(url_of("https://app.example.com/other"), "app.example.com", &server));
  CHECK_FALSE(leads_to_mount(url_of("https://example.com/hooks"), "app.example.com", &server));
  CHECK_FALSE(leads_to_mount(url_of("https://app.example.com:8443/hooks"), "app.example.com", &server));
}

TEST_CASE("a mount that its server has let go of is none") {
  int server = 0;
  auto hooks = add_mount(&server, "/gone");
  REQUIRE(leads_to_mount(url_of("https://app.example.com/gone"), "app.example.com", &server));
  hooks.reset();
  CHECK_FALSE(leads_to_mount(url_of("https://app.example.com/gone"), "app.example.com", &server));
}
