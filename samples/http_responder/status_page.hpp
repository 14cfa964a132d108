// The page of live figures.
#pragma once

#include <string_view>

namespace responder {

/// What a person opens in a browser first: the figures of GET /events, and a chart of the last
/// minute.
[[nodiscard]] std::string_view status_page();

}  // namespace responder
