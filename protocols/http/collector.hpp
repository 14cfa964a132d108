// A whole message as one value, made of its events: for bodies small enough to be kept in memory.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "protocols/bytes.hpp"
#include "protocols/http/message.hpp"

#pragma GCC visibility push(default)
namespace protocols::inline v0::http {

/// Field lines that it owns, with their positions.
class OwnFields {
 public:
  OwnFields() = default;
  explicit OwnFields(const Fields& fields) { assign(fields); }

  void assign(const Fields& fields);
  [[nodiscard]] Fields view() const {
    return lines_.empty() ? Fields() : Fields(text_.data(), lines_);
  }

 private:
  std::string text_;
  std::vector<Fields::Place> lines_;
};

/// Collects requests or responses.
///
///     RequestCollector requests(64 * 1024);
///     while (auto event = decoder.next()) {
///       if (auto* request = requests.add(*event)) answer(request->head, request->body);
///     }
///
/// Cost      Copies each message; its memory is used again for the next.
template <class H>
class Collector {
 public:
  /// A whole message.
  struct Message {
    H head;
    Bytes body;
    Fields trailers;
  };

  /// Collects bodies of at most 64 KiB.
  Collector() : Collector(64 * 1024) {}

  /// Collects bodies of at most `max_body_bytes`. Keeps nothing of a longer one.
  explicit Collector(std::size_t max_body_bytes) : max_body_bytes_(max_body_bytes) {}

  /// Returns the message that `event` completes; null before that, and if it is too_large().
  ///
  /// Lifetime  Until the next add(); the bytes that were fed to the decoder may be released.
  const Message* add(const Event<H>& event);

  /// Whether the body of the current message is too long to be collected, as soon as that is known:
  /// respond with 413.
  [[nodiscard]] bool too_large() const { return too_large_; }

 private:
  void begin(const H& head);
  void add_body(Bytes piece);
  void end(const Fields& trailers);

  std::size_t max_body_bytes_;
  bool too_large_ = false;
  std::string start_line_;  // The texts of the start line, and the upgrade.
  OwnFields fields_;
  OwnFields trailers_;
  std::vector<std::byte> body_;
  Message message_;
};

/// For servers, and for clients.
using RequestCollector = Collector<RequestHead>;
using ResponseCollector = Collector<ResponseHead>;

extern template class Collector<RequestHead>;
extern template class Collector<ResponseHead>;

}  // namespace protocols::http
#pragma GCC visibility pop
