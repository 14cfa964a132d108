// Network interfaces by the name that a command line gives.
#pragma once

#include <string>

#include "reactor/interfaces.hpp"

namespace samples {

/// 0 for no name at all. Throws Failed where there is none of that name, and names those there are.
[[nodiscard]] unsigned interface_index(const std::string& name);

/// The IPv4 address of that interface which can broadcast. Throws Failed where there is none, and
/// names the interfaces that have one.
[[nodiscard]] reactor::Interface broadcast_interface(const std::string& name);

}  // namespace samples
