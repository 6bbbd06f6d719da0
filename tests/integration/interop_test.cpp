#include "catch.hpp"
#include "integration/node_process.hpp"

#include <flyhook/flyhook.hpp>

#include <httplib.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

// flyhook and the libraries of others, over real HTTP: what it sends they verify, what they sign it verifies, and both
// refuse every forgery. The scripts and the lock file with the libraries' versions are in tests/integration/interop.

using namespace flyhook;
using namespace std::chrono_literals;
using flyhook::test::NodeProcess;

namespace {

const std::string shared = "whsec_sTvERiAqyUbGZe06mDbuzaWH+nddAJwGBqU1zSX00Jg=";
const std::string key = "whsk_" + detail::base64(std::string(32, 'k'));

/// An endpoint in node; its receivers are named by their paths.
class NodeReceiver {
 public:
  NodeReceiver() : process_(FLYHOOK_INTEROP_DIR, "receive.mjs") {
    const auto line = process_.line();
    REQUIRE(line.starts_with("port "));
    port_ = std::stoi(line.substr(5));
    client_.emplace("127.0.0.1", port_);
    client_->set_keep_alive(true);
    client_->set_tcp_nodelay(true);
    client_->set_read_timeout(60s);
  }

  /// The URL of a receiver that verifies with `library`.
  std::string receiver(const std::string& path, const std::string& library, const std::string& secret) {
    const nlohmann::json what{{"library", library}, {"secret", secret}};
    const auto answer = client_->Put(path.c_str(), what.dump(), "application/json");
    REQUIRE(answer);
    CAPTURE(answer->body);
    REQUIRE(answer->status == 204);
    return "http://127.0.0.1:" + std::to_string(port_) + path;
  }

  /// What the receiver of `path` has read last: the headers as they came, and what its library made of the request.
  nlohmann::json read(const std::string& path) {
    const auto answer = client_->Get(path.c_str());
    REQUIRE(answer);
    REQUIRE(answer->status == 200);
    return nlohmann::json::parse(answer->body);
  }

  int post(const std::string& path, const Headers& headers, const std::string& body) {
    httplib::Headers fields;
    std::string content_type = "application/json";
    for (const auto& [name, value] : headers) {
      if (name == "content-type") {
        content_type = value;
      } else {
        fields.emplace(name, value);
      }
    }
    const auto answer = client_->Post(path.c_str(), fields, body, content_type.c_str());
    return answer ? answer->status : -1;
  }

 private:
  NodeProcess process_;
  int port_ = 0;
  std::optional<httplib::Client> client_{};
};

Options to_loopback() {
  Options options;
  options.url_policy.allow = {"127.0.0.0/8"};
  options.retry = RetryPolicy::none();
  return options;
}

/// The status of the last attempt for each subscription, once everything is sent.
std::map<std::string, int> statuses(Publisher<>& publisher) {
  REQUIRE(publisher.drain(60s));
  std::map<std::string, int> last;
  for (const auto& delivery : publisher.deliveries()) {
    REQUIRE_FALSE(delivery.attempts.empty());
    INFO(delivery.attempts.back().error << delivery.attempts.back().response_body);
    last.emplace(delivery.subscription_id.value, delivery.attempts.back().status);  // the newest comes first
  }
  return last;
}

/// Another character, none, and a second one, at every place of `text`.
std::vector<std::string> changes_of(const std::string& text) {
  std::vector<std::string> changed;
  for (std::size_t at = 0; at < text.size(); ++at) {
    auto other = text, fewer = text, more = text;
    other[at] = other[at] == 'x' ? 'y' : 'x';
    fewer.erase(at, 1);
    more.insert(at, 1, text[at]);
    for (auto& each : {other, fewer, more}) changed.push_back(each);
  }
  return changed;
}

}  // namespace

