#include "protocols/challenge.hpp"

#include <algorithm>
#include <utility>

namespace protocols {
namespace {

constexpr std::string_view client_label = "uvreactor challenge 1 client";
constexpr std::string_view server_label = "uvreactor challenge 1 server";

// In a time that does not tell where they differ.
bool equal(const Digest& left, const Digest& right) {
  std::byte different{0};
  for (std::size_t at = 0; at < left.size(); ++at) different |= left[at] ^ right[at];
  return different == std::byte{0};
}

}  // namespace

Challenge::Challenge(Side side, const Nonce& nonce, Mac mac)
    : side_(side), own_nonce_(nonce), mac_(std::move(mac)) {
  if (side_ == Side::server) send(own_nonce_);
}

Bytes Challenge::feed(Bytes bytes) {
  while (!bytes.empty() && !passed() && !failed()) {
    const std::size_t taken = std::min(bytes.size(), received_.size() - received_bytes_);
    std::copy_n(bytes.data(), taken, received_.data() + received_bytes_);
    received_bytes_ += taken;
    bytes = bytes.subspan(taken);
    if (received_bytes_ == received_.size()) take_step();
  }
  return passed() ? bytes : Bytes();
}

std::vector<std::byte> Challenge::take_output() { return std::exchange(output_, {}); }

void Challenge::take_step() {
  received_bytes_ = 0;
  if (state_ == State::nonce) {
    peer_nonce_ = received_;
    state_ = State::proof;
    if (side_ == Side::server) return;
    send(own_nonce_);
    return send(proof_of(Side::client));
  }
  const Side peer = side_ == Side::server ? Side::client : Side::server;
  if (!equal(received_, proof_of(peer))) {
    state_ = State::failed;
    return;
  }
  state_ = State::passed;
  if (side_ == Side::server) send(proof_of(Side::server));
}

Digest Challenge::proof_of(Side side) const {
  const Bytes label = as_bytes(side == Side::server ? server_label : client_label);
  const Nonce& servers = side_ == Side::server ? own_nonce_ : peer_nonce_;
  const Nonce& clients = side_ == Side::server ? peer_nonce_ : own_nonce_;
  std::vector<std::byte> message;
  for (const Bytes part : {label, Bytes(servers), Bytes(clients)}) {
    message.insert(message.end(), part.begin(), part.end());
  }
  return mac_(message);
}

void Challenge::send(Bytes bytes) { output_.insert(output_.end(), bytes.begin(), bytes.end()); }

}  // namespace protocols
