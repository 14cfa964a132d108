// The login of a client.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "reactor/callback.hpp"
#include "samples/file_transfer/server/home.hpp"
#include "samples/file_transfer/server/peer.hpp"
#include "samples/file_transfer/server/site.hpp"
#include "samples/support/scram.hpp"

namespace file_transfer {

/// The first two requests of a client, SCRAM-SHA-256 (RFC 5802). A failed login ends the
/// connection. A login that has begun and did not pass counts as failed, also when the client just
/// disconnects.
class Login {
 public:
  /// `on_passed` gets the home of the user that has logged in.
  Login(Peer& peer, Site& site, reactor::Callback<void(std::shared_ptr<Home>)> on_passed);
  ~Login();
  Login(const Login&) = delete;
  Login& operator=(const Login&) = delete;

  void take(const Header& request);

 private:
  void begin(const Header& request);
  void prove(const Header& request);
  void welcome(const std::string& signature, const reactor::Result<std::shared_ptr<Home>>& home);
  [[nodiscard]] std::vector<samples::ChannelBinding> bindings() const;
  void report_other_endpoint() const;
  [[nodiscard]] bool must_wait(const std::string& user);

  Peer& peer_;
  Site& site_;
  const std::string network_;
  reactor::Callback<void(std::shared_ptr<Home>)> on_passed_;
  std::optional<samples::ScramServer> scram_;
  bool undecided_ = false;  // Begun, and neither passed nor delayed.
  Site::Seat seat_;
  std::unique_ptr<HomeRequest> request_;
};

}  // namespace file_transfer
