#include "protocols/integer.hpp"

#include <doctest/doctest.h>

using protocols::append_integer;
using protocols::append_varint;
using protocols::as_bytes;
using protocols::read_integer;
using protocols::read_varint;

TEST_SUITE("integer") {
  TEST_CASE("an integer is read in each width and either order") {
    const protocols::Bytes bytes = as_bytes("\x81\x02\x03\x04\x05\x06\x07\x08");
    CHECK(read_integer(bytes, 1, std::endian::big) == 0x81);
    CHECK(read_integer(bytes, 3, std::endian::big) == 0x810203);
    CHECK(read_integer(bytes, 3, std::endian::little) == 0x030281);
    CHECK(read_integer(bytes, 8, std::endian::big) == 0x8102030405060708);
    CHECK(read_integer(bytes, 8, std::endian::little) == 0x0807060504030281);
  }

  TEST_CASE("reading restores what was written") {
    for (std::size_t width = 1; width <= 8; ++width) {
      const std::uint64_t value = 0xF1E2D3C4B5A69788 >> (8 * (8 - width));
      for (std::endian order : {std::endian::big, std::endian::little}) {
        std::vector<std::byte> out;
        append_integer(out, value, width, order);
        CHECK(out.size() == width);
        CHECK(read_integer(out, width, order) == value);
      }
    }
  }

  TEST_CASE("a varint is read up to its last byte") {
    CHECK(read_varint(as_bytes("\x7F")).value == 127);
    const auto two = read_varint(as_bytes("\xAC\x02xx"));
    CHECK(two.value == 300);
    CHECK(two.bytes == 2);
    CHECK(read_varint(as_bytes("\xAC")).bytes == 0);
    CHECK(read_varint({}).bytes == 0);
  }

  TEST_CASE("a varint holds 64 bits and no more") {
    for (std::uint64_t value : {std::uint64_t{0}, std::uint64_t{127}, std::uint64_t{128},
                                std::uint64_t{1} << 63, UINT64_MAX}) {
      std::vector<std::byte> out;
      append_varint(out, value);
      CHECK(read_varint(out).value == value);
      CHECK(read_varint(out).bytes == out.size());
      CHECK(read_varint(out).fits);
    }
    CHECK_FALSE(read_varint(as_bytes("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x02")).fits);
    CHECK_FALSE(read_varint(as_bytes("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x81")).fits);
  }
}
