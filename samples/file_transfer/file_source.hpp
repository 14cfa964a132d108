// Sends a file and hashes it.
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

/// Sends a file from `offset` to `end`, and hashes it. What is sent was just read for its hash, so
/// the kernel sends it from memory, without the loop and without memory of this program. However
/// long the file, only a few windows of it are between the disk and the peer.
///
/// Lifetime  After destruction no callback is called; pieces that the stream already has are still
///           sent.
class FileSource {
 public:
  /// Called before each piece of at most max_piece_bytes. If empty, the file is not sent in pieces.
  using OnPiece = reactor::Callback<void(std::uint64_t offset, std::uint64_t size)>;
  using OnSent = reactor::Callback<void(reactor::Result<samples::Digest>)>;

  /// Continues from `hash`, the hash of the bytes before `offset`. `on_sent` gets the hash of the
  /// whole file when the stream has all bytes.
  FileSource(samples::FairWork::Client worker, reactor::Stream& stream, reactor::File file,
             samples::Sha256 hash, std::uint64_t offset, std::uint64_t end, OnPiece on_piece,
             OnSent on_sent);
  FileSource(const FileSource&) = delete;
  FileSource& operator=(const FileSource&) = delete;

  /// To be called when the stream has drained.
  void on_drained();

  /// The offset in the file up to which the stream has the bytes.
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
  bool full_ = false;  // Until the stream has drained.
};

}  // namespace file_transfer
