// A file that is received from the server.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "reactor/callback.hpp"
#include "reactor/file.hpp"
#include "reactor/result.hpp"
#include "reactor/stream.hpp"
#include "samples/file_transfer/client/progress.hpp"
#include "samples/file_transfer/file_hash.hpp"
#include "samples/file_transfer/file_sink.hpp"

namespace file_transfer {

/// What arrives is kept as `.NAME.part` in the working folder until the file is complete. A later
/// download continues it if it is the beginning of the server's file. No other client writes to it
/// meanwhile.
class Download {
 public:
  /// Called without a text when the file is complete, otherwise with the reason why not.
  using OnOver = reactor::Callback<void(std::string why_not)>;

  /// Requests the file `path`; `name` is shown to the user. Throws samples::Failed when another
  /// client downloads a file of this name into this folder.
  Download(samples::FairWork::Client worker, reactor::Stream& stream, const std::string& path,
           std::string name, OnOver on_over);

  /// Handle the server's responses. If nothing can be written, the rest is read and discarded, and
  /// finish() reports the reason.
  void begin(std::uint64_t size, std::uint64_t offset);
  void write(reactor::Stream::Bytes bytes);
  void finish(const std::string& sha256);

  /// True when the data that arrives now belongs to the file.
  [[nodiscard]] bool has_begun() const { return begun_; }

 private:
  void store(const reactor::Result<samples::Digest>& digest, const std::string& sha256);
  void give_up(const std::string& why);
  void end(std::string why_not);

  const samples::FairWork::Client worker_;
  reactor::Stream& stream_;
  const std::string target_;
  const std::string part_;
  const std::string name_;
  OnOver on_over_;
  reactor::File file_;
  std::uint64_t at_ = 0;
  bool begun_ = false;
  std::string failure_;
  samples::Sha256 hash_;  // Of the bytes that existed before.
  std::optional<Progress> progress_;
  std::unique_ptr<FileHash> hashing_;
  std::unique_ptr<FileSink> sink_;
};

}  // namespace file_transfer
