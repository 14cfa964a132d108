#include "samples/http_responder/pages.hpp"

#include <algorithm>
#include <memory>
#include <stop_token>
#include <string>
#include <utility>

#include "protocols/http/status.hpp"
#include "protocols/http/target.hpp"
#include "samples/http_responder/listing.hpp"
#include "samples/http_responder/options.hpp"
#include "samples/support/network.hpp"

namespace responder {
namespace {

using protocols::http::Field;
using reactor::WriteStatus;
using web::Folder;
using web::Request;
using web::Response;

void send_error(Response& response, int status, std::string_view name = {},
                std::string_view value = {}) {
  std::string text = std::to_string(status) + " ";
  text += protocols::http::reason_of(status);
  std::vector<Field> fields{{"Content-Type", "text/plain; charset=utf-8"}};
  if (!name.empty()) fields.push_back({name, value});
  response.send(status, fields, text + "\n");
}

// Allows only what is in the page itself, so that no name in it can make a browser act.
constexpr Field page_fields[] = {{"Content-Type", "text/html; charset=utf-8"},
                                 {"Content-Security-Policy",
                                  "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
                                  "base-uri 'none'; form-action 'none'"},
                                 {"X-Content-Type-Options", "nosniff"}};

// The page of a folder with any number of names. They are read off the loop's thread, piece by
// piece, as the client reads the page.
class Listing : public std::enable_shared_from_this<Listing> {
 public:
  Listing(Response response, samples::FairWork& work, const Folder& root, reactor::File folder,
          const std::string& path, Log& log, std::string line)
      : response_(std::move(response)),
        worker_(worker_of(response_, work)),
        listing_(std::make_shared<FolderListing>(root, std::move(folder), path)),
        log_(log),
        line_(std::move(line)) {}

  void start() {
    response_.on_drained([self = shared_from_this()] {
      self->full_ = false;
      self->write_more();
    });
    read();
  }

 private:
  static samples::FairWork::Client worker_of(const Response& response, samples::FairWork& work) {
    reactor::Stream* const stream = response.stream();
    const auto peer = stream->socket().peer_address();
    return {work, peer ? samples::network_of(*peer) : "", stream};
  }

  void read() {
    reading_ = true;
    job_ = worker_.run(
        [listing = listing_](const std::stop_token& stop) { return listing->read(stop); },
        [this](const reactor::Result<void>& read) { on_read(read); });
  }

  void on_read(const reactor::Result<void>& read) {
    const auto self = shared_from_this();
    reading_ = false;
    if (!read) {
      over_ = true;
      if (!begun_) return send_error(response_, web::status_of_file_error(read.error()));
      // After part of the page, breaking off is the only way to report an error.
      const Response broken_off = std::move(response_);
      return;
    }
    if (!begun_) begin();
    write_more();
  }

  // Sends the head immediately, so that the system of a client that is gone responds with a reset.
  void begin() {
    begun_ = true;
    std::string page;
    listing_->write_head(page);
    if (listing_->fits_whole()) {
      listing_->write_rows(page, page.max_size() / 2);
      listing_->write_end(page);
      over_ = true;
      response_.send(200, page_fields, page);
      return;
    }
    log_.begin(line_);
    response_.begin(200, page_fields);
    write(page);
  }

  void write_more() {
    while (begun_ && !over_ && !reading_ && !full_) {
      if (!listing_->has_rows() && !listing_->ended()) return read();
      std::string piece;
      listing_->write_rows(piece, listing_rows_bytes);
      const bool is_last = listing_->ended() && !listing_->has_rows();
      if (is_last) listing_->write_end(piece);
      write(piece);
      if (!is_last || over_) continue;
      over_ = true;
      response_.end();
    }
  }

  void write(std::string_view piece) {
    const WriteStatus status = response_.write(piece);
    full_ = status == WriteStatus::above_high_water;
    over_ = over_ || status == WriteStatus::closed;
  }

  Response response_;
  samples::FairWork::Client worker_;
  std::shared_ptr<FolderListing> listing_;  // Shared with the function that reads it.
  Log& log_;
  const std::string line_;
  bool reading_ = false;
  bool begun_ = false;
  bool full_ = false;
  bool over_ = false;
  samples::FairWork::Job job_;
};

// All threads share the thread pool, which has four threads by default.
samples::FairWork::Limits work_limits(std::size_t threads) {
  if (threads == 1) return {.at_once = 3, .of_each = 2};
  const std::size_t share = std::max<std::size_t>(1, 4 / threads);
  return {.at_once = share, .of_each = share};
}

}  // namespace

Pages::Pages(reactor::Loop& loop, const Folder& root, bool list, std::size_t threads, Log& log)
    : root_(root), list_(list), log_(log), work_(loop, work_limits(threads)) {}

void Pages::handle(const Request& request, Response response) {
  if (request.method() == "OPTIONS") {
    response.send(204, {{"Allow", "GET, HEAD, OPTIONS"}}, {});
    return;
  }
  if (request.method() != "GET" && request.method() != "HEAD") {
    return send_error(response, 405, "Allow", "GET, HEAD");
  }
  const std::string_view sent = request.path().empty() ? "/" : request.path();
  const auto path = protocols::http::decode_path(sent);
  if (!path) return send_error(response, 400);
  auto found = root_.find(*path);
  if (!found) return send_error(response, web::status_of_file_error(found.error()));
  switch (found->kind) {
    case Folder::Found::Kind::file:
      response.send_file(root_.open_file(*path));
      return;
    case Folder::Found::Kind::directory:
      break;
    case Folder::Found::Kind::other:
      return send_error(response, 403);
  }
  if (path->ends_with('/')) {
    return send_folder(request, std::move(response), *path, std::move(*found));
  }
  std::string location = protocols::http::encode_path(*path) + "/";
  if (!request.query().empty()) location += "?" + std::string(request.query());
  send_error(response, 301, "Location", location);
}

void Pages::send_folder(const Request& request, Response response, const std::string& path,
                        Folder::Found folder) {
  if (auto index = root_.open_file(path + "index.html")) {
    response.send_file(std::move(index));
    return;
  }
  if (!list_) return send_error(response, 404);
  const auto peer = request.peer();
  std::string line = Log::line(peer ? peer->to_string() : "-", request.method(), request.target(),
                               request.head().minor_version, 200);
  std::make_shared<Listing>(std::move(response), work_, root_, std::move(folder.file), path, log_,
                            std::move(line))
      ->start();
}

}  // namespace responder
