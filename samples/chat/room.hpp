// The members of a chat room, and what each of them receives.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "reactor/fair_share.hpp"
#include "reactor/server.hpp"
#include "samples/support/error_as_frame.hpp"
#include "samples/support/paused_lines.hpp"

namespace chat {

class Room;

/// One connection.
struct Member {
  using Decoder = samples::ErrorAsFrame<samples::PausedLines>;

  reactor::Stream& stream;
  Room& room;
  std::string name;
  std::unique_ptr<samples::UnendedLine> unended;
  std::unique_ptr<reactor::FairShare::Client> share;
  bool joined = false;

  void on_frame(const Decoder::Frame& frame);
  void on_end();
  void on_close(const reactor::Error& error);
};

/// All members, the sender too, receive all lines in the same order.
class Room {
 public:
  /// A member for which more than `max_unread_bytes` wait is dropped. Throws samples::Failed.
  Room(reactor::Loop& loop, const std::string& endpoint, std::size_t max_unread_bytes,
       std::optional<reactor::TlsContext> tls = {});

  /// The limits of the server. A member may keep a line without its end besides. When the server is
  /// full, clients that have not joined are closed.
  [[nodiscard]] static reactor::ServerOptions options(std::size_t max_unread_bytes,
                                                      std::optional<reactor::TlsContext> tls = {}) {
    return {.tls = std::move(tls),
            .unaccepted_timeout = reactor::Duration::max(),
            .max_unaccepted = SIZE_MAX,
            .max_queued_bytes = max_unread_bytes,
            .read_bytes = 64 * 1024};
  }
  static constexpr std::size_t bytes_each = 2 * 64 * 1024;

  [[nodiscard]] const reactor::Address& address() const { return server_.address(); }

  void hear(Member& member, std::string_view line);
  void answer(Member& member, std::string_view text);
  void leave(Member& member);
  void forget(Member& member);
  void close() { server_.drain(); }

 private:
  using Server = reactor::Server<Member, Member::Decoder>;

  [[nodiscard]] std::string guest_name();
  void join(Member& member);
  void rename(Member& member, const std::string& name);
  void list_names(Member& member);
  [[nodiscard]] Member enter(reactor::Stream& stream);
  void hear_unended(const samples::UnendedLine& line);
  void tell_all(std::string_view line);
  void tell_now();

  reactor::Loop& loop_;
  reactor::FairShare share_;
  std::map<std::string, std::string> names_;  // By skeleton.
  std::string list_;                          // Of the names; empty when they have changed.
  std::size_t guests_ = 0;
  std::string said_;
  samples::UnendedLine* last_entered_ = nullptr;
  Server server_;
};

}  // namespace chat
