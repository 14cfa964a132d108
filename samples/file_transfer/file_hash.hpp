// The SHA-256 of part of a file, computed off the loop's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "reactor/callback.hpp"
#include "reactor/file.hpp"
#include "reactor/result.hpp"
#include "samples/support/fair_work.hpp"
#include "samples/support/sha256.hpp"

namespace file_transfer {

/// Another descriptor of the same open file, or an empty File.
[[nodiscard]] reactor::File duplicate(const reactor::File& file);

/// Hashes part of a file in steps, between which other clients' work can run.
///
/// Errors    Those of read(2); io_error: the file is shorter.
/// Lifetime  After destruction `on_done` is not called.
class FileHash {
 public:
  using OnDone = reactor::Callback<void(reactor::Result<samples::Sha256>)>;

  /// Continues from `hash`, the hash of the bytes before `offset`.
  FileHash(samples::FairWork::Client worker, reactor::File file, samples::Sha256 hash,
           std::uint64_t offset, std::uint64_t end, OnDone on_done);
  FileHash(const FileHash&) = delete;
  FileHash& operator=(const FileHash&) = delete;

 private:
  struct Reading;
  void step();

  const samples::FairWork::Client worker_;
  std::shared_ptr<Reading> reading_;
  OnDone on_done_;
  samples::FairWork::Job job_;
};

}  // namespace file_transfer
