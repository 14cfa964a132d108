#include "reactor/send_queue.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "reactor/file.hpp"

using reactor::File;
using reactor::SendQueue;

namespace {

void push(SendQueue& queue, std::string_view text) { queue.push(std::as_bytes(std::span(text))); }

std::string front_text(const SendQueue& queue) {
  const auto bytes = queue.front_bytes();
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

TEST_SUITE("send queue") {
  TEST_CASE("queued bytes are one piece, and are sent in the order in which they were pushed") {
    SendQueue queue;
    CHECK(queue.empty());
    CHECK(front_text(queue) == "");
    push(queue, "one");
    push(queue, "two");
    CHECK(front_text(queue) == "onetwo");
    queue.pop(4);
    push(queue, "three");
    CHECK(front_text(queue) == "wothree");
    CHECK(queue.bytes() == 7);
    CHECK(queue.total() == 7);
    queue.pop(7);
    CHECK(queue.empty());
    CHECK(queue.bytes() == 0);
  }

  TEST_CASE("files keep their place between the bytes") {
    SendQueue queue;
    push(queue, "head");
    queue.push(File(), 100, 10);
    queue.push(File(), 200, 20);
    push(queue, "tail");
    queue.push(File(), 300, 30);
    CHECK(queue.bytes() == 8);
    CHECK(queue.total() == 68);

    CHECK(front_text(queue) == "head");
    queue.pop(3);
    CHECK(front_text(queue) == "d");
    queue.pop(1);
    CHECK(front_text(queue) == "");
    CHECK(queue.front_file().offset == 100);
    queue.pop(4);
    CHECK(queue.front_file().offset == 104);
    CHECK(queue.front_file().size == 6);
    queue.pop(6);
    CHECK(front_text(queue) == "");
    CHECK(queue.front_file().offset == 200);
    queue.pop(20);
    CHECK(front_text(queue) == "tail");
    CHECK(queue.has_files());
    queue.pop(4);
    CHECK(queue.front_file().offset == 300);
    CHECK(queue.total() == 30);
    CHECK_FALSE(queue.empty());
    queue.pop(30);
    CHECK(queue.empty());
    CHECK_FALSE(queue.has_files());
  }

  TEST_CASE("any order of pushes and pops keeps every byte and every part") {
    SendQueue queue;
    std::string expected, sent;
    std::uint64_t pushed_files = 0, sent_files = 0;
    for (unsigned step = 0; step < 3000; ++step) {
      const unsigned choice = step * 2654435761U >> 28;
      if (choice < 7) {
        const std::string text(choice * 5 + 1, static_cast<char>('a' + step % 26));
        push(queue, text);
        expected += text;
      } else if (choice < 9) {
        queue.push(File(), pushed_files, 2);
        expected += "[" + std::to_string(pushed_files++) + "]";
      } else if (const std::string front = front_text(queue); !front.empty()) {
        const std::size_t part = 1 + front.size() * (choice - 8) / 8;
        sent += front.substr(0, part);
        queue.pop(std::min(part, front.size()));
      } else if (!queue.empty()) {
        CHECK(queue.front_file().offset == sent_files);
        sent += "[" + std::to_string(sent_files++) + "]";
        queue.pop(2);
      }
    }
    while (!queue.empty()) {
      if (const std::string front = front_text(queue); !front.empty()) {
        sent += front;
        queue.pop(front.size());
      } else {
        sent += "[" + std::to_string(queue.front_file().offset) + "]";
        queue.pop(2);
      }
    }
    CHECK(pushed_files > 100);
    CHECK((sent == expected));
  }

  TEST_CASE("each of 200,000 parts costs no more than a single one") {
    SendQueue queue;
    constexpr std::uint64_t parts = 200'000;  // With a growing cost per part, this takes minutes.
    for (std::uint64_t part = 0; part < parts; ++part) {
      push(queue, "x");
      queue.push(File(), part, 1);
      CHECK(queue.total() == 2 * part + 2);
    }
    for (std::uint64_t part = 0; part < parts; ++part) {
      queue.pop(1);
      CHECK(queue.front_file().offset == part);
      queue.pop(1);
    }
    CHECK(queue.empty());
  }

  TEST_CASE("sizes beyond 4 GiB are exact") {
    SendQueue queue;
    const std::uint64_t size = (std::uint64_t{5} << 30) + 1;
    queue.push(File(), 0, size);
    queue.push(File(), 0, size);
    push(queue, "x");
    CHECK(queue.total() == 2 * size + 1);
    queue.pop(size - 1);
    CHECK(queue.front_file().offset == size - 1);
    CHECK(queue.front_file().size == 1);
    CHECK(queue.total() == size + 2);
  }
}
