// The checks of decoders notice decoders that break their promises.
#include "protocols/testing/decoder_checks.hpp"

#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <vector>

#include "protocols/lines.hpp"

using namespace protocols::testing;
using protocols::Bytes;
using protocols::LineDecoder;

namespace {

// Lines, with a bug.
struct WrongLines {
  enum Bug { none, cut, quadratic };
  using Frame = std::string_view;

  explicit WrongLines(Bug with) : bug(with) {}
  void feed(Bytes bytes) {
    const std::string_view text = protocols::as_text(bytes);
    kept += text;
    if (bug == cut && !text.ends_with('\n')) kept += '|';
  }
  std::optional<std::string_view> next() {
    if (!line.empty()) kept.erase(0, line.size() + 1);
    line.clear();
    if (bug == quadratic) {
      for (const char byte : kept) read += static_cast<unsigned char>(byte) % 7U;
    }
    const auto end = kept.find('\n');
    if (end == kept.npos) return std::nullopt;
    line = kept.substr(0, end);
    if (line.empty()) kept.erase(0, 1);
    return line;
  }
  void copy_tail() {}
  [[nodiscard]] std::error_code error() const { return {}; }
  [[nodiscard]] bool at_boundary() const {
    return kept.size() == (line.empty() ? 0 : line.size() + 1);
  }

  Bug bug;
  std::string kept;
  std::string line;
  unsigned read = 0;
};

Failure round_trip_of(WrongLines::Bug bug) {
  return round_trip(WrongLines(bug), [](std::vector<std::byte>& wire, std::string_view text) {
    return !text.empty() && append_line(wire, text, protocols::LineEnd::lf);
  });
}

}  // namespace

TEST_SUITE("decoder checks") {
  TEST_CASE("a decoder whose frames depend on the cut fails, with the cut") {
    CHECK(any_split(WrongLines(WrongLines::none), "one\ntwo\nth") == std::nullopt);
    CHECK(any_split(WrongLines(WrongLines::cut), "one\ntwo\nth").value_or("") ==
          "byte by byte: [o|n|e|][t|w|o|]cut short\nwhole: [one][two]cut short");
  }

  TEST_CASE("an error at the byte that made it certain is right") {
    CHECK(any_split(LineDecoder({.max_line_bytes = 2}), "ab\ncdef") == std::nullopt);
  }

  TEST_CASE("frames of other types have a text of their own") {
    const auto count = [](std::string_view line) { return std::to_string(line.size()) + ","; };
    CHECK(any_split(LineDecoder(), "a\nbb\n\n", Frames::whole, count) == std::nullopt);
  }

  TEST_CASE("what comes back from a round trip must be what was encoded") {
    CHECK(round_trip_of(WrongLines::none) == std::nullopt);
    CHECK(round_trip_of(WrongLines::cut) != std::nullopt);
    CHECK(round_trip(LineDecoder(), [](std::vector<std::byte>&, std::string_view) {
            return false;
          }).value_or("") == "few payloads were taken");
  }

  TEST_CASE("a decoder that reads every byte again for each new one is too slow") {
    const std::string wire = std::string(200'000, 'x') + "\n";
    CHECK(linear_time(WrongLines(WrongLines::none), wire, 60) == std::nullopt);
    CHECK(linear_time(WrongLines(WrongLines::quadratic), wire, 0.05) != std::nullopt);
    CHECK(linear_time(LineDecoder(), "a\nb\n").value_or("") == "the wire is 2 frames");
  }

  TEST_CASE("memory that follows an announced length fails") {
    std::size_t in_use = 0;
    const auto measure = [&] { return in_use += 2000; };
    CHECK(memory_follows_bytes(LineDecoder(), "abc", measure).value_or("") ==
          "3 bytes cost 2000 bytes of memory");
    CHECK(memory_follows_bytes(LineDecoder(), "abc", measure, 4000) == std::nullopt);
    CHECK(memory_follows_bytes(LineDecoder(), "a\n", measure).value_or("") ==
          "a frame was complete");
  }
}
