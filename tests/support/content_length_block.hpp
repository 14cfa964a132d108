// Content-Length blocks as text, for transcripts.
#pragma once

#include <string>

#include "protocols/content_length_block.hpp"

namespace protocols {

inline std::string describe(const ContentBlock& block) {
  return "[" + std::string(block.content_type) + "|" + std::string(as_text(block.content)) + "]";
}

}  // namespace protocols
