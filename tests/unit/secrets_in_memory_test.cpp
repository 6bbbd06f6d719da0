#include <flyhook/detail/decide/rotation.hpp>
#include <flyhook/publisher.hpp>
#include <flyhook/signing.hpp>
#include <flyhook/testing.hpp>
#include <flyhook/verifier.hpp>

#include "catch.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace flyhook;

// Copies of ours are wiped when they go: after all is over, a secret must not stand anywhere in the heap, freed memory
// included. For Linux and an allocator that uses the heap: sanitizers have one of their own, and leave this file out.

namespace {

/// Text that is looked for, kept in a form that is not found itself.
class Trace {
 public:
  /// The middle of `secret`: the allocator writes over the beginning of what was freed.
  explicit Trace(const std::string& secret) {
    for (std::size_t i = 16; i + 4 < secret.size(); ++i) masked_.push_back(static_cast<char>(secret[i] ^ '\x5A'));
    REQUIRE(masked_.size() >= 12);
  }

  std::size_t count() const {
    // Without a single allocation: it could take the very place that is looked for.
    static char maps[1u << 18];
    const int file = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    REQUIRE(file >= 0);
    std::size_t length = 0;
    for (ssize_t got = 1; got > 0 && length + 1 < sizeof maps; length += static_cast<std::size_t>(got > 0 ? got : 0))
      got = read(file, maps + length, sizeof maps - 1 - length);
    close(file);
    maps[length] = '\0';
    const char* line = std::strstr(maps, "[heap]");
    REQUIRE(line != nullptr);
    while (line > maps && line[-1] != '\n') --line;
    unsigned long from = 0, to = 0;
    REQUIRE(std::sscanf(line, "%lx-%lx", &from, &to) == 2);
    const auto* const heap = reinterpret_cast<const volatile char*>(from);
    const std::size_t size = to - from;
    std::size_t found = 0;
    for (std::size_t at = 0; at + masked_.size() <= size; ++at) {
      std::size_t same = 0;
      while (same < masked_.size() && static_cast<char>(heap[at + same] ^ '\x5A') == masked_[same]) ++same;
      if (same == masked_.size()) ++found;
    }
    return found;
  }

 private:
  std::vector<char> masked_{};
};

/// A secret's text and bytes, as traces; the text itself is for the caller to move away.
struct Planted {
  explicit Planted(std::string its_text)
      : text(std::move(its_text)), as_text(text), as_bytes(detail::decode_secret(text, "secret").bytes.text) {}

  std::string text;
  Trace as_text, as_bytes;
};

}  // namespace

TEST_CASE("a secret that stands in memory is found: the search of this file can fail") {
  Planted planted{generate_secret()};
  CHECK(planted.as_text.count() == 1);
  auto* const copy = new std::string{planted.text};
  CHECK(planted.as_text.count() == 2);
  delete copy;  // as std::string does: freed, not wiped
  CHECK(planted.as_text.count() == 2);
}

TEST_CASE("nothing of a secret is left in memory once nobody needs it") {
  const auto random = [](void* buffer, std::size_t size) { detail::openssl_random(buffer, size); };
  std::vector<Planted> planted;
  planted.emplace_back(generate_secret());
  planted.emplace_back(detail::generate_secret_like("whsk_", random));
  for (int i = 0; i < 4; ++i) planted.emplace_back(generate_secret());
  {
    const auto clock = std::make_shared<ManualClock>();
    Options options;
    options.threads = 0;
    options.url_policy.allow = {"127.0.0.0/8"};
    options.clock = clock;
    Publisher<> publisher{std::make_shared<RecordingTransport>(clock), options};
    const auto subscribe = [&](const char* id, std::string secret) {
      publisher.subscribe({.url = "http://127.0.0.1/", .secret = std::move(secret), .id = {id}});
    };
    subscribe("a", std::move(planted[0].text));
    subscribe("b", std::move(planted[1].text));
    subscribe("c", std::move(planted[2].text));
    CHECK(planted[0].as_text.count() >= 1);
    publisher.publish({.type = "a"});
    CHECK(publisher.settle());
    publisher.subscriptions();
    publisher.subscribe({.url = "http://127.0.0.1/other", .id = {"a"}});
    publisher.update({"b"}, {.description = "changed"});
    {
      SubscriptionPatch patch;
      patch.secret = std::move(planted[3].text);
      publisher.update({"c"}, patch);
      detail::wipe(*patch.secret);  // the caller's own
    }
    for (int i = 0; i < 3; ++i) {
      auto own = publisher.rotate_secret({"a"});
      detail::wipe(own);
      publisher.rotate_secret({"b"});
      publisher.publish({.type = "a"});
      CHECK(publisher.settle());
    }
    CHECK(planted[0].as_text.count() == 0);  // the oldest of four fell out
    CHECK(planted[1].as_text.count() == 0);
    CHECK(planted[2].as_text.count() == 0);  // replaced
    publisher.send_test({"a"});
    publisher.send({.url = "http://127.0.0.1/callback", .secret = std::move(planted[4].text)}, {.type = "a"});
    publisher.send({.url = "http://10.0.0.1/refused", .secret = std::move(planted[5].text)}, {.type = "a"});
    CHECK(publisher.settle());
    CHECK(planted[5].as_text.count() == 0);
    publisher.unsubscribe({"b"});
  }
  for (const auto& each : planted) {
    CHECK(each.as_text.count() == 0);
    CHECK(each.as_bytes.count() == 0);
  }
}

TEST_CASE("a secret that a rotation without grace replaces is wiped at once") {
  Planted replaced{generate_secret()};
  Subscription known;
  known.secret = std::move(replaced.text);
  auto row = detail::rotated(std::move(known), generate_secret(), {}, std::chrono::seconds{0}, TimePoint{});
  CHECK(row.previous_secrets.empty());
  CHECK(replaced.as_text.count() == 0);
}

TEST_CASE("a previous secret that a change gives again is wiped where the current one takes its place") {
  const TimePoint now{};
  const auto current = "whsec_" + detail::base64(std::string(24, 'c'));
  std::string longer = "whsec_";
  longer.reserve(200);
  {
    detail::SecretText random{std::string(64, '\0')};
    detail::openssl_random(random.text.data(), random.text.size());
    longer += detail::SecretText{detail::base64(random.text)}.text;
  }
  detail::SecretText end{longer.substr(current.size())};  // which the current one would not write over
  const Trace tail{end.text};
  detail::wipe(end.text);
  std::vector<PreviousSecret> previous;
  previous.push_back({longer, now + std::chrono::hours{1}});
  Subscription changed;
  changed.secret = std::move(longer);
  CHECK(tail.count() == 2);
  auto row = detail::with_secrets(std::move(changed), current, previous, now);
  CHECK(row.subscription.secret == current);
  REQUIRE(row.previous_secrets.size() == 1);
  CHECK(tail.count() == 2);  // the list that was given, and the row's
}

TEST_CASE("a verifier, and a signature of a secret, leave nothing of it in memory") {
  Planted shared{generate_secret()};
  sign(shared.text, "msg_1", 1, "{}");
  auto shown = detail::receivers_secret(shared.text);
  detail::wipe(shown);
  {
    VerifierOptions options;
    options.secrets.push_back(std::move(shared.text));
    const Verifier verifier{std::move(options)};
  }
  CHECK(shared.as_text.count() == 0);
  CHECK(shared.as_bytes.count() == 0);
}
