#include <flyhook/detail/security/crypto.hpp>
#include <flyhook/receiver.hpp>
#include <flyhook/signing.hpp>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

// Receiver with requests that are signed as they should be, so that what is behind the signature is reached: whatever the
// body and the other headers are, the answer is a documented one, and what handlers get is JSON that can be copied and
// dumped. The first byte chooses the scheme (s, g, t; others: an unsigned request, whose first line is method and target);
// then header lines, an empty line, the body.

namespace fuzzed {

struct Paid {
  static constexpr std::string_view event_type = "order.paid";
  std::string order_id{};
  std::int64_t cents = 0;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Paid, order_id, cents)

struct Exact {
  std::string text{};
};

struct Anything {
  std::string name{};
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Anything, name)

}  // namespace fuzzed

template <>
struct flyhook::EventTraits<fuzzed::Exact> {
  static constexpr std::string_view type = "exact";
  static fuzzed::Exact parse(std::string_view data) {
    if (data == "\"no\"") throw std::runtime_error{"no"};
    return {std::string{data}};
  }
};

namespace {

using namespace fuzzed;
using flyhook::Event;
using flyhook::Headers;
using flyhook::Received;
using flyhook::Scheme;

const std::string standard = "whsec_sTvERiAqyUbGZe06mDbuzaWH+nddAJwGBqU1zSX00Jg=";
const std::string other = "It's a Secret to Everybody";

class FixedClock : public flyhook::Clock {
 public:
  flyhook::TimePoint now() const noexcept override { return flyhook::TimePoint{std::chrono::seconds{1'760'000'000}}; }
  std::chrono::nanoseconds elapsed() const noexcept override { return {}; }
  void wait_until(std::unique_lock<std::mutex>&, std::condition_variable&, std::chrono::nanoseconds) override {}
};

void require(bool holds) {
  if (!holds) std::abort();
}

int calls = 0;

flyhook::Receiver made(Scheme scheme) {
  flyhook::Receiver receiver{{.secrets = {scheme == Scheme::standard ? standard : other},
                              .scheme = scheme,
                              .max_body_bytes = 4000,
                              .remember = 0,
                              .answer_challenge = true,
                              .clock = std::make_shared<FixedClock>(),
                              .on_error = [](const Received&, std::string_view what) { require(what == "fails"); }}};
  receiver
      .on("*",
          [scheme](const Event& event, const Received& meta) {
            ++calls;
            require(event.type == meta.type && !meta.id.empty());
            require(scheme == Scheme::standard || !meta.type.empty());
            const auto copy = event.data;
            // Bytes have no JSON; all else, and so every text, is UTF-8.
            if (!copy.is_binary()) require(nlohmann::json::parse(copy.dump()) == copy);
          })
      .on<std::variant<Paid, Exact>>([](const std::variant<Paid, Exact>& event, const Received& meta) {
        require((event.index() == 0) == (meta.type == "order.paid"));
        if (event.index() == 0) return;
        // The exact bytes stand in the body, or were in a string or base64 there.
        const auto& text = std::get<Exact>(event).text;
        require(meta.body.find(text) != meta.body.npos || meta.body.find("data") != meta.body.npos);
      })
      .on<Anything>("any.*", [](const Anything&) {})
      .on("fails.*", [](const Event&) { throw std::runtime_error{"fails"}; });
  return receiver;
}

std::string signature(std::string_view content) {
  const auto digest = flyhook::detail::HmacKey{other}.sign({content});
  return flyhook::detail::hex({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

Headers read_headers(std::string_view& input) {
  Headers headers;
  while (!input.empty()) {
    const auto line = input.substr(0, input.find('\n'));
    input.remove_prefix(std::min(input.size(), line.size() + 1));
    if (line.empty()) break;
    const auto colon = std::min(line.find(": "), line.size());
    headers.emplace_back(line.substr(0, colon), line.substr(std::min(colon + 2, line.size())));
  }
  return headers;
}

/// What the sender puts beside the fuzzed headers; of those that are named the same there are then two.
void sign(Scheme scheme, Headers& headers, std::string_view body) {
  if (scheme == Scheme::github) {
    headers.emplace_back("x-hub-signature-256", "sha256=" + signature(body));
  } else if (scheme == Scheme::stripe) {
    headers.emplace_back("stripe-signature", "t=1760000000,v1=" + signature("1760000000." + std::string{body}));
  } else {
    headers.emplace_back("webhook-id", "msg_1");
    headers.emplace_back("webhook-timestamp", "1760000000");
    headers.emplace_back("webhook-signature", flyhook::sign(standard, "msg_1", 1'760'000'000, body));
  }
}

void check_problem(const flyhook::HttpResponse& answer) {
  if (answer.status < 300) {
    require(answer.status == 204 ? answer.body.empty() : answer.status == 200);
    return;
  }
  require(*flyhook::find_header(answer.headers, "content-type") == "application/problem+json");
  require(nlohmann::json::parse(answer.body).at("status") == answer.status);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static flyhook::Receiver receivers[]{made(Scheme::standard), made(Scheme::github), made(Scheme::stripe)};
  if (size == 0) return 0;
  std::string_view input{reinterpret_cast<const char*>(data) + 1, size - 1};
  const std::size_t which = data[0] == 'g' ? 1 : data[0] == 't' ? 2 : 0;
  const auto scheme = which == 1 ? Scheme::github : which == 2 ? Scheme::stripe : Scheme::standard;

  std::string method = "POST", target = "/";
  const bool is_signed = data[0] == 's' || which != 0;
  if (!is_signed) {
    const auto line = input.substr(0, input.find('\n'));
    input.remove_prefix(std::min(input.size(), line.size() + 1));
    method = line.substr(0, line.find(' '));
    target = line.substr(std::min(line.size(), method.size() + 1));
  }
  auto headers = read_headers(input);
  // Of exactly its size, so that a read beyond it is seen.
  const auto exact = std::make_unique<char[]>(input.size());
  std::copy(input.begin(), input.end(), exact.get());
  const std::string_view body{exact.get(), input.size()};
  if (is_signed) sign(scheme, headers, body);

  calls = 0;
  const auto answer = receivers[which].handle(method, target, headers, body);
  check_problem(answer);
  switch (answer.status) {
    case 200: require(method == "GET" && calls == 0); break;
    case 204:
    case 500: require(calls == 1); break;
    case 400:
    case 401:
    case 405:
    case 413:
    case 415: require(calls == 0); break;
    default: std::abort();
  }
  return 0;
}
