// Messages to many WebSockets at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "web/websocket.hpp"

#pragma GCC visibility push(default)
namespace web::inline v0 {

/// What waits for members that read slowly.
struct TopicOptions {
  /// What becomes of such a member.
  enum class Slow : unsigned char {
    drop_oldest,  ///< The oldest messages of topics that wait for the member are dropped.
    close,        ///< The member is closed with 1008.
  };

  /// What may wait for a member before it is slow.
  std::size_t max_waiting_bytes = 256 * 1024;
  Slow slow = Slow::drop_oldest;
  /// Shorter messages are not compressed.
  std::size_t compress_from_bytes = 1024;
};

/// Publishes messages to all of its members.
///
///     web::Topic news;
///     web::route_websocket(server, "/news", [&](web::WebSocket& socket) { news.join(socket); });
///     news.publish("breaking");
///
/// A message is made into a frame once, and compressed once for those that have negotiated that
/// without context takeover and with the largest window; others get it uncompressed. All members
/// for which it waits share one copy. A member that does not read holds up no other one.
///
/// Lifetime  A member leaves when its WebSocket ends or is destroyed, and all when the Topic is
///           destroyed. WebSockets and Topics may be moved.
/// Thread    The loop's thread only, that of all members.
/// Cost      24 bytes for each member. A message that waits for a member counts with its size and
///           64 bytes for `max_waiting_bytes`. So n members that read nothing keep at most n times
///           that besides what their streams have queued, and less where they share messages.
class Topic {
 public:
  Topic() : Topic(TopicOptions()) {}
  explicit Topic(TopicOptions options);
  Topic(Topic&&) noexcept;
  Topic& operator=(Topic&&) noexcept;
  ~Topic();

  /// False if the WebSocket is a member already.
  bool join(WebSocket& socket);
  /// False if it is none.
  bool leave(WebSocket& socket);

  /// Returns the number of members to which the message was sent, or for which it waits; 0 for a
  /// text that is not UTF-8. Calls no callback.
  std::size_t publish(std::string_view text);
  std::size_t publish(const char* text) { return publish(std::string_view(text)); }
  std::size_t publish(std::span<const std::byte> binary);

  [[nodiscard]] std::size_t size() const;
  /// Messages that were dropped, counted once for each member.
  [[nodiscard]] std::uint64_t dropped() const;
  /// Members that were closed since they were slow.
  [[nodiscard]] std::uint64_t closed() const;

 private:
  struct [[gnu::visibility("hidden")]] State;

  std::unique_ptr<State> state_;
};

}  // namespace web
#pragma GCC visibility pop
