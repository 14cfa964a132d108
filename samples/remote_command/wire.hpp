// The messages of remote_command; README.md describes them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocols/json_header.hpp"
#include "reactor/result.hpp"

namespace remote_command {

/// A client's request.
struct Request {
  std::vector<std::string> words;  ///< A program and its arguments; empty for a shell command.
  std::string shell;

  [[nodiscard]] bool is_for_shell() const { return words.empty(); }
};

/// Errors    invalid_argument, with what is wrong as its hint.
[[nodiscard]] reactor::Result<Request> parse_request(std::string_view header);

/// A server's response.
struct Answer {
  enum class Kind : unsigned char { standard_output, standard_error, refused, end };

  Kind kind = Kind::end;
  std::string reason;   ///< Why the request was refused, or why the server ended the command.
  bool killed = false;  ///< `status` is the number of a signal.
  int status = 0;       ///< At the end; 0 to 255.
  std::uint64_t stdout_bytes = 0;  ///< At the end: all that the command wrote.
  std::uint64_t stderr_bytes = 0;
  double duration_seconds = 0;  ///< At the end; parse_answer() does not read it.
};

/// Empty if no server sends this: another type, or a value that is missing or of another kind.
[[nodiscard]] std::optional<Answer> parse_answer(std::string_view header);

/// A header with its length in front; its payload of `payload_bytes` is sent next.
[[nodiscard]] std::vector<std::byte> message(const Answer& answer, std::size_t payload_bytes = 0);

/// Empty if a text is not UTF-8: JSON has no other, and a replacement would change the request.
[[nodiscard]] std::optional<std::vector<std::byte>> message(const Request& request);

/// JSON in printable ASCII, for a line of the log.
[[nodiscard]] std::string to_json(const std::string& text);
[[nodiscard]] std::string to_json(const std::vector<std::string>& words);

/// For requests, which have no payload, or for responses.
[[nodiscard]] protocols::JsonHeaderDecoder request_decoder();
[[nodiscard]] protocols::JsonHeaderDecoder answer_decoder();

}  // namespace remote_command
