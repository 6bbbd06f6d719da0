#ifndef FLYHOOK_TESTS_UNIT_VECTORS_HPP
#define FLYHOOK_TESTS_UNIT_VECTORS_HPP

#include <nlohmann/json.hpp>

#include <fstream>
#include <stdexcept>
#include <string>

// The files of tests/vectors; its README.md has the rules they check.

namespace unit {

inline nlohmann::json vectors(const std::string& file) {
  std::ifstream in{std::string{FLYHOOK_VECTORS_DIR} + "/" + file};
  if (!in) throw std::runtime_error{"no such vectors: " + file};
  return nlohmann::json::parse(in);
}

inline nlohmann::json cases_of(const std::string& file) {
  return vectors(file).at("cases");
}

}  // namespace unit

#endif
