#include "protocols/resp/encoder.hpp"

#include <limits>

#include "support/any_split.hpp"
#include "support/resp.hpp"

using protocols::resp::Encoder;
using protocols::resp::Type;
using protocols::resp::Value;
using protocols::resp::ValueDecoder;
using protocols::resp::Version;

TEST_SUITE("resp encoder") {
  template <class Write>
  static std::string written(Version version, Write write) {
    std::vector<std::byte> out;
    Encoder encoder(out, version);
    write(encoder);
    return std::string(protocols::as_text(out));
  }

  static void write_all(Encoder & out) {
    CHECK(out.simple("OK"));
    out.error("ERR no");
    out.integer(std::numeric_limits<std::int64_t>::min());
    out.bulk("a\r\nb");
    out.bulk("");
    out.null();
    out.boolean(true);
    out.boolean(false);
    out.real(1.5);
    CHECK(out.big_number("-123"));
    CHECK(out.verbatim("txt", "hi"));
    out.begin(Type::map, 1);
    out.begin(Type::set, 0);
    out.begin(Type::push, 0);
    out.bulk_error("ERR\n");
  }

  TEST_CASE("a text that its type cannot have is refused, and nothing is written") {
    CHECK(written(Version::resp3, [](Encoder& out) {
            CHECK_FALSE(out.simple("a\nb"));
            CHECK_FALSE(out.simple("a\r"));
            CHECK_FALSE(out.big_number(""));
            CHECK_FALSE(out.big_number("+"));
            CHECK_FALSE(out.big_number("1-"));
            CHECK_FALSE(out.verbatim("text", "hi"));
          }) == "");
    CHECK(written(Version::resp3, [](Encoder& out) { out.error("ERR a\r\nb"); }) ==
          "-ERR a  b\r\n");
  }

  TEST_CASE("each type is written as version 3 defines it") {
    CHECK(written(Version::resp3, write_all) ==
          "+OK\r\n-ERR no\r\n:-9223372036854775808\r\n$4\r\na\r\nb\r\n$0\r\n\r\n_\r\n#t\r\n#f\r\n"
          ",1.5\r\n(-123\r\n=6\r\ntxt:hi\r\n%1\r\n~0\r\n>0\r\n!4\r\nERR\n\r\n");
  }

  TEST_CASE("in version 2 each type becomes what redis-server makes of it") {
    CHECK(written(Version::resp2, write_all) ==
          "+OK\r\n-ERR no\r\n:-9223372036854775808\r\n$4\r\na\r\nb\r\n$0\r\n\r\n$-1\r\n:1\r\n:0\r\n"
          "$3\r\n1.5\r\n$4\r\n-123\r\n$2\r\nhi\r\n*2\r\n*0\r\n*0\r\n-ERR \r\n");
  }

  TEST_CASE("a double is written with the digits that restore it") {
    for (double value : {0.0, -0.0, 0.1, 1e300, 5e-324, 3.141592653589793, 10.0, -1e-7}) {
      const std::string wire = written(Version::resp3, [&](Encoder& out) { out.real(value); });
      ValueDecoder decoder;
      decoder.feed(protocols::as_bytes(wire));
      const auto read = decoder.next();
      REQUIRE(read);
      CHECK(read->real == value);
    }
    CHECK(written(Version::resp3, [](Encoder& out) {
            out.real(std::numeric_limits<double>::infinity());
            out.real(-std::numeric_limits<double>::infinity());
            out.real(std::numeric_limits<double>::quiet_NaN());
          }) == ",inf\r\n,-inf\r\n,nan\r\n");
  }

  TEST_CASE("a tree is written as it was read") {
    const std::string wire =
        "|1\r\n+ttl\r\n:3\r\n*9\r\n+a\r\n-b\r\n:1\r\n$1\r\nc\r\n_\r\n#t\r\n,0.5\r\n(7\r\n"
        "%1\r\n=5\r\ntxt:d\r\n~1\r\n|1\r\n+x\r\n+y\r\n!1\r\ne\r\n";
    ValueDecoder decoder;
    decoder.feed(protocols::as_bytes(wire));
    const auto tree = decoder.next();
    REQUIRE(tree);
    CHECK(written(Version::resp3, [&](Encoder& out) { CHECK(out.value(*tree)); }) == wire);
    CHECK(written(Version::resp2, [&](Encoder& out) { CHECK_FALSE(out.value(*tree)); }) == "");
  }

  TEST_CASE("a tree without an encoding is refused, and nothing of it is written") {
    const auto check_refused = [](const Value& inner) {
      Value tree{.type = Type::array, .elements = {Value{.type = Type::integer}, inner}};
      CHECK(written(Version::resp3, [&](Encoder& out) { CHECK_FALSE(out.value(tree)); }) == "");
    };
    check_refused({.type = Type::simple, .text = "a\n"});
    check_refused({.type = Type::map, .elements = {Value{}}});
    check_refused({.type = Type::attribute});
    check_refused({.type = Type::null, .attributes = {Value{}}});
    check_refused({.type = Type::big_number, .text = "x"});
    check_refused({.type = static_cast<Type>('?')});
  }
}
