#include "figure.hpp"

#include <flyhook/detail/decide/registry.hpp>
#include <flyhook/detail/security/crypto.hpp>
#include <flyhook/signing.hpp>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <string>
#include <vector>

// Matching an event that 1 of 10, 1,000 and 100,000 subscriptions wants; and signing 512 bytes beside OpenSSL's own HMAC.

using namespace benchmark;
using namespace flyhook;

namespace {

const std::string secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// Nanoseconds per call, the median of several runs.
template <class Call>
double per_call(std::size_t count, Call call) {
  std::vector<double> runs;
  for (int run = 0; run < 9; ++run) {
    const auto cost = measured([&] {
      for (std::size_t i = 0; i < count; ++i) call(i);
    });
    runs.push_back(cost.cpu_seconds / static_cast<double>(count) * 1e9);
  }
  return median(runs);
}

double matching(std::size_t subscriptions) {
  detail::Registry registry{{}};
  const Options options;
  for (std::size_t i = 0; i < subscriptions; ++i) {
    SubscriptionRow row;
    row.subscription.url = "https://hooks.example.com/" + std::to_string(i);
    row.subscription.events = {"order.n" + std::to_string(i) + ".*"};
    row.subscription.secret = secret;
    row.subscription.id.value = "sub" + std::to_string(i);
    row.lane = row.version = i + 1;
    registry.put(std::make_shared<const detail::Endpoint>(std::move(row), options));
  }
  const auto index = registry.index();
  // Ten types in turn, so that no size gains by a single one that stays in the nearest cache.
  std::vector<std::string> types;
  for (std::size_t i = 0; i < 10; ++i) types.push_back("order.n" + std::to_string(i * subscriptions / 10) + ".paid");
  std::vector<detail::EndpointPtr> found;
  return per_call(200'000, [&](std::size_t i) {
    found.clear();
    index->match("", types[i % types.size()], found);
    if (found.size() != 1) std::abort();
  });
}

}  // namespace

int main() {
  const auto few = matching(10), some = matching(1'000), many = matching(100'000);
  figure("matching 1 of 10 subscriptions", few, "ns");
  figure("matching 1 of 1,000 subscriptions", some, "ns");
  figure("matching 1 of 100,000 subscriptions", many, "ns");
  figure("matching 1 of 100,000 / 1 of 10", many / few, "ratio", Limit::at_most, 2);

  remark(std::string{"peer: "} + OpenSSL_version(OPENSSL_VERSION));
  const std::string id = "msg_01J9ZK4Q8E7B6D5C4A3F2G1H0J", timestamp = "1760000000", body(512, 'x');
  const detail::Signer signer{secret};
  const auto key = detail::decode_secret(secret, "secret").bytes.text;
  const auto ours = per_call(200'000, [&](std::size_t) {
    if (signer.sign(id, timestamp, body).size() != 47) std::abort();
  });
  const auto peers = per_call(200'000, [&](std::size_t) {
    const auto content = id + "." + timestamp + "." + body;
    std::array<unsigned char, 32> digest{};
    unsigned size = 0;
    HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(content.data()),
         content.size(), digest.data(), &size);
    std::array<unsigned char, 64> text{};
    if (EVP_EncodeBlock(text.data(), digest.data(), static_cast<int>(size)) != 44) std::abort();
  });
  figure("signing 512 bytes", ours / 1000, "us", Limit::at_most, 1);
  figure("HMAC() and base64 of OpenSSL over 512 bytes", peers / 1000, "us");
  figure("signing / OpenSSL's HMAC()", ours / peers, "ratio", Limit::at_most, 1);
  return missed() == 0 ? 0 : 1;
}
