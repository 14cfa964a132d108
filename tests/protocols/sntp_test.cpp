#include "protocols/sntp.hpp"

#include <doctest/doctest.h>

#include <random>
#include <string>

using namespace protocols;
using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using std::chrono::sys_days;

namespace {

NtpTime::Unix unix_time(std::int64_t seconds, nanoseconds part = {}) {
  return NtpTime::Unix(std::chrono::seconds(seconds) + part);
}

SntpPacket request_of(std::uint8_t version = 4) {
  SntpPacket request;
  request.version = version;
  request.poll = 6;
  request.transmit = {0x0123456789ABCDEF};
  return request;
}

std::optional<SntpPacket> answer_to(const SntpPacket& request, const SntpClock& clock = {}) {
  return answer_sntp(request.encode(), clock, NtpTime{42});
}

std::string random_bytes(std::mt19937& random, std::size_t size) {
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

}  // namespace

TEST_SUITE("sntp") {
  TEST_CASE("fewer than 48 bytes are no packet, and bytes after the 48th are ignored") {
    const std::string bytes(60, '\x24');
    for (std::size_t size = 0; size <= bytes.size(); ++size) {
      const auto packet = SntpPacket::decode(as_bytes(std::string_view(bytes).substr(0, size)));
      CHECK(packet.has_value() == (size >= SntpPacket::size));
    }
  }

  TEST_CASE("encoding restores any 48 decoded bytes") {
    const auto seed = std::random_device()();
    CAPTURE(seed);
    std::mt19937 random(seed);
    for (int round = 0; round < 1000; ++round) {
      const std::string bytes = random_bytes(random, SntpPacket::size);
      const auto packet = SntpPacket::decode(as_bytes(bytes));
      REQUIRE(packet);
      const bool came_back = as_text(packet->encode()) == bytes;
      REQUIRE(came_back);
    }
  }

  TEST_CASE("the seconds start again from zero on 2036-02-07 06:28:16, and continue") {
    CHECK(NtpTime::from_unix(unix_time(0)).bits == 2'208'988'800ULL << 32);
    const auto rollover = sys_days(std::chrono::year(2036) / 2 / 7) + 6h + 28min + 16s;
    CHECK(NtpTime::from_unix(rollover).bits == 0);
    CHECK(NtpTime::from_unix(rollover - 1s).bits == 0xFFFF'FFFF'0000'0000);
    CHECK(NtpTime{0}.to_unix() == rollover);
    CHECK(NtpTime{0xFFFF'FFFF'0000'0000}.to_unix() == rollover - 1s);
  }

  TEST_CASE("a time from 1968 to 2104 is converted both ways without losing a nanosecond") {
    const NtpTime::Unix first = NtpTime{std::uint64_t{1} << 63}.to_unix();
    const NtpTime::Unix last = NtpTime{(std::uint64_t{1} << 63) - 1}.to_unix() - 1ns;
    const auto seed = std::random_device()();
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    std::uniform_int_distribution<std::int64_t> between(0, (last - first).count());
    for (int round = 0; round < 10'000; ++round) {
      const auto time = first + nanoseconds(between(random));
      REQUIRE(NtpTime::from_unix(time).to_unix() == time);
    }
    for (const auto time : {first, last, unix_time(-1, 1ns), unix_time(0, 999'999'999ns)}) {
      CHECK(NtpTime::from_unix(time).to_unix() == time);
    }
  }

  TEST_CASE("only requests of clients of versions 1 to 4 get a reply") {
    for (std::uint8_t version = 0; version < 8; ++version) {
      for (std::uint8_t mode = 0; mode < 8; ++mode) {
        SntpPacket request = request_of(version);
        request.mode = static_cast<NtpMode>(mode);
        CAPTURE(version);
        CAPTURE(mode);
        CHECK(answer_to(request).has_value() ==
              (request.mode == NtpMode::client && version >= 1 && version <= 4));
      }
    }
  }

  TEST_CASE("a reply gets no reply, so that no two servers exchange packets for ever") {
    CHECK_FALSE(answer_to(*answer_to(request_of())));
  }

  TEST_CASE(
      "a reply has the transmit timestamp of the request, bit by bit, and describes its clock") {
    SntpClock clock;
    clock.leap = Leap::last_minute_has_61;
    clock.stratum = 3;
    const auto answer = answer_to(request_of(3), clock);
    REQUIRE(answer);
    CHECK(answer->origin == request_of().transmit);
    CHECK(answer->receive == NtpTime{42});
    CHECK(answer->version == 3);
    CHECK(answer->poll == 6);
    CHECK(answer->leap == Leap::last_minute_has_61);
    CHECK(answer->stratum == 3);
    CHECK_FALSE(answer->transmit);
  }

  TEST_CASE("a clock that is not synchronised is marked as such, and not used") {
    for (const int stratum : {0, 16, 255}) {
      SntpClock clock;
      clock.stratum = static_cast<std::uint8_t>(stratum);
      auto answer = answer_to(request_of(), clock);
      REQUIRE(answer);
      CHECK(answer->leap == Leap::unsynchronised);
      CHECK(answer->stratum == 0);
      CHECK(std::string(answer->reference_id.data(), 4) == "INIT");
      CHECK_FALSE(answer->reference);
      answer->transmit = {1};
      CHECK(sntp_answer_problem(*answer, request_of().transmit) != "");
    }
  }

  TEST_CASE("each packet that is not the reply to this request is refused with its reason") {
    auto good = answer_to(request_of()).value();
    good.transmit = {43};
    const NtpTime sent = request_of().transmit;
    CHECK(sntp_answer_problem(good, sent) == "");
    CHECK(sntp_answer_problem(good, NtpTime{sent.bits + 1}) == "not a response to this request");
    auto bad = good;
    bad.mode = NtpMode::client;
    CHECK(sntp_answer_problem(bad, sent) == "not a server's answer");
    bad = good;
    bad.stratum = 0;
    CHECK(sntp_answer_problem(bad, sent) == "the server has no time to give");
    bad = good;
    bad.leap = Leap::unsynchronised;
    CHECK(sntp_answer_problem(bad, sent) == "the server's clock is not synchronised");
    bad = good;
    bad.version = 5;
    CHECK(sntp_answer_problem(bad, sent) == "of an unknown version");
    bad = good;
    bad.transmit = {};
    CHECK(sntp_answer_problem(bad, sent) == "without a transmit timestamp");
  }

  TEST_CASE("a reply of stratum 0 has a kiss code, if its reference identifier is one") {
    const auto code_of = [](std::array<char, 4> reference_id, std::uint8_t stratum = 0) {
      SntpPacket answer;
      answer.stratum = stratum;
      answer.reference_id = reference_id;
      return std::string(kiss_code(answer).value_or("(none)"));
    };
    CHECK(code_of({'R', 'A', 'T', 'E'}) == "RATE");
    CHECK(code_of({'X', '~', '!', '1'}) == "X~!1");
    CHECK(code_of({'N', 'T', 0, 0}) == "NT");
    CHECK(code_of({'R', 'A', 'T', 'E'}, 1) == "(none)");
    CHECK(code_of({0, 0, 0, 0}) == "(none)");
    CHECK(code_of({0, 'A', 'T', 'E'}) == "(none)");
    CHECK(code_of({'R', 0, 'T', 'E'}) == "(none)");
    CHECK(code_of({'R', 'A', 'T', ' '}) == "(none)");
    CHECK(code_of({'R', 'A', 'T', 127}) == "(none)");
    CHECK(code_of({'R', 'A', 'T', '\xE9'}) == "(none)");
    CHECK(code_of({'\33', 'A', 'T', 'E'}) == "(none)");
  }

  TEST_CASE("the kiss codes of RFC 5905 have a description") {
    CHECK(kiss_code_meaning("RATE") == "the server gets too many requests");
    CHECK(kiss_code_meaning("STEP") ==
          "the server's clock was set and has not been synchronized since");
    CHECK(kiss_code_meaning("DENY") != kiss_code_meaning("RSTR"));
    for (const char* unknown : {"", "rate", "XXXX", "RAT", "RATES"}) {
      CHECK(kiss_code_meaning(unknown) == "");
    }
  }

  TEST_CASE("offset and delay of an exchange are correct for any two clocks") {
    // The server is 250 ms ahead. Times: 30 ms to the server, 10 ms in it, 20 ms back.
    for (const std::int64_t second : {0LL, 1'700'000'000LL, 2'085'978'495LL, 4'000'000'000LL}) {
      const auto sent = unix_time(second, 990ms);
      const auto sample =
          sntp_sample(NtpTime::from_unix(sent), NtpTime::from_unix(sent + 280ms),
                      NtpTime::from_unix(sent + 290ms), NtpTime::from_unix(sent + 60ms));
      CHECK(std::chrono::abs(sample.offset - 255ms) <= 1ns);
      CHECK(std::chrono::abs(sample.delay - 50ms) <= 1ns);
    }
  }

  TEST_CASE("clocks up to 68 years apart are distinguished, and no time overflows") {
    const auto ours = unix_time(0);
    const auto theirs = ours + std::chrono::seconds((std::int64_t{1} << 31) - 1);
    const auto sample = sntp_sample(NtpTime::from_unix(ours), NtpTime::from_unix(theirs),
                                    NtpTime::from_unix(theirs), NtpTime::from_unix(ours));
    CHECK(sample.offset == theirs - ours);
    CHECK(sample.delay == 0ns);
    std::mt19937_64 random(1);
    for (int round = 0; round < 1000; ++round) {
      (void)sntp_sample({random()}, {random()}, {random()}, {random()});
    }
  }
}
