// The server's connections.
#pragma once

#include <cstddef>
#include <string>
#include <system_error>
#include <vector>

#include "protocols/resp/request.hpp"
#include "reactor/server.hpp"
#include "samples/kv_server/commands.hpp"
#include "samples/kv_server/store.hpp"

namespace kv {

class Site;

/// One connection.
struct Session {
  reactor::Stream& stream;
  Site& site;
  Client client;

  void on_frame(const protocols::resp::Request& request);
  void on_decode_error(std::error_code error) const;
  void on_close(const reactor::Error& error) const;
};

class Site {
 public:
  /// Throws samples::Failed.
  Site(reactor::Loop& loop, const std::string& endpoint, std::size_t max_memory_bytes);

  /// A client that does not read its replies may send no more requests, so that no more than one
  /// reply waits above the high-water mark.
  [[nodiscard]] static reactor::ServerOptions options() {
    return {
        .max_connections = 1000, .max_queued_bytes = 2 * max_reply_bytes, .read_bytes = 64 * 1024};
  }
  [[nodiscard]] static protocols::resp::Requests requests() {
    return {.max_bulk_bytes = 1 << 20, .max_words = 65536, .max_request_bytes = 2 << 20};
  }
  /// What a request that has not arrived completely takes, with the places of its words.
  static constexpr std::size_t bytes_each = (2 << 20) + 65536 * 32;

  [[nodiscard]] const reactor::Address& address() const { return server_.address(); }
  void close() {
    store_.stop_timer();
    server_.drain();
  }

 private:
  friend struct Session;
  using Server = reactor::Server<Session, protocols::resp::RequestDecoder>;

  void serve(Session& session, protocols::resp::Words words);

  Store store_;
  Statistics statistics_;
  std::vector<std::byte> reply_;
  Server server_;
};

}  // namespace kv
