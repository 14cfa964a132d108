#include "protocols/http/message.hpp"

#include "protocols/http/syntax.hpp"

namespace protocols::inline v0::http {

Field Fields::operator[](std::size_t index) const {
  const std::uint32_t begin = lines_[index].end + 2;
  const Place& line = lines_[index + 1];
  const std::uint32_t value = line.name_end + 1;
  return {{section_ + begin, line.name_end - begin},
          trim_blanks({section_ + value, line.end - value})};
}

std::optional<std::string_view> Fields::find(std::string_view name) const {
  for (const Field& field : *this) {
    if (equal_ignoring_case(field.name, name)) return field.value;
  }
  return std::nullopt;
}

}  // namespace protocols::http
