// Files read and written with their SHA-256, off the loop's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "reactor/callback.hpp"
#include "reactor/file.hpp"
#include "reactor/loop.hpp"
#include "reactor/result.hpp"
#include "reactor/stream.hpp"
#include "reactor/work.hpp"
#include "samples/support/sha256.hpp"

namespace file_transfer {

/// The same file once more, or nothing.
[[nodiscard]] reactor::File duplicate(const reactor::File& file);

/// Hashes part of a file, in steps between which other work of the thread pool gets its turn.
///
/// Errors    What read(2) says; io_error: the file is shorter.
/// Lifetime  Destroying it is final.
class FileHash {
 public:
  using OnDone = reactor::Callback<void(reactor::Result<samples::Sha256>)>;

  /// Goes on from `hash`, which is that of the bytes before `offset`.
  FileHash(reactor::Loop& loop, reactor::File file, samples::Sha256 hash, std::uint64_t offset,
           std::uint64_t end, OnDone on_done);
  FileHash(const FileHash&) = delete;
  FileHash& operator=(const FileHash&) = delete;

 private:
  struct Reading;
  void step();

  reactor::Loop& loop_;
  std::shared_ptr<Reading> reading_;
  OnDone on_done_;
  std::optional<reactor::Work> work_;
};

/// Writes what arrives to a file and hashes it, while the next bytes arrive: two pieces of memory at most,
/// however long the file.
///
/// Lifetime  Destroying it is final; what is being written then still gets there.
class FileSink {
 public:
  using OnFinished = reactor::Callback<void(reactor::Result<protocols::Digest>)>;

  /// `on_room` comes when write() may go on that said no. `held` is let go once nothing writes to the file
  /// any more.
  FileSink(reactor::Loop& loop, reactor::File file, samples::Sha256 hash, std::uint64_t offset,
           reactor::Callback<void()> on_room, std::shared_ptr<const void> held = nullptr);
  FileSink(const FileSink&) = delete;
  FileSink& operator=(const FileSink&) = delete;

  /// Takes all; false: wait for on_room.
  [[nodiscard]] bool write(reactor::Stream::Bytes bytes);

  /// Once everything is on the disk (fsync), tells its hash.
  void finish(OnFinished on_finished);

  /// The first thing that went wrong.
  [[nodiscard]] const std::optional<reactor::Error>& error() const { return error_; }

 private:
  struct Writing;
  void step();

  reactor::Loop& loop_;
  std::shared_ptr<Writing> writing_;
  std::vector<std::byte> waiting_;
  reactor::Callback<void()> on_room_;
  OnFinished on_finished_;
  std::optional<reactor::Error> error_;
  std::optional<reactor::Work> work_;
  bool full_ = false;
};

}  // namespace file_transfer
