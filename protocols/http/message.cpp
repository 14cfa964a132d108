#include "protocols/http/message.hpp"

namespace protocols::http {
std::optional<std::string_view> Fields::find(std::string_view name) const {
  for (const Place& place : places_) {
    if (equal_ignoring_case({section_ + place.name, place.name_size}, name)) {
      return std::string_view(section_ + place.value, place.value_size);
    }
  }
  return std::nullopt;
}

}  // namespace protocols::http
