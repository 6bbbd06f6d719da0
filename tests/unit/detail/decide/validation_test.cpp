#include <flyhook/detail/decide/validation.hpp>

#include <flyhook/error.hpp>
#include <flyhook/signing.hpp>

#include "catch.hpp"

#include <chrono>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <utility>

using namespace flyhook;
using namespace flyhook::detail;
using namespace std::chrono_literals;

namespace {

struct Refusal {
  std::string field = "accepted", what{};
  ErrorCode code{};
};

Refusal refusal_of(const std::function<void()>& check) {
  try {
    check();
  } catch (const Error& error) {
    CHECK(std::string{error.what()}.starts_with(error.field() + ": "));
    return {error.field(), error.what(), error.code()};
  }
  return {};
}

/// The field that `check` refuses as `invalid`.
std::string invalid(const std::function<void()>& check) {
  const auto refusal = refusal_of(check);
  if (refusal.field != "accepted") CHECK(refusal.code == ErrorCode::invalid);
  return refusal.field;
}

/// The field that `check` refuses as not built yet.
std::string unsupported(const std::function<void()>& check) {
  const auto refusal = refusal_of(check);
  if (refusal.field != "accepted") CHECK(refusal.code == ErrorCode::unsupported);
  return refusal.field;
}

std::function<void()> of(Subscription subscription) {
  if (subscription.url.empty()) subscription.url = "https://hooks.example.com/x";
  return [subscription = std::move(subscription)] { check_subscription(subscription); };
}

std::function<void()> of(Options options) {
  return [options = std::move(options)] { check_options(options); };
}

std::string url_refusal(const std::string& url) {
  return refusal_of([&] { parse_checked_url(url); }).what;
}

const std::string most_id(64, 'a');

}  // namespace

TEST_CASE("the defaults of a subscription and of the options are taken") {
  CHECK(invalid(of(Subscription{})) == "accepted");
  CHECK(invalid(of(Options{})) == "accepted");
}

TEST_CASE("a refused URL is shown up to its query, and not at all where it holds credentials") {
  CHECK(parse_checked_url("HTTPS://Hooks.Example.com/x?y").host == "hooks.example.com");
  CHECK(url_refusal("ftp://host/path?token=t") == "url: \"ftp://host/path\" has another scheme than http or https");
  CHECK(url_refusal("ftp://host/path#token") == "url: \"ftp://host/path\" has another scheme than http or https");
  CHECK(url_refusal("https://user:password@host/") == "url: the URL holds credentials: put them in a header");
  CHECK(url_refusal("ftp://host/" + std::string(300, 'p')) ==
        "url: \"ftp://host/" + std::string(189, 'p') + "\" has another scheme than http or https");
  CHECK(invalid(of(Subscription{.url = "relative"})) == "url");
}

TEST_CASE("patterns are checked, each of them, and shown") {
  CHECK(invalid(of(Subscription{.events = {}})) == "events");
  CHECK(invalid(of(Subscription{.events = {"order.*", "order.**"}})) == "events");
  CHECK(refusal_of(of(Subscription{.events = {std::string(300, '.')}}))
            .what.starts_with("events: \"" + std::string(200, '.') + "\" is"));
  CHECK(invalid(of(Subscription{.events = {"order.paid", "order.*", "*"}})) == "accepted");
}

TEST_CASE("a filter and a secret are checked where there are any") {
  CHECK(invalid(of(Subscription{.filter = R"({"a":1})"})) == "filter");
  CHECK(invalid(of(Subscription{.filter = R"({"/a":1})"})) == "accepted");
  for (const std::string secret : {"abc", "whsec_c2hvcnQ=", "whsk_c2hvcnQ="})
    CHECK(invalid(of(Subscription{.secret = secret})) == "secret");
  CHECK(invalid(of(Subscription{.secret = "whpk_" + base64(std::string(32, 'k'))})) == "secret");
  CHECK(invalid(of(Subscription{.secret = generate_secret()})) == "accepted");
  const auto masked = refusal_of(of(Subscription{.secret = "whsec_****"}));
  CHECK(masked.field == "secret");
  CHECK(masked.what.find("masked") != std::string::npos);
}

