#include <flyhook/publisher.hpp>

#include <flyhook/testing.hpp>
#include <flyhook/transport/httplib.hpp>

#include "catch.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

using namespace flyhook;
using namespace std::chrono_literals;

namespace shop {

struct Created {
  static constexpr std::string_view event_type = "order.created";
  std::string id;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Created, id)

struct Deleted {
  static constexpr std::string_view event_type = "order.deleted";
  std::string id;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Deleted, id)

/// Counts what is done to it.
struct Counted {
  static constexpr std::string_view event_type = "counted";
  struct Counts {
    int copies = 0, encoded = 0;
  };
  explicit Counted(Counts& its_counts) : counts(&its_counts) {}
  Counted(const Counted& other) : counts(other.counts) { ++counts->copies; }
  Counted(Counted&&) = default;
  Counted& operator=(const Counted&) = default;
  Counted& operator=(Counted&&) = default;
  Counts* counts;
};
inline void to_json(nlohmann::json& json, const Counted& counted) {
  json = ++counted.counts->encoded;
}

struct Sealed {
  static constexpr std::string_view event_type = "sealed";
  std::unique_ptr<int> value;
};
inline void to_json(nlohmann::json& json, const Sealed& sealed) {
  json = *sealed.value;
}

struct Report {
  std::string csv;
};

struct Large {
  static constexpr std::string_view event_type = "large";
};
inline void to_json(nlohmann::json& json, const Large&) {
  json = 1;
}

struct OfTenant {
  std::string tenant;
};
inline void to_json(nlohmann::json& json, const OfTenant&) {
  json = 1;
}

struct Documented {
  static constexpr std::string_view event_type = "documented";
  std::string id;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Documented, id)

struct Misdocumented {};

}  // namespace shop

template <>
struct flyhook::EventTraits<shop::Documented> {
  static constexpr std::string_view description = "With all there is to know.";
  static constexpr std::string_view schema = R"({"type":"object"})";
  static shop::Documented example() { return {"ord_1"}; }
};
template <>
struct flyhook::EventTraits<shop::Misdocumented> {
  static constexpr std::string_view type = "misdocumented";
  static void serialize(const shop::Misdocumented&, std::string& out) { out += "{order: 1}"; }
  static shop::Misdocumented example() { return {}; }
};
template <>
struct flyhook::EventTraits<shop::Report> {
  static constexpr std::string_view type = "report.ready";
  static constexpr std::string_view content_type = "text/csv";
  static void serialize(const shop::Report& report, std::string& out) { out += report.csv; }
};
template <>
struct flyhook::EventTraits<shop::Large> {
  static std::size_t size_hint(const shop::Large&) { return 600; }
};
template <>
struct flyhook::EventTraits<shop::OfTenant> {
  static constexpr std::string_view type = "of.tenant";
  static std::string tenant(const shop::OfTenant& event) { return event.tenant; }
};

namespace {

/// No thread, no network, no time: `settle` on a publisher does what is due.
struct Stage {
  Options options() const {
    Options without_threads;
    without_threads.threads = 0;
    without_threads.url_policy.allow = {"127.0.0.0/8"};
    without_threads.clock = clock;
    return without_threads;
  }
  /// The bodies of what was sent.
  std::vector<nlohmann::json> sent() const {
    std::vector<nlohmann::json> bodies;
    for (const auto& request : transport->requests()) bodies.push_back(nlohmann::json::parse(*request.body));
    return bodies;
  }

  std::shared_ptr<ManualClock> clock = std::make_shared<ManualClock>();
  std::shared_ptr<RecordingTransport> transport = std::make_shared<RecordingTransport>(clock);
};

const std::string url = "http://127.0.0.1/hooks";

}  // namespace

TEST_CASE("a publisher of a variant publishes any of its alternatives") {
  Stage stage;
  Publisher<std::variant<shop::Created, shop::Deleted>> publisher{stage.transport, stage.options()};
  publisher.subscribe({.url = url});
  CHECK(publisher.publish(shop::Created{"1"}));
  CHECK(publisher.publish(shop::Deleted{"1"}));
  CHECK(publisher.settle());
  const auto sent = stage.sent();
  REQUIRE(sent.size() == 2);
  CHECK(sent[0].at("type") == "order.created");
  CHECK(sent[1].at("type") == "order.deleted");
  CHECK(sent[1].at("data") == nlohmann::json{{"id", "1"}});
}

