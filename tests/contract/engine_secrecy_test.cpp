#include "catch.hpp"
#include "contract/engine_session.hpp"
#include "contract/store_bytes.hpp"

#include <flyhook/error.hpp>
#include <flyhook/signing.hpp>
#include <flyhook/verifier.hpp>

#include <initializer_list>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

using namespace flyhook;
using namespace contract;

// Recognisable secrets and credentials are planted wherever flyhook takes some; then all that it ever says is searched for
// them: errors, log lines, what observers see, listings, records, reasons.

namespace {

/// Whose base64 is recognisable text as well.
const std::string planted_bytes = detail::base64_decode("PLANTEDsharedPLANTEDsharedPLANTED123").value();
const std::string planted_seed = detail::base64_decode("PLANTEDseedPLANTEDseedPLANTEDseedPLANTEDse0=").value();
const std::string shared = "whsec_" + detail::base64(planted_bytes);
const std::string key = "whsk_" + detail::base64(planted_seed + detail::Ed25519PrivateKey{planted_seed}.public_key());

const Headers credentials{{"Authorization", "Bearer PLANTEDauthorization"},
                          {"Cookie", "session=PLANTEDcookie"},
                          {"X-Api-Key", "PLANTEDkey"},
                          {"x-auth-token", "PLANTEDtoken"}};

/// All that flyhook says.
class Heard {
 public:
  void add(std::string_view text) {
    const std::lock_guard lock{mutex_};
    said_.append(text).push_back('\n');
  }
  template <class Call>
  void error_of(Call call) {
    try {
      call();
      FAIL("was accepted");
    } catch (const Error& error) {
      add(error.what());
      add(error.field());
    }
  }
  /// Everything, but nothing of what was planted.
  void check(std::initializer_list<std::string_view> must_hold) const {
    CHECK(said_.find("PLANTED") == std::string::npos);
    CHECK(said_.find(planted_bytes) == std::string::npos);
    CHECK(said_.find(planted_seed) == std::string::npos);
    CHECK(said_.find(detail::hex(planted_bytes)) == std::string::npos);
    CHECK(said_.find(detail::hex(planted_seed)) == std::string::npos);
    for (const auto text : must_hold) {
      CAPTURE(text);
      CHECK(said_.find(text) != std::string::npos);  // it did listen
    }
  }

 private:
  std::mutex mutex_;
  std::string said_;
};

/// Passes everything to a LogObserver, and adds what it is given besides.
class Listener : public LogObserver {
 public:
  explicit Listener(Heard& heard) : LogObserver([&heard](std::string_view line) { heard.add(line); }), heard_(heard) {}
  void on_attempt(const DeliveryRecord& delivery, const Attempt& attempt) override {
    heard_.add(bytes_of(delivery));
    heard_.add(bytes_of(attempt));
    LogObserver::on_attempt(delivery, attempt);
  }
  void on_delivered(const DeliveryRecord& delivery) override { heard_.add(bytes_of(delivery)); }
  void on_dead(const DeliveryRecord& delivery) override {
    heard_.add(bytes_of(delivery));
    LogObserver::on_dead(delivery);
  }

 private:
  Heard& heard_;
};

}  // namespace

