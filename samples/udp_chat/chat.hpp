// Sends what the user types, and prints what arrives.
#pragma once

#include <string>
#include <vector>

namespace udp_chat {

struct Options {
  std::string listen = "127.0.0.1:9002";
  std::vector<std::string> peers;
};

/// The most senders to remember that no option names.
constexpr std::size_t most_strangers = 100;

/// Runs until the input ends, or a signal arrives.
void chat(const Options& options);

}  // namespace udp_chat
