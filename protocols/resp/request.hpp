// RESP requests: what a server reads. A request is an array of bulk strings, or a line of words for
// people who type:
//
//     *2\r\n$3\r\nGET\r\n$5\r\nhello\r\n
//     GET hello\r\n                                "quo\x74ed" and 'quoted' words are possible
#pragma once

#include <cstddef>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "protocols/frame_decoder.hpp"

#pragma GCC visibility push(default)
namespace protocols::inline v0::resp {

/// The words of a request.
using Words = std::span<const std::string_view>;

/// The name of a command, and its arguments: at least one word.
struct Request {
  Words words = {};
};

/// The protocol of RequestDecoder, and its limits.
struct Requests {
  using Frame = Request;
  /// How far an incomplete frame was read.
  struct Progress {
    std::size_t scanned = 0;  // Bytes of the request that were read.
    std::size_t missing = 0;  // Words.
    bool is_counted = false;
  };

  std::size_t max_bulk_bytes = 1 << 20;     ///< Of a word.
  std::size_t max_words = 65536;            ///< Of a request.
  std::size_t max_request_bytes = 1 << 24;  ///< Of a whole request.
  std::size_t max_inline_bytes = 65536;     ///< Of a line, without its end.
  bool accept_inline = true;                ///< False: a line is DecodeError::bad_type.

  /// The words of the request that is being read.
  struct Scratch {
    /// Where a word is.
    struct Place {
      std::size_t begin;
      std::size_t size;
    };
    std::vector<Place> places;
    std::vector<std::string_view> words;
    std::string unquoted;
  } scratch = {};

  /// A request without words, `*0` or an empty line, is skipped.
  ///
  /// Errors    DecodeError::bad_type (a word that is no bulk string), bad_length, bad_line_end,
  ///           bad_terminator, bad_quotes, too_large
  [[nodiscard]] Parsed<Frame> parse(Bytes bytes, Progress& progress);
};

/// Cuts a stream into requests. The words are views of the bytes fed, valid as long as the frame.
///
///     RequestDecoder decoder({.max_bulk_bytes = 65536});
///
/// Cost      No allocation for a request that arrives whole, once the list of words has its size.
///           Up to 32 bytes for each word that has arrived.
using RequestDecoder = FrameDecoder<Requests>;

/// Appends a request.
void append_request(std::vector<std::byte>& out, Words words);
void append_request(std::vector<std::byte>& out, std::initializer_list<std::string_view> words);

}  // namespace protocols::resp
#pragma GCC visibility pop
