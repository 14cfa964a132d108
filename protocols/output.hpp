// Where an encoder writes: to the end of a vector, or to a stream.
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

#include "protocols/bytes.hpp"

#pragma GCC visibility push(default)
namespace protocols::inline v0 {

/// A vector, to which an encoder appends, or anything that gives room for a small frame and sends
/// the parts of a large one, as a reactor::Stream does.
///
///     append_netstring(wire, payload);    // to a std::vector<std::byte>
///     append_netstring(stream, payload);  // the same bytes, sent without a copy between
template <class T>
concept Output = std::same_as<T, std::vector<std::byte>> ||
                 requires(T& out, Bytes bytes, std::span<const Bytes> parts) {
                   { out.reserve(std::size_t{}) } -> std::same_as<std::span<std::byte>>;
                   out.write(bytes);
                   out.write(parts);
                 };

namespace detail {

/// Writes the parts, one after another.
inline void append_parts(std::vector<std::byte>& out, std::span<const Bytes> parts) {
  for (const Bytes part : parts) out.insert(out.end(), part.begin(), part.end());
}

template <Output O>
void append_parts(O& out, std::span<const Bytes> parts) {
  out.write(parts);
}

/// The same. A small frame is written into the room of a stream.
template <Output O, std::same_as<Bytes>... Parts>
void append_frame(O& out, Parts... parts) {
  if constexpr (!std::same_as<O, std::vector<std::byte>>) {
    constexpr std::size_t large_bytes = 4096;
    const std::size_t size = (parts.size() + ...);
    if (size < large_bytes) {
      const std::span<std::byte> room = out.reserve(size);
      std::byte* at = room.data();
      const auto copy = [&at](Bytes part) {
        if (!part.empty()) std::memcpy(at, part.data(), part.size());
        at += part.size();
      };
      (copy(parts), ...);
      out.write(Bytes(room));
      return;
    }
  }
  append_parts(out, std::array{parts...});
}

/// The same for encoders that do not know how many there are. What they add must stay valid until
/// finish().
template <Output O>
class PartWriter {
 public:
  explicit PartWriter(O& out) : out_(out) {}

  void add(Bytes part) {
    if (count_ == parts_.size()) finish();
    parts_[count_++] = part;
  }
  void finish() {
    append_parts(out_, std::span(parts_).first(count_));
    count_ = 0;
  }

 private:
  O& out_;
  std::array<Bytes, 16> parts_;
  std::size_t count_ = 0;
};

/// What is written before a payload and is short.
struct ShortHeader {
  std::array<std::byte, 48> bytes;
  std::size_t size = 0;

  [[nodiscard]] Bytes view() const { return Bytes(bytes).first(size); }

  void append(Bytes more) {
    std::memcpy(bytes.data() + size, more.data(), more.size());
    size += more.size();
  }
  void append(std::string_view text) { append(as_bytes(text)); }
  void append_decimal(std::size_t number);
};

}  // namespace detail
}  // namespace protocols
#pragma GCC visibility pop
