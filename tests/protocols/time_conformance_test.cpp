// Runs tests/data/time: SNTP packets, RFC 868 times and formats of strftime, byte for byte.
#include <doctest/doctest.h>

#include <cstdlib>
#include <ctime>

#include "protocols/sntp.hpp"
#include "protocols/time868.hpp"
#include "samples/support/time_text.hpp"
#include "support/conformance.hpp"

using conformance::cases;
using conformance::decoded;
using conformance::Json;
using protocols::as_bytes;
using protocols::NtpTime;
using protocols::SntpPacket;

namespace {

constexpr double fixed_point = 65536;

NtpTime ntp_time(const Json& hex) { return {std::stoull(hex.get<std::string>(), nullptr, 16)}; }

void check_fields(const SntpPacket& packet, const Json& fields) {
  CHECK(static_cast<int>(packet.leap) == fields["li"]);
  CHECK(packet.version == fields["vn"]);
  CHECK(static_cast<int>(packet.mode) == fields["mode"]);
  CHECK(packet.stratum == fields["stratum"]);
  CHECK(packet.poll == fields["poll"]);
  CHECK(packet.precision == fields["precision"]);
  CHECK(packet.root_delay / fixed_point == fields["root_delay_s"]);
  CHECK(packet.root_dispersion / fixed_point == fields["root_dispersion_s"]);
  CHECK(std::string(packet.reference_id.data(), 4) == decoded(fields["refid_b64"]));
  CHECK(packet.reference == ntp_time(fields["reference_hex"]));
  CHECK(packet.origin == ntp_time(fields["originate_hex"]));
  CHECK(packet.receive == ntp_time(fields["receive_hex"]));
  CHECK(packet.transmit == ntp_time(fields["transmit_hex"]));
  const auto since_1970 = packet.transmit.to_unix().time_since_epoch();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since_1970);
  CHECK(seconds.count() == fields["transmit_unix"][0]);
  CHECK((since_1970 - seconds).count() == fields["transmit_unix"][1]);
}

void check_sample(const SntpPacket& answer, const Json& expect) {
  const auto sample = protocols::sntp_sample(ntp_time(expect["t1_hex"]), answer.receive,
                                             answer.transmit, ntp_time(expect["t4_hex"]));
  const auto differs = [&](std::chrono::nanoseconds measured, const char* key) {
    return std::abs(std::chrono::duration<double>(measured).count() - expect[key].get<double>());
  };
  CHECK(differs(sample.offset, "offset_s") <= expect["tolerance_s"]);
  CHECK(differs(sample.delay, "delay_s") <= expect["tolerance_s"]);
}

// The main outcome, not one that is only tolerated.
void check_server_reply(const std::string& request, const Json& expect) {
  const auto reply = protocols::answer_sntp(as_bytes(request), {}, NtpTime{1});
  REQUIRE(reply.has_value() == (expect["end"] == "reply"));
  if (!reply) return;
  CHECK(reply->encode().size() == expect["length"]);
  CHECK(static_cast<int>(reply->mode) == expect["mode"]);
  CHECK(reply->version == expect["vn"]);
  CHECK(reply->origin == ntp_time(expect["originate_hex"]));
  CHECK(reply->poll == expect["poll"]);
  CHECK(reply->stratum >= expect["stratum_range"][0]);
  CHECK(reply->stratum <= expect["stratum_range"][1]);
}

void run_sntp(const Json& test) {
  const Json& expect = test["expect"];
  const std::string input = decoded(test["input_b64"]);
  if (expect["kind"] == "server_reply") return check_server_reply(input, expect);
  const auto packet = SntpPacket::decode(as_bytes(input));
  if (expect["kind"] == "decode") {
    REQUIRE(packet.has_value() == (expect["end"] == "ok"));
    if (packet) check_fields(*packet, expect["fields"]);
    return;
  }
  REQUIRE(packet);
  if (expect["kind"] == "offset") return check_sample(*packet, expect);
  REQUIRE(expect["kind"] == "client_accept");
  const auto problem =
      protocols::sntp_answer_problem(*packet, ntp_time(expect["sent_transmit_hex"]));
  CHECK_MESSAGE(problem.empty() == (expect["end"] == "ok"), problem);
}

void run_time868(const Json& test) {
  const Json& expect = test["expect"];
  const std::string input = decoded(test["input_b64"]);
  const auto time = protocols::decode_time868(as_bytes(input));
  REQUIRE(time.has_value() == (expect["end"] == "ok"));
  if (!time) return;
  CHECK(time->time_since_epoch().count() == expect["unix"]);
  CHECK(protocols::as_text(protocols::encode_time868(*time)) == input);
}

void run_strftime(const Json& test) {
  const Json& config = test["config"];
  const std::string input = decoded(test["input_b64"]);
  const std::chrono::sys_seconds now(std::chrono::seconds(config.value("epoch", 1'700'000'000)));
  setenv("TZ", config.value("tz", "UTC").c_str(), 1);
  tzset();
  const auto reply = samples::answer_time_text(as_bytes(input), now);
  if (test["expect"]["end"] == "ok") {
    CHECK(reply == decoded(test["expect"]["reply_b64"]));
  } else if (reply) {
    CHECK(reply->size() <= config["max_reply"]);
    CHECK(reply->size() <= input.size() + samples::max_time_text_growth);
  }
}

void run_all(const char* file, void (*run)(const Json&)) {
  const auto all = cases(std::filesystem::path("time") / file);
  CHECK(!all.empty());
  for (const Json& test : all) {
    const std::string id = test["id"];
    CAPTURE(id);
    run(test);
  }
}

}  // namespace

TEST_SUITE("time conformance") {
  TEST_CASE("SNTP packets, replies, and their evaluation by a client") {
    run_all("sntp.jsonl", run_sntp);
  }
  TEST_CASE("RFC 868 times") { run_all("time868.jsonl", run_time868); }
  TEST_CASE("formats of strftime, good and hostile") {
    const char* const before = std::getenv("TZ");
    const std::string zone = before ? before : "";
    run_all("strftime.jsonl", run_strftime);
    before ? setenv("TZ", zone.c_str(), 1) : unsetenv("TZ");
    tzset();
  }
}
