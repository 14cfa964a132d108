#include "protocols/fixed.hpp"

#include "support/any_split.hpp"
#include "support/decoder_cost.hpp"
#include "support/round_trip.hpp"

using protocols::append_fixed;
using protocols::FixedDecoder;

TEST_SUITE("fixed") {
  TEST_CASE("a stream is cut into frames of one size") {
    check_any_split(FixedDecoder({.frame_bytes = 3}), "abcdefghi", "[abc][def][ghi]");
    check_any_split(FixedDecoder({.frame_bytes = 1}), "abc", "[a][b][c]");
    check_any_split(FixedDecoder({.frame_bytes = 3}), "", "");
  }

  TEST_CASE("an incomplete frame is truncated") {
    check_any_split(FixedDecoder({.frame_bytes = 3}), "abcd", "[abc]cut short");
  }

  TEST_CASE("decoding restores what was encoded, and the encoder refuses a frame of another size") {
    check_round_trip(
        FixedDecoder({.frame_bytes = 2}),
        [](auto& wire, std::string_view payload) {
          return append_fixed(wire, protocols::as_bytes(payload), {.frame_bytes = 2});
        },
        2);
  }

  TEST_CASE("whole frames cost no allocation, and a long frame costs linear time") {
    check_whole_frames_cost_no_allocation(FixedDecoder({.frame_bytes = 3}), "abcdef", 2);
    check_linear(FixedDecoder({.frame_bytes = 1 << 20}), std::string(1 << 20, 'x'));
  }
}