TEST_CASE("what a publisher sends, the libraries of others verify") {
  NodeReceiver node;
  Publisher<> publisher{to_loopback()};
  const auto add = [&](const std::string& name, const std::string& library, const std::string& receivers_secret,
                       const std::string& secret, Encoding encoding = Encoding::standard) {
    publisher.subscribe({.url = node.receiver("/" + name, library, receivers_secret),
                         .secret = secret,
                         .encoding = encoding,
                         .id = {name}});
  };
  add("standardwebhooks", "standardwebhooks", shared, shared);
  add("svix", "svix", shared, shared);
  add("raw", "standardwebhooks", shared, shared, Encoding::raw);
  add("ed25519", "ed25519", detail::receivers_secret(key), key);
  add("another-secret", "standardwebhooks", generate_secret(), shared);
  add("another-key", "ed25519", "whpk_" + detail::base64(std::string(32, '\x05')), key);
  const std::map<std::string, int> expected{{"standardwebhooks", 204}, {"svix", 204},           {"raw", 204},
                                            {"ed25519", 204},          {"another-secret", 401}, {"another-key", 401}};

  for (const auto& data : {nlohmann::json{{"order_id", "ord_1"}, {"cents", 4200}}, nlohmann::json::object(),
                           nlohmann::json{{"name", "J\xC3\xBCrgen \xE2\x82\xAC \xF0\x9F\x98\x80"}},
                           nlohmann::json{{"large", std::string(200'000, 'x')}}}) {
    REQUIRE(publisher.publish({.type = "order.paid", .data = data}));
    CHECK(statuses(publisher) == expected);
  }
}

TEST_CASE("during a rotation receivers with the old and with the new secret both verify") {
  NodeReceiver node;
  Publisher<> publisher{to_loopback()};
  const SubscriptionId id{"one"};
  const auto send_to = [&](const std::string& library, const std::string& secret) {
    SubscriptionPatch patch;
    patch.url = node.receiver("/rotating", library, secret);
    REQUIRE(publisher.update(id, patch));
    REQUIRE(publisher.publish({.type = "order.paid"}));
    return statuses(publisher).at("one");
  };
  publisher.subscribe({.url = node.receiver("/rotating", "svix", shared), .secret = shared, .id = id});
  CHECK(send_to("standardwebhooks", shared) == 204);
  const auto second = publisher.rotate_secret(id);
  const auto third = publisher.rotate_secret(id);
  for (const char* library : {"standardwebhooks", "svix"})
    for (const auto& secret : {shared, second, third}) CHECK(send_to(library, secret) == 204);
  const auto last = publisher.rotate_secret(id, 0s);
  for (const char* library : {"standardwebhooks", "svix"}) {
    for (const auto& secret : {shared, second, third}) CHECK(send_to(library, secret) == 401);
    CHECK(send_to(library, last) == 204);
  }

  publisher.unsubscribe(id);
  publisher.subscribe({.url = node.receiver("/rotating", "svix", shared), .secret = key, .id = id});
  const auto new_public = publisher.rotate_secret(id);
  CHECK(send_to("ed25519", detail::receivers_secret(key)) == 204);
  CHECK(send_to("ed25519", new_public) == 204);
  const auto last_public = publisher.rotate_secret(id, 0s);
  CHECK(send_to("ed25519", new_public) == 401);
  CHECK(send_to("ed25519", last_public) == 204);
}

TEST_CASE("forgeries of what flyhook signs are refused by the libraries of others") {
  NodeReceiver node;
  const auto now =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
  const std::string id = "msg_01J9ZK4Q8E7B6D5C4A3F2G1H0J";
  const std::string body = R"({"type":"order.paid","data":{"order_id":"ord_1"}})";
  std::size_t refused = 0;
  for (const auto& [library, secret] :
       std::vector<std::pair<std::string, std::string>>{{"standardwebhooks", shared}, {"svix", shared}, {"ed25519", key}}) {
    CAPTURE(library);
    const auto path = "/" + library;
    node.receiver(path, library, detail::receivers_secret(secret));
    const Headers genuine{
        {"webhook-id", id}, {"webhook-timestamp", std::to_string(now)}, {"webhook-signature", sign(secret, id, now, body)}};
    REQUIRE(node.post(path, genuine, body) == 204);
    for (std::size_t field = 0; field < genuine.size(); ++field)
      for (const auto& changed : changes_of(genuine[field].second)) {
        // node's own base64 reads on where flyhook's Verifier does not: what follows the padding, and padding that is
        // missing, are not its concern. A changed signature is.
        if (library == "ed25519" && field == 2 && changed.size() != genuine[field].second.size()) continue;
        if (library == "ed25519" && field == 2 &&
            changed.substr(0, changed.size() - 3) == genuine[field].second.substr(0, changed.size() - 3))
          continue;
        auto forged = genuine;
        forged[field].second = changed;
        CAPTURE(changed);
        CHECK(node.post(path, forged, body) == 401);
        ++refused;
      }
    for (const auto& changed : changes_of(body)) {
      CAPTURE(changed);
      CHECK(node.post(path, genuine, changed) == 401);
      ++refused;
    }
  }
  CHECK(refused >= 1000);
}

TEST_CASE("what the libraries of others sign a verifier verifies, and refuses every forgery of it") {
  struct Verifying {
    std::string library, secret;
    Verifier verifier;
    std::atomic<int> genuine{0}, forged{0};
  };
  std::vector<std::unique_ptr<Verifying>> receivers;
  const auto add = [&](const std::string& library, Scheme scheme, const std::string& secret) {
    const std::string other = scheme == Scheme::standard ? generate_secret() : "another secret";
    receivers.push_back(std::unique_ptr<Verifying>{
        new Verifying{library, secret, Verifier{{.scheme = scheme, .secrets = {other, secret}}}}});
  };
  add("standardwebhooks", Scheme::standard, shared);
  add("svix", Scheme::standard, shared);
  add("octokit", Scheme::github, "It's a Secret to Everybody");
  add("stripe", Scheme::stripe, "whsec_test_51openopenopenopenAbC");

  httplib::Server server;
  server.set_keep_alive_max_count(1'000'000);
  server.set_tcp_nodelay(true);
  for (auto& receiver : receivers)
    server.Post(("/" + receiver->library).c_str(),
                [&own = *receiver](const httplib::Request& request, httplib::Response& response) {
                  const bool genuine = own.verifier.verify(request.headers, request.body).ok;
                  ++(genuine ? own.genuine : own.forged);
                  response.status = genuine ? 204 : 401;
                });
  const int port = server.bind_to_any_port("127.0.0.1");
  std::thread serving{[&] { server.listen_after_bind(); }};

  int forged = 0;
  for (auto& receiver : receivers) {
    CAPTURE(receiver->library);
    try {
      NodeProcess node{
          FLYHOOK_INTEROP_DIR,
          "send.mjs",
          {"http://127.0.0.1:" + std::to_string(port) + "/" + receiver->library, receiver->library, receiver->secret}};
      const auto counts = nlohmann::json::parse(node.line(240s));
      CAPTURE(counts.at("wrong").dump());
      CHECK(counts.at("wrong").empty());
      CHECK(counts.at("genuine").get<int>() >= 5);
      CHECK(receiver->genuine == counts.at("genuine").get<int>());
      CHECK(receiver->forged == counts.at("forged").get<int>());
      forged += receiver->forged;
    } catch (const std::exception& error) {
      FAIL_CHECK(error.what());
    }
  }
  server.stop();
  serving.join();
  CHECK(forged >= 1500);
}

TEST_CASE("what the libraries of others send a Receiver takes, each event once, and none that was changed") {
  struct Sender {
    std::string library, secret;
    Scheme scheme = Scheme::standard;
    std::string type{"order.paid"};
  };
  const std::vector<Sender> senders{{"standardwebhooks", shared},
                                    {"svix", shared},
                                    {"octokit", "It's a Secret to Everybody", Scheme::github, "order"},
                                    {"stripe", "whsec_test_51openopenopenopenAbC", Scheme::stripe},
                                    {"cloudevents-structured", shared},
                                    {"cloudevents-binary", shared}};
  httplib::Server server;
  server.set_tcp_nodelay(true);
  std::mutex mutex;
  std::map<std::string, nlohmann::json> received;  // by library
  std::vector<std::unique_ptr<Receiver>> receivers;
  for (const auto& sender : senders) {
    receivers.push_back(std::make_unique<Receiver>(
        ReceiverOptions{.secrets = {sender.secret}, .scheme = sender.scheme, .scope = sender.library}));
    receivers.back()->on(sender.type, [&](const Event& event, const Received& meta) {
      const std::lock_guard lock{mutex};
      received[meta.scope].push_back(
          {{"id", meta.id}, {"data", meta.scope == "stripe" ? event.data.at("object") : event.data}});
    });
    receivers.back()->mount(server, "/" + sender.library);
  }
  const int port = server.bind_to_any_port("127.0.0.1");
  std::thread serving{[&] { server.listen_after_bind(); }};

  for (const auto& sender : senders) {
    CAPTURE(sender.library);
    try {
      NodeProcess node{FLYHOOK_INTEROP_DIR,
                       "deliver.mjs",
                       {"http://127.0.0.1:" + std::to_string(port) + "/" + sender.library, sender.library, sender.secret}};
      const auto told = nlohmann::json::parse(node.line());
      CHECK(told.at("statuses") == nlohmann::json(std::vector<int>(8, 204)));
      CHECK(told.at("forged") == 401);
      const std::lock_guard lock{mutex};
      CHECK(received[sender.library] == told.at("sent"));
    } catch (const std::exception& error) {
      FAIL_CHECK(error.what());
    }
  }
  server.stop();
  serving.join();
}

TEST_CASE("the receiver in node knows a CloudEvent from what is none") {
  NodeReceiver node;
  node.receiver("/events", "cloudevents", "");
  const Headers structured{{"content-type", "application/cloudevents+json"}};
  CHECK(node.post("/events", structured, R"({"specversion":"1.0","id":"1","source":"/s","type":"a.b","data":{"n":1}})") ==
        204);
  CHECK(node.post("/events", structured, R"({"specversion":"1.0","id":"1","source":"/s","data":{"n":1}})") == 401);
  CHECK(node.read("/events").is_null());
  CHECK(node.post("/events", {{"ce-specversion", "1.0"}, {"ce-id", "1"}, {"ce-source", "/s"}, {"ce-type", "a.b"}}, "{}") ==
        204);
  CHECK(node.post("/events", {}, "{}") == 401);
}

TEST_CASE("what a publisher sends as CloudEvents, the SDK of CloudEvents reads, structured and binary alike") {
  NodeReceiver node;
  const std::string traced = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  for (const std::string source : {"/flyhook", "https://shop.example/caf%C3%A9?of=%22all%22&at=100%25#now",
                                   "urn:uuid:6e8bc430-9c3a-11d9-9669-0800200c9a66", "//host/a/../b;c=(d)*'e',f"}) {
    CAPTURE(source);
    auto options = to_loopback();
    options.source = source;
    Publisher<> publisher{options};
    const auto add = [&](const std::string& name, Encoding encoding) {
      publisher.subscribe({.url = node.receiver("/" + name, "cloudevents", ""), .encoding = encoding, .id = {name}});
    };
    add("structured", Encoding::cloudevents_structured);
    add("binary", Encoding::cloudevents_binary);

    int published = 0;
    for (const auto& [id, type, data] : std::vector<std::tuple<std::string, std::string, nlohmann::json>>{
             {"", "order.paid", {{"order_id", "ord_1"}, {"cents", 4200}, {"rate", 0.25}, {"note", nullptr}}},
             {"ord_1-Paid", "Order-2.line_item.Paid", nlohmann::json::object()},
             {std::string(64, 'x'),
              "a",
              {{"name", "J\xC3\xBCrgen \xE2\x82\xAC \xF0\x9F\x98\x80"}, {"\xC3\xA9", "\"\\\n\x7F"}}},
             {"0", "order.paid", nlohmann::json::array({1, "two", nullptr, {{"three", 3}}})}}) {
      CAPTURE(id, type);
      const auto event = publisher.publish({.type = type, .data = data}, {.id = id, .trace_parent = traced});
      REQUIRE(event);
      REQUIRE(statuses(publisher) == std::map<std::string, int>{{"structured", 204}, {"binary", 204}});
      ++published;

      const auto delivery = publisher.deliveries({.event_id = event.id}).at(0);
      for (const char* name : {"/structured", "/binary"}) {
        CAPTURE(name);
        const auto read = node.read(name);
        const auto& headers = read.at("headers");
        CHECK(headers.at("webhook-id") == event.id.value);
        CHECK(headers.at("traceparent") == traced);
        // The SDK's dates have milliseconds.
        const std::string time = detail::rfc3339(delivery.created_at).substr(0, 23) + "Z";
        CHECK(read.at("event") == nlohmann::json{{"specversion", "1.0"},
                                                 {"id", event.id.value},
                                                 {"source", source},
                                                 {"type", type},
                                                 {"time", time},
                                                 {"datacontenttype", "application/json"},
                                                 {"data", data}});
      }
      const auto binary = node.read("/binary").at("headers");
      CHECK(binary.at("ce-source") == detail::ce_header_value(source));
      CHECK(binary.at("ce-time") == detail::rfc3339(delivery.created_at));
      for (const auto& [header, value] : node.read("/structured").at("headers").items())
        CHECK_FALSE(header.starts_with("ce-"));
    }
    CHECK(published == 4);
  }
}

TEST_CASE("attributes that no header can hold as they are reach the SDK of CloudEvents as they were") {
  NodeReceiver node;
  node.receiver("/events", "cloudevents", "");
  Message message;
  message.data = R"({"n":1})";
  message.created_at = TimePoint{std::chrono::microseconds{1'760'000'000'123'456}};
  // Not of a publisher, which has stricter ids and types; `encode` is public, and the rule is for every attribute.
  for (const std::string text : {"a b", "\"quoted\"", "100%", "%41", "J\xC3\xBCrgen \xE2\x82\xAC \xF0\x9F\x98\x80",
                                 "\t tab and end ", "a,b;c=d", "\x7F\x01"}) {
    CAPTURE(text);
    message.id = {text};
    message.type = "type " + text;
    for (const auto encoding : {Encoding::cloudevents_structured, Encoding::cloudevents_binary}) {
      auto encoded = encode(message, encoding, "/source");
      std::erase_if(encoded.headers, [](const auto& header) { return header.first == "webhook-id"; });
      REQUIRE(node.post("/events", encoded.headers, encoded.body) == 204);
      const auto event = node.read("/events").at("event");
      CHECK(event.at("id") == text);
      CHECK(event.at("type") == message.type);
      CHECK(event.at("source") == "/source");
      CHECK(event.at("time") == "2025-10-09T08:53:20.123Z");
      CHECK(event.at("data") == nlohmann::json{{"n", 1}});
    }
  }
}
