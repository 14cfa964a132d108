// The addresses of a server that receives requests as datagrams.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "reactor/address.hpp"
#include "reactor/resolver.hpp"
#include "samples/support/failed.hpp"

namespace samples {

/// A name may have several addresses. Each is tried in turn until one responds. That one is used
/// from then on.
class ServerAddresses {
 public:
  explicit ServerAddresses(const std::string& endpoint)
      : addresses_(value_of(reactor::resolve_now(endpoint))) {}

  /// The address for the next request.
  [[nodiscard]] const reactor::Address& current() const { return addresses_[current_]; }

  /// Starts a new request: at the first address, unless one has responded.
  void begin() {
    if (!responded_) current_ = 0;
  }

  /// Moves to the next address; false if there is none, or if one has responded before.
  [[nodiscard]] bool go_on() {
    if (left() == 1) return false;
    ++current_;
    return true;
  }

  void note_response() { responded_ = true; }

  /// How long to wait for the current address: an equal share of `time` for each that is left.
  [[nodiscard]] std::chrono::nanoseconds share_of(std::chrono::nanoseconds time) const {
    return time / left();
  }

 private:
  [[nodiscard]] std::ptrdiff_t left() const {
    return responded_ ? 1 : static_cast<std::ptrdiff_t>(addresses_.size() - current_);
  }

  const std::vector<reactor::Address> addresses_;
  std::size_t current_ = 0;
  bool responded_ = false;
};

}  // namespace samples
