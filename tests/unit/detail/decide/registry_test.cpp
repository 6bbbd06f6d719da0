#include <flyhook/detail/decide/registry.hpp>

#include <flyhook/error.hpp>

#include "catch.hpp"
#include "unit/detail/decide/endpoints.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

using namespace flyhook;
using namespace flyhook::detail;
using unit::endpoint;
using unit::subscription;

namespace {

using Model = std::map<std::string, EndpointPtr>;  // by id

std::vector<std::uint64_t> lanes_of(const EndpointIndex& index, std::string_view tenant, std::string_view type) {
  std::vector<EndpointPtr> found;
  index.match(tenant, type, found);
  std::vector<std::uint64_t> lanes;
  for (const auto& each : found) lanes.push_back(each->lane);
  return lanes;
}

/// The same by looking at every subscription.
std::vector<std::uint64_t> lanes_of(const Model& model, std::string_view tenant, std::string_view type) {
  std::vector<std::uint64_t> lanes;
  for (const auto& [id, each] : model) {
    const auto& events = each->subscription.events;
    const bool wants =
        std::any_of(events.begin(), events.end(), [&](const auto& pattern) { return pattern_matches(pattern, type); });
    if (wants && each->subscription.enabled && each->subscription.tenant == tenant) lanes.push_back(each->lane);
  }
  std::sort(lanes.begin(), lanes.end());
  return lanes;
}

/// Draws subscriptions and events that often have something in common.
class Drawing {
 public:
  explicit Drawing(std::uint64_t seed) : random_(seed) {}

  std::size_t below(std::size_t limit) { return static_cast<std::size_t>(random_() % limit); }
  std::string tenant() { return std::vector<std::string>{"", "t1", "t2", "t"}[below(4)]; }
  std::string type() {
    std::string text = word();
    for (std::size_t more = below(4); more > 0; --more) text += "." + word();
    return text;
  }
  std::string pattern() {
    switch (below(4)) {
      case 0: return "*";
      case 1: return type() + ".*";
      default: return type();
    }
  }
  Subscription draw(const std::string& id, std::string of_tenant) {
    std::vector<std::string> events;
    for (std::size_t count = 1 + below(4); count > 0; --count) events.push_back(pattern());
    auto drawn = subscription(id, std::move(events), std::move(of_tenant));
    drawn.enabled = below(8) != 0;
    drawn.paused = below(8) == 0;  // paused ones match: their deliveries wait
    return drawn;
  }

 private:
  std::string word() { return std::vector<std::string>{"a", "b", "ab", "order", "paid"}[below(5)]; }

  std::mt19937_64 random_;
};

/// A registry and the model beside it, changed together.
struct Pair {
  void change(Drawing& drawing) {
    const auto id = "s" + std::to_string(drawing.below(60));
    const auto known = model.find(id);
    ++version;
    if (known != model.end() && drawing.below(3) == 0) {
      REQUIRE(registry.remove({id}, version));
      model.erase(known);
      return;
    }
    const auto tenant = known != model.end() ? known->second->subscription.tenant : drawing.tenant();
    const auto lane = known != model.end() ? known->second->lane : ++lanes;
    const auto made = endpoint(drawing.draw(id, tenant), lane, version);
    REQUIRE(registry.put(made));
    model[id] = made;
  }

  Registry registry{{}};
  Model model{};
  std::uint64_t version = 0, lanes = 0;
};

}  // namespace

