// A peer of the chat, which may have several addresses.
#pragma once

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "reactor/address.hpp"
#include "reactor/loop.hpp"

namespace udp_chat {

using reactor::Address;
using Clock = reactor::Loop::Clock;

constexpr std::size_t most_datagram_bytes = 65'507;

// A peer that `--peer` names. Its host may have several addresses: a message that one refuses is
// sent to the next.
struct Friend {
  static constexpr std::size_t most_recent = 32;
  static constexpr std::size_t most_bytes = most_recent * (most_datagram_bytes + 100);

  struct Message {
    std::string text;
    std::size_t to;     // The index of the address.
    std::size_t tries;  // The number of addresses that it was sent to.
    Clock::time_point sent_at;
  };
  struct Again {
    std::vector<std::pair<Address, std::string>> messages;
    bool is_lost;  // No address is left for at least one message.
  };

  void remember(Message message) {
    if (addresses.size() == 1 || message.text.size() > most_datagram_bytes) return;
    if (recent.size() == most_recent) recent.erase(recent.begin());
    recent.push_back(std::move(message));
  }

  void note_sender(const std::string& address) { current = index_of(address); }

  // This address refused what was sent to it in the last second: what to send again, and where.
  Again leave(const std::string& address, Clock::time_point now) {
    constexpr std::chrono::seconds moment(1);
    const std::size_t refused = index_of(address);
    const std::size_t next = (refused + 1) % addresses.size();
    std::erase_if(recent, [&](const Message& one) { return now - one.sent_at > moment; });
    Again again{{}, refused == current};
    for (Message& message : recent) {
      if (message.to != refused || message.tries == addresses.size()) continue;
      message.to = next;
      ++message.tries;
      again.messages.emplace_back(addresses[next], message.text);
    }
    if (!again.messages.empty()) again.is_lost = false;
    if (refused == current) current = next;
    return again;
  }

  std::size_t index_of(const std::string& address) const {
    const auto place = std::find_if(addresses.begin(), addresses.end(),
                                    [&](const Address& one) { return one.to_string() == address; });
    return static_cast<std::size_t>(place - addresses.begin()) % addresses.size();
  }

  std::string name;
  std::vector<Address> addresses;
  std::size_t current = 0;
  std::vector<Message> recent = {};  // Of the last second, if there are several addresses.
};

}  // namespace udp_chat
