#ifndef FLYHOOK_TESTS_SIMULATION_RUN_LOG_HPP
#define FLYHOOK_TESTS_SIMULATION_RUN_LOG_HPP

#include <cstdint>
#include <cstdio>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

// What one run leaves: a hash over everything that was observed, and the first broken invariant. Kept apart from
// exceptions, since the engine catches what transports, stores and observers throw.

namespace simulation {

struct Breach {
  std::uint64_t seed = 0, step = 0;
  std::string sentence{};

  friend bool operator==(const Breach&, const Breach&) = default;
};

class RunLog {
 public:
  /// `is_told`: every observed thing is also a line on stderr.
  RunLog(std::uint64_t seed, bool is_told) : seed_(seed), is_told_(is_told) {}

  std::uint64_t step = 0;

  /// Something was seen: `what` names the kind, the words say which.
  void saw(std::string_view what, std::initializer_list<std::uint64_t> words) {
    hash_ = (hash_ ^ static_cast<unsigned char>(what.front()) ^ (what.size() << 8)) * 0x100000001b3u;
    for (const auto word : words) hash_ = ((hash_ ^ word) * 0x9e3779b97f4a7c15u) ^ (hash_ >> 29);
    if (is_told_) tell(what, words);
  }

  void breach(std::string sentence) {
    if (!breach_) breach_ = Breach{seed_, step, std::move(sentence)};
  }

  const std::optional<Breach>& breach() const { return breach_; }
  std::uint64_t hash() const { return hash_; }

 private:
  void tell(std::string_view what, std::initializer_list<std::uint64_t> words) const {
    std::string line = std::to_string(step) + " " + std::string{what};
    for (const auto word : words) line += " " + std::to_string(word);
    std::fprintf(stderr, "%s\n", line.c_str());
  }

  const std::uint64_t seed_;
  const bool is_told_;
  std::uint64_t hash_ = 0xcbf29ce484222325u;
  std::optional<Breach> breach_{};
};

}  // namespace simulation

#endif