TEST_CASE("publishers of different types share one engine: its subscriptions, its queue and its counters") {
  Stage stage;
  Publisher<shop::Created> created{stage.transport, stage.options()};
  Publisher<shop::Deleted> deleted{created};
  Publisher<> any{deleted};
  Publisher<shop::Created> again{created};
  deleted.subscribe({.url = url, .events = {"order.*"}});
  CHECK(created.subscriptions().size() == 1);

  created.publish({"1"});
  deleted.publish({"2"});
  any.publish({.type = "order.archived", .data = {{"id", "3"}}});
  again.publish({"4"});
  CHECK(any.stats().published == 4);
  CHECK(any.settle());
  std::string ids;
  for (const auto& body : stage.sent()) ids += body.at("data").at("id").get<std::string>();
  CHECK(ids == "1234");
  CHECK(created.stats().delivered == 4);
}

TEST_CASE("publishers that share an engine go in any order, and the last one stops it") {
  Stage stage;
  std::optional<Publisher<shop::Created>> first{std::in_place, stage.transport, stage.options()};
  std::optional<Publisher<shop::Deleted>> second{std::in_place, *first};
  first->subscribe({.url = url});
  first.reset();
  CHECK(second->publish({"1"}));
  second.reset();  // drains
  CHECK(stage.sent().size() == 1);
}

TEST_CASE("a publisher may be a member of an aggregate, with all defaults or made in place") {
  struct Application {
    std::string name{};
    Publisher<shop::Created> orders{};
  };
  Application with_defaults{.name = "shop"};
  CHECK(with_defaults.orders.stats().published == 0);
  CHECK_FALSE(with_defaults.orders.subscription({"crm"}));

  Stage stage;
  Application own{.name = "shop", .orders = Publisher<shop::Created>{stage.transport, stage.options()}};
  own.orders.subscribe({.url = url});
  own.orders.publish({"1"});
  CHECK(own.orders.settle());
  CHECK(stage.sent().size() == 1);
}

TEST_CASE("without a type of its own a publisher is one of run-time events") {
  Stage stage;
  Publisher publisher{stage.transport, stage.options()};
  static_assert(std::is_same_v<decltype(publisher), Publisher<flyhook::Event>>);
  static_assert(std::is_same_v<Publisher<>, Publisher<flyhook::Event>>);
  CHECK(publisher.publish({.type = "a.b"}));
}

TEST_CASE("a transport is given first, or among the options, and the first one wins") {
  Stage stage;
  auto options = stage.options();
  options.transport = stage.transport;
  {
    Publisher<> publisher{options};
    publisher.subscribe({.url = url});
    publisher.publish({.type = "a"});
    CHECK(publisher.settle());
    CHECK(stage.transport->requests().size() == 1);
  }
  const auto own = std::make_shared<RecordingTransport>(stage.clock);
  Publisher<> publisher{own, options};
  publisher.subscribe({.url = url});
  publisher.publish({.type = "a"});
  CHECK(publisher.settle());
  CHECK(own->requests().size() == 1);
  CHECK(stage.transport->requests().size() == 1);

  try {
    Publisher<> none{std::shared_ptr<RecordingTransport>{}};
    FAIL("made");
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::invalid);
    CHECK(error.field() == "transport");
  }
}

TEST_CASE("an event is moved into the queue, never copied, and encoded once for all its subscriptions") {
  Stage stage;
  shop::Counted::Counts counts;
  Publisher<shop::Counted> publisher{stage.transport, stage.options()};
  for (int i = 0; i < 3; ++i) publisher.subscribe({.url = url});
  CHECK(publisher.publish(shop::Counted{counts}));
  CHECK(counts.encoded == 0);  // not on the publishing thread
  CHECK(publisher.settle());
  CHECK(stage.transport->requests().size() == 3);
  CHECK(counts.encoded == 1);
  CHECK(counts.copies == 0);

  Publisher<std::variant<shop::Counted, shop::Created>> either{publisher};
  either.publish(shop::Counted{counts});
  CHECK(either.settle());
  CHECK(counts.encoded == 2);
  CHECK(counts.copies == 0);
}

TEST_CASE("an event that can only be moved can be published") {
  Stage stage;
  Publisher<shop::Sealed> publisher{stage.transport, stage.options()};
  publisher.subscribe({.url = url});
  CHECK(publisher.publish({std::make_unique<int>(42)}));
  CHECK(publisher.settle());
  REQUIRE(stage.sent().size() == 1);
  CHECK(stage.sent()[0].at("data") == 42);
}

