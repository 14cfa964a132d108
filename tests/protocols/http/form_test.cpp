#include "protocols/http/form.hpp"

#include <doctest/doctest.h>

#include <string>

using protocols::http::decode_form;
using protocols::http::NamedValues;

TEST_SUITE("decode_form") {
  TEST_CASE("incorrect escapes stay, and nothing is decoded twice") {
    CHECK(decode_form("a=%&b=%4&c=%zz&d=%%41") ==
          NamedValues{{"a", "%"}, {"b", "%4"}, {"c", "%zz"}, {"d", "%A"}});
    CHECK(decode_form("a=%2541") == NamedValues{{"a", "%41"}});
    CHECK(decode_form("%00=%0d%0A") == NamedValues{{std::string(1, '\0'), "\r\n"}});
  }

  TEST_CASE("names and values are separated before they are decoded") {
    CHECK(decode_form("a%26b=c%3Dd&e=f=g&&h&=i&a+b=c+d") ==
          NamedValues{{"a&b", "c=d"}, {"e", "f=g"}, {"h", ""}, {"", "i"}, {"a b", "c d"}});
    CHECK(decode_form("").empty());
    CHECK(decode_form("&").empty());
  }
}
