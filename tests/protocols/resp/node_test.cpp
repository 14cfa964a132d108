#include "protocols/resp/node.hpp"

#include "support/any_split.hpp"
#include "support/decoder_cost.hpp"
#include "support/resp.hpp"

using protocols::resp::NodeDecoder;
using protocols::resp::Version;

TEST_SUITE("resp node") {
  static void check(std::string_view wire, std::string_view expected) {
    check_any_split(NodeDecoder(), wire, expected);
  }

  static std::string repeated(std::string_view text, std::size_t times) {
    std::string all;
    for (; times > 0; --times) all += text;
    return all;
  }

  TEST_CASE("a byte that begins no type is refused at once") {
    check("?1\r\n", "error: bad-type at 0");
    check("@", "error: bad-type at 0");
    check("\r\n", "error: bad-type at 0");
    check(std::string_view("\0\r\n", 3), "error: bad-type at 0");
    check("GET a\r\n", "error: bad-type at 0");
    check(".\r\n", "error: bad-type at 0");
    check(";4\r\n", "error: bad-type at 0");
    check("+OK\r\n:1\r\n\xFF", "+[OK].1.error: bad-type at 9");
  }

  TEST_CASE("a decoder of version 2 refuses the types of version 3") {
    for (std::string_view type : {"_", "#", ",", "(", "!", "=", "%", "~", ">", "|"}) {
      check_any_split(NodeDecoder({.version = Version::resp2}), "+OK\r\n" + std::string(type),
                      "+[OK].error: bad-type at 5");
    }
    check_any_split(NodeDecoder({.version = Version::resp2}),
                    "*5\r\n+a\r\n-b\r\n:1\r\n$1\r\nc\r\n*-1\r\n", "*5( +[a] -[b] 1 $[c] null.");
  }

  TEST_CASE("a line that does not end in CR LF is refused") {
    check("+OK\n", "error: bad-line-end at 3");
    check("+a\nb\r\n", "error: bad-line-end at 2");
    check("+a\rb\r\n", "error: bad-line-end at 3");
    check("-\r\r\n", "error: bad-line-end at 2");
    check(":1\n", "error: bad-line-end at 2");
    check(":1\r\r\n", "error: bad-line-end at 3");
    check("_\n", "error: bad-line-end at 1");
    check("#t\n", "error: bad-line-end at 2");
    check("$5\nhello", "error: bad-line-end at 2");
    check("*1\rx", "error: bad-line-end at 3");
    check("$-1\n", "error: bad-line-end at 3");
  }

  TEST_CASE("an integer is a sign and digits of 64 bits") {
    check(":0\r\n:-0\r\n:+5\r\n:007\r\n:-1\r\n", "0.0.5.7.-1.");
    check(":9223372036854775807\r\n:-9223372036854775808\r\n",
          "9223372036854775807.-9223372036854775808.");
    check(":9223372036854775808\r\n", "error: bad-integer at 19");
    check(":-9223372036854775809\r\n", "error: bad-integer at 20");
    check(":18446744073709551617\r\n", "error: bad-integer at 20");
    check(":\r\n", "error: bad-integer at 1");
    check(":-\r\n", "error: bad-integer at 2");
    check(":+\r\n", "error: bad-integer at 2");
    check(":+-1\r\n", "error: bad-integer at 2");
    check(":--1\r\n", "error: bad-integer at 2");
    check(": 1\r\n", "error: bad-integer at 1");
    check(":1 \r\n", "error: bad-integer at 2");
    check(":1.0\r\n", "error: bad-integer at 2");
    check(":0x1\r\n", "error: bad-integer at 2");
    check(":1", "cut short");
    check(":1\r", "cut short");
  }

  TEST_CASE("a double has digits before and behind its point") {
    check(",0\r\n,-0\r\n,10\r\n,1.23\r\n,+1.5\r\n,-2.50\r\n", "0.-0.10.1.23.1.5.-2.5.");
    check(",1.5e-3\r\n,1E5\r\n,1e+2\r\n", "0.0015.1e+05.100.");
    check(",inf\r\n,-inf\r\n,nan\r\n", "inf.-inf.nan.");
    check(",1.7976931348623157e308\r\n,5e-324\r\n", "1.7976931348623157e+308.5e-324.");
    check(",\r\n", "error: bad-double at 1");
    check(",+\r\n", "error: bad-double at 2");
    check(",.\r\n", "error: bad-double at 1");
    check(",.5\r\n", "error: bad-double at 1");
    check(",5.\r\n", "error: bad-double at 3");
    check(",1.2.3\r\n", "error: bad-double at 4");
    check(",1e\r\n", "error: bad-double at 3");
    check(",1e+\r\n", "error: bad-double at 4");
    check(",1e1.5\r\n", "error: bad-double at 4");
    check(",e5\r\n", "error: bad-double at 1");
    check(", 1.5\r\n", "error: bad-double at 1");
    check(",0x1p3\r\n", "error: bad-double at 2");
    check(",1,5\r\n", "error: bad-double at 2");
    check(",+inf\r\n", "error: bad-double at 2");
    check(",-nan\r\n", "error: bad-double at 2");
    check(",INF\r\n", "error: bad-double at 1");
    check(",in\r\n", "error: bad-double at 3");
    check(",infinity\r\n", "error: bad-double at 4");
    check(std::string_view(",3.14\0\r\n", 8), "error: bad-double at 5");
  }

  TEST_CASE("a double that is too large is refused, and one that is too small is 0") {
    check(",1e309\r\n", "error: bad-double at 6");
    check(",-1e999999999999999999999\r\n", "error: bad-double at 25");
    check("," + repeated("9", 400) + "\r\n", "error: bad-double at 401");
    check("," + repeated("9", 400) + "e-10\r\n", "error: bad-double at 405");
    check(",1e-400\r\n,-1e-999999999999999999999\r\n", "0.-0.");
    check(",0." + repeated("0", 400) + "1\r\n", "0.");
    check("," + repeated("0", 400) + "\r\n", "0.");
  }

  TEST_CASE("a boolean is t or f, a null is empty, a big number has digits") {
    check("#t\r\n#f\r\n_\r\n", "true.false.null.");
    check("#\r\n", "error: bad-bool at 1");
    check("#T\r\n", "error: bad-bool at 1");
    check("#true\r\n", "error: bad-bool at 2");
    check("_x\r\n", "error: bad-null at 1");
    check("(123\r\n(-45\r\n(+6\r\n(007\r\n", "([123].([-45].([+6].([007].");
    check("(" + repeated("1234567890", 100) + "\r\n", "([" + repeated("1234567890", 100) + "].");
    check("(\r\n", "error: bad-bignum at 1");
    check("(-\r\n", "error: bad-bignum at 2");
    check("(1e5\r\n", "error: bad-bignum at 2");
    check("(1.5\r\n", "error: bad-bignum at 2");
  }

  TEST_CASE("strings may contain any byte, and CR LF follows them") {
    check(std::string_view("$6\r\na\0\r\n\xFF+\r\n", 12), std::string_view("$[a\0\r\n\xFF+].", 10));
    check("$0\r\n\r\n!3\r\nERR\r\n", "$[].![ERR].");
    check("$4\r\n\r\n\r\n\r\n", "$[\r\n\r\n].");
    check("$5\r\nhelloXX+OK\r\n", "error: bad-terminator at 9");
    check("$5\r\nhello\rX", "error: bad-terminator at 10");
    check("$5\r\nhell\r\n+", "error: bad-terminator at 9");
    check("$5\r\nhello", "cut short");
  }

  TEST_CASE("a length is digits, and -1 only where a version 2 peer sends null") {
    check("$-1\r\n*-1\r\n", "null.null.");
    check("$05\r\nhello\r\n", "$[hello].");
    for (std::string_view type : {"!", "=", "%", "~", ">", "|"}) {
      check(std::string(type) + "-1\r\n", "error: bad-length at 1");
    }
    check("$-2\r\n", "error: bad-length at 2");
    check("$-01\r\n", "error: bad-length at 2");
    check("$-\r\n", "error: bad-length at 2");
    check("$+5\r\nhello\r\n", "error: bad-length at 1");
    check("$\r\n", "error: bad-length at 1");
    check("*\n", "error: bad-length at 1");
    check("$0x5\r\n", "error: bad-length at 2");
    check("$ 5\r\n", "error: bad-length at 1");
    check("$?\r\n;4\r\nHell\r\n;0\r\n", "error: bad-length at 1");
    check("*?\r\n:1\r\n.\r\n", "error: bad-length at 1");
    check("$" + repeated("0", 32) + "\r\n\r\n", "$[].");
    check("$" + repeated("0", 33), "error: bad-length at 33");
  }

  TEST_CASE("a length beyond the limit is refused at its digit") {
    const NodeDecoder small({.max_bulk_bytes = 12, .max_elements = 3});
    check_any_split(small, "$12\r\n123456789012\r\n$13", "$[123456789012].error: too-large at 21");
    check_any_split(small, "*4", "error: too-large at 1");
    check_any_split(small, "%3\r\n", "%6( cut short");
    check_any_split(small, "%4\r\n", "error: too-large at 1");
    const NodeDecoder unlimited(
        {.max_bulk_bytes = SIZE_MAX, .max_elements = SIZE_MAX, .max_value_bytes = UINT64_MAX});
    check_any_split(unlimited, "$18446744073709551621\r\n", "error: too-large at 19");
    check_any_split(unlimited, "$9223372036854775807\r\n", "error: too-large at 19");
    check_any_split(unlimited, "%1152921504606846975\r\n", "%2305843009213693950( cut short");
  }

  TEST_CASE("a verbatim string begins with three characters and a colon") {
    check("=10\r\ntxt:LOLWUT\r\n=4\r\nmkd:\r\n", "txt=[LOLWUT].mkd=[].");
    check("=7\r\ntxtabcd\r\n", "error: bad-verbatim at 7");
    check("=3\r\ntxt\r\n", "error: bad-verbatim at 3");
    check("=0\r\n\r\n", "error: bad-verbatim at 3");
  }

  TEST_CASE("aggregates announce their elements, and a map two for each pair") {
    check("*0\r\n%0\r\n~0\r\n>0\r\n", "*0(.%0(.~0(.>0(.");
    check("*2\r\n*1\r\n:1\r\n$1\r\na\r\n", "*2( *1( 1 $[a].");
    check("%1\r\n+k\r\n~2\r\n:1\r\n*0\r\n:9\r\n", "%2( +[k] ~2( 1 *0(.9.");
    check(">2\r\n+message\r\n+hi\r\n", ">2( +[message] +[hi].");
    check("*2\r\n:1\r\n", "*2( 1 cut short");
    check("*1\r\n*1\r\n*1\r\n*0\r\n", "*1( *1( *1( *0(.");
  }

  TEST_CASE("an attribute is no element of the aggregate that it is in") {
    check("|1\r\n+ttl\r\n:3600\r\n*2\r\n:1\r\n|1\r\n+a\r\n*1\r\n:5\r\n:2\r\n",
          "|2( +[ttl] 3600 *2( 1 |2( +[a] *1( 5 2.");
    check("|0\r\n:1\r\n", "|0( 1.");
    check("|1\r\n+a\r\n+b\r\n", "|2( +[a] +[b] cut short");
  }

  TEST_CASE("aggregates nest as deep as the limit, and no deeper") {
    const NodeDecoder shallow({.max_depth = 2});
    check_any_split(shallow, "*1\r\n*1\r\n*1\r\n:1\r\n", "*1( *1( *1( 1.");
    check_any_split(shallow, "*1\r\n*1\r\n*1\r\n*1\r\n", "*1( *1( *1( error: too-deep at 15");
    check_any_split(shallow, "*1\r\n*1\r\n*1\r\n*0\r\n", "*1( *1( *1( error: too-deep at 15");
    check_any_split(shallow, "*1\r\n*1\r\n*1\r\n*-1\r\n", "*1( *1( *1( null.");
    check(repeated("*1\r\n", 5000), repeated("*1( ", 129) + "error: too-deep at 519");
  }

  TEST_CASE("a line and a whole value have a limit") {
    const NodeDecoder lines({.max_line_bytes = 4});
    check_any_split(lines, "+abcd\r\n:1234\r\n", "+[abcd].1234.");
    check_any_split(lines, "+abcde\r\n", "error: too-large at 5");
    check_any_split(lines, "(12345\r\n", "error: too-large at 5");
    const NodeDecoder values({.max_value_bytes = 14});
    check_any_split(values, "*2\r\n:1\r\n:345\r\n:1\r\n", "*2( 1 345.1.");
    check_any_split(values, "*2\r\n:1\r\n:3456\r\n", "*2( 1 error: too-large at 12");
    check_any_split(values, "*2\r\n:1\r\n+345\r\n", "*2( 1 +[345].");
    check_any_split(values, "*2\r\n:1\r\n+3456\r\n", "*2( 1 error: too-large at 12");
    check_any_split(values, "$8\r\n12345678\r\n", "$[12345678].");
    check_any_split(values, "$10\r\n", "error: too-large at 4");
    check_any_split(values, "*4\r\n", "error: too-large at 3");
  }

  TEST_CASE("whole values cost no allocation, and a long string costs linear time") {
    check_whole_frames_cost_no_allocation(NodeDecoder(), "+OK\r\n$2\r\nhi\r\n,1.5\r\n*0\r\n", 4);
    check_linear(NodeDecoder(), "$1048576\r\n" + std::string(1 << 20, 'x') + "\r\n");
    check_linear(NodeDecoder({.max_line_bytes = 1 << 20}),
                 "+" + std::string(1 << 20, 'x') + "\r\n");
    check_linear(NodeDecoder({.max_line_bytes = 1 << 20}),
                 "(" + std::string(1 << 20, '1') + "\r\n");
  }

  TEST_CASE("a length that is only announced costs under 1 KiB") {
    check_costs_under_1_kib(
        NodeDecoder({.max_bulk_bytes = SIZE_MAX, .max_value_bytes = UINT64_MAX}),
        "$4294967296\r\nx");
    NodeDecoder decoder;
    const std::ptrdiff_t before = allocations::live_bytes();
    decoder.feed(protocols::as_bytes("*1048576\r\n"));
    CHECK(count_frames(decoder) == 1);
    CHECK(allocations::live_bytes() - before < 1024);
  }
}
