#include "samples/file_transfer/server/login_guard.hpp"

#include <algorithm>

namespace file_transfer {

std::chrono::seconds LoginGuard::pause(const std::string& network, const std::string& user,
                                       Clock::time_point now) const {
  const auto pause = networks_.pause(network, now);
  if (user.empty()) return pause;
  const auto known = last_network_.find(user);
  if (known != last_network_.end() && known->second == network) return pause;
  return std::max(pause, names_.pause(user, now));
}

void LoginGuard::failed(const std::string& network, const std::string& user,
                        Clock::time_point now) {
  networks_.failed(network, now);
  if (!user.empty()) names_.failed(user, now);
}

void LoginGuard::passed(const std::string& network, const std::string& user) {
  networks_.succeeded(network);
  names_.succeeded(user);
  last_network_[user] = network;
}

}  // namespace file_transfer
