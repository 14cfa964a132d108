// A file that is sent to the server.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "reactor/file.hpp"
#include "reactor/result.hpp"
#include "reactor/stream.hpp"
#include "samples/file_transfer/client/progress.hpp"
#include "samples/file_transfer/file_hash.hpp"
#include "samples/file_transfer/file_source.hpp"

namespace file_transfer {

/// One upload, from the server's `ready` until its `stored` or its refusal.
class Upload {
 public:
  /// `name` is shown to the user.
  Upload(samples::FairWork::Client worker, reactor::Stream& stream, reactor::File file,
         std::uint64_t size, std::string name);

  /// The server has `offset` bytes of it, with this hash. Throws samples::Failed.
  void begin(std::uint64_t offset, const std::string& sha256);
  void on_drained();

  /// The server has stored the file. Throws samples::Failed if not all of it was sent.
  void done();

  /// The server has refused the file: sends the `end` that the server then waits for.
  void give_up();

  /// Why the file could not be read; empty if it could.
  [[nodiscard]] const std::string& failure() const { return failure_; }

 private:
  void send_from(std::uint64_t offset, samples::Sha256 hash);
  void end(const reactor::Result<samples::Digest>& digest);

  const samples::FairWork::Client worker_;
  reactor::Stream& stream_;
  reactor::File file_;
  const std::uint64_t size_;
  const std::string name_;
  std::string failure_;
  bool begun_ = false;
  bool ended_ = false;
  std::optional<Progress> progress_;
  std::unique_ptr<FileHash> comparing_;
  std::optional<FileSource> source_;
};

}  // namespace file_transfer
