// RESP values as trees: what a client wants of a reply.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "protocols/resp/node.hpp"

#pragma GCC visibility push(default)
namespace protocols::inline v0::resp {

/// A value with all that it contains. It owns its memory.
struct Value {
  Type type = Type::null;
  /// Of a simple string, error, bulk string, bulk error, big number or verbatim string.
  std::string text = {};
  /// Of a verbatim string: three characters, such as `txt`.
  std::string format = {};
  std::int64_t integer = 0;
  double real = 0;
  bool boolean = false;
  /// Of an aggregate. Keys and values of a map alternate.
  std::vector<Value> elements = {};
  /// Of any value: the elements of the attributes before it.
  std::vector<Value> attributes = {};

  [[nodiscard]] bool is_error() const { return type == Type::error || type == Type::bulk_error; }

  /// The value of a key that is a string, or nullptr. For maps, and for the arrays of version 2
  /// that stand for them.
  [[nodiscard]] const Value* find(std::string_view key) const;
};

/// Cuts a stream into whole values.
///
///     ValueDecoder decoder({.max_depth = 8});
///     decoder.feed(bytes);
///     while (auto value = decoder.next()) handle(*value);
///
/// Cost      Copies each string. A tree takes up to 70 bytes of memory for each byte on the wire,
///           and grows with the bytes received. It is built without recursion, and destroyed with a
///           recursion of max_depth calls.
class ValueDecoder {
 public:
  using Frame = Value;

  ValueDecoder() = default;
  explicit ValueDecoder(const Limits& limits) : nodes_(limits) {}

  void feed(Bytes bytes) { nodes_.feed(bytes); }
  [[nodiscard]] std::optional<Value> next();
  void copy_tail() { nodes_.copy_tail(); }

  /// Errors    As Nodes.
  [[nodiscard]] std::error_code error() const { return nodes_.error(); }
  [[nodiscard]] bool at_boundary() const { return nodes_.at_boundary(); }

  /// The bytes of the value that was last returned; once error() is set, the byte that made the
  /// error certain.
  [[nodiscard]] Extent extent() const { return nodes_.error() ? nodes_.extent() : extent_; }
  [[nodiscard]] std::uint64_t position() const { return nodes_.position(); }
  [[nodiscard]] Bytes rest() { return nodes_.rest(); }

 private:
  // An aggregate whose elements have not all arrived, and the attributes of its next element.
  struct Open {
    Value value;
    std::size_t missing = 0;
    std::vector<Value> attributes = {};
  };

  [[nodiscard]] std::vector<Value>& attributes_here();
  [[nodiscard]] bool add(const Node& node);
  [[nodiscard]] bool close(Value value);

  NodeDecoder nodes_;
  std::vector<Open> open_;
  std::vector<Value> attributes_;  // Of the next value of depth 0.
  Value done_;
  Extent extent_;
};

}  // namespace protocols::resp
#pragma GCC visibility pop
