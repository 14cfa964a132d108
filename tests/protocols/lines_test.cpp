#include "protocols/lines.hpp"

#include "support/any_split.hpp"
#include "support/decoder_cost.hpp"
#include "support/round_trip.hpp"

using protocols::append_line;
using protocols::LineDecoder;
using protocols::LineEnd;

TEST_SUITE("lines") {
  static std::string encoded(std::string_view text, LineEnd end) {
    std::vector<std::byte> wire;
    return append_line(wire, text, end) ? std::string(protocols::as_text(wire)) : "refused";
  }

  TEST_CASE("lines are decoded the same wherever the stream is cut") {
    check_any_split(LineDecoder(), "hi\n\nthere\n", "[hi][][there]");
    check_any_split(LineDecoder(), "", "");
  }

  TEST_CASE("a CR directly before the LF belongs to the line end, any other CR is text") {
    check_any_split(LineDecoder(), "a\r\nb\rc\n\r\n\r\r\nd\r", "[a][b\rc][][\r]cut short");
    check_any_split(LineDecoder({.accept_crlf = false}), "a\r\nb\n", "[a\r][b]");
  }

  TEST_CASE("unstripped lines keep their line end") {
    check_any_split(LineDecoder({.strip = false}), "a\nb\r\n\n", "[a\n][b\r\n][\n]");
  }

  TEST_CASE("bytes that only look like line ends are text") {
    check_any_split(LineDecoder(), std::string_view("a\0b\v\f\xC2\x85\n", 8),
                    std::string_view("[a\0b\v\f\xC2\x85]", 9));
  }

  TEST_CASE("a stream that ends without a line end is truncated") {
    check_any_split(LineDecoder(), "hi\nthe", "[hi]cut short");
  }

  TEST_CASE("the longest allowed line passes with either line end") {
    check_any_split(LineDecoder({.max_line_bytes = 3}), "abc\nabc\r\n", "[abc][abc]");
    check_any_split(LineDecoder({.max_line_bytes = 0}), "\n\r\n", "[][]");
  }

  TEST_CASE("a line is refused at the first byte that cannot belong to its line end") {
    const LineDecoder up_to_3({.max_line_bytes = 3});
    check_any_split(up_to_3, "ok\nabcd", "[ok]error: too-large at 6");
    check_any_split(up_to_3, "abcd\nok\n", "error: too-large at 3");
    check_any_split(up_to_3, "abc\rd\n", "error: too-large at 4");
    check_any_split(up_to_3, "abc\r\r\n", "error: too-large at 4");
    check_any_split(up_to_3, "abc\r", "cut short");
    check_any_split(LineDecoder({.max_line_bytes = 3, .accept_crlf = false}), "abc\r\n",
                    "error: too-large at 3");
  }

  TEST_CASE("the largest value of the type as a limit means no limit") {
    check_any_split(LineDecoder({.max_line_bytes = SIZE_MAX}), "abc\r\nd\n", "[abc][d]");
  }

  TEST_CASE("the encoder writes one line and refuses text that would become more") {
    CHECK(encoded("hi", LineEnd::lf) == "hi\n");
    CHECK(encoded("hi\r", LineEnd::crlf) == "hi\r\r\n");
    CHECK(encoded("", LineEnd::crlf) == "\r\n");
    CHECK(encoded("hi\r", LineEnd::lf) == "refused");
    CHECK(encoded("a\nb", LineEnd::crlf) == "refused");
  }

  TEST_CASE("decoding restores what was encoded") {
    for (LineEnd end : {LineEnd::lf, LineEnd::crlf}) {
      check_round_trip(LineDecoder(), [end](auto& out, std::string_view text) {
        return append_line(out, text, end);
      });
    }
  }

  TEST_CASE("whole lines cost no allocation, and a long line costs linear time") {
    check_whole_frames_cost_no_allocation(LineDecoder(), "a\nb\r\n", 2);
    check_linear(LineDecoder({.max_line_bytes = 2 << 20}), std::string(1 << 20, 'x') + "\n");
  }
}
