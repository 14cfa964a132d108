#include "protocols/json_header.hpp"

#include "support/any_split.hpp"
#include "support/decoder_cost.hpp"
#include "support/json_header.hpp"
#include "support/round_trip.hpp"

using protocols::append_json_header;
using protocols::JsonHeaderDecoder;
using protocols::JsonHeaderStreamDecoder;

TEST_SUITE("json_header") {
  static std::string message(std::string_view header, std::string_view payload = {}) {
    std::vector<std::byte> out;
    append_json_header(out, header);
    return std::string(protocols::as_text(out)) + std::string(payload);
  }

  const JsonHeaderDecoder whole(
      {.read_payload_size = read_number, .max_header_bytes = 10, .max_payload_bytes = 100});
  const JsonHeaderStreamDecoder streamed(
      {.read_payload_size = read_number, .max_header_bytes = 10, .max_payload_bytes = 100});

  TEST_CASE("messages are decoded with their headers, wherever the stream is cut") {
    const std::string wire = message("2", "hi") + message("0") + message("5", "there");
    check_any_split(whole, wire, "[2|hi][0|][5|there]");
    check_any_split(streamed, wire, "2>hi.0>5>there.", Frames::pieces);
  }

  TEST_CASE("a stream that ends inside a message is truncated") {
    check_any_split(whole, message("5", "the"), "cut short");
    check_any_split(whole, message("5").substr(0, 3), "cut short");
    check_any_split(streamed, message("2", "hi") + message("5", "the"), "2>hi.5>thecut short",
                    Frames::pieces);
    check_any_split(streamed, message("5"), "5>cut short", Frames::pieces);
  }

  TEST_CASE("an invalid header is refused at its last byte") {
    for (auto check : {+[](const std::string& wire, const std::string& outcome) {
                         check_any_split(whole, wire, "[1|a]" + outcome);
                       },
                       +[](const std::string& wire, const std::string& outcome) {
                         check_any_split(streamed, wire, "1>a." + outcome, Frames::pieces);
                       }}) {
      const std::string good = message("1", "a");  // Six bytes.
      check(good + message("x", "hello"), "error: bad-header at 10");
      check(good + message("-1", "hello"), "error: bad-size at 11");
      check(good + message("", "hello"), "error: bad-header at 9");
      check(good + message("101", "hello"), "error: too-large at 12");
    }
  }

  TEST_CASE("an overlong header is refused by its length") {
    check_any_split(whole, message("0000000001", "a"), "[0000000001|a]");
    check_any_split(whole, message("00000000001", "a"), "error: too-large at 3");
    check_any_split(streamed,
                    "\xFF\xFF\xFF\xFF"
                    "a",
                    "error: too-large at 3");
  }

  TEST_CASE("no payload size overflows") {
    for (std::string_view size : {"18446744073709551615", "18446744073709551592"}) {
      const JsonHeaderDecoder unlimited(
          {.read_payload_size = read_number, .max_payload_bytes = SIZE_MAX});
      check_any_split(unlimited, message(size, "hi"), "error: too-large at 23");
      const JsonHeaderStreamDecoder pieces(
          {.read_payload_size = read_number, .max_payload_bytes = UINT64_MAX});
      check_any_split(pieces, message(size, "hi"), std::string(size) + ">hicut short",
                      Frames::pieces);
    }
  }

  TEST_CASE("a header is read once, however slowly its payload arrives") {
    int reads = 0;
    const auto counting = [&reads](std::string_view header) {
      ++reads;
      return read_number(header);
    };
    transcript(JsonHeaderDecoder({.read_payload_size = counting}),
               single_bytes(message("5", "there")));
    CHECK(reads == 1);
  }

  TEST_CASE("decoding restores what was encoded") {
    check_round_trip(
        JsonHeaderDecoder({.read_payload_size = read_number}),
        [](auto& out, std::string_view payload) {
          append_json_header(out, std::to_string(payload.size()));
          const auto bytes = protocols::as_bytes(payload);
          out.insert(out.end(), bytes.begin(), bytes.end());
          return true;
        },
        longest_round_trip,
        [](std::string_view payload) {
          return describe(
              protocols::JsonMessage{std::to_string(payload.size()), protocols::as_bytes(payload)});
        });
  }

  TEST_CASE("whole messages cost no allocation, and a long message costs linear time") {
    check_whole_frames_cost_no_allocation(whole, message("2", "hi") + message("0"), 2);
    const JsonHeaderDecoder large({.read_payload_size = read_number});
    check_linear(large, message("1048576", std::string(1 << 20, 'x')));
  }

  TEST_CASE(
      "a payload that is only announced costs under 1 KiB, and a streamed one costs nothing") {
    const JsonHeaderDecoder generous(
        {.read_payload_size = read_number, .max_payload_bytes = SIZE_MAX});
    check_costs_under_1_kib(generous, message("4294967296", "abcdef"));

    JsonHeaderStreamDecoder upload({.read_payload_size = read_number});
    const std::string header = message("4294967296");
    upload.feed(protocols::as_bytes(header));
    REQUIRE(upload.next());
    CHECK_FALSE(upload.next());
    const std::string piece(65536, 'x');
    const std::ptrdiff_t before = allocations::live_bytes();
    for (int i = 0; i < 100; ++i) {
      upload.feed(protocols::as_bytes(piece));
      CHECK(count_frames(upload) == 1);
    }
    CHECK(allocations::live_bytes() <= before);
  }
}
