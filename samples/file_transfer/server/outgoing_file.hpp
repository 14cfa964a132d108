// One download.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "reactor/callback.hpp"
#include "samples/file_transfer/file_hash.hpp"
#include "samples/file_transfer/file_source.hpp"
#include "samples/file_transfer/server/home.hpp"
#include "samples/file_transfer/server/peer.hpp"

namespace file_transfer {

/// A file for a client that may have its beginning. It is sent from the end of that if the
/// beginning is right, otherwise from 0. The hash of the whole file follows it.
class OutgoingFile {
 public:
  /// `on_over` is called when it and its request have ended.
  OutgoingFile(samples::FairWork::Client worker, Peer& peer, Home::Found found,
               const Header& request, reactor::Callback<void()> on_over);
  OutgoingFile(const OutgoingFile&) = delete;
  OutgoingFile& operator=(const OutgoingFile&) = delete;

  void on_drained();

 private:
  void compare(std::uint64_t offset, const std::string& claimed);
  void send_from(std::uint64_t offset, samples::Sha256 hash);

  const samples::FairWork::Client worker_;
  Peer& peer_;
  reactor::File file_;
  const std::uint64_t size_;
  reactor::Callback<void()> on_over_;
  std::unique_ptr<FileHash> comparing_;
  std::optional<FileSource> source_;
};

}  // namespace file_transfer
