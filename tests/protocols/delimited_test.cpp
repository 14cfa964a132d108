#include "protocols/delimited.hpp"

#include "support/any_split.hpp"
#include "support/decoder_cost.hpp"
#include "support/round_trip.hpp"

using protocols::Delimited;
using protocols::DelimitedDecoder;

TEST_SUITE("delimited") {
  static std::string encoded(std::string_view content, const Delimited& format) {
    std::vector<std::byte> out;
    return append_delimited(out, protocols::as_bytes(content), format)
               ? std::string(protocols::as_text(out))
               : "refused";
  }

  TEST_CASE("frames end at the delimiter, wherever the stream is cut") {
    check_any_split(DelimitedDecoder({.delimiters = {";"}}), "a;bc;;d", "[a][bc][]cut short");
    check_any_split(DelimitedDecoder({.delimiters = {"\r\n\r\n"}}), "h1\r\nh2\r\n\r\nb\r\n\r\n",
                    "[h1\r\nh2][b]");
  }

  TEST_CASE("an unstripped frame keeps its delimiter") {
    check_any_split(DelimitedDecoder({.delimiters = {"END", "\n"}, .strip = false}), "aENDb\nEND",
                    "[aEND][b\n][END]");
  }

  TEST_CASE("a partial delimiter that does not continue may contain the start of a real one") {
    check_any_split(DelimitedDecoder({.delimiters = {"aab"}}), "xaaabyaab", "[xa][y]");
    check_any_split(DelimitedDecoder({.delimiters = {"abab"}}), "1ababab2abab", "[1][ab2]");
    check_any_split(DelimitedDecoder({.delimiters = {"--boundary"}}), "-----bound--boundary",
                    "[-----bound]");
  }

  TEST_CASE("with several delimiters, the one that begins first ends the frame") {
    check_any_split(DelimitedDecoder({.delimiters = {"\r\n", "\n"}}), "a\r\nb\nc\r\n", "[a][b][c]");
    check_any_split(DelimitedDecoder({.delimiters = {"\n", "\r\n"}}), "a\r\nb\nc\r\n", "[a][b][c]");
    check_any_split(DelimitedDecoder({.delimiters = {"b", "abc"}}), "xabcxab!", "[x][xa]cut short");
    check_any_split(DelimitedDecoder({.delimiters = {"b", "abc"}}), "xab", "cut short");
  }

  TEST_CASE("if several delimiters begin at the same byte, the shortest ends the frame") {
    check_any_split(DelimitedDecoder({.delimiters = {"ab", "a"}}), "xabx", "[x]cut short");
  }

  TEST_CASE("the longest allowed frame passes, and the delimiter does not count") {
    check_any_split(DelimitedDecoder({.delimiters = {"--"}, .max_frame_bytes = 2}), "ab--a---",
                    "[ab][a]cut short");
    check_any_split(DelimitedDecoder({.delimiters = {"-"}, .max_frame_bytes = 0}), "--", "[][]");
    check_any_split(DelimitedDecoder({.delimiters = {"-"}, .max_frame_bytes = SIZE_MAX}), "a-",
                    "[a]");
  }

  TEST_CASE(
      "a frame is refused at the first byte after which no delimiter can begin within the limit") {
    const DelimitedDecoder up_to_2({.delimiters = {"--"}, .max_frame_bytes = 2});
    check_any_split(up_to_2, "a--abc", "[a]error: too-large at 5");
    check_any_split(up_to_2, "ab-", "cut short");
    check_any_split(up_to_2, "ab-c", "error: too-large at 3");
    check_any_split(up_to_2, "a-b", "error: too-large at 2");
    const DelimitedDecoder boundary({.delimiters = {"x", "--boundary"}, .max_frame_bytes = 2});
    check_any_split(boundary, "ab--bound--boundary", "error: too-large at 9");
  }

  TEST_CASE("a frame is refused only once it is certain where the previous one ended") {
    const Delimited format{.delimiters = {";", "a;bcde"}, .max_frame_bytes = 2};
    check_any_split(DelimitedDecoder(format), "xa;bcd!!", "[xa]error: too-large at 6");
    check_any_split(DelimitedDecoder(format), "xa;bcde!;", "[x][!]");
    check_any_split(DelimitedDecoder(format), "xa;b;d!!", "[xa][b]error: too-large at 7");
    const Delimited more{.delimiters = {";", "a;b;cdef"}, .max_frame_bytes = 2};
    check_any_split(DelimitedDecoder(more), "xa;b;cdeX", "[xa][b]error: too-large at 8");
  }

  TEST_CASE("the encoder refuses content that contains a delimiter") {
    CHECK(encoded("ab", {.delimiters = {"--", "\n"}}) == "ab--");
    CHECK(encoded("a-", {.delimiters = {"--"}}) == "refused");
    CHECK(encoded("x\r", {.delimiters = {"\r\n"}}) == "x\r\r\n");
    CHECK(encoded("x-", {.delimiters = {"--"}}) == "refused");
    CHECK(encoded("a--b", {.delimiters = {"--"}}) == "refused");
    CHECK(encoded("a\nb", {.delimiters = {"--", "\n"}}) == "refused");
    CHECK(encoded("abc", {.delimiters = {"--"}, .max_frame_bytes = 2}) == "refused");
  }

  TEST_CASE("decoding restores what was encoded") {
    for (const Delimited& format :
         {Delimited{.delimiters = {"\r\n"}}, Delimited{.delimiters = {"\xC0\xC0\xDB", ",,"}}}) {
      check_round_trip(
          DelimitedDecoder(format),
          [&](auto& out, std::string_view payload) {
            return append_delimited(out, protocols::as_bytes(payload), format);
          },
          100);
    }
  }

  TEST_CASE("whole frames cost no allocation, and a long frame costs linear time") {
    check_whole_frames_cost_no_allocation(DelimitedDecoder({.delimiters = {"--"}}), "a--b--", 2);
    const Delimited format{.delimiters = {"\r\n\r\n"}, .max_frame_bytes = 2 << 20};
    std::string almost;
    while (almost.size() < 1 << 20) almost += "\r\n\rx";
    check_linear(DelimitedDecoder(format), almost + "\r\n\r\n");
  }
}
