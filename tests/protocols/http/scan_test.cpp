#include "protocols/http/scan.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <random>
#include <string>

#include "protocols/http/request_decoder.hpp"
#include "protocols/http/syntax.hpp"
#include "support/http_transcript.hpp"

using protocols::http::block_bytes;
using protocols::http::find_stops;
using protocols::http::find_target_stops;
using protocols::http::Instructions;
using protocols::http::machine_has;
using protocols::http::scan_with;
using protocols::http::Scanner;
using protocols::http::Stops;

namespace {

constexpr Instructions all[] = {Instructions::portable, Instructions::sse42, Instructions::avx2};

struct AllStops {
  Stops stops;
  std::uint64_t target;

  bool operator==(const AllStops&) const = default;
};

AllStops stops_of(Instructions instructions, const char* block) {
  scan_with(instructions);
  return {find_stops(block), find_target_stops(block)};
}

Instructions best() {
  Instructions found = Instructions::portable;
  for (auto instructions : all) {
    if (machine_has(instructions)) found = instructions;
  }
  return found;
}

}  // namespace

TEST_SUITE("http/scan") {
  TEST_CASE("all instruction sets classify every byte at every position alike") {
    for (unsigned byte = 0; byte < 256; ++byte) {
      for (std::size_t place = 0; place < block_bytes; ++place) {
        std::string block(block_bytes, 'a');
        block[place] = static_cast<char>(byte);
        const AllStops expected = stops_of(Instructions::portable, block.data());
        const bool stops_token = !protocols::http::token_bytes.contains(block[place]);
        REQUIRE(expected.stops.token == std::uint64_t{stops_token} << place);
        for (auto instructions : all) {
          if (machine_has(instructions)) REQUIRE(stops_of(instructions, block.data()) == expected);
        }
      }
    }
    scan_with(best());
  }

  TEST_CASE("all instruction sets classify random blocks alike") {
    std::mt19937 random(1);
    for (int round = 0; round < 10000; ++round) {
      char block[block_bytes];
      for (char& byte : block) byte = static_cast<char>(random());
      const AllStops expected = stops_of(Instructions::portable, block);
      for (auto instructions : all) {
        if (machine_has(instructions)) REQUIRE(stops_of(instructions, block) == expected);
      }
    }
    scan_with(best());
  }

  TEST_CASE("a scanner stops at the first stop byte or at the end, and reads nothing beyond it") {
    for (auto instructions : all) {
      if (!machine_has(instructions)) continue;
      scan_with(instructions);
      for (std::size_t size = 0; size < 3 * block_bytes; ++size) {
        // Memory of exactly this size, which AddressSanitizer guards.
        const auto bytes = std::make_unique<char[]>(size);
        std::fill_n(bytes.get(), size, 'a');
        const std::string_view text(bytes.get(), size);
        for (std::size_t from = 0; from <= size; ++from) {
          Scanner scanner(text);
          REQUIRE(scanner.token_end(from) == size);
          REQUIRE(scanner.target_end(from) == size);
          for (std::size_t stop : {from, (from + size) / 2, size - (size > 0)}) {
            if (stop < from || stop >= size) continue;
            bytes[stop] = '\n';
            Scanner again(text);
            REQUIRE(again.text_end(from) == stop);
            bytes[stop] = 'a';
          }
        }
      }
    }
    scan_with(best());
  }

  TEST_CASE("a request is read the same with all instruction sets") {
    const std::string wire = "POST /a?" + std::string(100, 'q') +
                             " HTTP/1.1\r\nHost: h\r\nA: " + std::string(200, 'v') +
                             "\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nT: 1\r\n\r\n";
    for (std::size_t broken = 0; broken <= wire.size(); ++broken) {
      std::string text = wire;
      if (broken < wire.size()) text[broken] = '\x7F';
      std::string first;
      for (auto instructions : all) {
        if (!machine_has(instructions)) continue;
        scan_with(instructions);
        const std::string line = transcript(protocols::http::RequestDecoder(), {text}).line;
        if (first.empty()) first = line;
        REQUIRE(line == first);
      }
    }
    scan_with(best());
  }
}
