#include "samples/file_transfer/server/listing.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <cstddef>
#include <optional>
#include <string>
#include <utility>

#include "samples/file_transfer/wire.hpp"
#include "samples/support/folder_reader.hpp"

namespace file_transfer {
namespace {

using reactor::Result;

// Read in one step, for which another client may have to wait.
constexpr std::size_t names_at_once = 256;

Header describe(const std::string& name, const struct stat& status) {
  Header entry{{"name", encode_name(name)}};
  entry["kind"] = S_ISREG(status.st_mode) ? "file" : S_ISDIR(status.st_mode) ? "folder" : "other";
  if (S_ISREG(status.st_mode)) entry["size"] = static_cast<std::uint64_t>(status.st_size);
  return entry;
}

}  // namespace

struct OutgoingListing::Reading {
  reactor::File folder;  // Until it is opened for reading.
  std::optional<samples::FolderReader> reader = {};
  std::string lines = {};
  bool more = true;

  Result<void> read(const std::stop_token& stop) {
    if (!reader) {
      auto opened = samples::FolderReader::open(folder);
      if (!opened) return reactor::Failure(opened.error());
      reader = std::move(*opened);
      folder = reactor::File();
    }
    lines.clear();
    std::size_t names = 0;
    const auto read = reader->read(stop, [&](const char* name) {
      struct stat status {};
      if (fstatat(reader->fd(), name, &status, AT_SYMLINK_NOFOLLOW) == 0) {
        lines += to_json(describe(name, status)) + "\n";
      }
      return ++names < names_at_once && lines.size() <= max_page_bytes - longest_entry_bytes;
    });
    if (!read) return reactor::Failure(read.error());
    more = *read;
    return {};
  }
};

OutgoingListing::OutgoingListing(samples::FairWork::Client worker, Peer& peer, reactor::File folder,
                                 reactor::Callback<void()> on_over)
    : worker_(std::move(worker)),
      peer_(peer),
      on_over_(std::move(on_over)),
      reading_(new Reading{std::move(folder)}) {
  read();
}

void OutgoingListing::on_drained() {
  if (std::exchange(full_, false)) read();
}

void OutgoingListing::read() {
  peer_.work();
  job_ =
      worker_.run([reading = reading_](const std::stop_token& stop) { return reading->read(stop); },
                  [this](const Result<void>& read) { send(read); });
}

void OutgoingListing::send(const Result<void>& read) {
  if (!read) {
    peer_.refuse(read.error().message());
    return std::exchange(on_over_, nullptr)();
  }
  const bool more = reading_->more;
  if (more && reading_->lines.empty()) return this->read();  // None of those names exists any more.
  Header header{{"type", "listing"}};
  if (more) header["more"] = true;
  peer_.answer(std::move(header), reading_->lines.size());
  const reactor::WriteStatus status = peer_.stream().write(reading_->lines);
  full_ = status == reactor::WriteStatus::above_high_water && more;
  if (!more) return std::exchange(on_over_, nullptr)();
  full_ ? peer_.wait_until_it_has_read() : this->read();
}

}  // namespace file_transfer
