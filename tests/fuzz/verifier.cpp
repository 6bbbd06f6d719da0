#include <flyhook/error.hpp>
#include <flyhook/signing.hpp>
#include <flyhook/verifier.hpp>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// Verifier against an oracle that reads headers and recomputes signatures in its own way: they must agree on every request.
// The first byte chooses:
//
//   s g t   a request to a receiver of the scheme (standard, GitHub's, Stripe's): header lines, an empty line, the body
//   f       a forgery: a right signature is made of the input, then one byte of the request is changed
//   k       a secret: refused without being told, or good for signing and verifying

namespace {

constexpr std::int64_t now = 1'760'000'000, tolerance = 300;

// Those of signatures.json, so that its cases are a corpus.
const std::string shared = "whsec_sTvERiAqyUbGZe06mDbuzaWH+nddAJwGBqU1zSX00Jg=";
const std::string shared_bytes = flyhook::detail::base64_decode(std::string_view{shared}.substr(6)).value();
const std::string key = "whsk_0yVHF/JzHULCEW5PceRkKv+yjD9qnDbRj4apc364qK2it10gdAaCj84UIWkc89MF15jQ65Al3f8uTv6EljJbLQ==";
const std::string public_key = "whpk_orddIHQGgo/OFCFpHPPTBdeY0OuQJd3/Lk7+hJYyWy0=";
const std::string public_bytes = flyhook::detail::base64_decode(std::string_view{public_key}.substr(5)).value();
const std::string github = "It's a Secret to Everybody";
const std::string stripe = "whsec_test_51openopenopenopenAbC";

using flyhook::Headers;
using flyhook::Scheme;

void require(bool holds) {
  if (!holds) std::abort();
}

// The oracle ------------------------------------------------------------------------------------------------------------

std::string hmac(const std::string& with, const std::string& text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  HMAC(EVP_sha256(), with.data(), static_cast<int>(with.size()), reinterpret_cast<const unsigned char*>(text.data()),
       text.size(), digest.data(), &size);
  return {reinterpret_cast<const char*>(digest.data()), size};
}

const std::string alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Bit by bit.
std::string to_base64(const std::string& bytes) {
  std::string text;
  unsigned bits = 0, count = 0;
  for (const char byte : bytes) {
    bits = (bits << 8 | static_cast<unsigned char>(byte)) & 0xFFFFu;
    for (count += 8; count >= 6; count -= 6) text.push_back(alphabet[(bits >> (count - 6)) & 63u]);
  }
  if (count > 0) text.push_back(alphabet[(bits << (6 - count)) & 63u]);
  while (text.size() % 4 != 0) text.push_back('=');
  return text;
}

std::string to_hex(const std::string& bytes) {
  std::string text;
  for (const char byte : bytes) {
    char two[3];
    std::snprintf(two, sizeof two, "%02x", static_cast<unsigned>(static_cast<unsigned char>(byte)));
    text += two;
  }
  return text;
}

bool ed25519_verifies(const std::string& entry, const std::string& content) {
  if (entry.size() != 92) return false;
  std::string signature;
  unsigned bits = 0, count = 0;
  for (std::size_t i = 4; i < 90; ++i) {
    const auto value = alphabet.find(entry[i]);
    if (value == std::string::npos) return false;
    bits = (bits << 6 | static_cast<unsigned>(value)) & 0xFFFFu;
    count += 6;
    if (count >= 8) signature.push_back(static_cast<char>(bits >> (count -= 8) & 0xFFu));
  }
  if ("v1a," + to_base64(signature) != entry) return false;
  EVP_PKEY* const pkey = EVP_PKEY_new_raw_public_key(
      EVP_PKEY_ED25519, nullptr, reinterpret_cast<const unsigned char*>(public_bytes.data()), public_bytes.size());
  EVP_MD_CTX* const context = EVP_MD_CTX_new();
  EVP_DigestVerifyInit(context, nullptr, nullptr, nullptr, pkey);
  const int verified = EVP_DigestVerify(context, reinterpret_cast<const unsigned char*>(signature.data()), signature.size(),
                                        reinterpret_cast<const unsigned char*>(content.data()), content.size());
  EVP_MD_CTX_free(context);
  EVP_PKEY_free(pkey);
  return verified == 1;
}

std::string lower(std::string text) {
  for (auto& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
  return text;
}

std::vector<std::string> values_of(const Headers& headers, const std::string& name) {
  std::vector<std::string> values;
  for (const auto& field : headers)
    if (lower(field.first) == name) values.push_back(field.second);
  return values;
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == separator) {
      parts.emplace_back();
    } else {
      parts.back().push_back(c);
    }
  }
  return parts;
}

