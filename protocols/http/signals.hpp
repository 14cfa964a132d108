// What single fields say about the message that they head: where its body ends, what becomes of
// the connection. Decoders read them while they read the head.
#pragma once

#include <string_view>

#include "protocols/error.hpp"
#include "protocols/http/message_reader.hpp"

namespace protocols::http {

/// Takes note of a field that is one of those.
///
/// Errors    bad_host, bad_content_length, bad_transfer_encoding.
[[nodiscard]] DecodeError note_field(Signals& signals, std::string_view name,
                                     std::string_view value, std::uint32_t number);

/// False for most fields that note_field() has no use for. No two of the names are equally long.
[[nodiscard]] inline bool may_be_noted(std::string_view name) {
  constexpr std::string_view initial_by_length = "    h eu  c   c  t";
  return name.size() < initial_by_length.size() &&
         (name.front() | 0x20) == initial_by_length[name.size()];
}

/// The element of a comma-separated list that stands in front, without the blanks around it;
/// `list` keeps what follows.
[[nodiscard]] std::string_view take_list_element(std::string_view& list);

/// What is between two recipients' views of a message once both a Transfer-Encoding and something
/// else speak of its length. Errors    ambiguous_framing.
[[nodiscard]] inline DecodeError check_framing(const Signals& signals, int minor_version) {
  if (signals.coding == Signals::Coding::none) return {};
  const bool doubtful = signals.has_content_length || minor_version == 0;
  return doubtful ? DecodeError::ambiguous_framing : DecodeError{};
}

/// Whether more messages may follow this one (RFC 9112 9.3).
[[nodiscard]] inline bool keeps_alive(const Signals& signals, int minor_version) {
  return !signals.close && (minor_version > 0 || signals.keep_alive);
}

}  // namespace protocols::http