TEST_CASE("bytes of an event's own go raw with their content type; a standard subscription's delivery is dead") {
  Stage stage;
  Publisher<shop::Report> publisher{stage.transport, stage.options()};
  publisher.subscribe({.url = url, .encoding = Encoding::raw, .id = {"raw"}});
  publisher.subscribe({.url = url, .id = {"standard"}});
  publisher.publish({"a,b\n1,2\n"});
  CHECK(publisher.settle());
  const auto requests = stage.transport->requests();
  REQUIRE(requests.size() == 1);
  CHECK(*requests[0].body == "a,b\n1,2\n");
  CHECK(*find_header(requests[0].headers, "content-type") == "text/csv");
  const auto dead = publisher.deliveries({.subscription_id = SubscriptionId{"standard"}});
  REQUIRE(dead.size() == 1);
  CHECK(dead[0].status == DeliveryStatus::dead);
  CHECK(dead[0].reason.find("encoding") == 0);
}

TEST_CASE("the tenant of the options wins over the traits', and that over none") {
  Stage stage;
  Publisher<shop::OfTenant> publisher{stage.transport, stage.options()};
  for (const char* tenant : {"", "t1", "t2"}) publisher.subscribe({.url = url + "/" + tenant, .tenant = tenant});
  publisher.publish({"t1"});
  publisher.publish({"t1"}, {.tenant = "t2"});
  publisher.publish({""});
  CHECK(publisher.settle());
  std::vector<std::string> urls;
  for (const auto& request : stage.transport->requests()) urls.push_back(request.url);
  CHECK(urls == std::vector<std::string>{url + "/t1", url + "/t2", url + "/"});
}

TEST_CASE("a size hint is what a waiting event counts for; without one it is the mean of its type") {
  Stage stage;
  auto options = stage.options();
  options.queue_bytes = 1500;
  Publisher<shop::Large> large{stage.transport, options};
  CHECK(large.publish({}));
  CHECK(large.publish({}));
  CHECK(large.publish({}).status == PublishStatus::queue_full);
  CHECK(large.stats().queued == 2);
  CHECK(large.settle());

  Publisher<shop::Created> small{large};
  CHECK(small.publish({"1"}));
  CHECK(small.publish({"2"}).status == PublishStatus::queue_full);  // 1 KiB each as long as nothing is known
  CHECK(small.settle());
  for (int i = 0; i < 40; ++i) {
    small.publish({"x"});
    small.settle();
  }
  CHECK(small.publish({"1"}));
  CHECK(small.publish({"2"}));
  CHECK(small.publish({"3"}));
}

TEST_CASE("a closed catalogue learns the types of each publisher that joins") {
  Stage stage;
  auto options = stage.options();
  options.event_types = {{.name = "order.archived"}};
  Publisher<> any{stage.transport, options};
  CHECK(any.publish({.type = "order.archived"}));
  CHECK(any.publish({.type = "order.created"}).status == PublishStatus::invalid);
  CHECK_THROWS_AS(any.subscribe({.url = url, .events = {"order.created"}}), Error);
  Publisher<std::variant<shop::Created, shop::Deleted>> orders{any};
  CHECK(orders.publish(shop::Created{"1"}));
  CHECK(any.publish({.type = "order.deleted"}));
  CHECK_NOTHROW(any.subscribe({.url = url, .events = {"order.created"}}));
}

TEST_CASE("the event catalogue lists what the options and every publisher of the engine name") {
  const auto names = [](const PublisherBase& publisher) {
    std::string all;
    for (const auto& type : publisher.event_types()) all += type.name + " ";
    return all;
  };
  Stage stage;
  Publisher<> any{stage.transport, stage.options()};
  CHECK(names(any).empty());
  {
    Publisher<std::variant<shop::Deleted, shop::Report, flyhook::Event>> some{any};
    CHECK(names(some) == "order.deleted report.ready ");
  }
  Publisher<shop::Documented> documented{any};
  CHECK(names(any) == "documented order.deleted report.ready ");  // also of one that is gone
  const auto first = any.event_types().at(0);
  CHECK(first.description == "With all there is to know.");
  CHECK(first.example == R"({"id":"ord_1"})");
  CHECK(first.schema == R"({"type":"object"})");
  CHECK(any.publish({.type = "anything"}));  // the catalogue is open
  CHECK_NOTHROW(any.subscribe({.url = url, .events = {"any.*"}}));
}

