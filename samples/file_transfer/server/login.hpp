// Who a client is.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "protocols/scram.hpp"
#include "samples/file_transfer/server/home.hpp"
#include "samples/file_transfer/server/peer.hpp"
#include "samples/file_transfer/server/site.hpp"

namespace file_transfer {

/// The first two requests of a client, SCRAM-SHA-256 (RFC 5802). One that fails is the last.
class Login {
 public:
  Login(Peer& peer, Site& site) : peer_(peer), site_(site) {}

  /// The home of who has proven to be its user, once that is so.
  [[nodiscard]] std::shared_ptr<Home> take(const Json& request);

 private:
  void begin(const Json& request);
  [[nodiscard]] std::shared_ptr<Home> prove(const Json& request);

  Peer& peer_;
  Site& site_;
  std::optional<protocols::ScramServer> scram_;
};

}  // namespace file_transfer
