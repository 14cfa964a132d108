// Lines from a peer that may end its side behind a line without an end.
#pragma once

#include "protocols/lines.hpp"

namespace samples {

/// A LineDecoder for a Framed whose on_end takes the last line from `decoder().rest()`: the end of
/// the stream ends it.
class LastLineDecoder : public protocols::LineDecoder {
 public:
  [[nodiscard]] static bool at_boundary() { return true; }
};

}  // namespace samples
