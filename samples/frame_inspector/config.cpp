#include "samples/frame_inspector/config.hpp"

#include <limits>

namespace inspector {
namespace {

[[noreturn]] void wrong(const std::string& name, const Json& value, const char* wanted) {
  // Text that is not valid UTF-8 is shown with replacement characters.
  const std::string shown = value.dump(-1, ' ', false, Json::error_handler_t::replace);
  throw WrongSetting(name + ": " + wanted + ", not " + shown);
}

}  // namespace

Config::Config(const Json& defaults, const Json& given) : settings_(defaults) {
  if (!given.is_object()) throw WrongSetting("the settings are no JSON object");
  for (const auto& [name, value] : given.items()) {
    if (!settings_.contains(name)) throw WrongSetting("no setting is named " + name);
    settings_[name] = value;
  }
}

std::uint64_t Config::count(const std::string& name) const {
  const Json& value = settings_.at(name);
  const bool fits = value.is_number_unsigned() || (value.is_number_integer() && value >= 0);
  if (!fits) wrong(name, value, "a number of 0 or more is wanted");
  return value.get<std::uint64_t>();
}

std::int64_t Config::integer(const std::string& name) const {
  const Json& value = settings_.at(name);
  const bool fits =
      value.is_number_unsigned()
          ? value.get<std::uint64_t>() <= std::uint64_t{std::numeric_limits<std::int64_t>::max()}
          : value.is_number_integer();
  if (!fits) wrong(name, value, "an integer is wanted");
  return value.get<std::int64_t>();
}

bool Config::flag(const std::string& name) const {
  const Json& value = settings_.at(name);
  if (!value.is_boolean()) wrong(name, value, "true or false is wanted");
  return value.get<bool>();
}

std::string Config::text(const std::string& name) const {
  const Json& value = settings_.at(name);
  if (!value.is_string()) wrong(name, value, "a text is wanted");
  return value.get<std::string>();
}

std::vector<std::string> Config::texts(const std::string& name) const {
  const Json& value = settings_.at(name);
  if (value.is_string()) return {value.get<std::string>()};
  if (!value.is_array()) wrong(name, value, "a list of texts is wanted");
  std::vector<std::string> texts;
  for (const Json& each : value) {
    if (!each.is_string()) wrong(name, value, "a list of texts is wanted");
    texts.push_back(each.get<std::string>());
  }
  return texts;
}

}  // namespace inspector
