// What remote_command's two sides say to each other; README.md describes it.
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

/// What a client asks for.
struct Request {
  std::vector<std::string> words;  ///< A program and its arguments; none for a shell's.
  std::string shell;

  [[nodiscard]] bool is_for_shell() const { return words.empty(); }
};

/// Errors    invalid_argument, with what is wrong as its hint.
[[nodiscard]] reactor::Result<Request> parse_request(std::string_view header);

/// What a server answers with.
struct Answer {
  enum class Kind : unsigned char { standard_output, standard_error, refused, end };

  Kind kind = Kind::end;
  std::string reason;              ///< Of a refusal, or why the server ended the command.
  bool killed = false;             ///< `status` is a signal's number.
  int status = 0;                  ///< Of the end; 0 to 255.
  std::uint64_t stdout_bytes = 0;  ///< At the end: all that the command wrote.
  std::uint64_t stderr_bytes = 0;
  double duration_seconds = 0;  ///< At the end; parse_answer() does not read it.
};

/// Nothing for what no server says: another type, or a value that is missing or of another kind.
[[nodiscard]] std::optional<Answer> parse_answer(std::string_view header);

/// A header with its length in front; its payload of `payload_bytes` is what is sent next.
[[nodiscard]] std::vector<std::byte> message(const Answer& answer, std::size_t payload_bytes = 0);

/// Nothing where a text is no UTF-8: JSON has no other, and another would ask for something else.
[[nodiscard]] std::optional<std::vector<std::byte>> message(const Request& request);

/// JSON in printable ASCII, for a line of the log.
[[nodiscard]] std::string to_json(const std::string& text);
[[nodiscard]] std::string to_json(const std::vector<std::string>& words);

/// Of requests, which have no payload, or of answers.
[[nodiscard]] protocols::JsonHeaderDecoder request_decoder();
[[nodiscard]] protocols::JsonHeaderDecoder answer_decoder();

}  // namespace remote_command
