#include <flyhook/detail/decide/validation.hpp>

#include <flyhook/error.hpp>
#include <flyhook/signing.hpp>

#include "catch.hpp"

#include <chrono>
#include <functional>
#include <initializer_list>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

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

constexpr auto not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr auto infinity = std::numeric_limits<double>::infinity();

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

TEST_CASE("a retry policy has 1 to 1,000 steps, each of 0 to a year") {
  const auto checked = [](std::vector<std::chrono::milliseconds> schedule) {
    const RetryPolicy retry{.schedule = std::move(schedule)};
    const auto verdict = invalid(of(Subscription{.retry = retry}));
    CHECK(invalid(of(Options{.retry = retry})) == verdict);
    return verdict;
  };
  CHECK(checked({}) == "retry");
  CHECK(checked({0ms}) == "accepted");
  CHECK(checked(std::vector<std::chrono::milliseconds>(1000, 1s)) == "accepted");
  CHECK(checked(std::vector<std::chrono::milliseconds>(1001, 1s)) == "retry");
  CHECK(checked({0ms, std::chrono::years{1}}) == "accepted");
  CHECK(checked({0ms, std::chrono::years{1} + 1ms, 0ms}) == "retry");
  CHECK(checked({0ms, 1s, std::chrono::milliseconds::max()}) == "retry");
  CHECK(checked({-1ms}) == "retry");
  CHECK(checked({0ms, std::chrono::milliseconds::min()}) == "retry");
  CHECK(checked(RetryPolicy::exponential(1s, 2, 1h, 20).schedule) == "accepted");
}

TEST_CASE("what else a retry policy says is in its range") {
  const auto checked = [](RetryPolicy retry) {
    const auto verdict = invalid(of(Subscription{.retry = retry}));
    CHECK(invalid(of(Options{.retry = retry})) == verdict);
    return verdict;
  };
  CHECK(checked(RetryPolicy{}) == "accepted");
  CHECK(checked(RetryPolicy::none()) == "accepted");
  for (const double jitter : {0., 1., 0.5}) CHECK(checked({.jitter = jitter}) == "accepted");
  for (const double jitter : {-0.001, 1.001, not_a_number, infinity, -infinity})
    CHECK(checked({.jitter = jitter}) == "retry");
  CHECK(checked({.max_age = 1s}) == "accepted");
  CHECK(checked({.max_age = -1s}) == "retry");
  CHECK(checked({.stop_on = {100, 404, 599}}) == "accepted");
  for (const int status : {99, 600, 0, -404}) CHECK(checked({.stop_on = {404, status, 410}}) == "retry");
  CHECK(checked({.retry_after_cap = 0s}) == "accepted");
  CHECK(checked({.retry_after_cap = 24h}) == "accepted");
  CHECK(checked({.retry_after_cap = -1s}) == "retry");
}

TEST_CASE("a rate limit is of finite numbers, not negative, with a burst of at least one") {
  const auto checked = [](double per_second, double burst) {
    return invalid(of(Subscription{.rate_limit = {.per_second = per_second, .burst = burst}}));
  };
  for (const double per_second : {0., 1e-300, 5., 1e300}) CHECK(checked(per_second, 1) == "accepted");
  for (const double per_second : {-1e-300, -5., not_a_number, infinity, -infinity})
    CHECK(checked(per_second, 1) == "rate_limit");
  for (const double burst : {1., 1.5, 1e300}) CHECK(checked(5, burst) == "accepted");
  for (const double burst : {0.999, 0., -1., not_a_number, infinity, -infinity}) {
    CHECK(checked(5, burst) == "rate_limit");
    CHECK(checked(0, burst) == "rate_limit");
  }
}

TEST_CASE("an ordering is one of the three") {
  for (const auto ordering : {Ordering::none, Ordering::per_key, Ordering::strict})
    CHECK(invalid(of(Subscription{.ordering = ordering})) == "accepted");
  for (const int ordering : {-1, 3})
    CHECK(invalid(of(Subscription{.ordering = static_cast<Ordering>(ordering)})) == "ordering");
}

TEST_CASE("a breaker opens after at least one failure, for 1 ms to 24 h") {
  const auto checked = [](unsigned failures, std::chrono::milliseconds cool_down) {
    return invalid(of(Options{.breaker = {.consecutive_failures = failures, .cool_down = cool_down}}));
  };
  CHECK(checked(0, 30s) == "breaker");
  CHECK(checked(1, 30s) == "accepted");
  CHECK(checked(std::numeric_limits<unsigned>::max(), 30s) == "accepted");
  for (const auto cool_down : {std::chrono::milliseconds{1}, std::chrono::milliseconds{24h}})
    CHECK(checked(3, cool_down) == "accepted");
  for (const auto cool_down : {0ms, -1ms, 24h + 1ms, std::chrono::milliseconds::max(), std::chrono::milliseconds::min()})
    CHECK(checked(3, cool_down) == "breaker");
}

TEST_CASE("the time after which an endpoint is disabled is not negative") {
  CHECK(invalid(of(Options{.disable_after = -1s})) == "disable_after");
  CHECK(invalid(of(Options{.disable_after = 0s})) == "accepted");
  CHECK(invalid(of(Options{.disable_after = 1s})) == "accepted");
}

TEST_CASE("an endpoint may have one delivery waiting at least") {
  CHECK(invalid(of(Options{.max_pending_per_endpoint = 0})) == "max_pending_per_endpoint");
  CHECK(invalid(of(Options{.max_pending_per_endpoint = 1})) == "accepted");
}

TEST_CASE("what this version has not built is refused by name") {
  CHECK(unsupported(of(Options{.role = Role::deliver})) == "role");
  CHECK(unsupported(of(Options{.role = Role::publish})) == "role");
}

TEST_CASE("no refusal tells a secret or a header's value") {
  for (const auto& check :
       {of(Subscription{.secret = "whsec_hush"}), of(Subscription{.secret = "hush"}), of(Subscription{.secret = "hush*"}),
        of(Subscription{.headers = {{"authorization", "hush\n"}}})})
    CHECK(refusal_of(check).what.find("hush") == std::string::npos);
}
