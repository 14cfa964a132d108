// One connection of a user.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "reactor/server.hpp"
#include "reactor/timer.hpp"
#include "samples/file_transfer/server/incoming_file.hpp"
#include "samples/file_transfer/server/listing.hpp"
#include "samples/file_transfer/server/login.hpp"
#include "samples/file_transfer/server/outgoing_file.hpp"
#include "samples/file_transfer/server/peer.hpp"
#include "samples/file_transfer/server/requests.hpp"
#include "samples/file_transfer/server/site.hpp"
#include "samples/file_transfer/wire.hpp"

namespace file_transfer {

/// A login, and then one request after the other.
class Session {
 public:
  using Decoder = RequestDecoder;

  Session(reactor::Loop& loop, reactor::Stream& stream, Site& site);

  void on_frame(const Decoder::Frame& frame);
  void on_drained();
  void on_close(const reactor::Error& error);

  /// Ends the session; a transfer that has begun is finished first.
  void finish() { peer_.end(); }

 private:
  [[nodiscard]] samples::FairWork::Client worker();
  void take(const protocols::JsonHead& head);
  void take(const std::string& type, const Header& request);
  void list(const std::string& path);
  void remove_file(const std::string& path);
  void stat(const std::string& path);
  void get(const std::string& path, const Header& request);
  void put(const std::string& path, const Header& request);
  void receive(const std::string& path, std::uint64_t size);
  void wait_until_free(const std::string& path, std::uint64_t size);

  reactor::Loop& loop_;
  Site& site_;
  Peer peer_;
  Login login_;
  std::shared_ptr<Home> home_;  // Of the user that has logged in.
  std::unique_ptr<OutgoingFile> outgoing_;
  std::unique_ptr<IncomingFile> incoming_;
  std::unique_ptr<OutgoingListing> listing_;
  samples::FairWork::Job removing_;
  std::optional<reactor::Timer> waiting_;
};

}  // namespace file_transfer
