// What single fields define about their message: where its body ends, and whether the connection
// continues. Decoders read them while they read the head.
#pragma once

#include <string_view>

#include "protocols/error.hpp"
#include "protocols/http/message_reader.hpp"

namespace protocols::inline v0::http {

/// Records a field if it is one of these.
///
/// Errors    bad_host, bad_content_length, bad_transfer_encoding.
[[nodiscard]] DecodeError note_field(Signals& signals, std::string_view name,
                                     std::string_view value, std::uint32_t number);

/// False for most fields that note_field() ignores. No two of its names have the same length.
[[nodiscard]] inline bool may_be_noted(std::string_view name) {
  constexpr std::string_view initial_by_length = "    h eu  c   c  t";
  return name.size() < initial_by_length.size() &&
         (name.front() | 0x20) == initial_by_length[name.size()];
}

/// Takes the first element of a comma-separated list, without the blanks around it; `list` keeps
/// what follows.
[[nodiscard]] std::string_view take_list_element(std::string_view& list);

/// Returns ambiguous_framing if both a Transfer-Encoding and something else concern the length of a
/// message: two recipients could disagree on it.
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