TEST_CASE("the index finds what looking at every subscription finds, through inserts, updates and removals") {
  const auto seed = static_cast<std::uint64_t>(GENERATE(range(1, 21)));
  CAPTURE(seed);
  Drawing drawing{seed};
  Pair pair;
  for (int step = 0; step < 200; ++step) {
    CAPTURE(step);
    pair.change(drawing);
    for (int i = 0; i < 10; ++i) {
      const auto tenant = drawing.tenant();
      const auto type = drawing.type();
      CAPTURE(tenant, type);
      REQUIRE(lanes_of(*pair.registry.index(), tenant, type) == lanes_of(pair.model, tenant, type));
    }
  }
  // And to nothing again.
  while (!pair.model.empty()) {
    REQUIRE(pair.registry.remove({pair.model.begin()->first}, ++pair.version));
    pair.model.erase(pair.model.begin());
  }
  for (const auto* type : {"a", "a.b", "order.paid", "ab"})
    for (const auto* tenant : {"", "t", "t1", "t2"}) CHECK(lanes_of(*pair.registry.index(), tenant, type).empty());
}

TEST_CASE("an index taken before a change stays as it was") {
  const auto seed = static_cast<std::uint64_t>(GENERATE(range(1, 6)));
  CAPTURE(seed);
  Drawing drawing{seed};
  Pair pair;
  std::vector<std::pair<std::shared_ptr<const EndpointIndex>, Model>> taken;
  for (int step = 0; step < 100; ++step) {
    pair.change(drawing);
    if (step % 10 == 0) taken.emplace_back(pair.registry.index(), pair.model);
  }
  for (const auto& [index, model] : taken)
    for (int i = 0; i < 20; ++i) {
      const auto tenant = drawing.tenant();
      const auto type = drawing.type();
      REQUIRE(lanes_of(*index, tenant, type) == lanes_of(model, tenant, type));
    }
}

TEST_CASE("many subscriptions of one pattern are found in the order of their lanes, whatever came when and went") {
  constexpr std::size_t count = 1500;
  std::vector<std::uint64_t> numbers;
  for (std::uint64_t number = 1; number <= count; ++number) numbers.push_back(number);
  std::shuffle(numbers.begin(), numbers.end(), std::mt19937_64{7});
  Registry registry{{}};
  std::uint64_t version = 0;
  for (const auto number : numbers)
    registry.put(endpoint(subscription("s" + std::to_string(number), {"order.*"}), number, ++version));

  std::vector<std::uint64_t> expected;
  for (std::uint64_t number = 1; number <= count; ++number) expected.push_back(number);
  CHECK(lanes_of(*registry.index(), "", "order.paid") == expected);

  // Every other one goes; then all but one; the updated one stays in its place.
  for (std::uint64_t number = 2; number <= count; number += 2) registry.remove({"s" + std::to_string(number)}, ++version);
  registry.put(endpoint(subscription("s701", {"order.paid"}), 701, ++version));
  std::erase_if(expected, [](std::uint64_t number) { return number % 2 == 0; });
  CHECK(lanes_of(*registry.index(), "", "order.paid") == expected);
  for (std::uint64_t number = 1; number <= count; number += 2)
    if (number != 701) registry.remove({"s" + std::to_string(number)}, ++version);
  CHECK(lanes_of(*registry.index(), "", "order.paid") == std::vector<std::uint64_t>{701});
}

TEST_CASE("a subscription whose patterns match twice gets an event once, also among what was found before") {
  Registry registry{{}};
  registry.put(endpoint(subscription("a", {"order.*", "*", "order.paid", "*"}), 1, 1));
  registry.put(endpoint(subscription("b", {"order.paid"}), 2, 2));
  CHECK(lanes_of(*registry.index(), "", "order.paid") == std::vector<std::uint64_t>{1, 2});
  registry.remove({"a"}, 3);
  CHECK(lanes_of(*registry.index(), "", "order.paid") == std::vector<std::uint64_t>{2});

  std::vector<EndpointPtr> found{nullptr};
  registry.index()->match("", "order.paid", found);
  REQUIRE(found.size() == 2);
  CHECK(found[0] == nullptr);
}

