// What the user types goes out, what comes is printed.
#pragma once

#include <string>
#include <vector>

namespace udp_chat {

struct Options {
  std::string listen = "127.0.0.1:9002";
  std::vector<std::string> peers;
};

/// Of senders that no option names.
constexpr std::size_t most_strangers = 100;

/// Until the input ends, or a signal comes.
void chat(const Options& options);

}  // namespace udp_chat