TEST_CASE("a publisher whose example is not JSON cannot be made, and the engine it was to join goes on") {
  Stage stage;
  Publisher<> any{stage.transport, stage.options()};
  try {
    Publisher<shop::Misdocumented> wrong{any};
    FAIL("made");
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::invalid);
    CHECK(error.field() == "event_types");
    CHECK(std::string{error.what()}.find("\"misdocumented\"") != std::string::npos);
  }
  CHECK(any.event_types().empty());
  auto options = stage.options();
  options.event_types = {{.name = "order.paid", .description = {}, .example = "{", .schema = {}}};
  CHECK_THROWS_AS((Publisher<>{std::make_shared<RecordingTransport>(stage.clock), options}), Error);
  CHECK(any.publish({.type = "anything"}));
}

TEST_CASE("a URL that changes while its old host is looked up is called at its own addresses") {
  std::promise<void> asked, go_on;
  const auto held = go_on.get_future().share();
  Options options;
  options.clock = std::make_shared<ManualClock>();  // the lane waits for its look-up as long as it takes
  options.connect_timeout = 50ms;                   // and subscribe does not
  options.resolver = [&asked, held](const std::string& host) -> std::vector<std::string> {
    if (host == "new.example") return {"93.184.216.35"};
    asked.set_value();
    held.wait();
    return {"93.184.216.34"};
  };
  const auto transport = std::make_shared<RecordingTransport>();
  Publisher<> publisher{transport, options};
  publisher.subscribe({.url = "http://old.example/", .id = {"crm"}});
  publisher.publish({.type = "a"});
  asked.get_future().wait();
  SubscriptionPatch patch;
  patch.url = "http://new.example/";
  REQUIRE(publisher.update({"crm"}, patch));
  go_on.set_value();
  CHECK(publisher.drain(10s));
  const auto requests = transport->requests();
  REQUIRE(requests.size() == 1);
  CHECK(requests[0].url == "http://new.example/");
  CHECK(requests[0].addresses == std::vector<std::string>{"93.184.216.35"});
}

TEST_CASE("drain says at once that what a paused subscription holds cannot become due, after a look-up too") {
  Options options;
  options.resolver = [](const std::string&) { return std::vector<std::string>{"93.184.216.34"}; };
  const auto transport = std::make_shared<RecordingTransport>();
  Publisher<> publisher{transport, options};
  publisher.subscribe({.url = "http://crm.example/", .id = {"crm"}});
  publisher.publish({.type = "a"});
  REQUIRE(publisher.drain(10s));
  publisher.pause({"crm"});
  publisher.publish({.type = "a"});
  const auto began = std::chrono::steady_clock::now();
  CHECK_FALSE(publisher.drain(60s));
  CHECK(std::chrono::steady_clock::now() - began < 3s);
}

TEST_CASE("without threads a full queue is never waited for: nobody would empty it") {
  Options options;
  options.threads = 0;
  options.queue_capacity = 1;
  options.overflow = Overflow::block;
  Publisher<> publisher{std::make_shared<RecordingTransport>(std::make_shared<ManualClock>()), options};
  CHECK(publisher.publish({.type = "a"}));
  CHECK(publisher.publish({.type = "a"}).status == PublishStatus::queue_full);
}

TEST_CASE("an id that was forgotten and comes again carries its own data, whatever is still held of the first") {
  const auto clock = std::make_shared<ManualClock>();
  const auto transport = std::make_shared<RecordingTransport>(clock);
  transport->hang();
  Options options;
  options.threads = 0;
  options.clock = clock;
  options.queue_capacity = 200'000;
  options.url_policy.allow = {"127.0.0.0/8"};
  Publisher<> publisher{transport, options};
  for (const char* id : {"one", "two"}) {
    Subscription subscription;
    subscription.url = "http://127.0.0.1/";
    subscription.id = {id};
    publisher.subscribe(subscription);
  }
  PublishOptions again;
  again.id = "again";
  publisher.publish({"a", "first"}, again);
  publisher.settle();
  REQUIRE(transport->requests().size() == 2);

  // The default store remembers the last 100,000 ids.
  for (int i = 0; i < 100'000; ++i) publisher.publish({"a", i, "nobody"});
  publisher.publish({"a", "second"}, again);
  publisher.settle();
  const auto requests = transport->requests();
  REQUIRE(requests.size() == 4);
  for (std::size_t i = 0; i < 4; ++i)
    CHECK(nlohmann::json::parse(*requests[i].body)["data"] == (i < 2 ? "first" : "second"));
}
