#include "samples/file_transfer/file_source.hpp"

#include <algorithm>
#include <utility>

#include "samples/file_transfer/wire.hpp"

namespace file_transfer {
namespace {

using reactor::File;
using reactor::Result;
using reactor::WriteStatus;
using samples::Sha256;

constexpr std::uint64_t window_bytes = 8 << 20;

}  // namespace

FileSource::FileSource(samples::FairWork::Client worker, reactor::Stream& stream, File file,
                       Sha256 hash, std::uint64_t offset, std::uint64_t end, OnPiece on_piece,
                       OnSent on_sent)
    : worker_(std::move(worker)),
      stream_(stream),
      file_(std::move(file)),
      hash_(std::move(hash)),
      at_(offset),
      hashed_(offset),
      end_(end),
      on_piece_(std::move(on_piece)),
      on_sent_(std::move(on_sent)) {
  hash_window();
}

void FileSource::on_drained() {
  full_ = false;
  go_on();
}

// The next window is hashed while this one is sent.
void FileSource::go_on() {
  if (!hashing_ && hashed_ < end_ && hashed_ - at_ <= window_bytes) hash_window();
  while (at_ < hashed_ && !full_) {
    if (!send_piece()) return;
  }
  if (at_ == end_) finish(hash_.digest());
}

void FileSource::hash_window() {
  const std::uint64_t until = std::min(end_, hashed_ + window_bytes);
  hashing_ = std::make_unique<FileHash>(worker_, duplicate(file_), hash_, hashed_, until,
                                        [this, until](Result<Sha256> hash) {
                                          hashing_.reset();
                                          if (!hash) return finish(reactor::Failure(hash.error()));
                                          hash_ = std::move(*hash);
                                          hashed_ = until;
                                          go_on();
                                        });
}

bool FileSource::send_piece() {
  const std::uint64_t offset = at_;
  std::uint64_t size = hashed_ - at_;
  if (on_piece_) {
    size = std::min<std::uint64_t>(size, max_piece_bytes);
    on_piece_(offset, size);
  }
  at_ += size;
  const WriteStatus written = stream_.write_file(duplicate(file_), offset, size);
  full_ = written == WriteStatus::above_high_water;
  return written != WriteStatus::closed;
}

void FileSource::finish(Result<samples::Digest> digest) {
  OnSent on_sent = std::exchange(on_sent_, nullptr);
  if (on_sent) on_sent(std::move(digest));  // Usually destroys this object.
}

}  // namespace file_transfer
