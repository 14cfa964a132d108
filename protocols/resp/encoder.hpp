// Writes RESP values, for replies and requests.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "protocols/resp/node.hpp"

#pragma GCC visibility push(default)
namespace protocols::inline v0::resp {

struct Value;

/// Appends values to `out`, in the version that the peer understands.
///
///     Encoder reply(out, Version::resp3);
///     reply.begin(Type::map, 1);  // One pair follows.
///     reply.bulk("hits");
///     reply.integer(42);
///
/// In version 2 the types that it lacks become what redis-server makes of them: maps, sets and
/// pushes arrays, booleans integers, doubles, big numbers and verbatim strings bulk strings, bulk
/// errors errors; null is the null string. Attributes are left out: write none for version 2.
///
/// Lifetime  `out` must outlive the encoder.
class Encoder {
 public:
  Encoder(std::vector<std::byte>& out, Version version) : out_(out), version_(version) {}

  /// Returns false, and appends nothing, if the text contains CR or LF.
  [[nodiscard]] bool simple(std::string_view text) { return line('+', text); }

  /// An error, usually a code in capitals and a sentence: `ERR unknown command`. A CR or LF in it
  /// becomes a blank.
  void error(std::string_view text);

  void integer(std::int64_t value);
  void bulk(std::string_view text);
  void bulk_error(std::string_view text);
  void null();
  void boolean(bool value);

  /// In the fewest digits from which a reader gets the same value.
  void real(double value);

  /// Digits, perhaps after a sign. Returns false, and appends nothing, if `digits` are none.
  [[nodiscard]] bool big_number(std::string_view digits);

  /// Returns false, and appends nothing, if the format has not three characters.
  [[nodiscard]] bool verbatim(std::string_view format, std::string_view text);

  /// The beginning of an aggregate of so many elements, or pairs. The caller writes them next.
  void begin(Type type, std::size_t count);

  /// A whole tree. Returns false, and appends nothing, if a part of it has no encoding: a text that
  /// its type cannot have, a key without a value, or an attribute in version 2.
  ///
  /// Cost      A recursion as deep as the tree.
  [[nodiscard]] bool value(const Value& value);

 private:
  void raw(std::string_view text);
  void header(char type, std::size_t length);
  [[nodiscard]] bool line(char type, std::string_view text);
  [[nodiscard]] bool tree(const Value& value);
  [[nodiscard]] bool aggregate(Type type, const std::vector<Value>& elements);
  [[nodiscard]] bool scalar(const Value& value);
  [[nodiscard]] bool is_version_3() const { return version_ == Version::resp3; }

  std::vector<std::byte>& out_;
  const Version version_;
};

}  // namespace protocols::resp
#pragma GCC visibility pop
