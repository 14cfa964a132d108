// One upload.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "reactor/callback.hpp"
#include "samples/file_transfer/file_hash.hpp"
#include "samples/file_transfer/file_sink.hpp"
#include "samples/file_transfer/server/home.hpp"
#include "samples/file_transfer/server/peer.hpp"

namespace file_transfer {

/// A file that gets its name when all of it has arrived, its hash is the one that the client
/// states, and it is on the disk. An interrupted upload is kept for the client to continue; a
/// refused one is not.
class IncomingFile {
 public:
  /// Its bytes of the quota are reserved already. `on_over` is called when it and its request have
  /// ended.
  IncomingFile(samples::FairWork::Client worker, Peer& peer, std::shared_ptr<Home> home,
               std::string path, std::uint64_t size, Home::Partial partial,
               reactor::Callback<void()> on_over);
  IncomingFile(const IncomingFile&) = delete;
  IncomingFile& operator=(const IncomingFile&) = delete;
  ~IncomingFile();

  /// The head of the next piece. The first piece continues what exists, or begins anew.
  void begin_piece(const Header& head, std::uint64_t size);
  void write(reactor::Stream::Bytes bytes);

  /// Without a hash, the client gives the upload up.
  void finish(const std::string& sha256);

 private:
  struct Reservation;

  void greet(const reactor::Result<samples::Sha256>& hash, std::uint64_t there);
  void open_sink();
  void store(const reactor::Result<samples::Digest>& digest, const std::string& claimed);
  void fail(const reactor::Error& error);
  void end();

  const samples::FairWork::Client worker_;
  Peer& peer_;
  const std::uint64_t size_;
  reactor::File file_;
  std::shared_ptr<Reservation> reservation_;
  reactor::Callback<void()> on_over_;
  samples::Sha256 hash_;  // Of the bytes that existed before.
  std::uint64_t at_ = 0;
  bool failed_ = false;  // And reported: further data is discarded.
  std::unique_ptr<FileHash> hashing_;
  std::unique_ptr<FileSink> sink_;
  samples::FairWork::Job syncing_;
};

}  // namespace file_transfer
