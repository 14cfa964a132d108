#include "samples/file_transfer/server/incoming_file.hpp"

#include <unistd.h>

#include <cerrno>
#include <utility>

namespace file_transfer {

using reactor::Result;
using reactor::system_error;
using samples::Sha256;

// Returned to the quota when nothing writes to the file any more.
struct IncomingFile::Reservation {
  std::shared_ptr<Home> home;
  std::string path;
  std::uint64_t size;
  bool remove = false;

  Reservation(std::shared_ptr<Home> of, std::string to, std::uint64_t bytes)
      : home(std::move(of)), path(std::move(to)), size(bytes) {}
  Reservation(const Reservation&) = delete;
  Reservation& operator=(const Reservation&) = delete;
  ~Reservation() { home->release(path, size, remove); }
};

IncomingFile::IncomingFile(samples::FairWork::Client worker, Peer& peer, std::shared_ptr<Home> home,
                           std::string path, std::uint64_t size, Home::Partial partial,
                           reactor::Callback<void()> on_over)
    : worker_(std::move(worker)),
      peer_(peer),
      size_(size),
      file_(std::move(partial.file)),
      reservation_(std::make_shared<Reservation>(std::move(home), std::move(path), size)),
      on_over_(std::move(on_over)) {
  peer_.work();
  hashing_ = std::make_unique<FileHash>(
      worker_, duplicate(file_), Sha256(), 0, partial.size,
      [this, there = partial.size](const Result<Sha256>& hash) { greet(hash, there); });
}

IncomingFile::~IncomingFile() = default;

void IncomingFile::greet(const Result<Sha256>& hash, std::uint64_t there) {
  if (hash) {
    at_ = there;
    hash_ = *hash;
  }
  peer_.answer({{"type", "ready"}, {"offset", at_}, {"sha256", samples::to_hex(hash_.digest())}});
  peer_.wait_for_data();
}

void IncomingFile::begin_piece(const Header& head, std::uint64_t size) {
  peer_.touch();
  if (failed_) return;
  const std::uint64_t offset = number_of(head, "offset").value_or(at_);
  if (!sink_ && offset == 0 && at_ > 0) {
    auto anew = reservation_->home->begin_anew(reservation_->path);
    if (!anew) return fail(anew.error());
    file_ = std::move(*anew);
    at_ = 0;
    hash_ = Sha256();
  }
  if (offset != at_ || size > size_ - at_) {
    return fail(system_error(EINVAL, "take data at " + std::to_string(offset)));
  }
  if (!sink_) open_sink();
  at_ += size;
}

void IncomingFile::write(reactor::Stream::Bytes bytes) {
  peer_.touch();
  if (failed_ || !sink_) return;
  if (sink_->error()) return fail(*sink_->error());
  if (!sink_->write(bytes)) peer_.work();  // Waits for the disk, not for the client.
}

void IncomingFile::finish(const std::string& sha256) {
  if (failed_) return end();
  if (sha256.empty()) {
    peer_.refuse("the upload is given up");
    return end();
  }
  if (at_ != size_) {
    fail(system_error(EINVAL, "end an upload of another size"));
    return end();
  }
  if (!sink_) open_sink();
  peer_.work();
  sink_->finish([this, sha256](const Result<samples::Digest>& digest) { store(digest, sha256); });
}

void IncomingFile::open_sink() {
  sink_ = std::make_unique<FileSink>(
      worker_, duplicate(file_), hash_, at_, [this] { peer_.wait_for_data(); }, reservation_);
}

void IncomingFile::store(const Result<samples::Digest>& digest, const std::string& claimed) {
  if (!digest) {
    fail(digest.error());
    return end();
  }
  if (samples::to_hex(*digest) != claimed) {
    auto error = system_error(EIO, "upload");
    error.hint = "the SHA-256 is another than the client's";
    fail(error);
    return end();
  }
  auto stored = reservation_->home->store(reservation_->path, file_);
  if (!stored) {
    fail(stored.error());
    return end();
  }
  // The file counts as stored when its name survives a crash.
  syncing_ = worker_.run(
      [folder = std::move(stored->folder),
       replaced =
           Removed(reservation_->home, std::move(stored->replaced))]() mutable -> Result<void> {
        replaced.close();
        if (fsync(folder.fd()) != 0) {
          return reactor::Failure(system_error(errno, "store upload"));
        }
        return {};
      },
      [this](const Result<void>& result) {
        result ? peer_.answer({{"type", "stored"}}) : peer_.refuse(result.error().message());
        end();
      });
}

void IncomingFile::fail(const reactor::Error& error) {
  failed_ = true;
  reservation_->remove = true;
  peer_.refuse(error.message());
}

void IncomingFile::end() {
  reactor::Callback<void()> on_over = std::exchange(on_over_, nullptr);
  on_over();
}

}  // namespace file_transfer