TEST_CASE("a header that cannot be sent, is flyhook's own, or was read back masked is refused") {
  const auto header = [](const std::string& name, const std::string& value) {
    return invalid([&] { check_headers({{"x-first", "v"}, {name, value}}); });
  };
  for (const std::string name : {"", "a b", "a:", "a\r\nb", "\xC3\xA9", "(a)"}) {
    CAPTURE(name);
    CHECK(header(name, "v") == "headers");
  }
  for (const std::string name : {"host", "Content-Length", "content-type", "USER-AGENT", "traceparent", "transfer-encoding",
                                 "Connection", "webhook-", "Webhook-Id", "ce-", "CE-Source"}) {
    CAPTURE(name);
    CHECK(header(name, "v") == "headers");
  }
  for (const std::string name : {"hosts", "x-host", "content-encoding", "webhook", "x-webhook-id", "ce", "cell",
                                 "tracestate", "authorization", "A!#$%&'*+-.^_`|~9"}) {
    CAPTURE(name);
    CHECK(header(name, "v") == "accepted");
  }
  for (const auto& value : {std::string{"v\r\nx: y"}, std::string{"v\n"}, std::string("v\0", 2), std::string{"\x7F"},
                            std::string{"\x1F"}, std::string{mask}}) {
    CAPTURE(value);
    CHECK(header("a", value) == "headers");
  }
  for (const std::string value : {"", "a\tb", "caf\xC3\xA9", "*******", "*********"}) {
    CAPTURE(value);
    CHECK(header("a", value) == "accepted");
  }
  CHECK(invalid(of(Subscription{.headers = {{"host", "x"}}})) == "headers");
  CHECK(invalid(of(Options{.headers = {{"host", "x"}}})) == "headers");
}

TEST_CASE("timeouts are 1 ms to 1 h") {
  for (const auto& [timeout, verdict] :
       std::initializer_list<std::pair<std::chrono::milliseconds, bool>>{{std::chrono::milliseconds::min(), false},
                                                                         {-1ms, false},
                                                                         {0ms, false},
                                                                         {1ms, true},
                                                                         {1h, true},
                                                                         {1h + 1ms, false},
                                                                         {std::chrono::milliseconds::max(), false}}) {
    CAPTURE(timeout.count());
    const auto expected = [good = verdict](const char* field) { return std::string{good ? "accepted" : field}; };
    CHECK(invalid(of(Subscription{.timeout = timeout})) == expected("timeout"));
    CHECK(invalid(of(Options{.timeout = timeout})) == expected("timeout"));
    CHECK(invalid(of(Options{.connect_timeout = timeout})) == expected("connect_timeout"));
  }
  CHECK(invalid(of(Options{.shutdown_timeout = -1ms})) == "shutdown_timeout");
  CHECK(invalid(of(Options{.shutdown_timeout = 0ms})) == "accepted");
}

TEST_CASE("an encoding is one of the four") {
  for (const auto encoding :
       {Encoding::standard, Encoding::raw, Encoding::cloudevents_structured, Encoding::cloudevents_binary}) {
    CHECK(invalid(of(Subscription{.encoding = encoding})) == "accepted");
    CHECK(invalid(of(Options{.encoding = encoding})) == "accepted");
  }
  for (const int encoding : {-1, 4}) {
    CHECK(invalid(of(Subscription{.encoding = static_cast<Encoding>(encoding)})) == "encoding");
    CHECK(invalid(of(Options{.encoding = static_cast<Encoding>(encoding)})) == "encoding");
  }
}

