// A file on its way to the server.
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

/// From the server's `ready` on, until its `stored` or its refusal.
class Upload {
 public:
  /// `name` is for people.
  Upload(samples::FairWork::Client worker, reactor::Stream& stream, reactor::File file,
         std::uint64_t size, std::string name);

  /// The server has `offset` bytes of it, with this hash. Fails, as programs do.
  void begin(std::uint64_t offset, const std::string& sha256);
  void on_drained();

  /// The server has it. Fails, as programs do, where not all was sent.
  void done();

  /// The server has refused it: sends the `end` that it waits for then.
  void give_up();

  /// Why it could not be read, if so.
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
