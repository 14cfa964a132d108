#include "protocols/content_length_block.hpp"

#include "support/any_split.hpp"
#include "support/content_length_block.hpp"
#include "support/decoder_cost.hpp"
#include "support/round_trip.hpp"

using protocols::append_content_block;
using protocols::ContentLengthBlockDecoder;

TEST_SUITE("content_length_block") {
  static void check(std::string_view wire, std::string_view expected) {
    check_any_split(ContentLengthBlockDecoder(), wire, expected);
  }

  TEST_CASE("a header without one length is refused at the end of its line") {
    check("\r\n", "error: bad-content-length at 1");
    check("Content-Type: a\r\n\r\n", "error: bad-content-length at 18");
    check("Content-Length: 2\r\nContent-Length: 2\r\n\r\nhi", "error: bad-content-length at 37");
    for (std::string_view length : {"", "x", "-1", "+1", "1.0", "0x1", "1 2", "1,1", "1e3"}) {
      check("Content-Length: " + std::string(length) + "\r\n\r\nhi",
            "error: bad-content-length at " + std::to_string(17 + length.size()));
    }
  }

  TEST_CASE("a line that is no field is refused") {
    check("{\"jsonrpc\":", "error: bad-field-name at 0");
    check("Content-Length\r\n", "error: bad-field-name at 14");
    check(": 5\r\n", "error: bad-field-name at 0");
    check("Content-Length : 5\r\n", "error: bad-field-name at 14");
    check("A: 1\r\n Content-Length: 5\r\n", "error: bad-field-name at 6");
    check("Content-Length: 5\n", "error: bad-line-end at 17");
    check("Content-Length: 5\r\r\n", "error: bad-line-end at 18");
    check("Content-Length: 5\rX", "error: bad-line-end at 18");
    check(std::string_view("X: a\0b\r\n", 8), "error: bad-field-value at 4");
    check("Content-Type: a\r\nContent-Type: b\r\n", "error: bad-field-value at 33");
  }

  TEST_CASE("blocks are decoded wherever the stream is cut") {
    check(
        "Content-Length: 2\r\n\r\nhiContent-Length: 0\r\n\r\nContent-Length:5\r\n\r\n\r\n\r\n\xFF",
        "[|hi][|][|\r\n\r\n\xFF]");
    check("CONTENT-LENGTH:\t 2 \r\n\r\nhi", "[|hi]");
    check("Content-Type: application/vscode-jsonrpc; charset=utf-8\r\ncontent-length: 2\r\n\r\nhi",
          "[application/vscode-jsonrpc; charset=utf-8|hi]");
    check("X-Other: a:b\r\nContent-Length: 002\r\nEmpty:\r\n\r\nhi", "[|hi]");
    check("Content-Length: 5\r\n\r\nhell", "cut short");
    check("Content-Length: 5\r\n\r", "cut short");
    check("Content-Length: 5", "cut short");
  }

  TEST_CASE("limits are exact") {
    const ContentLengthBlockDecoder small({.max_header_bytes = 21, .max_content_bytes = 3});
    check_any_split(small, "Content-Length: 3\r\n\r\nabc", "[|abc]");
    check_any_split(small, "Content-Length: 4\r\n\r\nabcd", "error: too-large at 18");
    check_any_split(small, "Content-Length: 3 \r\n\r\nabc", "error: too-large at 21");
    check_any_split(small, "X: aaaaaaaaaaaaaaaaaaaaa", "error: too-large at 21");
    const ContentLengthBlockDecoder unlimited({.max_content_bytes = SIZE_MAX});
    check_any_split(unlimited, "Content-Length: 18446744073709551618\r\n\r\nhi",
                    "error: too-large at 37");
  }

  TEST_CASE("decoding restores what was encoded") {
    check_round_trip(
        ContentLengthBlockDecoder(),
        [](auto& out, std::string_view payload) {
          append_content_block(out, protocols::as_bytes(payload));
          return true;
        },
        longest_round_trip,
        [](std::string_view payload) {
          return describe(protocols::ContentBlock{{}, protocols::as_bytes(payload)});
        });
  }

  TEST_CASE("whole blocks cost no allocation, and a long one costs linear time") {
    check_whole_frames_cost_no_allocation(
        ContentLengthBlockDecoder(),
        "Content-Length: 2\r\n\r\nhiContent-Type: a\r\nContent-Length: 0\r\n\r\n", 2);
    check_linear(ContentLengthBlockDecoder(),
                 "Content-Length: 1048576\r\n\r\n" + std::string(1 << 20, 'x'));
    check_linear(ContentLengthBlockDecoder({.max_header_bytes = 1 << 21}),
                 "X: " + std::string(1 << 20, 'x') + "\r\nContent-Length: 0\r\n\r\n");
  }

  TEST_CASE("a length that is only announced costs under 1 KiB") {
    check_costs_under_1_kib(ContentLengthBlockDecoder({.max_content_bytes = SIZE_MAX}),
                            "Content-Length: 4294967296\r\n\r\nabc");
  }
}