bool is_timely(const std::string& text) {
  if (text.empty()) return false;
  __extension__ using Wide = unsigned __int128;
  Wide time = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return false;
    time = std::min<Wide>(time * 10 + static_cast<unsigned>(c - '0'), Wide{1} << 64);
  }
  return time >= now - tolerance && time <= now + tolerance;
}

bool is_genuine(Scheme scheme, const Headers& headers, const std::string& body) {
  if (scheme == Scheme::github) {
    const auto values = values_of(headers, "x-hub-signature-256");
    return values.size() == 1 && values[0] == "sha256=" + to_hex(hmac(github, body));
  }
  if (scheme == Scheme::stripe) {
    const auto values = values_of(headers, "stripe-signature");
    if (values.size() != 1) return false;
    std::vector<std::string> times;
    for (const auto& part : split(values[0], ','))
      if (part.rfind("t=", 0) == 0) times.push_back(part.substr(2));
    if (times.size() != 1 || !is_timely(times[0])) return false;
    const auto right = "v1=" + to_hex(hmac(stripe, times[0] + "." + body));
    const auto parts = split(values[0], ',');
    return std::find(parts.begin(), parts.end(), right) != parts.end();
  }
  const auto any = [&](const std::string& prefix) {
    return !values_of(headers, prefix + "id").empty() || !values_of(headers, prefix + "timestamp").empty() ||
           !values_of(headers, prefix + "signature").empty();
  };
  const std::string prefix = any("webhook-") ? "webhook-" : "svix-";
  const auto ids = values_of(headers, prefix + "id"), times = values_of(headers, prefix + "timestamp"),
             signatures = values_of(headers, prefix + "signature");
  if (ids.size() != 1 || times.size() != 1 || signatures.size() != 1 || ids[0].empty() || !is_timely(times[0]))
    return false;
  const auto content = ids[0] + "." + times[0] + "." + body;
  for (const auto& entry : split(signatures[0], ' ')) {
    if (entry == "v1," + to_base64(hmac(shared_bytes, content))) return true;
    if (entry.rfind("v1a,", 0) == 0 && ed25519_verifies(entry, content)) return true;
  }
  return false;
}

// The receiver ----------------------------------------------------------------------------------------------------------

const flyhook::Verifier& verifier(Scheme scheme) {
  const auto make = [](Scheme its_scheme, std::vector<std::string> secrets) {
    return flyhook::Verifier{
        {.scheme = its_scheme, .secrets = std::move(secrets), .tolerance = std::chrono::seconds{tolerance}, .now = [] {
           return now;
         }}};
  };
  static const auto standard_one = make(Scheme::standard, {"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", public_key, shared});
  static const auto github_one = make(Scheme::github, {"other", github});
  static const auto stripe_one = make(Scheme::stripe, {stripe, "whsec_other"});
  return scheme == Scheme::github ? github_one : scheme == Scheme::stripe ? stripe_one : standard_one;
}

bool verify(Scheme scheme, const Headers& headers, const std::string& body) {
  // Of exactly its size, so that a read beyond it is seen.
  const auto exact = std::make_unique<char[]>(body.size());
  std::copy(body.begin(), body.end(), exact.get());
  const std::string_view bytes{exact.get(), body.size()};
  const auto result = verifier(scheme).verify(headers, bytes);
  require(result.ok == (result.reason == flyhook::VerifyReason::none));
  require(result.ok == is_genuine(scheme, headers, body));
  require(result.id.empty() == !(result.ok && scheme == Scheme::standard));
  // By way of another container, as HTTP libraries have.
  std::vector<std::pair<std::string_view, std::string_view>> views;
  for (const auto& [name, value] : headers) views.emplace_back(name, value);
  const auto same = verifier(scheme).verify(views, bytes);
  require(same.ok == result.ok && same.reason == result.reason && same.id == result.id);
  return result.ok;
}

