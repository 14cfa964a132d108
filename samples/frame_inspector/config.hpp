// The settings of a protocol: a JSON object, checked against the protocol's defaults.
#pragma once

#include <nlohmann/json.hpp>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

namespace inspector {

using Json = nlohmann::ordered_json;

/// A setting that the protocol does not have, or a value that it cannot have.
struct WrongSetting : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class Config {
 public:
  /// Throws   WrongSetting when `given` has a key that `defaults` has not.
  Config(const Json& defaults, const Json& given);

  [[nodiscard]] bool has(const std::string& name) const { return !settings_.at(name).is_null(); }

  // Each throws WrongSetting when the value is not of this kind.
  [[nodiscard]] std::uint64_t count(const std::string& name) const;
  [[nodiscard]] std::int64_t integer(const std::string& name) const;
  [[nodiscard]] bool flag(const std::string& name) const;
  [[nodiscard]] std::string text(const std::string& name) const;
  [[nodiscard]] std::vector<std::string> texts(const std::string& name) const;

  [[nodiscard]] const Json& operator[](const std::string& name) const { return settings_.at(name); }

 private:
  Json settings_;
};

}  // namespace inspector
