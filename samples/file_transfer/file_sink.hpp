// Writes and hashes a file that arrives, off the loop's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "reactor/callback.hpp"
#include "reactor/file.hpp"
#include "reactor/result.hpp"
#include "reactor/stream.hpp"
#include "samples/support/fair_work.hpp"
#include "samples/support/sha256.hpp"

namespace file_transfer {

/// Writes what arrives to a file and hashes it while the next bytes arrive. It holds at most two
/// pieces in memory, however long the file.
///
/// Lifetime  After destruction no callback is called; the piece that is being written is still
///           written.
class FileSink {
 public:
  using OnFinished = reactor::Callback<void(reactor::Result<samples::Digest>)>;

  /// Continues from `hash`, the hash of the bytes before `offset`. `on_room` is called when write()
  /// may be called again after it returned false. `held` is released when nothing writes to the
  /// file any more.
  FileSink(samples::FairWork::Client worker, reactor::File file, samples::Sha256 hash,
           std::uint64_t offset, reactor::Callback<void()> on_room,
           std::shared_ptr<const void> held = nullptr);
  FileSink(const FileSink&) = delete;
  FileSink& operator=(const FileSink&) = delete;

  /// Takes all bytes. False: wait for `on_room`.
  [[nodiscard]] bool write(reactor::Stream::Bytes bytes);

  /// Reports the hash when everything is on the disk (fsync).
  void finish(OnFinished on_finished);

  /// The first error.
  [[nodiscard]] const std::optional<reactor::Error>& error() const { return error_; }

 private:
  struct Writing;
  void step();

  const samples::FairWork::Client worker_;
  std::shared_ptr<Writing> writing_;
  std::vector<std::byte> waiting_;
  reactor::Callback<void()> on_room_;
  OnFinished on_finished_;
  std::optional<reactor::Error> error_;
  std::optional<samples::FairWork::Job> job_;
  bool full_ = false;
};

}  // namespace file_transfer
