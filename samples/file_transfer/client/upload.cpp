#include "samples/file_transfer/client/upload.hpp"

#include <utility>

#include "samples/file_transfer/wire.hpp"
#include "samples/support/failed.hpp"

namespace file_transfer {

using reactor::Result;
using samples::Sha256;

Upload::Upload(samples::FairWork::Client worker, reactor::Stream& stream, reactor::File file,
               std::uint64_t size, std::string name)
    : worker_(std::move(worker)),
      stream_(stream),
      file_(std::move(file)),
      size_(size),
      name_(std::move(name)) {}

void Upload::begin(std::uint64_t offset, const std::string& sha256) {
  if (std::exchange(begun_, true) || offset > size_) {
    throw samples::Failed("the server answers what makes no sense");
  }
  comparing_ = std::make_unique<FileHash>(
      worker_, duplicate(file_), Sha256(), 0, offset, [this, offset, sha256](Result<Sha256> hash) {
        const bool same = hash && samples::to_hex(hash->digest()) == sha256;
        same ? send_from(offset, std::move(*hash)) : send_from(0, Sha256());
      });
}

void Upload::send_from(std::uint64_t offset, Sha256 hash) {
  progress_.emplace(name_, size_, offset);
  // Without a `data` message, the server would keep the bytes that it has.
  if (size_ == 0) stream_.write(message({{"type", "data"}, {"offset", 0U}}));
  source_.emplace(
      worker_, stream_, std::move(file_), std::move(hash), offset, size_,
      [this](std::uint64_t at, std::uint64_t size) {
        stream_.write(message({{"type", "data"}, {"offset", at}}, size));
        progress_->at(at);
      },
      [this](const Result<samples::Digest>& digest) { end(digest); });
}

void Upload::on_drained() {
  if (source_) source_->on_drained();
}

void Upload::end(const Result<samples::Digest>& digest) {
  ended_ = true;
  if (digest) {
    stream_.write(message({{"type", "end"}, {"sha256", samples::to_hex(*digest)}}));
  } else {
    failure_ = digest.error().message();
    stream_.write(message({{"type", "end"}}));
  }
}

void Upload::done() {
  if (!ended_) throw samples::Failed("the server answers what makes no sense");
  progress_->done();
}

void Upload::give_up() {
  source_.reset();
  if (begun_ && !ended_) stream_.write(message({{"type", "end"}}));
}

}  // namespace file_transfer
