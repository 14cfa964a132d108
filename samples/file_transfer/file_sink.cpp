#include "samples/file_transfer/file_sink.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <span>
#include <utility>

namespace file_transfer {
namespace {

using reactor::Error;
using reactor::File;
using samples::Sha256;

constexpr std::size_t piece_bytes = 1 << 20;

// Flushed to the disk while the rest arrives, so that the sync at the end finds little to wait for.
constexpr std::uint64_t flush_bytes = 16 << 20;

}  // namespace

struct FileSink::Writing {
  File file;
  Sha256 hash;
  std::uint64_t at;
  std::shared_ptr<const void> held;
  std::vector<std::byte> bytes = {};
  std::uint64_t flushed = at;

  std::optional<Error> write_all() {
    for (std::span<const std::byte> rest = bytes; !rest.empty();) {
      const ssize_t size = pwrite(file.fd(), rest.data(), rest.size(), static_cast<off_t>(at));
      if (size < 0 && errno == EINTR) continue;
      if (size < 0) return reactor::system_error(errno, "write file");
      at += static_cast<std::uint64_t>(size);
      rest = rest.subspan(static_cast<std::size_t>(size));
    }
    hash.update(bytes);
    bytes.clear();
    if (at - flushed >= flush_bytes) flush();
    return std::nullopt;
  }

  void flush() {
    (void)sync_file_range(file.fd(), static_cast<off_t>(flushed), static_cast<off_t>(at - flushed),
                          SYNC_FILE_RANGE_WRITE);
    flushed = at;
  }

  std::optional<Error> sync() const {
    if (fsync(file.fd()) == 0) return std::nullopt;
    return reactor::system_error(errno, "write file");
  }
};

FileSink::FileSink(samples::FairWork::Client worker, File file, Sha256 hash, std::uint64_t offset,
                   reactor::Callback<void()> on_room, std::shared_ptr<const void> held)
    : worker_(std::move(worker)),
      writing_(new Writing{std::move(file), std::move(hash), offset, std::move(held)}),
      on_room_(std::move(on_room)) {}

bool FileSink::write(reactor::Stream::Bytes bytes) {
  if (error_) return true;
  waiting_.insert(waiting_.end(), bytes.begin(), bytes.end());
  if (!job_ && waiting_.size() >= piece_bytes / 4) step();
  full_ = job_ && waiting_.size() >= piece_bytes;
  return !full_;
}

void FileSink::finish(OnFinished on_finished) {
  on_finished_ = std::move(on_finished);
  if (!job_) step();
}

void FileSink::step() {
  const bool last = static_cast<bool>(on_finished_);
  std::swap(writing_->bytes, waiting_);
  job_ = worker_.run(
      [writing = writing_, last, failed = error_]() -> std::optional<Error> {
        if (failed) return failed;
        if (auto error = writing->write_all()) return error;
        return last ? writing->sync() : std::nullopt;
      },
      [this, last](std::optional<Error> error) {
        job_.reset();
        if (error) error_ = std::move(error);
        if (error_) waiting_.clear();
        if (last) {
          OnFinished on_finished = std::exchange(on_finished_, nullptr);
          if (error_) return on_finished(reactor::Failure(*error_));
          return on_finished(writing_->hash.digest());
        }
        if (on_finished_ || waiting_.size() >= piece_bytes / 4) step();
        if (on_finished_) return;
        if (std::exchange(full_, false) || error_) on_room_();
      });
}

}  // namespace file_transfer
