// A server under the test's control, and what an HttpClient makes of it.
#pragma once

#include <doctest/doctest.h>

#include <functional>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "reactor/listener.hpp"
#include "reactor/loop.hpp"
#include "reactor/stream.hpp"
#include "support/result.hpp"
#include "support/run_until.hpp"
#include "web/http_client.hpp"

/// Responds to the requests of each connection with the next script: one text for each request.
/// After the last one it closes, unless that ends with `keep`.
class OriginServer {
 public:
  using Script = std::vector<std::string>;
  static constexpr std::string_view keep = "<keep>";

  struct Connection {
    reactor::Stream stream;
    Script script;
    std::string received = {};
    bool ended = false;      ///< The client has closed.
    std::string error = {};  ///< Of a connection that ended otherwise.
  };

  explicit OriginServer(reactor::Loop& on, std::vector<Script> scripts = {},
                        std::string_view at = "127.0.0.1:0")
      : loop(on),
        scripts_(std::move(scripts)),
        listener_(ok(reactor::Listener::listen(
            loop, ::address(at), [this](reactor::Socket socket, const reactor::Address&) {
              accept(std::move(socket));
            }))) {}

  void accept(reactor::Socket socket) {
    Connection& made = connections.emplace_back(
        Connection{reactor::Stream(loop, std::move(socket)), next_script()});
    if (on_accept) on_accept(made.stream);
    made.stream.on_data([this, &made](reactor::Stream::Bytes bytes) {
      made.received.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
      serve(made);
    });
    made.stream.on_end([&made] {
      made.ended = true;
      made.stream.close();
    });
    made.stream.on_close([&made](const reactor::Error& error) {
      made.ended = true;
      if (error) made.error = error.message();
    });
  }

  [[nodiscard]] std::string url(std::string_view target = "/", std::string_view scheme = "http",
                                std::string_view host = "127.0.0.1") const {
    std::string text(scheme);
    text.append("://").append(host).append(":" + std::to_string(listener_.address().port()));
    return text.append(target);
  }
  [[nodiscard]] std::string endpoint() const { return listener_.address().to_string(); }

  reactor::Loop& loop;
  std::list<Connection> connections;
  std::vector<std::string> requests;  ///< With their bodies, in the order in which they arrived.
  std::function<void(reactor::Stream&)> on_accept;

 private:
  Script next_script() { return accepted_ < scripts_.size() ? scripts_[accepted_++] : Script{}; }

  // The size of the request at the front of `text`; 0 if it is not complete.
  static std::size_t request_size(const std::string& text) {
    const std::size_t head = text.find("\r\n\r\n");
    if (head == text.npos) return 0;
    const std::size_t length = text.find("Content-Length: ");
    const std::size_t chunked = text.find("Transfer-Encoding: chunked");
    std::size_t size = head + 4;
    if (length < head) size += std::stoul(text.substr(length + 16));
    if (chunked < head) {
      const std::size_t end = text.find("\r\n0\r\n\r\n", head);
      if (end == text.npos) return 0;
      size = end + 7;
    }
    return text.size() < size ? 0 : size;
  }

  void serve(Connection& connection) {
    while (const std::size_t size = request_size(connection.received)) {
      requests.push_back(connection.received.substr(0, size));
      connection.received.erase(0, size);
      if (connection.script.empty()) return;
      std::string text = connection.script.front();
      connection.script.erase(connection.script.begin());
      const bool keeps = text.ends_with(keep);
      if (keeps) text.resize(text.size() - keep.size());
      if (!text.empty()) connection.stream.write(text);
      if (connection.script.empty() && !keeps) connection.stream.close();
    }
  }

  std::vector<Script> scripts_;
  std::size_t accepted_ = 0;
  reactor::Listener listener_;
};

/// `HTTP/1.1 200 OK` with a body.
inline std::string answer(std::string_view body, std::string_view fields = {},
                          std::string_view status = "200 OK") {
  std::string text = "HTTP/1.1 ";
  text.append(status).append("\r\n").append(fields);
  text.append("Content-Length: " + std::to_string(body.size()) + "\r\n\r\n");
  return text.append(body);
}

inline std::string to(std::string_view location, std::string_view status = "302 Found") {
  return answer("", "Location: " + std::string(location) + "\r\n", status);
}

/// A fetch and what became of it.
struct Fetched {
  Fetched() = default;
  Fetched(web::HttpClient& client, web::FetchRequest request) { start(client, std::move(request)); }
  Fetched(const Fetched&) = delete;
  Fetched& operator=(const Fetched&) = delete;

  void start(web::HttpClient& client, web::FetchRequest request) {
    fetch.emplace(client.send(std::move(request), [this](reactor::Result<web::FetchResponse> got) {
      result.emplace(std::move(got));
    }));
  }

  [[nodiscard]] bool done() const { return result.has_value(); }
  /// `200 the body`, or `error: why`.
  [[nodiscard]] std::string text() const {
    if (!result) return "not done";
    if (!*result) return "error: " + result->error().message();
    return std::to_string((*result)->status) + " " + (*result)->body;
  }
  [[nodiscard]] std::error_code code() const {
    return result && !*result ? result->error().code : std::error_code();
  }

  std::optional<web::Fetch> fetch;
  std::optional<reactor::Result<web::FetchResponse>> result;
};

/// Runs the loop until the request is done.
inline std::string fetched(reactor::Loop& loop, web::HttpClient& client,
                           web::FetchRequest request) {
  Fetched one(client, std::move(request));
  run_until(loop, [&] { return one.done(); });
  return one.text();
}
inline std::string fetched(reactor::Loop& loop, web::HttpClient& client, std::string url) {
  return fetched(loop, client, web::FetchRequest{.url = std::move(url)});
}