TEST_CASE("a tenant and a pattern do not run into each other") {
  Registry registry{{}};
  registry.put(endpoint(subscription("a", {"b.c"}, "a"), 1, 1));
  registry.put(endpoint(subscription("b", {"c"}, "ab."), 2, 2));
  CHECK(lanes_of(*registry.index(), "a", "b.c") == std::vector<std::uint64_t>{1});
  CHECK(lanes_of(*registry.index(), "ab.", "c") == std::vector<std::uint64_t>{2});
  CHECK(lanes_of(*registry.index(), "", "ab.c").empty());
  CHECK(lanes_of(*registry.index(), "ab", ".c").empty());
}

TEST_CASE("an older version, or one older than the removal, changes nothing") {
  Registry registry{{}};
  const auto newer = endpoint(subscription("a"), 1, 5);
  CHECK(registry.put(newer));
  CHECK_FALSE(registry.put(endpoint(subscription("a"), 1, 4)));
  CHECK_FALSE(registry.put(endpoint(subscription("a"), 1, 5)));
  CHECK(registry.find({"a"}) == newer);
  CHECK_FALSE(registry.remove({"a"}, 4));
  CHECK(registry.find({"a"}) == newer);
  CHECK(registry.remove({"a"}, 6));
  CHECK(registry.find({"a"}) == nullptr);
  CHECK_FALSE(registry.put(endpoint(subscription("a"), 1, 5)));
  CHECK(lanes_of(*registry.index(), "", "x").empty());
  CHECK(registry.put(endpoint(subscription("a"), 2, 7)));
  CHECK(lanes_of(*registry.index(), "", "x") == std::vector<std::uint64_t>{2});
}

TEST_CASE("subscriptions are counted by tenant") {
  Registry registry{{}};
  registry.put(endpoint(subscription("a", {"*"}, "t"), 1, 1));
  registry.put(endpoint(subscription("b", {"*"}, "t"), 2, 2));
  registry.put(endpoint(subscription("c"), 3, 3));
  registry.put(endpoint(subscription("b", {"x"}, "t"), 2, 4));
  CHECK(registry.count("t") == 2);
  CHECK(registry.count("") == 1);
  CHECK(registry.count("u") == 0);
  registry.remove({"a"}, 5);
  registry.remove({"b"}, 6);
  CHECK(registry.count("t") == 0);
}

TEST_CASE("subscriptions are listed by id, in pages, by tenant and by type") {
  Registry registry{{}};
  for (std::uint64_t i = 1; i <= 9; ++i)
    registry.put(
        endpoint(subscription("s" + std::to_string(i), {i % 3 == 0 ? "order.*" : "user.*"}, i % 2 == 0 ? "t" : ""), i, i));
  const auto ids = [&](const SubscriptionQuery& query) {
    std::string text;
    for (const auto& each : registry.list(query)) text += each->subscription.id.value;
    return text;
  };
  CHECK(ids({}) == "s1s2s3s4s5s6s7s8s9");
  CHECK(ids({.limit = 4}) == "s1s2s3s4");
  CHECK(ids({.limit = 4, .cursor = "s4"}) == "s5s6s7s8");
  CHECK(ids({.limit = 4, .cursor = "s45"}) == "s5s6s7s8");
  CHECK(ids({.cursor = "s9"}).empty());
  CHECK(ids({.tenant = "t"}) == "s2s4s6s8");
  CHECK(ids({.tenant = ""}) == "s1s3s5s7s9");
  CHECK(ids({.event_type = "order.paid"}) == "s3s6s9");
  CHECK(ids({.tenant = "t", .event_type = "order.paid", .limit = 1}) == "s6");
}

