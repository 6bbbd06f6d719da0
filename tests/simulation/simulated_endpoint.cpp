#include "simulation/simulated_endpoint.hpp"

#include <algorithm>
#include <array>
#include <ctime>
#include <stdexcept>
#include <utility>

using namespace flyhook;
using namespace std::chrono_literals;

namespace simulation {

namespace {

constexpr std::array sicknesses{Mood::failing,   Mood::limited,      Mood::hanging, Mood::dripping, Mood::resetting,
                                Mood::untrusted, Mood::unresolvable, Mood::rebound, Mood::gone};

std::string http_date(TimePoint at) {
  const auto seconds = std::chrono::system_clock::to_time_t(at);
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  std::array<char, 64> text{};
  const auto size = std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &utc);
  return {text.data(), size};
}

}  // namespace

SimulatedEndpoint::SimulatedEndpoint(std::string host, Character character, Random random)
    : host_(std::move(host)),
      character_(character),
      random_(random),
      sickness_(sicknesses[random_.below(sicknesses.size())]),
      latency_(random_.between(1ms, 400ms)) {
  if (character_ == Character::outage) until_ = random_.between(1h, 12h);
}

Mood SimulatedEndpoint::mood(std::chrono::nanoseconds now) {
  while (until_ <= now) next_phase();
  return mood_;
}

void SimulatedEndpoint::next_phase() {
  switch (character_) {
    case Character::healthy:
    case Character::slow_start:
      mood_ = Mood::healthy;
      until_ = std::chrono::nanoseconds::max();
      break;
    case Character::slow:
      mood_ = Mood::dripping;
      until_ = std::chrono::nanoseconds::max();
      break;
    case Character::sick:
      mood_ = sickness_;
      until_ = std::chrono::nanoseconds::max();
      break;
    case Character::outage:
      mood_ = mood_ == Mood::healthy ? sickness_ : Mood::healthy;
      until_ += mood_ == Mood::healthy ? random_.between(2h, 24h) : random_.between(10min, 6h);
      break;
    case Character::flapping:
      mood_ = mood_ == Mood::healthy ? sickness_ : Mood::healthy;
      until_ += random_.between(1s, 4min);
      break;
    case Character::moody:
      mood_ = random_.chance(0.4) ? Mood::healthy : sicknesses[random_.below(sicknesses.size())];
      until_ += random_.between(10s, 2h);
      break;
  }
}

void SimulatedEndpoint::heal() {
  character_ = Character::healthy;
  mood_ = Mood::healthy;
  until_ = std::chrono::nanoseconds::max();
}

std::string SimulatedEndpoint::retry_after(TimePoint wall) {
  switch (random_.below(10)) {
    case 0: return "-1";
    case 1: return "99999999999";
    case 2: return http_date(wall - 1h);
    case 3: return http_date(wall + 90s);
    case 4: return http_date(wall + 24h * 400);
    case 5: return "soon";
    case 6: return "0";
    case 7: return "";
    default: return std::to_string(1 + random_.below(120));
  }
}

Answer SimulatedEndpoint::answer(std::chrono::nanoseconds now, TimePoint wall, std::chrono::nanoseconds timeout) {
  Answer answer;
  auto& response = answer.response;
  answer.delay = random_.between(latency_ / 2, latency_ * 3 / 2);
  ++answers_;
  if (character_ == Character::slow_start && answers_ < 40)
    answer.delay += std::chrono::nanoseconds{8s} / static_cast<std::int64_t>(answers_);
  switch (mood(now)) {
    case Mood::healthy:
      response.status = random_.chance(0.9) ? 200 : 200 + static_cast<int>(random_.below(100));
      if (random_.chance(0.1)) answer.delay = 0ns;
      break;
    case Mood::failing: {
      constexpr std::array statuses{500, 502, 503, 504, 500, 404, 301, 400, 408, 599};
      response.status = statuses[random_.below(statuses.size())];
      if (random_.chance(0.2)) response.headers.emplace_back("Retry-After", retry_after(wall));
      response.body = "sorry";
      break;
    }
    case Mood::limited:
      response.status = random_.chance(0.8) ? 429 : 503;
      if (random_.chance(0.8)) response.headers.emplace_back("retry-after", retry_after(wall));
      break;
    case Mood::hanging: answer.delay = timeout + 1ns; break;
    case Mood::dripping:
      answer.delay = std::max(0ns, timeout - 1ms);
      response.status = 200;
      break;
    case Mood::resetting: response.error = "closed: by the peer"; break;
    case Mood::untrusted: response.error = "tls: the certificate has expired"; break;
    case Mood::unresolvable:
    case Mood::rebound:  // a connection that was checked before is still there
      response.status = 200;
      break;
    case Mood::gone: response.status = 410; break;
  }
  return answer;
}

std::vector<std::string> SimulatedEndpoint::resolve(std::chrono::nanoseconds now) {
  const auto mood_now = mood(now);
  if (mood_now == Mood::unresolvable) {
    if (random_.chance(0.5)) return {};
    throw std::runtime_error{"SERVFAIL"};
  }
  if (mood_now == Mood::rebound) return {"127.0.0.1"};
  ++look_ups_;
  earlier_addresses = std::exchange(last_addresses, {});
  earlier_resolved = std::exchange(last_resolved, now);
  // A new one each time, so that a stale address is seen to be one.
  for (std::size_t i = 0; i < 1 + look_ups_ % 2; ++i)
    last_addresses.push_back("93.184." + std::to_string((look_ups_ >> 7) % 250) + "." +
                             std::to_string(1 + (2 * look_ups_ + i) % 250));
  return last_addresses;
}

}  // namespace simulation
