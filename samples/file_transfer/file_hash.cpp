#include "samples/file_transfer/file_hash.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <span>
#include <utility>
#include <vector>

namespace file_transfer {
namespace {

using reactor::Error;
using reactor::File;
using samples::Sha256;

constexpr std::uint64_t step_bytes = 2 << 20;
constexpr std::size_t buffer_bytes = 256 << 10;  // Stays in the core's cache until it is hashed.

}  // namespace

File duplicate(const File& file) { return File::own(fcntl(file.fd(), F_DUPFD_CLOEXEC, 0)); }

struct FileHash::Reading {
  File file;
  Sha256 hash;
  std::uint64_t at;
  std::uint64_t end;

  std::optional<Error> read_some(const std::stop_token& stop) {
    std::vector<std::byte> buffer(std::min<std::uint64_t>(buffer_bytes, end - at));
    const std::uint64_t until = std::min(end, at + step_bytes);
    while (at < until && !stop.stop_requested()) {
      const auto wanted =
          static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), until - at));
      const ssize_t size = pread(file.fd(), buffer.data(), wanted, static_cast<off_t>(at));
      if (size < 0 && errno == EINTR) continue;
      if (size <= 0) return reactor::system_error(size < 0 ? errno : EIO, "read file");
      hash.update(std::span(buffer).first(static_cast<std::size_t>(size)));
      at += static_cast<std::uint64_t>(size);
    }
    return std::nullopt;
  }
};

FileHash::FileHash(samples::FairWork::Client worker, File file, Sha256 hash, std::uint64_t offset,
                   std::uint64_t end, OnDone on_done)
    : worker_(std::move(worker)),
      reading_(new Reading{std::move(file), std::move(hash), offset, end}),
      on_done_(std::move(on_done)) {
  step();
}

void FileHash::step() {
  job_ = worker_.run(
      [reading = reading_](const std::stop_token& stop) { return reading->read_some(stop); },
      [this](std::optional<Error> error) {
        if (!error && reading_->at < reading_->end) return step();
        OnDone on_done = std::exchange(on_done_, nullptr);
        if (error) return on_done(reactor::Failure(*error));
        on_done(Sha256(reading_->hash));
      });
}

}  // namespace file_transfer
