// Finds network interfaces by the name on a command line.
#pragma once

#include <string>

#include "reactor/interfaces.hpp"

namespace samples {

/// 0 for an empty name. Throws Failed if there is no such interface, and lists the existing ones.
[[nodiscard]] unsigned interface_index(const std::string& name);

/// The IPv4 address of that interface which can broadcast. Throws Failed if there is none, and
/// lists the interfaces that have one.
[[nodiscard]] reactor::Interface broadcast_interface(const std::string& name);

}  // namespace samples
