#include "samples/http_responder/routes.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "samples/http_responder/status_page.hpp"

namespace responder {
namespace {

using reactor::WriteStatus;
using web::Request;
using web::RequestBody;
using web::Response;

void send_page(const Request&, Response response) {
  response.send(200,
                {{"Content-Type", "text/html; charset=utf-8"},
                 {"Content-Security-Policy",
                  "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
                  "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'"},
                 {"X-Content-Type-Options", "nosniff"}},
                status_page());
}

// Sends the whole body back, with a type that no browser executes.
void echo(const Request& request, Response response) {
  response.send(
      200, {{"Content-Type", "application/octet-stream"}, {"X-Content-Type-Options", "nosniff"}},
      request.body());
}

// Counts a body of any size.
void count(const Request&, RequestBody body, Response response) {
  auto size = std::make_shared<std::uint64_t>(0);
  body.on_data([size](RequestBody::Bytes bytes) { *size += bytes.size(); });
  body.on_end([size, response = std::move(response)]() mutable {
    response.send(200, "received " + std::to_string(*size) + " bytes\n");
  });
}

// Sends a body of unknown length as it is made.
class Download {
 public:
  Download(Response response, std::uint64_t size) : response_(std::move(response)), left_(size) {}

  static void start(const std::shared_ptr<Download>& self) {
    Response& response = self->response_;
    response.begin(200, {{"Content-Type", "text/plain; charset=utf-8"}});
    response.on_drained([self] { self->write_more(); });
    self->write_more();
  }

 private:
  void write_more() {
    WriteStatus status = WriteStatus::sent;
    while (status != WriteStatus::above_high_water && status != WriteStatus::closed) {
      const std::string piece(std::min<std::uint64_t>(left_, 16384), 'x');
      left_ -= piece.size();
      status = response_.write(piece);
      if (left_ > 0) continue;
      response_.end();
      return;
    }
  }

  Response response_;
  std::uint64_t left_;
};

void download(const Request& request, Response response) {
  std::uint64_t size = 1000;
  if (const auto text = request.query_parameter("size")) {
    std::from_chars(text->data(), text->data() + text->size(), size);
  }
  Download::start(std::make_shared<Download>(std::move(response), size));
}

}  // namespace

void add_routes(web::HttpServer& server, Monitor& monitor) {
  server.route("GET", "/", send_page);
  server.route("GET", "/hello",
               [](const Request&, Response response) { response.send(200, "Hello, world!\n"); });
  server.route("GET", "/events", [&monitor](const Request&, Response response) {
    monitor.watch(std::move(response));
  });
  server.route("GET", "/download", download);
  for (const char* method : {"POST", "PUT"}) {
    server.route(method, "/echo", echo);
    server.route(method, "/upload", count);
  }
}

}  // namespace responder
