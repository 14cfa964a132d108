#include "reactor/datagram_errors.hpp"

#include <algorithm>
#include <utility>

#include "reactor/error_queue.hpp"

namespace reactor::inline v0 {

Error DatagramErrors::take_first() {
  Error first = std::move(pending_.front());
  pending_.erase(pending_.begin());
  return first;
}

void DatagramErrors::add(Error what) {
  constexpr std::size_t most = 16;
  const auto same = [&what](const Error& other) {
    return other.code == what.code && other.subject == what.subject;
  };
  if (pending_.size() == most || std::any_of(pending_.begin(), pending_.end(), same)) return;
  pending_.push_back(std::move(what));
  owner_.engine().schedule(owner_);
}

void DatagramErrors::add_not_sent(int number, const Outgoing& datagram) {
  const bool named = datagram.to != nullptr;
  add(system_error(number, "send",
                   named ? Address::from(datagram.to, datagram.to_size).to_string() : peer_text()));
}

void DatagramErrors::add_earlier(int number) {
  if (number == 0 || take_icmp_errors()) return;
  if (options_.connected) return add(system_error(number, "send", peer_text()));
  add(system_error(number, "receive on", local_.to_string()));
}

bool DatagramErrors::take_icmp_errors() {
  if (!options_.reads_error_queue) return false;
  ErrorQueue queue;
  const auto errors = queue.take(socket_.fd());
  for (const IcmpError& error : errors) {
    if (error.number == 0) continue;
    add(system_error(error.number, "send", error.receiver.unmapped().to_string()));
  }
  return !errors.empty();
}

std::string DatagramErrors::peer_text() const {
  const auto peer = socket_.peer_address();
  return peer ? peer->to_string() : local_.to_string();
}

}  // namespace reactor
