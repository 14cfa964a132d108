#include "samples/file_transfer/server/outgoing_file.hpp"

#include <utility>

namespace file_transfer {

using reactor::Result;
using samples::Sha256;

OutgoingFile::OutgoingFile(samples::FairWork::Client worker, Peer& peer, Home::Found found,
                           const Header& request, reactor::Callback<void()> on_over)
    : worker_(std::move(worker)),
      peer_(peer),
      file_(std::move(found.file)),
      size_(found.size),
      on_over_(std::move(on_over)) {
  peer_.work();
  const std::uint64_t offset = number_of(request, "offset").value_or(0);
  if (offset == 0 || offset > size_) {
    send_from(0, Sha256());
  } else {
    compare(offset, text_of(request, "sha256"));
  }
}

void OutgoingFile::on_drained() {
  if (source_) source_->on_drained();
}

void OutgoingFile::compare(std::uint64_t offset, const std::string& claimed) {
  comparing_ = std::make_unique<FileHash>(
      worker_, duplicate(file_), Sha256(), 0, offset, [this, offset, claimed](Result<Sha256> hash) {
        const bool same = hash && samples::to_hex(hash->digest()) == claimed;
        same ? send_from(offset, std::move(*hash)) : send_from(0, Sha256());
      });
}

void OutgoingFile::send_from(std::uint64_t offset, Sha256 hash) {
  peer_.answer({{"type", "file"}, {"size", size_}, {"offset", offset}}, size_ - offset);
  peer_.wait_until_it_has_read();
  source_.emplace(worker_, peer_.stream(), std::move(file_), std::move(hash), offset, size_,
                  nullptr, [this](const Result<samples::Digest>& digest) {
                    // The size was already announced.
                    if (!digest) return peer_.stream().fail(digest.error());
                    peer_.answer({{"type", "sent"}, {"sha256", samples::to_hex(*digest)}});
                    std::exchange(on_over_, nullptr)();
                  });
}

}  // namespace file_transfer
