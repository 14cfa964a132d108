#include "protocols/resp/request.hpp"

#include "support/any_split.hpp"
#include "support/decoder_cost.hpp"
#include "support/resp.hpp"
#include "support/round_trip.hpp"

using protocols::resp::append_request;

TEST_SUITE("resp request") {
  using protocols::resp::RequestDecoder;

  static void check(std::string_view wire, std::string_view expected) {
    check_any_split(RequestDecoder(), wire, expected);
  }

  TEST_CASE("a malformed request is refused at its first wrong byte") {
    check("*1\r\n:1\r\n", "error: bad-type at 4");
    check("*1\r\n*1\r\n", "error: bad-type at 4");
    check("*1\r\n$-1\r\n", "error: bad-length at 5");
    check("*x\r\n", "error: bad-length at 1");
    check("*-2\r\n", "error: bad-length at 2");
    check("*\r\n", "error: bad-length at 1");
    check("*1\r\n$x", "error: bad-length at 5");
    check("*1\r\n$3\r\nabcd\r\n", "error: bad-terminator at 11");
    check("*1\r\n$3\r\nGET\r\n*1\n", "<[GET]>error: bad-line-end at 15");
    check("*2\r\n$3\r\nGET\r\n", "cut short");
    check("*1\r\n$3\r\nGE", "cut short");
  }

  TEST_CASE("requests are decoded wherever the stream is cut") {
    check("*2\r\n$3\r\nGET\r\n$1\r\na\r\n*1\r\n$4\r\nPING\r\n", "<[GET][a]><[PING]>");
    check("*3\r\n$3\r\nSET\r\n$0\r\n\r\n$4\r\n\r\n\r\n\r\n", "<[SET][][\r\n\r\n]>");
    check("*0\r\n*-1\r\n*1\r\n$4\r\nPING\r\n", "<[PING]>");
  }

  TEST_CASE("a line of words is a request") {
    check("PING\r\nGET a\nSET  a \t b\r\n", "<[PING]><[GET][a]><[SET][a][b]>");
    check("\r\n\n  \r\nPING\r\n", "<[PING]>");
    check(R"(SET "a b" 'c "d"' "\x41\n\"\q" "" x"y")"
          "\r\n",
          "<[SET][a b][c \"d\"][A\n\"q][][xy]>");
    check(R"(A 'it\'s' '\n' "\xZZ")"
          "\n",
          "<[A][it's][\\n][xZZ]>");
    check("PING", "cut short");
    check("PING\r\n*1\r\n$4\r\nPING\r\nPING\r\n", "<[PING]><[PING]><[PING]>");
  }

  TEST_CASE("quotes that are not balanced are refused at the end of their line") {
    check("GET \"a\r\n", "error: bad-quotes at 7");
    check("GET 'a\r\n", "error: bad-quotes at 7");
    check("GET \"a\"b\r\n", "error: bad-quotes at 9");
    check("GET 'a'b\n", "error: bad-quotes at 8");
    check("GET \"a\\\n", "error: bad-quotes at 7");
    check("GET '\\'\n", "error: bad-quotes at 7");
  }

  TEST_CASE("a server may refuse lines") {
    check_any_split(RequestDecoder({.accept_inline = false}), "GET a\r\n", "error: bad-type at 0");
  }

  TEST_CASE("limits are exact") {
    const RequestDecoder small(
        {.max_bulk_bytes = 4, .max_words = 2, .max_request_bytes = 24, .max_inline_bytes = 5});
    check_any_split(small, "*2\r\n$4\r\nabcd\r\n$4\r\nabcd\r\n", "<[abcd][abcd]>");
    check_any_split(small, "*3", "error: too-large at 1");
    check_any_split(small, "*1\r\n$5", "error: too-large at 5");
    check_any_split(small, "a b c\r\na b c\n", "<[a][b][c]><[a][b][c]>");
    check_any_split(small, "a b cd\r\n", "error: too-large at 5");
    check_any_split(small, "a b c\rd", "error: too-large at 6");
    const RequestDecoder tiny({.max_request_bytes = 23});
    check_any_split(tiny, "*2\r\n$4\r\nabcd\r\n$4\r\nabcd\r\n", "error: too-large at 17");
    check_any_split(tiny, "*4\r\n", "error: too-large at 3");
    const RequestDecoder unlimited({.max_bulk_bytes = SIZE_MAX,
                                    .max_words = SIZE_MAX,
                                    .max_request_bytes = SIZE_MAX,
                                    .max_inline_bytes = SIZE_MAX});
    check_any_split(unlimited, "*1\r\n$18446744073709551615", "error: too-large at 23");
    check_any_split(unlimited, "*18446744073709551615", "error: too-large at 19");
    check_any_split(unlimited, "PING\r\n", "<[PING]>");
  }

  TEST_CASE("decoding restores what was encoded") {
    check_round_trip(
        RequestDecoder(),
        [](auto& out, std::string_view payload) {
          append_request(out, {"SET", payload, payload.substr(payload.size() / 2)});
          return true;
        },
        longest_round_trip,
        [](std::string_view payload) {
          const std::string_view words[] = {"SET", payload, payload.substr(payload.size() / 2)};
          return describe(protocols::resp::Request{words});
        });
  }

  TEST_CASE("requests cost no allocation once one of their size was decoded") {
    const std::string wire = "*2\r\n$3\r\nGET\r\n$1\r\na\r\nPING hello\r\n";
    RequestDecoder decoder;
    decoder.feed(protocols::as_bytes(wire));
    CHECK(count_frames(decoder) == 2);
    const std::size_t before = allocations::count();
    for (int i = 0; i < 10; ++i) {
      decoder.feed(protocols::as_bytes(wire));
      CHECK(count_frames(decoder) == 2);
    }
    CHECK(allocations::count() == before);
  }

  TEST_CASE("a long request costs linear time, and its memory is given back") {
    std::string many = "*65536\r\n";
    for (int i = 0; i < 65536; ++i) many += "$1\r\nx\r\n";
    check_linear(RequestDecoder(), many);
    check_linear(RequestDecoder(), "*1\r\n$1048576\r\n" + std::string(1 << 20, 'x') + "\r\n");
    check_linear(RequestDecoder({.max_inline_bytes = 1 << 20}), std::string(1 << 20, 'x') + "\n");

    RequestDecoder decoder;
    const std::ptrdiff_t before = allocations::live_bytes();
    decoder.feed(protocols::as_bytes(many));
    CHECK(count_frames(decoder) == 1);
    decoder.feed(protocols::as_bytes("PING\r\n"));
    CHECK(count_frames(decoder) == 1);
    CHECK(allocations::live_bytes() - before < 4096);
  }

  TEST_CASE("words that are only announced cost under 1 KiB") {
    check_costs_under_1_kib(RequestDecoder(), "*65536\r\n$1000000\r\nabc");
  }
}
