#include "protocols/http/plain_head.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using protocols::http::FieldIndex;
using protocols::http::Fields;
using protocols::http::index_plain_head;

TEST_SUITE("http/plain_head") {
  static FieldIndex with_room(std::size_t size) {
    FieldIndex index;
    index.begin({});
    while (index.room().size() < size) index.add({});
    return index;
  }

  // The indexes where each name and each line ends, as text: "4-14 23-24".
  static std::string indexed(const std::string& text) {
    FieldIndex index = with_room(20);
    const std::size_t size = index_plain_head(text, index);
    if (size == 0) return "left to others";
    std::string places;
    for (const Fields::Place& place : index.all()) {
      places += std::to_string(place.name_end) + "-" + std::to_string(place.end) + " ";
    }
    return places + std::to_string(size);
  }

  // The same, found byte by byte.
  static std::string by_hand(const std::string& text) {
    std::string places;
    std::size_t line = 0;
    for (std::size_t end = text.find("\r\n"); end != line; end = text.find("\r\n", line)) {
      const std::size_t name_end = text.find_first_of(" :\r", line);
      places += std::to_string(name_end) + "-" + std::to_string(end) + " ";
      line = end + 2;
    }
    return places + std::to_string(line + 2);
  }

  TEST_CASE("line ends are found at every position in the blocks that are scanned") {
    for (std::size_t target = 1; target < 140; ++target) {
      for (std::size_t name : {1U, 5U, 63U, 64U, 65U, 130U}) {
        for (std::size_t value : {0U, 1U, 60U, 128U}) {
          const std::string head = "GET /" + std::string(target, 't') + " HTTP/1.1\r\n" +
                                   std::string(name, 'n') + ":" + std::string(value, 'v') +
                                   "\r\nHost: h\r\n\r\n";
          REQUIRE(indexed(head) == by_hand(head));
          REQUIRE(indexed(head + "\x01\r\n: \n") == by_hand(head));
        }
      }
    }
  }

  TEST_CASE("an incomplete head is not indexed, wherever it ends") {
    const std::string head =
        "GET /" + std::string(50, 't') + " HTTP/1.1\r\nHost: h\r\nA: b\r\n\r\n";
    for (std::size_t size = 0; size < head.size(); ++size) {
      REQUIRE(indexed(head.substr(0, size)) == "left to others");
    }
  }

  TEST_CASE("a head with a line without a name, or with a control character, is not indexed") {
    const std::string line = "GET / HTTP/1.1\r\n";
    for (const std::string field : {": a", " a: b", "a: \x01", "a: \x7F", "a: b\r\r\nc: d", "\t"}) {
      for (std::size_t before = 0; before < 70; ++before) {
        const std::string head = line + "X:" + std::string(before, 'x') + "\r\n" + field;
        CAPTURE(head);
        REQUIRE(indexed(head + "\r\n\r\n") == "left to others");
      }
    }
  }

  TEST_CASE("a head with more lines than the index has room for is not indexed") {
    FieldIndex index = with_room(1);
    std::string head = "GET / HTTP/1.1\r\n";
    for (std::size_t i = 1; i < index.room().size(); ++i) head += "a:\r\n";
    CHECK(index_plain_head(head + "\r\n", index) == head.size() + 2);
    CHECK(index_plain_head(head + "a:\r\n\r\n", index) == 0);
  }
}
