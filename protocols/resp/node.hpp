// RESP, the protocol of Redis and its clients, versions 2 and 3: values as they arrive, without a
// tree.
//
//     +OK\r\n                    simple string       -ERR no\r\n     error          :42\r\n    integer
//     $5\r\nhello\r\n            bulk string         !3\r\nERR\r\n   bulk error     _\r\n      null
//     =7\r\ntxt:abc\r\n          verbatim string     ,1.5e3\r\n      double         #t\r\n     boolean
//     *2\r\n:1\r\n:2\r\n         array of two        ~1\r\n+a\r\n    set            (123\r\n   big number
//     %1\r\n+key\r\n:1\r\n       map of one pair     >1\r\n+a\r\n    push           |1\r\n...  attribute
//
// value.hpp collects a whole value, request.hpp reads requests, encoder.hpp writes both. The
// streamed strings and aggregates of early RESP3 drafts (`$?`, `*?`) are refused, as no server
// sends them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "protocols/frame_decoder.hpp"

#pragma GCC visibility push(default)
namespace protocols::inline v0::resp {

/// RESP3 is version 2 with more types. A connection begins with version 2 and changes by HELLO.
enum class Version : unsigned char { resp2 = 2, resp3 = 3 };

/// The type of a value is its first byte on the wire.
enum class Type : char {
  simple = '+',
  error = '-',
  integer = ':',
  bulk = '$',
  array = '*',
  null = '_',  ///< Also the null string `$-1` and the null array `*-1` of version 2.
  boolean = '#',
  real = ',',
  big_number = '(',
  bulk_error = '!',
  verbatim = '=',
  map = '%',
  set = '~',
  push = '>',
  attribute = '|',  ///< A map about the value that follows it.
};

/// True for the types that contain values: array, map, set, push, attribute.
[[nodiscard]] bool is_aggregate(Type type);

/// A value without what it contains: a scalar, or the beginning of an aggregate.
struct Node {
  Type type = Type::null;
  /// How many aggregates it is in.
  std::size_t depth = 0;
  /// Whether a value of depth 0 ends here: the whole message is there.
  bool is_last = false;
  /// Of an aggregate: how many values follow in it. Keys and values of a map alternate, so it has
  /// two for each pair. An attribute is no value of the aggregate that it is in.
  std::size_t elements = 0;
  /// Of a simple string, error, bulk string, bulk error, big number or verbatim string.
  std::string_view text = {};
  /// Of a verbatim string: three characters, such as `txt`.
  std::string_view format = {};
  std::int64_t integer = 0;
  double real = 0;
  bool boolean = false;
};

/// What a decoder of values accepts.
struct Limits {
  Version version = Version::resp3;         ///< With resp2 the types of version 3 are refused.
  std::size_t max_bulk_bytes = 1 << 20;     ///< Of a bulk string, bulk error or verbatim string.
  std::size_t max_line_bytes = 65536;       ///< Of any other text, without its type and CR LF.
  std::size_t max_elements = 1 << 20;       ///< Of an aggregate; of a map the pairs.
  std::size_t max_depth = 128;              ///< Of an aggregate; one in no other has depth 0.
  std::uint64_t max_value_bytes = 1 << 24;  ///< Of a value of depth 0, with all that it contains.
};

/// The protocol of NodeDecoder, and its limits.
struct Nodes {
  using Frame = Node;
  /// How far an incomplete frame was read.
  struct Progress {
    std::size_t scanned = 0;
    std::uint64_t magnitude = 0;  // Of an integer.
    unsigned char state = 0;      // Of the text of a number.
  };

  /// The aggregates that have begun.
  struct Open {
    /// One aggregate: the values that it still needs.
    struct Level {
      std::size_t missing;
      bool is_attribute;
    };
    std::vector<Level> levels;
    std::uint64_t value_bytes = 0;  // Of the value of depth 0.
  };

  Limits limits;
  Open open;

  /// Errors    DecodeError::bad_type, bad_integer, bad_double, bad_boolean, bad_null,
  ///           bad_big_number, bad_length, bad_verbatim, bad_terminator, bad_line_end, too_large,
  ///           too_deep
  [[nodiscard]] Parsed<Frame> parse(Bytes bytes, Progress& progress);

  [[nodiscard]] bool at_boundary() const { return open.value_bytes == 0; }
};

/// Cuts a stream into nodes. A node is a view: strings are not copied.
///
///     NodeDecoder decoder;
///     decoder.feed(bytes);
///     while (auto node = decoder.next()) visit(*node);
///
/// Cost      No allocation but for the aggregates that are open, 16 bytes each; no recursion.
class NodeDecoder : public FrameDecoder<Nodes> {
 public:
  NodeDecoder() = default;
  explicit NodeDecoder(const Limits& limits) : FrameDecoder(Nodes{limits, {}}) {}
};

}  // namespace protocols::resp
#pragma GCC visibility pop
