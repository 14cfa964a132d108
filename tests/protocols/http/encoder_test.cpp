#include "protocols/http/encoder.hpp"

#include <random>

#include "protocols/http/request_decoder.hpp"
#include "protocols/http/response_decoder.hpp"
#include "support/any_split.hpp"
#include "support/http_transcript.hpp"

using protocols::as_bytes;
using protocols::as_text;
using protocols::http::append_chunk;
using protocols::http::append_response;
using protocols::http::Field;
using protocols::http::FieldLines;
using protocols::http::FieldList;
using protocols::http::Framing;
using protocols::http::HeadEncoder;
using protocols::http::is_sendable;
using protocols::http::RequestDecoder;
using protocols::http::ResponseDecoder;

TEST_SUITE("http/encoder") {
  using Out = std::vector<std::byte>;

  static std::string text(const Out& out) { return std::string(as_text(out)); }

  static bool sends_request(std::string_view method, std::string_view target, FieldList fields) {
    Out out(3);
    HeadEncoder head = HeadEncoder::request(out, method, target);
    head.add_all(fields);
    const bool sent = head.end();
    CHECK((out.size() > 3) == sent);
    return sent;
  }

  TEST_CASE("a field that could end its line early, or begin another, is not sent") {
    for (std::string_view name : {"", "A ", " A", "A:", "A\r\nB", "A\n", "\xC3\xA9", "A\tB"}) {
      CAPTURE(name);
      CHECK_FALSE(is_sendable({name, "b"}));
      CHECK_FALSE(sends_request("GET", "/", {{name, "b"}}));
    }
    using namespace std::literals;
    for (std::string_view value : {"a\r\nB: c"sv, "a\nB: c"sv, "a\r"sv, "\0"sv, "\x7F"sv}) {
      CHECK_FALSE(is_sendable({"A", value}));
      CHECK_FALSE(sends_request("GET", "/", {{"Host", "h"}, {"A", value}}));
    }
    for (std::string_view value : {"", "a\tb", "\xC3\xA9", "\"q\"", "a b"}) {
      CHECK(is_sendable({"A", value}));
    }
    FieldLines lines;
    CHECK_FALSE(lines.add({"A", "b\r\nC: d"}));
    CHECK(lines.text() == "");
  }

  TEST_CASE("an invalid start line is not sent") {
    for (std::string_view target :
         {"", "a", "/a b", "/a\r\n", "/#a", "/\xC3\xA9", "*", "http://u@h/"}) {
      CAPTURE(target);
      CHECK_FALSE(sends_request("GET", target, {}));
    }
    for (std::string_view method : {"", "G T", "GET\r\n"}) {
      CHECK_FALSE(sends_request(method, "/", {}));
    }
    CHECK(sends_request("OPTIONS", "*", {}));
    CHECK(sends_request("CONNECT", "h:1", {}));
    for (int status : {100, 999}) {
      Out out;
      CHECK(HeadEncoder::response(out, status).end());
    }
    for (int status : {-1, 0, 99, 1000}) {
      Out out;
      CHECK_FALSE(HeadEncoder::response(out, status).end());
      CHECK(out.empty());
    }
  }

  TEST_CASE("heads, chunks and trailers are written as RFC 9112 defines them") {
    FieldLines server;
    CHECK(server.add({"Server", "uvreactor"}));
    Out out;
    HeadEncoder response = HeadEncoder::response(out, 404);
    response.add_lines(server);
    response.add_all({{"A", "b"}, {"C", ""}});
    response.add_content_length(0);
    CHECK(response.end());
    CHECK(
        text(out) ==
        "HTTP/1.1 404 Not Found\r\nServer: uvreactor\r\nA: b\r\nC: \r\nContent-Length: 0\r\n\r\n");

    out.clear();
    CHECK(HeadEncoder::response(out, 299).end());
    CHECK(text(out) == "HTTP/1.1 299 \r\n\r\n");

    out.clear();
    CHECK(HeadEncoder::request(out, "GET", "/a?b").end());
    CHECK(text(out) == "GET /a?b HTTP/1.1\r\n\r\n");

    out.clear();
    append_chunk(out, as_bytes(std::string(17, 'x')));
    append_chunk(out, {});
    HeadEncoder trailers = HeadEncoder::trailers(out);
    trailers.add({"T", "1"});
    CHECK(trailers.end());
    CHECK(text(out) == "11\r\nxxxxxxxxxxxxxxxxx\r\n0\r\nT: 1\r\n\r\n");
  }

  TEST_CASE("the fields of the caller may not contain framing, and Connection names an upgrade") {
    for (std::string_view name : {"content-length", "Transfer-Encoding", "CONNECTION"}) {
      CAPTURE(name);
      CHECK_FALSE(sends_request("GET", "/", {{"Host", "h"}, {name, "close"}}));
    }
    const auto connection = [](FieldList fields, std::string_view option) {
      Out out;
      HeadEncoder head = HeadEncoder::request(out, "GET", "/");
      head.add_all(fields);
      head.add_connection(option);
      CHECK(head.end());
      return text(out).substr(std::string_view("GET / HTTP/1.1\r\n").size());
    };
    CHECK(connection({}, "") == "\r\n");
    CHECK(connection({}, "close") == "Connection: close\r\n\r\n");
    CHECK(connection({{"Upgrade", "x"}}, "") == "Upgrade: x\r\nConnection: upgrade\r\n\r\n");
    CHECK(connection({{"upgrade", "x"}}, "close") ==
          "upgrade: x\r\nConnection: upgrade, close\r\n\r\n");
  }

  TEST_CASE("prepared lines are sent like the fields they were made of") {
    const auto response = [](const FieldList& fields) {
      Out out;
      const bool sent = append_response(out, {.status = 200,
                                              .always = nullptr,
                                              .fields = fields,
                                              .connection = "",
                                              .framing = Framing::length,
                                              .length = 2,
                                              .body = as_bytes("hi")});
      return sent ? text(out) : "not sent" + text(out);
    };
    const auto lines_of = [](const Field& field) {
      FieldLines lines;
      CHECK(lines.add(field));
      return lines;
    };
    CHECK(response(lines_of({"A", "b"})) ==
          "HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 2\r\n\r\nhi");
    for (const Field field : {Field{"A", "b"}, {"Upgrade", "x"}, {"content-length", "2"}}) {
      CAPTURE(field.name);
      CHECK(response(lines_of(field)) == response({field}));
    }
    FieldLines lines = lines_of({"Connection", "close"});
    CHECK(response(lines) == "not sent");
    lines.clear();
    CHECK(response(lines) == response({}));
  }

  TEST_CASE("a field is checked over its whole length, and bytes after it have no influence") {
    for (std::size_t size = 0; size < 200; ++size) {
      const std::string long_text(size, 'a');
      const std::string name = "n" + long_text;
      for (const std::string& value : {long_text, long_text + " b"}) {
        CHECK(sends_request("GET", "/", {{name, value}}));
        CHECK_FALSE(sends_request("GET", "/", {{name, value + "\n"}}));
        CHECK_FALSE(sends_request("GET", "/", {{name, "\r" + value}}));
        CHECK_FALSE(sends_request("GET", "/", {{name + ":", value}}));
        CHECK_FALSE(sends_request("GET", "/", {{" " + name, value}}));
      }
    }
  }

  TEST_CASE("after trailers that cannot be sent, the body has no end") {
    Out out;
    HeadEncoder trailers = HeadEncoder::trailers(out);
    trailers.add({"T", "\n"});
    CHECK_FALSE(trailers.end());
    CHECK(out.empty());
  }

  template <class Random>
  static std::string random_text(Random & random, std::string_view bytes, std::size_t longest) {
    std::string made(random() % (longest + 1), '\0');
    for (char& c : made) c = bytes[random() % bytes.size()];
    return made;
  }

  // Fields that a program may pass on from another one, without those that the encoder refuses.
  template <class Random>
  static std::vector<std::array<std::string, 2>> random_fields(Random & random) {
    std::vector<std::array<std::string, 2>> fields;
    for (auto count = random() % 4; count > 0; --count) {
      std::array<std::string, 2> field = {random_text(random, "ab-:\r\n X", 4),
                                          random_text(random, "ab:\r\n\t\"\xFF", 6)};
      if (is_sendable({field[0], field[1]})) fields.push_back(field);
    }
    return fields;
  }

  template <class Random>
  static std::string append_random_body(Out & out, Random & random) {
    std::string body;
    for (auto count = random() % 4; count > 0; --count) {
      const std::string piece = random_text(random, "0\r\nab", 40);
      append_chunk(out, as_bytes(piece));
      body += piece;
    }
    return body;
  }

  // As the decoder reports a field: without the blanks around the value.
  static std::string shown(const std::vector<std::array<std::string, 2>>& fields) {
    std::string text;
    for (const auto& [name, value] : fields) {
      const std::size_t begin = std::min(value.find_first_not_of("\t"), value.size());
      const std::size_t end = value.find_last_not_of("\t") + 1;
      text += "|" + name + ": " + (begin < end ? value.substr(begin, end - begin) : "");
    }
    return text;
  }

  TEST_CASE("decoding restores what was encoded, request or response, wherever the stream is cut") {
    const auto seed = std::random_device()();
    CAPTURE(seed);
    std::mt19937 random(seed);
    for (int round = 0; round < 300; ++round) {
      const auto fields = random_fields(random);
      const auto trailers = random_fields(random);
      std::string expected[2];
      Out wires[2];
      for (const bool is_request : {false, true}) {
        Out& out = wires[is_request];
        HeadEncoder head =
            is_request ? HeadEncoder::request(out, "PUT", "/x") : HeadEncoder::response(out, 201);
        if (is_request) head.add({"Host", "h"});
        for (const auto& [name, value] : fields) head.add({name, value});
        head.add({"Transfer-Encoding", "chunked"});
        REQUIRE(head.end());
        const std::string body = append_random_body(out, random);
        HeadEncoder end = HeadEncoder::trailers(out);
        for (const auto& [name, value] : trailers) end.add({name, value});
        REQUIRE(end.end());
        expected[is_request] =
            (is_request ? "<PUT /x 1.1 chunked|Host: h" : "<201 Created 1.1 chunked") +
            shown(fields) + "|Transfer-Encoding: chunked>" + body + "</" + shown(trailers) + ">";
      }
      const auto request = as_text(wires[true]);
      const auto response = as_text(wires[false]);
      REQUIRE(transcript(RequestDecoder(), random_pieces(request, random)).line == expected[true]);
      REQUIRE(transcript(ResponseDecoder(), random_pieces(response, random)).line ==
              expected[false]);
    }
  }
}
