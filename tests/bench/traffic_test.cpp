#include "bench/load/traffic.hpp"

#include <doctest/doctest.h>

#include <set>

using namespace bench;

namespace {

Options of(Protocol protocol, std::size_t size) {
  Options options;
  options.protocol = protocol;
  options.size = size;
  return options;
}

constexpr std::string_view hello_answer =
    "HTTP/1.1 200 OK\r\nserver: x\r\ncontent-length: 5\r\n\r\nhello";
constexpr std::string_view empty_answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

}  // namespace

TEST_SUITE("traffic") {
  TEST_CASE("a text holds whole requests of one size") {
    CHECK(Traffic(of(Protocol::raw, 64)).request_bytes() == 64);
    CHECK(Traffic(of(Protocol::lines, 64)).request_bytes() == 65);
    CHECK(Traffic(of(Protocol::length_prefixed, 64)).request_bytes() == 68);
    for (const Protocol protocol : {Protocol::raw, Protocol::lines, Protocol::http}) {
      const Traffic traffic(of(protocol, 1000));
      CHECK(traffic.text().size() == traffic.requests() * traffic.request_bytes());
    }
  }

  TEST_CASE("lines hold one LF each, at the end") {
    const Traffic traffic(of(Protocol::lines, 10));
    for (std::size_t i = 0; i < traffic.text().size(); ++i) {
      CHECK((traffic.text()[i] == '\n') == (i % 11 == 10));
    }
  }

  TEST_CASE("with verification no two messages of a text are the same") {
    Options options = of(Protocol::raw, 64 << 10);
    options.verify = true;
    const Traffic traffic(options);
    std::set<std::string_view> messages;
    for (std::size_t i = 0; i < traffic.requests(); ++i) {
      messages.insert(traffic.text().substr(i * traffic.request_bytes(), traffic.request_bytes()));
    }
    CHECK(messages.size() == traffic.requests());
    CHECK(messages.size() > 16);
  }

  TEST_CASE("HTTP responses are counted the same wherever they are cut") {
    const std::string stream =
        std::string(hello_answer) + std::string(empty_answer) + std::string(hello_answer);
    CHECK(HttpAnswers().feed(stream) == 3);
    for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
      CAPTURE(cut);
      HttpAnswers answers;
      CHECK(answers.feed(std::string_view(stream).substr(0, cut)) +
                answers.feed(std::string_view(stream).substr(cut)) ==
            3);
    }
    HttpAnswers bytewise;
    std::size_t count = 0;
    for (const char& byte : stream) count += bytewise.feed({&byte, 1});
    CHECK(count == 3);
  }

  TEST_CASE("with verification each body must equal the first one, wherever it is cut") {
    const std::string first(hello_answer);
    std::string other = first;
    ++other.back();
    for (std::size_t cut = 0; cut <= 2 * first.size(); ++cut) {
      CAPTURE(cut);
      const auto feed_both = [cut](const std::string& stream) {
        HttpAnswers answers(true);
        return answers.feed(std::string_view(stream).substr(0, cut)) +
               answers.feed(std::string_view(stream).substr(cut));
      };
      CHECK(feed_both(first + first) == 2);
      CHECK_THROWS_WITH((void)feed_both(first + other), "an answer differs from the first");
      CHECK_THROWS_WITH((void)feed_both(first + std::string(empty_answer)),
                        "an answer is of another size than the first");
    }
  }

  TEST_CASE("an HTTP response that reports no success, or has an unknown length, is an error") {
    CHECK_THROWS_WITH(HttpAnswers().feed("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"),
                      "answered HTTP/1.1 404 Not Found");
    CHECK_THROWS_WITH(HttpAnswers().feed("HTTP/1.1 200 OK\r\n\r\n"),
                      "answered without Content-Length");
  }

  TEST_CASE("a time is distinguished from other text") {
    CHECK(is_time("2024-02-29 23:59:60"));
    CHECK_FALSE(is_time("2024-02-29 23:59:6"));
    CHECK_FALSE(is_time("2024-02-29 23:59:600"));
    CHECK_FALSE(is_time("%Y-%m-%d %X"));
    CHECK_FALSE(is_time(""));
  }
}
