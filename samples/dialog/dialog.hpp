// The two sides of a conversation.
#pragma once

#include <string>

#include "reactor/duration.hpp"

namespace dialog {

void call(const std::string& endpoint);

/// Serves one client after the other. Ends one that is idle for `idle_timeout`; 0: never.
void serve(const std::string& endpoint, reactor::Duration idle_timeout);

}  // namespace dialog
