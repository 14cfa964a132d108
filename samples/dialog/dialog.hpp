// The two sides of a conversation.
#pragma once

#include <string>

#include "reactor/duration.hpp"

namespace dialog {

void call(const std::string& endpoint);

/// One client after the other. One with which nothing moves for `idle_timeout` gives way; 0: none.
void serve(const std::string& endpoint, reactor::Duration idle_timeout);

}  // namespace dialog
