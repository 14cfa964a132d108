// The page of live figures.
#pragma once

#include <string_view>

namespace responder {

/// The first page for a person with a browser: the figures of GET /events, and a chart of the last
/// minute.
[[nodiscard]] std::string_view status_page();

}  // namespace responder
