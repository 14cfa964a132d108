#include "samples/http_responder/routes.hpp"

#include <algorithm>
#include <charconv>
#include <memory>
#include <string>

#include "protocols/http/collector.hpp"
#include "samples/http_responder/monitor.hpp"
#include "samples/http_responder/options.hpp"
#include "samples/http_responder/session.hpp"
#include "samples/http_responder/status_page.hpp"

namespace responder {
namespace {

using protocols::http::RequestCollector;
using protocols::http::RequestEvent;
using protocols::http::RequestHead;
using protocols::http::Target;

constexpr protocols::http::Field plain{"Content-Type", "text/plain; charset=utf-8"};

/// Sends the whole body back.
class Echo final : public Exchange {
 public:
  explicit Echo(const RequestHead& head) : collector_(max_echo_bytes) {
    collector_.add({RequestEvent::Kind::head, {}, &head});
  }
  [[nodiscard]] bool too_large() const { return collector_.too_large(); }

  void on_body(Session& session, protocols::Bytes bytes) override {
    if (answered_) return;
    collector_.add({RequestEvent::Kind::body, bytes});
    answered_ = too_large();
    if (answered_) session.answer_error(413);
  }
  void on_request_end(Session& session) override {
    const protocols::http::Fields none;
    if (const auto* request = collector_.add({RequestEvent::Kind::end, {}, nullptr, &none})) {
      // With a type that no browser executes.
      session.answer(
          200,
          {{"Content-Type", "application/octet-stream"}, {"X-Content-Type-Options", "nosniff"}},
          protocols::as_text(request->body));
    }
  }

 private:
  RequestCollector collector_;
  bool answered_ = false;
};

/// Counts a body of any size.
class Count final : public Exchange {
 public:
  void on_body(Session&, protocols::Bytes bytes) override { size_ += bytes.size(); }
  void on_request_end(Session& session) override {
    session.answer(200, {plain}, "received " + std::to_string(size_) + " bytes\n");
  }

 private:
  std::uint64_t size_ = 0;
};

/// Sends a body of unknown length as it is made.
class Download final : public Exchange {
 public:
  explicit Download(std::uint64_t size) : left_(size) {}

  bool write_more(Session& session) override {
    if (ended_) return false;
    const std::string piece(std::min<std::uint64_t>(left_, 16384), 'x');
    session.write_body(piece);
    left_ -= piece.size();
    ended_ = left_ == 0;
    if (ended_) session.end_answer();
    return true;
  }

 private:
  std::uint64_t left_;
  bool ended_ = false;
};

// The value of `size=N` in a query.
std::uint64_t size_in(std::string_view query) {
  std::uint64_t size = 1000;
  if (query.starts_with("size=")) {
    std::from_chars(query.data() + 5, query.data() + query.size(), size);
  }
  return size;
}

}  // namespace

void answer_route(Session& session, Monitor& monitor, const RequestHead& head,
                  const Target& target) {
  const bool reads = head.method == "GET" || head.method == "HEAD";
  const bool writes = head.method == "POST" || head.method == "PUT";
  if (target.path == "/" && reads) {
    session.answer(200,
                   {{"Content-Type", "text/html; charset=utf-8"},
                    {"Content-Security-Policy",
                     "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
                     "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'"},
                    {"X-Content-Type-Options", "nosniff"}},
                   status_page());
  } else if (target.path == "/hello" && reads) {
    session.answer(200, {plain}, "Hello, world!\n");
  } else if (target.path == "/events" && reads) {
    monitor.watch(session);
  } else if (target.path == "/download" && reads) {
    session.begin_answer(200, {plain});
    if (!session.sends_body()) return session.end_answer();
    session.start(std::make_unique<Download>(size_in(target.query)));
  } else if (target.path == "/echo" && writes) {
    auto echo = std::make_unique<Echo>(head);
    if (echo->too_large()) return session.answer_error(413);
    session.start(std::move(echo));
  } else if (target.path == "/upload" && writes) {
    session.start(std::make_unique<Count>());
  } else if (target.path == "/echo" || target.path == "/upload") {
    session.answer_error(405, {{"Allow", "POST, PUT"}});
  } else if (reads || writes) {
    const bool known = target.path == "/" || target.path == "/hello" || target.path == "/events" ||
                       target.path == "/download";
    known ? session.answer_error(405, {{"Allow", "GET, HEAD"}}) : session.answer_error(404);
  } else {
    session.answer_error(405, {{"Allow", "GET, HEAD"}});
  }
}

}  // namespace responder
