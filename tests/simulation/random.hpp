#ifndef FLYHOOK_TESTS_SIMULATION_RANDOM_HPP
#define FLYHOOK_TESTS_SIMULATION_RANDOM_HPP

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

// The one source of chance: SplitMix64. The distributions of <random> differ between standard libraries; these do not.

namespace simulation {

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }

  std::size_t below(std::size_t limit) { return static_cast<std::size_t>(next() % limit); }
  bool chance(double share) { return static_cast<double>(next() >> 11) * 0x1p-53 < share; }

  template <class T>
  const T& pick(const std::vector<T>& from) {
    return from[below(from.size())];
  }

  std::chrono::nanoseconds between(std::chrono::nanoseconds low, std::chrono::nanoseconds high) {
    const auto width = static_cast<std::size_t>((high - low).count());
    return width == 0 ? low : low + std::chrono::nanoseconds{static_cast<std::int64_t>(below(width))};
  }

  void fill(void* to, std::size_t size) {
    auto* at = static_cast<unsigned char*>(to);
    for (std::size_t done = 0; done < size; done += 8) {
      const auto word = next();
      std::memcpy(at + done, &word, size - done < 8 ? size - done : 8);
    }
  }

  /// Another stream, so that one part's draws do not move another's.
  Random fork() { return Random{next()}; }

 private:
  std::uint64_t state_;
};

}  // namespace simulation

#endif
