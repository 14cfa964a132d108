#include "samples/http_responder/site.hpp"

#include <algorithm>
#include <memory>
#include <utility>

#include "protocols/http/conditional.hpp"
#include "protocols/http/range.hpp"
#include "protocols/http/target.hpp"
#include "samples/http_responder/listing.hpp"
#include "samples/http_responder/routes.hpp"
#include "samples/support/access.hpp"
#include "samples/support/failed.hpp"

namespace responder {
namespace {

using protocols::http::equal_ignoring_case;
using protocols::http::Field;
using protocols::http::Precondition;
using protocols::http::Range;
using protocols::http::RequestHead;
using protocols::http::Target;
using protocols::http::Validators;

// The methods that RFC 9110 and RFC 5789 define.
bool is_known(std::string_view method) {
  constexpr std::string_view methods[] = {"GET",     "HEAD",    "POST",  "PUT",  "DELETE",
                                          "CONNECT", "OPTIONS", "TRACE", "PATCH"};
  return std::find(std::begin(methods), std::end(methods), method) != std::end(methods);
}

int status_of(const reactor::Error& error) {
  if (error.code == std::errc::permission_denied) return 403;
  if (error.code == std::errc::too_many_files_open ||
      error.code == std::errc::too_many_files_open_in_system) {
    return 503;
  }
  // All other errors mean a path that leads nowhere, or out of the root.
  return 404;
}

void answer_with_file(Session& session, const RequestHead& head, const std::string& path,
                      Found found) {
  // Never later than the response, even if the file's time is (RFC 9110 8.8.2.1).
  const protocols::http::Date last_modified = std::min(found.modified, session.context().date());
  const std::string modified = protocols::http::format_date(last_modified);
  const Validators current{found.etag, last_modified};
  std::vector<Field> fields{
      {"ETag", found.etag}, {"Last-Modified", modified}, {"Accept-Ranges", "bytes"}};
  switch (judge_preconditions(head.method, head.fields, current)) {
    case Precondition::not_modified:
      return session.answer(304, fields, {});
    case Precondition::failed:
      return session.answer_error(412);
    case Precondition::holds:
      break;
  }
  fields.push_back({"Content-Type", media_type(path)});
  fields.push_back({"X-Content-Type-Options", "nosniff"});

  Range range;
  const auto asked = head.fields.find("Range");
  if (asked && head.method == "GET" &&
      range_holds(head.fields, current, session.context().date())) {
    range = protocols::http::select_range(*asked, found.size);
  }
  if (range.kind == Range::Kind::unsatisfiable) {
    return session.answer_error(
        416, {{"Content-Range", protocols::http::unsatisfied_range(found.size)}});
  }
  if (range.kind == Range::Kind::whole) {
    return session.answer_file(200, fields, std::move(found.file), 0, found.size);
  }
  const std::string part = protocols::http::content_range(range, found.size);
  fields.push_back({"Content-Range", part});
  session.answer_file(206, fields, std::move(found.file), range.offset, range.size);
}

void redirect_to_folder(Session& session, const std::string& path, std::string_view query) {
  std::string location = protocols::http::encode_path(path) + "/";
  if (!query.empty()) location += "?" + std::string(query);
  session.answer_error(301, {{"Location", location}});
}

// Allows only what is in the page itself, so that no name in it can make a browser act.
constexpr Field page_fields[] = {{"Content-Type", "text/html; charset=utf-8"},
                                 {"Content-Security-Policy",
                                  "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
                                  "base-uri 'none'; form-action 'none'"},
                                 {"X-Content-Type-Options", "nosniff"}};

// The page of a folder with any number of names. They are read off the loop's thread, piece by
// piece, as the client reads the page.
class Listing final : public Exchange {
 public:
  Listing(Session& session, const Root& root, reactor::File folder, const std::string& path)
      : session_(session),
        listing_(std::make_shared<FolderListing>(root, std::move(folder), path)) {
    read();
  }

  bool write_more(Session& session) override {
    if (!begun_ || over_ || reading_) return false;
    if (!listing_->has_rows() && !listing_->ended()) {
      read();
      return false;
    }
    std::string piece;
    listing_->write_rows(piece, listing_rows_bytes);
    over_ = listing_->ended() && !listing_->has_rows();
    if (over_) listing_->write_end(piece);
    session.write_body(piece);
    if (over_) session.end_answer();
    return true;
  }

 private:
  void read() {
    reading_ = true;
    job_ = session_.worker().run(
        [listing = listing_](const std::stop_token& stop) { return listing->read(stop); },
        [this](const reactor::Result<void>& read) { on_read(read); });
  }

