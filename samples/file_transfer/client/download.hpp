// A file on its way from the server.
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

/// What arrives is kept as `.NAME.part` in the working folder until it is whole, and gone on with
/// another time where it is the beginning of the server's file. Nobody else writes to it meanwhile.
class Download {
 public:
  /// With nothing: it is there. Otherwise: why not.
  using OnOver = reactor::Callback<void(std::string why_not)>;

  /// Asks for the file `path`, which `name` is to people. Fails, as programs do, where another
  /// client gets a file of this name into this folder.
  Download(samples::FairWork::Client worker, reactor::Stream& stream, const std::string& path,
           std::string name, OnOver on_over);

  /// The answers to it. Where nothing can be written, what follows is read and discarded, and
  /// finish() tells why.
  void begin(std::uint64_t size, std::uint64_t offset);
  void write(reactor::Stream::Bytes bytes);
  void finish(const std::string& sha256);

  /// What arrives now is the file's.
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
  samples::Sha256 hash_;  // Of what was there.
  std::optional<Progress> progress_;
  std::unique_ptr<FileHash> hashing_;
  std::unique_ptr<FileSink> sink_;
};

}  // namespace file_transfer
