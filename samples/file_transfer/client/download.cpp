#include "samples/file_transfer/client/download.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <utility>

#include "samples/file_transfer/wire.hpp"
#include "samples/support/failed.hpp"

namespace file_transfer {

using reactor::File;
using reactor::Result;
using samples::Failed;
using samples::Sha256;

Download::Download(reactor::Loop& loop, reactor::Stream& stream, const std::string& path,
                   std::string name, OnOver on_over)
    : loop_(loop),
      stream_(stream),
      target_(split_path(path).name),
      part_("." + target_ + ".part"),
      name_(std::move(name)),
      on_over_(std::move(on_over)) {
  const auto ask = [this, path](std::uint64_t offset) {
    at_ = offset;
    stream_.write(message({{"type", "get"},
                           {"path", encode_name(path)},
                           {"offset", offset},
                           {"sha256", samples::to_hex(hash_.digest())}}));
  };
  File found = File::own(open(part_.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  const auto size = found.size();
  if (!found || !size || *size == 0) {
    ask(0);
    return;
  }
  hashing_ = std::make_unique<FileHash>(loop_, std::move(found), Sha256(), 0, *size,
                                        [this, ask, size = *size](const Result<Sha256>& hash) {
                                          if (!hash) return end(hash.error().message());
                                          hash_ = *hash;
                                          ask(size);
                                        });
}

void Download::begin(std::uint64_t size, std::uint64_t offset) {
  if (offset != 0 && offset != at_) throw Failed("the server answers what makes no sense");
  file_ = File::own(open(part_.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0666));
  if (!file_ || (offset == 0 && ftruncate(file_.fd(), 0) != 0)) {
    throw Failed(reactor::system_error(errno, "write", part_));
  }
  at_ = offset;
  sink_ = std::make_unique<FileSink>(loop_, duplicate(file_), offset > 0 ? hash_ : Sha256(), offset,
                                     [this] { stream_.resume(); });
  progress_.emplace(name_, size, offset);
}

void Download::write(reactor::Stream::Bytes bytes) {
  at_ += bytes.size();
  progress_->at(at_);
  if (!sink_->write(bytes)) stream_.pause();
  if (sink_->error()) throw Failed(*sink_->error());
}

void Download::finish(const std::string& sha256) {
  sink_->finish([this, sha256](const Result<protocols::Digest>& digest) { store(digest, sha256); });
}

void Download::store(const Result<protocols::Digest>& digest, const std::string& sha256) {
  if (!digest) throw Failed(digest.error());
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
  on_over(std::move(why_not));  // The end of this object.
}

}  // namespace file_transfer