TEST_CASE("what must be at least one is") {
  for (const std::size_t value : {0u, 1u}) {
    const auto expected = [value](const char* field) { return std::string{value == 1 ? "accepted" : field}; };
    CHECK(invalid(of(Subscription{.max_in_flight = value})) == expected("max_in_flight"));
    CHECK(invalid(of(Options{.queue_capacity = value})) == expected("queue_capacity"));
    CHECK(invalid(of(Options{.queue_bytes = value})) == expected("queue_bytes"));
    CHECK(invalid(of(Options{.max_payload_bytes = value})) == expected("max_payload_bytes"));
    CHECK(invalid(of(Options{.max_in_flight_per_endpoint = value})) == expected("max_in_flight_per_endpoint"));
  }
}

TEST_CASE("an id is 1 to 64 letters, digits, hyphens and underscores, or left out") {
  CHECK(invalid(of(Subscription{.id = {"a.b"}})) == "id");
  CHECK(invalid(of(Subscription{.id = {most_id}})) == "accepted");
  CHECK(invalid(of(Subscription{.id = {most_id + "a"}})) == "id");
  CHECK(invalid(of(Subscription{.id = {""}})) == "accepted");
}

TEST_CASE("a source is a URI-reference, and not empty") {
  for (const std::string source : {"", "a b", "/caf\xC3\xA9", "/a\n", "/a%", "/a%4", "/a%4g", "/a%g4", "/%41%4", "#a#b",
                                   "a\"b", "a<b>", "a\\b", "a^b", "a`b", "a{b}", "a|b"}) {
    CAPTURE(source);
    CHECK(invalid(of(Options{.source = source})) == "source");
  }
  for (const std::string source :
       {"/", "urn:shop:1", "//h/a?b#c", "http://[::1]:80/", "/caf%C3%A9", "/%af", "a", "#", "%20", "!$&'()*+,;=@-._~"}) {
    CAPTURE(source);
    CHECK(invalid(of(Options{.source = source})) == "accepted");
  }
}

TEST_CASE("the user agent is a header's value") {
  CHECK(invalid(of(Options{.user_agent = "a\r\nb"})) == "user_agent");
  CHECK(invalid(of(Options{.user_agent = "shop/1.0 (flyhook)"})) == "accepted");
}

TEST_CASE("what this version has not built is refused by name, and its defaults are not") {
  const auto empty = RetryPolicy{.schedule = {}}, other = RetryPolicy{.schedule = {0ms, 1s}};
  CHECK(invalid(of(Subscription{.retry = empty})) == "retry");
  CHECK(invalid(of(Options{.retry = empty})) == "retry");
  CHECK(unsupported(of(Subscription{.retry = other})) == "retry");
  CHECK(unsupported(of(Options{.retry = other})) == "retry");
  for (const auto& retry : {RetryPolicy{}, RetryPolicy::none()}) {
    CHECK(unsupported(of(Subscription{.retry = retry})) == "accepted");
    CHECK(unsupported(of(Options{.retry = retry})) == "accepted");
  }
  CHECK(unsupported(of(Subscription{.rate_limit = {.per_second = 5}})) == "rate_limit");
  CHECK(unsupported(of(Subscription{.ordering = Ordering::strict})) == "ordering");
  CHECK(unsupported(of(Options{.breaker = {.consecutive_failures = 3}})) == "breaker");
  CHECK(unsupported(of(Options{.disable_after = 1s})) == "disable_after");
  CHECK(unsupported(of(Options{.role = Role::deliver})) == "role");
  CHECK(unsupported(of(Options{.max_pending_per_endpoint = 5})) == "max_pending_per_endpoint");
}

TEST_CASE("no refusal tells a secret or a header's value") {
  for (const auto& check :
       {of(Subscription{.secret = "whsec_hush"}), of(Subscription{.secret = "hush"}), of(Subscription{.secret = "hush*"}),
        of(Subscription{.headers = {{"authorization", "hush\n"}}})})
    CHECK(refusal_of(check).what.find("hush") == std::string::npos);
}