// Modes -----------------------------------------------------------------------------------------------------------------

void request(Scheme scheme, std::string_view input) {
  Headers headers;
  while (!input.empty()) {
    const auto line = input.substr(0, input.find('\n'));
    input.remove_prefix(std::min(input.size(), line.size() + 1));
    if (line.empty()) break;
    const auto colon = line.find(": ");
    if (colon == std::string_view::npos) {
      headers.emplace_back(line, "");
    } else {
      headers.emplace_back(line.substr(0, colon), line.substr(colon + 2));
    }
  }
  verify(scheme, headers, std::string{input});
}

void forgery(std::string_view input) {
  if (input.size() < 6) return;
  const auto number = [&](std::size_t at) { return static_cast<std::size_t>(static_cast<unsigned char>(input[at])); };
  const std::size_t way = number(0) % 4, field = number(1), at = number(2) + 256 * number(3);
  const char mask = input[4] == 0 ? '\x01' : input[4];
  const std::string time = std::to_string(now - 300 + static_cast<std::int64_t>(number(5)) * 600 / 255);
  input.remove_prefix(6);
  const std::string id{"msg_" + std::string{input.substr(0, input.size() / 4)}};
  std::string body{input.substr(input.size() / 4)};

  Headers headers;
  Scheme scheme = Scheme::standard;
  if (way < 2) {
    headers = {{"webhook-id", id},
               {"webhook-timestamp", time},
               {"webhook-signature", flyhook::sign(way == 0 ? shared : key, id, std::stoll(time), body)}};
  } else if (way == 2) {
    scheme = Scheme::github;
    headers = {{"X-Hub-Signature-256", "sha256=" + to_hex(hmac(github, body))}};
  } else {
    scheme = Scheme::stripe;
    headers = {{"Stripe-Signature", "t=" + time + ",v1=" + to_hex(hmac(stripe, time + "." + body))}};
  }
  require(verify(scheme, headers, body));
  auto& changed = field % (headers.size() + 1) == headers.size() ? body : headers[field % (headers.size() + 1)].second;
  if (changed.empty()) return;
  auto& byte = changed[at % changed.size()];
  byte = static_cast<char>(byte ^ mask);
  require(!verify(scheme, headers, body));
}

void secret(std::string_view input) {
  const auto exact = std::make_unique<char[]>(input.size());
  std::copy(input.begin(), input.end(), exact.get());
  const std::string_view text{exact.get(), input.size()};
  // A piece of the sentence itself, given as a secret, is in it anyhow: none is as long without a space.
  const auto is_told = [&](const flyhook::Error& error) {
    return text.size() >= 33 && text.find(' ') == std::string_view::npos &&
           std::string_view{error.what()}.find(text.substr(6)) != std::string_view::npos;
  };
  try {
    const auto signature = flyhook::sign(text, "msg_1", now, "{}");
    require(signature.rfind(text.starts_with("whsk_") ? "v1a," : "v1,", 0) == 0);
    const flyhook::Verifier receiver{{.secrets = {flyhook::detail::receivers_secret(text)}, .now = [] { return now; }}};
    const Headers headers{
        {"webhook-id", "msg_1"}, {"webhook-timestamp", std::to_string(now)}, {"webhook-signature", signature}};
    require(receiver.verify(headers, "{}").ok);
    require(!receiver.verify(headers, "{ }").ok);
  } catch (const flyhook::Error& error) {
    require(!is_told(error));
  }
  try {
    const flyhook::Verifier receiver{{.secrets = {std::string{text}}}};
    require(text.starts_with("whsec_") || text.starts_with("whpk_"));
  } catch (const flyhook::Error& error) {
    require(!is_told(error));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view input{reinterpret_cast<const char*>(data) + 1, size - 1};
  switch (data[0]) {
    case 's': request(Scheme::standard, input); break;
    case 'g': request(Scheme::github, input); break;
    case 't': request(Scheme::stripe, input); break;
    case 'f': forgery(input); break;
    case 'k': secret(input); break;
    default: break;
  }
  return 0;
}
