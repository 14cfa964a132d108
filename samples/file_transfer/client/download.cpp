#include "samples/file_transfer/client/download.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdio>
#include <optional>
#include <utility>

#include "samples/file_transfer/wire.hpp"
#include "samples/support/failed.hpp"
#include "samples/support/printable.hpp"

namespace file_transfer {

using reactor::File;
using reactor::Result;
using samples::Failed;
using samples::Sha256;

namespace {

std::string part_of(const std::string& name) {
  std::string part = "." + name + ".part";
  if (part.size() <= NAME_MAX) return part;
  Sha256 hash;
  hash.update(protocols::as_bytes(name));
  return "." + samples::to_hex(hash.digest()) + ".part";
}

// Two clients that write to one file would each find the right hash for what they received, but the
// file would hold neither. When a client gets the lock just after the other has finished, the file
// that it has opened is no longer the part file: the comparison below detects that.
File open_alone(const std::string& part, int flags, mode_t mode = 0) {
  File file =
      File::own(open(part.c_str(), O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | flags, mode));
  if (!file) return file;
  struct stat opened {};
  struct stat named {};
  const bool alone = flock(file.fd(), LOCK_EX | LOCK_NB) == 0 && fstat(file.fd(), &opened) == 0 &&
                     lstat(part.c_str(), &named) == 0 && opened.st_dev == named.st_dev &&
                     opened.st_ino == named.st_ino;
  if (!alone)
    throw Failed("write " + samples::escaped(part) + ": another client gets this file, too");
  return file;
}

// Users who cannot read the file that is replaced cannot read the new file either.
std::optional<mode_t> mode_of(const std::string& path) {
  struct stat info {};
  if (stat(path.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) return std::nullopt;
  return info.st_mode & (S_IRWXU | S_IRWXG | S_IRWXO);
}

}  // namespace

Download::Download(samples::FairWork::Client worker, reactor::Stream& stream,
                   const std::string& path, std::string name, OnOver on_over)
    : worker_(std::move(worker)),
      stream_(stream),
      target_(split_path(path).name),
      part_(part_of(target_)),
      name_(std::move(name)),
      on_over_(std::move(on_over)) {
  const auto ask = [this, path](std::uint64_t offset) {
    at_ = offset;
    stream_.write(message({{"type", "get"},
                           {"path", encode_name(path)},
                           {"offset", offset},
                           {"sha256", samples::to_hex(hash_.digest())}}));
  };
  file_ = open_alone(part_, 0);
  const auto size = file_.size();
  if (!file_ || !size || *size == 0) {
    ask(0);
    return;
  }
  hashing_ = std::make_unique<FileHash>(worker_, duplicate(file_), Sha256(), 0, *size,
                                        [this, ask, size = *size](const Result<Sha256>& hash) {
                                          if (!hash) return end(hash.error().message());
                                          hash_ = *hash;
                                          ask(size);
                                        });
}

void Download::begin(std::uint64_t size, std::uint64_t offset) {
  if (offset != 0 && offset != at_) throw Failed("the server sends a reply that makes no sense");
  begun_ = true;
  at_ = offset;
  try {
    const auto mode = mode_of(target_);
    if (!file_) file_ = open_alone(part_, O_CREAT, mode.value_or(0666));
    if (!file_ || (mode && fchmod(file_.fd(), *mode) != 0) ||
        (offset == 0 && ftruncate(file_.fd(), 0) != 0)) {
      return give_up(reactor::system_error(errno, "write", part_).message());
    }
  } catch (const Failed& failure) {
    return give_up(failure.what());
  }
  sink_ = std::make_unique<FileSink>(worker_, duplicate(file_), offset > 0 ? hash_ : Sha256(),
                                     offset, [this] { stream_.resume(); });
  progress_.emplace(name_, size, offset);
}

void Download::write(reactor::Stream::Bytes bytes) {
  if (!sink_) return;
  at_ += bytes.size();
  progress_->at(at_);
  if (!sink_->write(bytes)) stream_.pause();
  if (sink_->error()) give_up(sink_->error()->message());
}

// The server still sends the rest of the file, and then the next response.
void Download::give_up(const std::string& why) {
  failure_ = why;
  sink_.reset();
  stream_.resume();
}

void Download::finish(const std::string& sha256) {
  if (!sink_) return end(failure_);
  sink_->finish([this, sha256](const Result<samples::Digest>& digest) { store(digest, sha256); });
}

void Download::store(const Result<samples::Digest>& digest, const std::string& sha256) {
  if (!digest) return end(digest.error().message());
  if (samples::to_hex(*digest) != sha256) {
    unlink(part_.c_str());
    return end("the SHA-256 is another than the server's: the file has changed");
  }
  if (rename(part_.c_str(), target_.c_str()) != 0) {
    return end(reactor::system_error(errno, "write", target_).message());
  }
  progress_->done();
  end({});
}

void Download::end(std::string why_not) {
  OnOver on_over = std::exchange(on_over_, nullptr);
  on_over(std::move(why_not));  // Usually destroys this object.
}

}  // namespace file_transfer
