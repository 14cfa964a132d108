#include "protocols/netstring.hpp"

#include "support/any_split.hpp"
#include "support/decoder_cost.hpp"
#include "support/round_trip.hpp"

using protocols::append_netstring;
using protocols::NetstringDecoder;

TEST_SUITE("netstring") {
  static std::string encoded(std::string_view payload) {
    std::vector<std::byte> out;
    append_netstring(out, protocols::as_bytes(payload));
    return std::string(protocols::as_text(out));
  }

  TEST_CASE("strings are decoded the same wherever the stream is cut") {
    check_any_split(NetstringDecoder(), "12:hello world!,0:,7:3:abc,\n,",
                    "[hello world!][][3:abc,\n]");
  }

  TEST_CASE("a stream that ends anywhere inside a netstring is truncated") {
    for (std::string_view wire : {"1", "12", "12:", "2:h", "2:hi", "0", "0:"}) {
      check_any_split(NetstringDecoder(), wire, "cut short");
    }
  }

  TEST_CASE("an invalid length is refused at its first wrong byte") {
    check_any_split(NetstringDecoder(), ":hi,", "error: bad-length at 0");
    check_any_split(NetstringDecoder(), "3:abc,x", "[abc]error: bad-length at 6");
    check_any_split(NetstringDecoder(), "5.0:", "error: bad-length at 1");
    check_any_split(NetstringDecoder(), "-1:", "error: bad-length at 0");
    check_any_split(NetstringDecoder(), " 1:", "error: bad-length at 0");
    check_any_split(NetstringDecoder(), "00:,", "error: leading-zero at 1");
    check_any_split(NetstringDecoder(), "05:", "error: leading-zero at 1");
    check_any_split(NetstringDecoder(), "0x1:", "error: bad-length at 1");
  }

  TEST_CASE("a string without its comma is refused") {
    check_any_split(NetstringDecoder(), "3:hello,", "error: missing-comma at 5");
    check_any_split(NetstringDecoder(), "0:x", "error: missing-comma at 2");
  }

  TEST_CASE("a length is refused at the digit that makes it too large") {
    const NetstringDecoder up_to_12({.max_payload_bytes = 12});
    check_any_split(up_to_12, "12:123456789012,13:", "[123456789012]error: too-large at 17");
    check_any_split(up_to_12, "20:", "error: too-large at 1");
    check_any_split(up_to_12, "100:", "error: too-large at 2");
    check_any_split(NetstringDecoder({.max_payload_bytes = 3}), "4:", "error: too-large at 0");
    check_any_split(NetstringDecoder({.max_payload_bytes = 0}), "0:,1:", "[]error: too-large at 3");
    const NetstringDecoder unlimited({.max_payload_bytes = SIZE_MAX});
    check_any_split(unlimited, "18446744073709551621:", "error: too-large at 19");
    check_any_split(unlimited, "18446744073709551615:x", "error: too-large at 19");
    check_any_split(unlimited, "18446744073709551594:x", "error: too-large at 19");
    check_any_split(unlimited, "18446744073709551583:x", "cut short");
  }

  TEST_CASE("the encoder writes the wire format, and decoding restores what was encoded") {
    CHECK(encoded("hello world!") == "12:hello world!,");
    CHECK(encoded("") == "0:,");
    check_round_trip(NetstringDecoder(), [](auto& out, std::string_view payload) {
      append_netstring(out, protocols::as_bytes(payload));
      return true;
    });
  }

  TEST_CASE("whole frames cost no allocation, and a long frame costs linear time") {
    check_whole_frames_cost_no_allocation(NetstringDecoder(), "2:hi,0:,", 2);
    check_linear(NetstringDecoder(), encoded(std::string(1 << 20, 'x')));
  }

  TEST_CASE("a peer that announces 4 GiB and sends ten bytes costs under 1 KiB") {
    check_costs_under_1_kib(NetstringDecoder({.max_payload_bytes = SIZE_MAX}), "4294967296:x");
  }
}