  void on_read(const reactor::Result<void>& read) {
    reading_ = false;
    if (!read) {
      over_ = true;
      // After part of the page, breaking off is the only way to report an error.
      begun_ ? session_.break_off() : session_.answer_error(status_of(read.error()));
    } else if (!begun_) {
      begin();
    }
    session_.serve();  // This may destroy this object.
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
      return session_.answer(200, page_fields, page);
    }
    session_.begin_answer(200, page_fields);
    over_ = !session_.sends_body();
    if (over_) return session_.end_answer();
    session_.write_body(page);
  }

  Session& session_;
  std::shared_ptr<FolderListing> listing_;  // Shared with the function that reads it.
  bool reading_ = false;
  bool begun_ = false;
  bool over_ = false;
  samples::FairWork::Job job_;
};

void answer_with_folder(Session& session, const RequestHead& head, const Root& root,
                        const std::string& path, Found folder) {
  auto index = root.open(path + "index.html");
  if (index && index->kind == Found::Kind::file) {
    return answer_with_file(session, head, "index.html", std::move(*index));
  }
  if (!session.context().options.list) return session.answer_error(404);
  session.start(std::make_unique<Listing>(session, root, std::move(folder.file), path));
}

void answer_from(const Root& root, Session& session, const RequestHead& head,
                 const Target& target) {
  if (head.method != "GET" && head.method != "HEAD") {
    return session.answer_error(405, {{"Allow", "GET, HEAD"}});
  }
  const auto path = protocols::http::decode_path(target.path);
  if (!path) return session.answer_error(400);
  auto found = root.open(*path);
  if (!found) return session.answer_error(status_of(found.error()));
  switch (found->kind) {
    case Found::Kind::file:
      return answer_with_file(session, head, *path, std::move(*found));
    case Found::Kind::directory:
      if (!path->ends_with('/')) return redirect_to_folder(session, *path, target.query);
      return answer_with_folder(session, head, root, *path, std::move(*found));
    case Found::Kind::other:
      return session.answer_error(403);
  }
}

}  // namespace

Site::Site(reactor::Loop& on, const Options& with, const Root* root, Figures& counts)
    : SessionContext(on, with, counts), monitor_(on, counts), root_(root) {}

reactor::ServerOptions Site::server_options() {
  reactor::ServerOptions server;
  server.high_water_bytes = high_water_bytes;
  server.max_queued_bytes = max_queued_bytes;
  server.read_bytes = read_bytes;
  // The socket, and two files: see high_water_bytes.
  server.descriptors_each = 3;
  // When the server is full, connections without a request are closed. They are not closed earlier,
  // because a browser makes some in advance.
  server.unaccepted_timeout = reactor::Duration::max();
  server.max_unaccepted = SIZE_MAX;
  // A session has its own timeouts, one for each thing that it waits for.
  server.first_progress_timeout = server.stall_timeout = std::chrono::milliseconds::max();
  return server;
}

reactor::Result<reactor::Address> Site::listen(const std::string& endpoint) {
  reactor::ServerOptions server = server_options();
  server.listen.reuse_port = options.threads > 1 && !endpoint.starts_with("unix:");
  auto listening = reactor::Server<Session>::listen(
      loop, endpoint, server, [this](reactor::Stream& stream) { return Session(stream, *this); });
  if (!listening) return reactor::Failure(listening.error());
  servers_.push_back(std::move(*listening));
  samples::log_errors(servers_.back());
  return servers_.back().address();
}

void Site::drain() {
  for (auto& server : servers_) server.drain();
}

void Site::handle(Session& session, const RequestHead& head) {
  if (!is_known(head.method)) return session.answer_error(501);
  const auto target = protocols::http::parse_target(head.method, head.target);
  using Form = protocols::http::TargetForm;
  if (!target || target->form == Form::authority)
    return session.answer_error(405, {{"Allow", "GET, HEAD"}});
  if (target->form == Form::absolute && !equal_ignoring_case(target->scheme, "http")) {
    return session.answer_error(421);  // This server has no https resources (RFC 9110 7.4).
  }
  if (target->form == Form::asterisk || head.method == "OPTIONS") {
    return session.answer(
        204, {{"Allow", root_ ? "GET, HEAD, OPTIONS" : "GET, HEAD, POST, PUT, OPTIONS"}}, {});
  }
  Target found = *target;
  if (found.path.empty()) found.path = "/";  // http://example.org
  root_ ? answer_from(*root_, session, head, found) : answer_route(session, monitor_, head, found);
}

}  // namespace responder
