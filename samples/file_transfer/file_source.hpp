// A file on its way out, hashed on the side.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "reactor/callback.hpp"
#include "reactor/file.hpp"
#include "reactor/result.hpp"
#include "reactor/stream.hpp"
#include "samples/file_transfer/file_hash.hpp"

namespace file_transfer {

/// Sends a file from `offset` to `end`, and hashes it. What is sent has just been read for its
/// hash, so the kernel sends it from memory, and neither the loop nor this program's memory has to
/// do with it: however long the file, a few windows of it are between the disk and the peer.
///
/// Lifetime  Destroying it is final; pieces that the stream has still arrive.
class FileSource {
 public:
  /// Told before each piece of at most max_piece_bytes; without it there are no pieces.
  using OnPiece = reactor::Callback<void(std::uint64_t offset, std::uint64_t size)>;
  using OnSent = reactor::Callback<void(reactor::Result<samples::Digest>)>;

  /// Goes on from `hash`, which is that of the bytes before `offset`. `on_sent` tells the hash of
  /// all, once the stream has all.
  FileSource(samples::FairWork::Client worker, reactor::Stream& stream, reactor::File file,
             samples::Sha256 hash, std::uint64_t offset, std::uint64_t end, OnPiece on_piece,
             OnSent on_sent);
  FileSource(const FileSource&) = delete;
  FileSource& operator=(const FileSource&) = delete;

  /// To be told of the stream.
  void on_drained();

  /// How far into the file the stream has got it.
  [[nodiscard]] std::uint64_t at() const { return at_; }

 private:
  void go_on();
  void hash_window();
  [[nodiscard]] bool send_piece();
  void finish(reactor::Result<samples::Digest> digest);

  const samples::FairWork::Client worker_;
  reactor::Stream& stream_;
  const reactor::File file_;
  samples::Sha256 hash_;  // Of the bytes before hashed_.
  std::uint64_t at_;
  std::uint64_t hashed_;
  const std::uint64_t end_;
  OnPiece on_piece_;
  OnSent on_sent_;
  std::unique_ptr<FileHash> hashing_;
  bool full_ = false;  // The stream is.
};

}  // namespace file_transfer
