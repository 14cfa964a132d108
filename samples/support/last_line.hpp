// Lines from a peer that may end its side after a line without a line end.
#pragma once

#include "protocols/lines.hpp"

namespace samples {

/// A LineDecoder for a Framed whose on_end takes the last line from `decoder().rest()`: the end of
/// the stream is also the end of the line.
class LastLineDecoder : public protocols::LineDecoder {
 public:
  [[nodiscard]] static bool at_boundary() { return true; }
};

}  // namespace samples