TEST_CASE("a closed catalogue knows its types, and always webhook.test and flyhook's own") {
  Registry open{{}};
  CHECK(open.knows_type("anything"));
  CHECK(open.knows_pattern("any.*"));
  open.add_types({{.name = "order.paid"}});
  CHECK(open.knows_type("anything"));
  CHECK(open.knows_pattern("any.*"));

  Registry closed{{{.name = "order.paid"}, {.name = "order.item.added"}}};
  for (const char* known : {"order.paid", "order.item.added", "webhook.test", "flyhook.disabled"})
    CHECK(closed.knows_type(known));
  for (const char* unknown : {"order", "order.item", "webhook.tested", "flyhook"}) CHECK_FALSE(closed.knows_type(unknown));
  for (const char* known : {"*", "order.*", "order.item.*", "order.paid", "webhook.*", "webhook.test", "flyhook.*"})
    CHECK(closed.knows_pattern(known));
  for (const char* unknown : {"user.*", "order.paid.*", "order.payed"}) CHECK_FALSE(closed.knows_pattern(unknown));
  closed.add_types({{.name = "user.created"}});
  CHECK(closed.knows_type("user.created"));
  CHECK(closed.knows_pattern("user.*"));

  CHECK_THROWS_AS(Registry({{.name = "no type"}}), Error);
}

namespace {

/// "name: description, example, schema" of each.
std::vector<std::string> listed(const Registry& registry) {
  std::vector<std::string> all;
  for (const auto& type : registry.event_types())
    all.push_back(type.name + ": " + type.description + ", " + type.example + ", " + type.schema);
  return all;
}

}  // namespace

TEST_CASE("the catalogue lists every type by name; what the options say of one wins, and the rest is filled up") {
  Registry registry{{{.name = "order.paid", .description = "ours", .example = {}, .schema = "{}"}, {.name = "a"}}};
  registry.add_types({{.name = "order.paid", .description = "theirs", .example = "1", .schema = "true"},
                      {.name = "b", .description = "first", .example = {}, .schema = {}}});
  registry.add_types({{.name = "b", .description = "second", .example = "2", .schema = {}}});
  CHECK(listed(registry) == std::vector<std::string>{"a: , , ", "b: first, 2, ", "order.paid: ours, 1, {}"});

  Registry open{{}};
  CHECK(listed(open).empty());
  open.add_types({{.name = "b"}, {.name = "a"}, {.name = "no type"}});
  CHECK(listed(open) == std::vector<std::string>{"a: , , ", "b: , , "});
}

TEST_CASE("what the catalogue serves as JSON is JSON, or the type is refused by name") {
  const auto refusal = [](const auto& call) {
    try {
      call();
      return std::string{"accepted"};
    } catch (const Error& error) {
      CHECK(error.code() == ErrorCode::invalid);
      CHECK(error.field() == "event_types");
      return std::string{error.what()};
    }
  };
  const EventType no_example{.name = "a", .description = {}, .example = "{order: 1}", .schema = {}};
  const EventType no_schema{.name = "b", .description = {}, .example = "{}", .schema = "{} {}"};
  CHECK(refusal([&] { Registry{{no_example}}; }) == "event_types: the example of \"a\" is not JSON");
  CHECK(refusal([&] { Registry{{{.name = "c"}, no_schema}}; }) == "event_types: the schema of \"b\" is not JSON");
  Registry registry{{}};
  CHECK(refusal([&] { registry.add_types({{.name = "c"}, no_schema}); }) == "event_types: the schema of \"b\" is not JSON");
  CHECK(listed(registry).empty());
}

TEST_CASE("secrets and credentials are masked, and nothing else") {
  auto given = subscription("a");
  given.headers = {{"Authorization", "Bearer x"}, {"cookie", "y"},      {"X-Api-Key", "z"},
                   {"x-auth-TOKEN", "t"},         {"x-plain", "shown"}, {"x-keyboard", "shown"},
                   {"authorization2", "shown"},   {"token", "shown"}};
  given.description = "kept";
  const auto shown = masked(given);
  CHECK(shown.secret == "whsec_********");
  for (const auto& [name, value] : shown.headers) {
    CAPTURE(name);
    const bool is_credential = name == "Authorization" || name == "cookie" || name == "X-Api-Key" || name == "x-auth-TOKEN";
    CHECK(value == (is_credential ? "********" : "shown"));
  }
  CHECK(shown.url == given.url);
  CHECK(shown.description == "kept");
}

