#include "protocols/receive_buffer.hpp"

#include <doctest/doctest.h>

#include <string>

#include "support/allocations.hpp"
#include "support/valgrind.hpp"

using protocols::as_bytes;
using protocols::as_text;
using protocols::ReceiveBuffer;

TEST_SUITE("receive_buffer") {
  TEST_CASE("a chunk is borrowed, not copied") {
    ReceiveBuffer buffer;
    const std::string chunk = "onetwo";
    buffer.feed(as_bytes(chunk));
    CHECK(as_text(buffer.window()).data() == chunk.data());
    buffer.consume(3);
    CHECK(as_text(buffer.window()) == "two");
    CHECK(as_text(buffer.window()).data() == chunk.data() + 3);
    CHECK(buffer.consumed() == 3);
  }

  TEST_CASE("the unconsumed tail of a chunk is kept after the chunk ends") {
    ReceiveBuffer buffer;
    std::string chunk = "onetw";
    buffer.feed(as_bytes(chunk));
    buffer.consume(3);
    CHECK_FALSE(buffer.extend(3));
    chunk = "xxxxx";
    CHECK(as_text(buffer.window()) == "tw");
    CHECK_FALSE(buffer.empty());
  }

  TEST_CASE(
      "only the bytes that complete a frame are copied from the next chunk, the rest is borrowed") {
    ReceiveBuffer buffer;
    buffer.feed(as_bytes("th"));
    CHECK_FALSE(buffer.extend(5));
    const std::string chunk = "reefour";
    buffer.feed(as_bytes(chunk));
    CHECK(as_text(buffer.window()) == "th");
    CHECK(buffer.extend(5));
    CHECK(as_text(buffer.window()) == "three");
    buffer.consume(5);
    CHECK(as_text(buffer.window()) == "four");
    CHECK(as_text(buffer.window()).data() == chunk.data() + 3);
  }

  TEST_CASE("bytes copied beyond the end of a frame are borrowed from the chunk again") {
    ReceiveBuffer buffer;
    buffer.feed(as_bytes("th"));
    CHECK_FALSE(buffer.extend(3));
    const std::string chunk = "ree four";
    buffer.feed(as_bytes(chunk));
    CHECK(buffer.extend(3));  // One more than before: the caller may not know how many it needs.
    CHECK(as_text(buffer.window()) == "three four");
    buffer.consume(2);
    CHECK(as_text(buffer.window()).data() == chunk.data());
    CHECK(as_text(buffer.window()) == "ree four");
  }

  TEST_CASE("a copied tail outlives its chunk, in order") {
    ReceiveBuffer buffer;
    std::string chunk = "one";
    buffer.feed(as_bytes(chunk));
    buffer.copy_tail();
    chunk = "two";
    buffer.feed(as_bytes(chunk));
    buffer.copy_tail();
    chunk = "xxx";
    CHECK(as_text(buffer.window()) == "onetwo");
    buffer.consume(6);
    CHECK(buffer.empty());
    CHECK(buffer.consumed() == 6);
  }

  TEST_CASE("a chunk fed while another is borrowed is appended to it") {
    ReceiveBuffer buffer;
    buffer.feed(as_bytes("one"));
    buffer.feed(as_bytes("two"));
    CHECK(buffer.extend(6));
    CHECK(as_text(buffer.window()) == "onetwo");
  }

  TEST_CASE("the memory of a large message is released once the message is consumed") {
    if (below_valgrind()) {
      MESSAGE("skipped: below valgrind its allocator is in place of the one that counts");
      return;
    }
    const std::string chunk(100'000, 'x');
    const std::ptrdiff_t before = allocations::live_bytes();
    ReceiveBuffer buffer;
    for (const bool is_forgotten : {false, true}) {
      buffer.feed(as_bytes(chunk));
      CHECK_FALSE(buffer.extend(chunk.size() + 1));
      CHECK(allocations::live_bytes() - before >= 100'000);
      if (is_forgotten) {
        buffer.clear();
      } else {
        buffer.consume(chunk.size());
        CHECK_FALSE(buffer.extend(1));
      }
      CHECK(allocations::live_bytes() == before);
    }
  }

  TEST_CASE("a copy has bytes of its own") {
    ReceiveBuffer buffer;
    buffer.feed(as_bytes("one"));
    buffer.copy_tail();
    ReceiveBuffer copy = buffer;
    buffer.clear();
    CHECK(as_text(copy.window()) == "one");
    CHECK(buffer.empty());
  }
}
