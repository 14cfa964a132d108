#include "samples/support/challenge.hpp"

#include <algorithm>
#include <utility>

namespace samples {
namespace {

using protocols::as_bytes;
using protocols::Bytes;

constexpr std::string_view client_label = "uvreactor challenge 2 client";
constexpr std::string_view server_label = "uvreactor challenge 2 server";

void append_field(std::vector<std::byte>& message, Bytes field) {
  for (const int shift : {24, 16, 8, 0}) {
    message.push_back(static_cast<std::byte>(field.size() >> shift));
  }
  message.insert(message.end(), field.begin(), field.end());
}

}  // namespace

Challenge::Challenge(Side side, const Nonce& nonce, Mac mac, ChallengeBinding binding)
    : side_(side), own_nonce_(nonce), mac_(std::move(mac)), binding_(std::move(binding)) {
  if (side_ == Side::server) send(own_nonce_);
  if (side_ == Side::client && binding_.endpoints.size() > 1) binding_.endpoints.resize(1);
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
  state_ == State::nonce ? take_nonce() : take_proof();
}

// A peer that sends back this side's nonce is this side itself, or relays what it receives.
void Challenge::take_nonce() {
  peer_nonce_ = received_;
  state_ = peer_nonce_ == own_nonce_ || binding_.endpoints.empty() ? State::failed : State::proof;
  if (failed() || side_ == Side::server) return;
  send(own_nonce_);
  send(proof_of(Side::client, binding_.endpoints.front()));
}

// All endpoints are tried, so that the time does not reveal which of them is right.
void Challenge::take_proof() {
  const Side peer = side_ == Side::server ? Side::client : Side::server;
  const std::string* proven = nullptr;
  for (const std::string& endpoint : binding_.endpoints) {
    if (equal_digests(received_, proof_of(peer, endpoint))) proven = &endpoint;
  }
  state_ = proven ? State::passed : State::failed;
  if (proven && side_ == Side::server) send(proof_of(Side::server, *proven));
}

Digest Challenge::proof_of(Side side, std::string_view endpoint) const {
  const bool is_server = side_ == Side::server;
  std::vector<std::byte> message;
  for (const Bytes field :
       {as_bytes(side == Side::server ? server_label : client_label), as_bytes(binding_.service),
        as_bytes(endpoint), as_bytes(binding_.channel_binding),
        Bytes(is_server ? own_nonce_ : peer_nonce_), Bytes(is_server ? peer_nonce_ : own_nonce_)}) {
    append_field(message, field);
  }
  return mac_(message);
}

void Challenge::send(Bytes bytes) { output_.insert(output_.end(), bytes.begin(), bytes.end()); }

}  // namespace samples
