#include "protocols/lines.hpp"

namespace protocols::inline v0 {

bool append_line(std::vector<std::byte>& out, std::string_view text, LineEnd end) {
  if (text.find('\n') != text.npos) return false;
  if (end == LineEnd::lf && text.ends_with('\r')) return false;
  const Bytes line = as_bytes(text);
  const Bytes line_end = as_bytes(end == LineEnd::lf ? "\n" : "\r\n");
  out.insert(out.end(), line.begin(), line.end());
  out.insert(out.end(), line_end.begin(), line_end.end());
  return true;
}

}  // namespace protocols
