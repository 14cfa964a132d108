// The conformance cases of tests/data: one JSON object per line.
#pragma once

#include <nlohmann/json.hpp>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "protocols/base64.hpp"

namespace conformance {

using Json = nlohmann::ordered_json;

inline const std::filesystem::path data = UVREACTOR_TEST_DATA;

inline std::vector<Json> cases(const std::filesystem::path& path) {
  std::vector<Json> all;
  std::ifstream file(data / path);
  for (std::string line; std::getline(file, line);) all.push_back(Json::parse(line));
  return all;
}

inline std::string decoded(const Json& base64) {
  return protocols::from_base64(base64.get<std::string>()).value();
}

}  // namespace conformance
