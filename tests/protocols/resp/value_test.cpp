#include "protocols/resp/value.hpp"

#include "support/any_split.hpp"
#include "support/decoder_cost.hpp"
#include "support/resp.hpp"

using protocols::resp::Type;
using protocols::resp::Value;
using protocols::resp::ValueDecoder;
using protocols::resp::Version;

TEST_SUITE("resp value") {
  static void check(std::string_view wire, std::string_view expected) {
    check_any_split(ValueDecoder(), wire, expected);
  }

  TEST_CASE("whole values before an error are delivered, and no part of one") {
    check("+A\r\n:1\r\n@", "+[A]1error: bad-type at 8");
    check("*2\r\n:1\r\n@", "error: bad-type at 8");
    check("*2\r\n*1\r\n:1\r\n", "cut short");
    check("%1\r\n+k\r\n", "cut short");
  }

  TEST_CASE("values contain what was in their aggregates, wherever the stream is cut") {
    check("*2\r\n*3\r\n:1\r\n:2\r\n:3\r\n$3\r\nFoo\r\n", "*(*(1 2 3) $[Foo])");
    check("%1\r\n%1\r\n:1\r\n:2\r\n~0\r\n", "%(%(1 2) ~())");
    check("*3\r\n$-1\r\n*-1\r\n_\r\n*0\r\n", "*(null null null)*()");
    check(">3\r\n+message\r\n+ch\r\n=6\r\ntxt:hi\r\n", ">(+[message] +[ch] txt=[hi])");
    check("~3\r\n#t\r\n,1.5\r\n(-7\r\n", "~(true 1.5 ([-7])");
  }

  TEST_CASE("attributes belong to the value behind them") {
    check("|1\r\n+ttl\r\n:3600\r\n$1\r\na\r\n", "|(+[ttl] 3600)$[a]");
    check("*2\r\n:1\r\n|1\r\n+a\r\n*1\r\n:5\r\n*1\r\n:2\r\n", "*(1 |(+[a] *(5))*(2))");
    check("|1\r\n+a\r\n:1\r\n|1\r\n+b\r\n:2\r\n+x\r\n+y\r\n", "|(+[a] 1 +[b] 2)+[x]+[y]");
    check("|0\r\n:1\r\n", "1");
    check("|1\r\n+a\r\n|1\r\n+b\r\n:2\r\n:1\r\n+x\r\n", "|(+[a] |(+[b] 2)1)+[x]");
    // redis/memtier_benchmark, pull request 435: the reply behind such a push was lost.
    check(">2\r\n|1\r\n+a\r\n:1\r\n+message\r\n+x\r\n:5\r\n", ">(|(+[a] 1)+[message] +[x])5");
    check("|1\r\n+a\r\n+b\r\n", "cut short");
  }

  TEST_CASE("the value of a key is found in a map, and in the array that stands for one") {
    for (const char* wire : {"%2\r\n+proto\r\n:3\r\n$4\r\nrole\r\n+master\r\n",
                             "*4\r\n+proto\r\n:3\r\n$4\r\nrole\r\n+master\r\n"}) {
      ValueDecoder decoder;
      decoder.feed(protocols::as_bytes(wire));
      const auto reply = decoder.next();
      REQUIRE(reply);
      REQUIRE(reply->find("proto"));
      CHECK(reply->find("proto")->integer == 3);
      CHECK(reply->find("role")->text == "master");
      CHECK(reply->find("master") == nullptr);
      CHECK(reply->find("") == nullptr);
    }
    CHECK(Value{}.find("x") == nullptr);
  }

  TEST_CASE("an error may be a line or a bulk string") {
    ValueDecoder decoder;
    decoder.feed(protocols::as_bytes("-ERR a\r\n!5\r\nERR b\r\n+ERR c\r\n"));
    CHECK(decoder.next()->is_error());
    CHECK(decoder.next()->is_error());
    CHECK_FALSE(decoder.next()->is_error());
  }

  TEST_CASE("a long array costs linear time, and one that is only announced under 1 KiB") {
    std::string wire = "*250000\r\n";
    for (int i = 0; i < 250'000; ++i) wire += ":1\r\n";
    check_linear(ValueDecoder(), wire);
    check_costs_under_1_kib(ValueDecoder(), "*1048576\r\n:1\r\n");
    check_costs_under_1_kib(ValueDecoder(), "*1048576\r\n*1048576\r\n");
  }

  TEST_CASE("nothing of an unfinished value is kept behind an error") {
    ValueDecoder decoder;
    const std::ptrdiff_t before = allocations::live_bytes();
    decoder.feed(protocols::as_bytes("*3\r\n$40\r\n0123456789012345678901234567890123456789\r\n@"));
    CHECK_FALSE(decoder.next());
    CHECK(decoder.error());
    CHECK(allocations::live_bytes() - before < 512);
  }
}
