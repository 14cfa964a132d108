#include "samples/file_transfer/hashing.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

namespace file_transfer {
namespace {

using reactor::Error;
using reactor::File;
using samples::Sha256;

constexpr std::size_t step_bytes = 8 << 20;
constexpr std::size_t buffer_bytes = 1 << 20;

}  // namespace

File duplicate(const File& file) { return File::own(fcntl(file.fd(), F_DUPFD_CLOEXEC, 0)); }

struct FileHash::Reading {
  File file;
  Sha256 hash;
  std::uint64_t at;
  std::uint64_t end;

  std::optional<Error> read_some() {
    std::vector<std::byte> buffer(256 << 10);
    const std::uint64_t until = std::min<std::uint64_t>(end, at + step_bytes);
    while (at < until) {
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

FileHash::FileHash(reactor::Loop& loop, File file, Sha256 hash, std::uint64_t offset,
                   std::uint64_t end, OnDone on_done)
    : loop_(loop),
      reading_(new Reading{std::move(file), std::move(hash), offset, end}),
      on_done_(std::move(on_done)) {
  step();
}

void FileHash::step() {
  work_ = reactor::Work::run(
      loop_, [reading = reading_] { return reading->read_some(); },
      [this](std::optional<Error> error) {
        if (!error && reading_->at < reading_->end) return step();
        OnDone on_done = std::exchange(on_done_, nullptr);
        if (error) return on_done(reactor::Failure(*error));
        on_done(Sha256(reading_->hash));
      });
}

struct FileSink::Writing {
  File file;
  Sha256 hash;
  std::uint64_t at;
  std::shared_ptr<const void> held;
  std::vector<std::byte> bytes;

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
    return std::nullopt;
  }

  std::optional<Error> sync() const {
    if (fsync(file.fd()) == 0) return std::nullopt;
    return reactor::system_error(errno, "write file");
  }
};

FileSink::FileSink(reactor::Loop& loop, File file, Sha256 hash, std::uint64_t offset,
                   reactor::Callback<void()> on_room, std::shared_ptr<const void> held)
    : loop_(loop),
      writing_(new Writing{std::move(file), std::move(hash), offset, std::move(held), {}}),
      on_room_(std::move(on_room)) {}

bool FileSink::write(reactor::Stream::Bytes bytes) {
  if (error_) return true;
  waiting_.insert(waiting_.end(), bytes.begin(), bytes.end());
  if (!work_ && waiting_.size() >= buffer_bytes / 4) step();
  full_ = work_ && waiting_.size() >= buffer_bytes;
  return !full_;
}

void FileSink::finish(OnFinished on_finished) {
  on_finished_ = std::move(on_finished);
  if (!work_) step();
}

void FileSink::step() {
  const bool last = static_cast<bool>(on_finished_);
  std::swap(writing_->bytes, waiting_);
  work_ = reactor::Work::run(
      loop_,
      [writing = writing_, last, failed = error_]() -> std::optional<Error> {
        if (failed) return failed;
        if (auto error = writing->write_all()) return error;
        return last ? writing->sync() : std::nullopt;
      },
      [this, last](std::optional<Error> error) {
        work_.reset();
        if (error) error_ = std::move(error);
        if (error_) waiting_.clear();
        if (last) {
          OnFinished on_finished = std::exchange(on_finished_, nullptr);
          if (error_) return on_finished(reactor::Failure(*error_));
          return on_finished(writing_->hash.digest());
        }
        if (on_finished_ || waiting_.size() >= buffer_bytes / 4) step();
        if (std::exchange(full_, false) || error_) on_room_();
      });
}

}  // namespace file_transfer