TEST_CASE("no secret and no credential is ever said: errors, logs, observers, records, listings") {
  const auto& store = each_store();
  Heard heard;
  Options options;
  options.threads = 0;
  options.url_policy = contract::internal;
  options.headers = {{"X-Engine-Token", "PLANTEDengine"}};
  options.observer = std::make_shared<Listener>(heard);
  options.resolver = [](const std::string& host) -> std::vector<std::string> {
    if (host == "throws.example") throw std::runtime_error{"no such resolver"};
    return {};
  };
  options.clock = std::make_shared<ManualClock>();
  options.store = store.make();
  const auto clock = std::static_pointer_cast<ManualClock>(options.clock);
  const auto transport = std::make_shared<RecordingTransport>(clock);
  transport->answer(200).answer(500, {}, "went wrong").fail_with("connect: refused").answer(410);
  Publisher<> publisher{transport, options};
  const auto work = [&] {
    for (int i = 0; i < 200 && !publisher.settle(std::chrono::milliseconds{0}); ++i)
      clock->advance(std::chrono::milliseconds{100});
  };

  // What is taken.
  for (const auto& own : {shared, key}) {
    Subscription subscription{.url = "http://127.0.0.1/one", .secret = own, .headers = credentials};
    subscription.id = {own == key ? "ed25519" : "shared"};
    publisher.subscribe(subscription);
    publisher.subscribe(subscription);
    publisher.update(subscription.id, {.secret = own, .headers = credentials});
    subscription.url = "http://unknown.example/";
    subscription.id.value += "-unknown";
    publisher.subscribe(subscription);
    subscription.url = "http://throws.example/";
    subscription.id.value += "-throws";
    publisher.subscribe(subscription);
  }
  for (int i = 0; i < 3; ++i) {
    heard.add(publisher.publish({.type = "a"}, {.headers = {{"x-event-key", "PLANTEDevent"}}}).reason);
    work();
    publisher.rotate_secret({"ed25519"});
  }

  // What is refused.
  for (const auto& bad :
       {shared + "!", "whsec_" + shared, shared.substr(0, 20), shared.substr(6), "WHSEC_" + shared.substr(6), key + "=",
        key.substr(5), key.substr(0, 60), "whsk_" + detail::base64(planted_seed + planted_seed),
        "whpk_" + detail::base64(planted_seed), "whpk_" + key.substr(5), shared + "\r\n", shared + '\0',
        "whsec_" + shared.substr(6) + shared.substr(6) + shared.substr(6), shared + "*"}) {
    heard.error_of([&] { publisher.subscribe({.url = "http://127.0.0.1/", .secret = bad}); });
    heard.error_of([&] { publisher.update({"shared"}, {.secret = bad}); });
    heard.error_of([&] { sign(bad, "msg_1", 1, "{}"); });
    if (!bad.starts_with("whpk_") || bad.size() > 60) heard.error_of([&] { Verifier{{.secrets = {shared, bad}}}; });
  }
  heard.error_of([&] { Verifier{{.secrets = {key}}}; });
  heard.error_of([&] { Verifier{{.secrets = {shared}, .tolerance = std::chrono::seconds{-1}}}; });
  heard.error_of([&] { Verifier{{.scheme = Scheme::stripe, .secrets = {shared, ""}}}; });
  for (const auto& [name, value] : credentials) {
    const Headers bad{{name, value + "\r\nx: y"}};
    heard.error_of([&] { publisher.subscribe({.url = "http://127.0.0.1/", .headers = bad}); });
    heard.error_of([&] { publisher.update({"shared"}, {.headers = bad}); });
    heard.add(publisher.publish({.type = "a"}, {.headers = bad}).reason);
    Options refused;
    refused.headers = bad;
    heard.error_of([&] { Publisher<>{std::make_shared<RecordingTransport>(), refused}; });
  }
  const auto with_all = [&](auto change) {
    Subscription subscription{.url = "http://127.0.0.1/", .secret = shared, .headers = credentials};
    change(subscription);
    heard.error_of([&] { publisher.subscribe(subscription); });
  };
  with_all([](Subscription& it) { it.url = "not a url"; });
  with_all([](Subscription& it) { it.url = "http://" + shared + ":" + key + "@hooks.example.com/"; });
  with_all([](Subscription& it) { it.url = "ftp://hooks.example.com/?token=" + shared; });
  with_all([](Subscription& it) { it.url = "http://127.0.0.1:22/?token=" + shared; });
  with_all([](Subscription& it) { it.url = "http://10.0.0.1/" + shared + "?token=" + shared; });
  with_all([](Subscription& it) { it.events = {"a b"}; });
  with_all([](Subscription& it) { it.max_in_flight = 0; });
  with_all([](Subscription& it) { it.id = {"a.b"}; });
  with_all([](Subscription& it) { it.tenant = "other", it.id = {"shared"}; });
  with_all([](Subscription& it) { it.headers.push_back({"Host", "x"}); });
  with_all([](Subscription& it) { it.secret = "whsec_********"; });
  heard.error_of([&] { publisher.rotate_secret({"shared"}, std::chrono::seconds{-1}); });
  heard.error_of([&] { publisher.rotate_secret({"nobody"}); });

  // What is listed.
  for (const auto& subscription : publisher.subscriptions()) heard.add(bytes_of(subscription));
  heard.add(bytes_of(publisher.subscription({"shared"}).value()));
  heard.add(bytes_of(publisher.subscription({"ed25519"}).value()));
  for (const auto& delivery : publisher.deliveries()) heard.add(bytes_of(delivery));

  // What ends.
  publisher.pause({"shared"});
  publisher.publish({.type = "a"});
  work();
  publisher.stop(std::chrono::milliseconds{0});
  heard.check({"whsec_********", "whsk_********", "Authorization", "secret: ", "secrets: ", "headers: ", "refused",
               "went wrong", "500", "shutdown"});
  REQUIRE(transport->requests().size() >= 4);
  for (const auto& [name, value] : credentials)
    CHECK(*find_header(transport->requests()[0].headers, name) == value);  // it was really sent
}
