// The payload size in a JSON header. The json_header decoders of these samples use it.
#pragma once

#include <string_view>

#include "protocols/json_header.hpp"

namespace samples {

/// The integer `data_size` of a JSON object, which must be strict RFC 8259 and name it once.
///
/// Errors    bad_header (no such object, or nested too deep), bad_size (missing, no integer,
///           negative), too_large (more than 64 bits)
[[nodiscard]] protocols::PayloadSize data_size(std::string_view header);

}  // namespace samples