TEST_CASE("merged headers: what is added replaces what has its name, in any case, and keeps its order") {
  const Headers base{{"X-A", "1"}, {"x-b", "2"}, {"x-a", "3"}};
  CHECK(merged(base, {}) == base);
  CHECK(merged({}, base) == base);
  const Headers expected{{"x-b", "2"}, {"x-A", "4"}, {"x-A", "5"}};
  CHECK(merged(base, {{"x-A", "4"}, {"x-A", "5"}}) == expected);
}

TEST_CASE("an endpoint takes from the options what its subscription leaves open") {
  Options options;
  options.encoding = Encoding::raw;
  options.max_in_flight_per_endpoint = 3;
  options.timeout = std::chrono::seconds{2};
  options.headers = {{"x-a", "options"}, {"x-b", "options"}};
  auto given = subscription("a");
  given.headers = {{"X-B", "own"}};
  const Endpoint follows{{given, 7, 9}, options};
  CHECK(follows.lane == 7);
  CHECK(follows.version == 9);
  CHECK(follows.slot == slot_of({"a"}));
  CHECK(follows.encoding == Encoding::raw);
  CHECK(follows.max_in_flight == 3);
  CHECK(follows.timeout == std::chrono::seconds{2});
  CHECK(follows.headers == Headers{{"x-a", "options"}, {"X-B", "own"}});
  CHECK(follows.url.host == "hooks.example");

  given.encoding = Encoding::standard;
  given.max_in_flight = 1;
  given.timeout = std::chrono::milliseconds{5};
  const Endpoint own{{given, 7, 9}, options};
  CHECK(own.encoding == Encoding::standard);
  CHECK(own.max_in_flight == 1);
  CHECK(own.timeout == std::chrono::milliseconds{5});
}

TEST_CASE("a patch changes what it has, clears what it empties, and leaves the rest") {
  auto base = subscription("a");
  base.timeout = std::chrono::seconds{1};
  base.max_in_flight = 4;
  base.description = "old";
  SubscriptionPatch patch;
  patch.url = "http://other.example/";
  patch.timeout = std::optional<std::chrono::milliseconds>{};
  patch.paused = true;
  patch.public_only = true;
  const auto changed = patched(base, patch);
  CHECK(changed.url == "http://other.example/");
  CHECK_FALSE(changed.timeout);
  CHECK(changed.paused);
  CHECK(changed.public_only);
  CHECK(patched(changed, {}).public_only);
  CHECK(changed.max_in_flight == 4u);
  CHECK(changed.description == "old");
  CHECK(changed.secret == base.secret);
  CHECK(changed.enabled);
}

TEST_CASE("subscribing again keeps the state that is not the caller's to say, and a secret that is not given") {
  auto known = subscription("a", {"*"}, "t");
  known.enabled = false;
  known.paused = true;
  known.disabled_reason = "410";
  known.created_at = TimePoint{std::chrono::seconds{1}};
  auto given = subscription("a", {"order.*"}, "t");
  given.secret.clear();
  const auto stored = updated(known, given);
  CHECK(stored.events == std::vector<std::string>{"order.*"});
  CHECK(stored.secret == known.secret);
  CHECK_FALSE(stored.enabled);
  CHECK(stored.paused);
  CHECK(stored.disabled_reason == "410");
  CHECK(stored.created_at == known.created_at);

  CHECK_FALSE(stored.public_only);
  given.public_only = true;
  CHECK(updated(known, given).public_only);
  CHECK_FALSE(updated(updated(known, given), subscription("a", {"*"}, "t")).public_only);  // it stands in the place of it

  given.secret = "whsec_sTvERiAqyUbGZe06mDbuzaWH+nddAJwGBqU1zSX00Jg=";
  CHECK(updated(known, given).secret == given.secret);
  given.tenant = "u";
  try {
    updated(known, given);
    FAIL("stored");
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::conflict);
    CHECK(error.field() == "id");
  }
}
