#include "protocols/output.hpp"

#include <charconv>

namespace protocols::inline v0::detail {

void ShortHeader::append_decimal(std::size_t number) {
  char* const to = reinterpret_cast<char*>(bytes.data());
  size = static_cast<std::size_t>(std::to_chars(to + size, to + bytes.size(), number).ptr - to);
}

}  // namespace protocols::detail
