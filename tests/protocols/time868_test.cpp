#include "protocols/time868.hpp"

#include <doctest/doctest.h>

#include <string>

using protocols::as_bytes;
using protocols::as_text;
using protocols::decode_time868;
using protocols::encode_time868;
using std::chrono::seconds;
using std::chrono::sys_seconds;

TEST_SUITE("time868") {
  TEST_CASE("only four bytes are a time") {
    const std::string bytes(8, '\xFF');
    for (std::size_t size = 0; size <= bytes.size(); ++size) {
      CHECK(decode_time868(as_bytes(std::string_view(bytes).substr(0, size))).has_value() ==
            (size == 4));
    }
  }

  TEST_CASE("the examples of RFC 868, and the end of the era") {
    struct Known {
      std::int64_t unix_seconds;
      std::string_view wire;
    };
    const Known known[] = {
        {0, {"\x83\xAA\x7E\x80", 4}},              // 2,208,988,800 is 1970-01-01
        {189'302'400, {"\x8E\xF3\x05\x00", 4}},    // 2,398,291,200 is 1976-01-01
        {2'085'978'495, {"\xFF\xFF\xFF\xFF", 4}},  // the last second of the first era
        {2'085'978'496, {"\0\0\0\0", 4}},
    };
    for (const Known& one : known) {
      CAPTURE(one.unix_seconds);
      const sys_seconds time{seconds(one.unix_seconds)};
      CHECK(as_text(encode_time868(time)) == one.wire);
      CHECK(decode_time868(as_bytes(one.wire)) == time);
    }
  }
}
