#include "samples/file_transfer/server/session.hpp"

#include <chrono>
#include <cstdio>
#include <utility>

#include "samples/support/access.hpp"

namespace file_transfer {
namespace {

using namespace std::chrono_literals;

constexpr auto look_again = 20ms;
constexpr int most_looks = 100;

}  // namespace

using reactor::Result;

Session::Session(reactor::Loop& loop, reactor::Stream& stream, Site& site)
    : loop_(loop),
      site_(site),
      peer_(loop, stream, site.patience),
      login_(peer_, site, [this](std::shared_ptr<Home> home) {
        home_ = std::move(home);
        peer_.wait_for_request();
      }) {}

void Session::on_frame(const Decoder::Frame& frame) {
  if (const auto* wrong = std::get_if<std::error_code>(&frame)) {
    return peer_.refuse_and_end(wrong->message());
  }
  const auto& part = std::get<protocols::JsonHeaderStreamDecoder::Frame>(frame);
  if (const auto* head = std::get_if<protocols::JsonHead>(&part)) return take(*head);
  if (incoming_) incoming_->write(std::get<protocols::PayloadPiece>(part).bytes);
}

void Session::take(const protocols::JsonHead& head) {
  const auto parsed = parse_header(head.header);
  if (!parsed) return peer_.refuse_and_end("the request is no JSON object");
  const Header& request = *parsed;
  const std::string type = text_of(request, "type");
  if (head.payload_bytes > 0 && type != "data") {
    return peer_.refuse_and_end("only data has a payload");
  }
  if (!home_) return login_.take(request);
  if (incoming_ && type == "data") return incoming_->begin_piece(request, head.payload_bytes);
  if (incoming_ && type == "end") return incoming_->finish(text_of(request, "sha256"));
  if (incoming_ || type == "data" || type == "end") {
    return peer_.refuse_and_end("an upload is data and then an end");
  }
  peer_.touch();
  take(type, request);
}

void Session::take(const std::string& type, const Header& request) {
  if (type == "quota") {
    return peer_.answer({{"type", "quota"},
                         {"quota_bytes", home_->quota_bytes()},
                         {"used_bytes", home_->used_bytes()}});
  }
  const std::string* const path_text = find_text(request, "path");
  if (!path_text) return peer_.refuse("a path is missing");
  const auto path = decode_path(*path_text);
  if (!path) return peer_.refuse(path.error().message());
  if (type == "ls") return list(*path);
  if (type == "stat") return stat(*path);
  if (type == "get") return get(*path, request);
  if (type == "put") return put(*path, request);
  if (type == "mkdir") return peer_.answer(home_->make_folder(*path));
  if (type == "rm") return remove_file(*path);
  if (type == "rmdir") return peer_.answer(home_->remove_folder(*path));
  peer_.refuse("there is no request " + type);
}

void Session::list(const std::string& path) {
  auto found = home_->find(path);
  if (!found) return peer_.refuse(found.error().message());
  if (!found->is_folder) return peer_.refuse("it is no folder");
  listing_ = std::make_unique<OutgoingListing>(worker(), peer_, std::move(found->file), [this] {
    listing_.reset();
    peer_.wait_for_request();
  });
}

// The file's blocks are freed off the loop, since that may take long.
void Session::remove_file(const std::string& path) {
  auto removed = home_->remove_file(path);
  if (!removed) return peer_.refuse(removed.error().message());
  peer_.work();
  removing_ = worker().run(
      [file = Removed(home_, std::move(*removed))]() mutable {
        file.close();
        return true;
      },
      [this](bool) {
        peer_.answer({{"type", "done"}});
        peer_.wait_for_request();
      });
}

samples::FairWork::Client Session::worker() { return {site_.work, home_->user(), &peer_.stream()}; }

void Session::stat(const std::string& path) {
  const auto found = home_->find(path);
  if (!found) return peer_.refuse(found.error().message());
  peer_.answer({{"type", "stat"},
                {"kind", found->is_folder ? "folder" : "file"},
                {"size", found->is_folder ? 0 : found->size}});
}

void Session::get(const std::string& path, const Header& request) {
  auto found = home_->find(path);
  if (!found) return peer_.refuse(found.error().message());
  if (found->is_folder) return peer_.refuse("it is a folder");
  outgoing_ = std::make_unique<OutgoingFile>(worker(), peer_, std::move(*found), request, [this] {
    outgoing_.reset();
    peer_.wait_for_request();
  });
}

void Session::put(const std::string& path, const Header& request) {
  const auto size = number_of(request, "size");
  if (!size || *size > std::uint64_t{1} << 60) return peer_.refuse("the size is missing");
  if (home_->is_uploading(path)) return wait_until_free(path, *size);
  receive(path, *size);
}

void Session::receive(const std::string& path, std::uint64_t size) {
  auto partial = home_->reserve(path, size);
  if (!partial) return peer_.refuse(partial.error().message());
  incoming_ = std::make_unique<IncomingFile>(worker(), peer_, home_, path, size,
                                             std::move(*partial), [this] {
                                               incoming_.reset();
                                               peer_.wait_for_request();
                                             });
}

// A client whose connection broke reconnects immediately. What it sent before may still be on its
// way to the disk.
void Session::wait_until_free(const std::string& path, std::uint64_t size) {
  peer_.work();
  waiting_ = reactor::Timer::every(loop_, look_again, [this, path, size, looks = 0]() mutable {
    if (home_->is_uploading(path) && ++looks < most_looks) return;
    waiting_.reset();
    receive(path, size);
    if (!incoming_) peer_.wait_for_request();
  });
}

void Session::on_drained() {
  peer_.touch();
  if (outgoing_) return outgoing_->on_drained();
  if (listing_) listing_->on_drained();
}

void Session::on_close(const reactor::Error& error) { samples::log_end(error); }

}  // namespace file_transfer
