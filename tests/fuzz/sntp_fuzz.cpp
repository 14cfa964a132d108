#include "fuzz/fuzz.hpp"
#include "protocols/sntp.hpp"

namespace sntp_fuzz {

using namespace protocols;

void fuzz_one(fuzz::Input input) {
  SntpClock clock;
  clock.stratum = static_cast<std::uint8_t>(input.number(255));
  const NtpTime received{input.number(SIZE_MAX)};
  const Bytes wire = as_bytes(input.rest());

  const auto packet = SntpPacket::decode(wire);
  fuzz::require(packet.has_value() == (wire.size() >= SntpPacket::size), "decoded or not");
  if (packet) {
    fuzz::require(as_text(packet->encode()) == as_text(wire.first(SntpPacket::size)),
                  "encoded otherwise");
    (void)packet->transmit.to_unix();
    (void)sntp_sample(packet->origin, packet->receive, packet->transmit, received);
    (void)sntp_answer_problem(*packet, received);
  }

  const auto answer = answer_sntp(wire, clock, received);
  if (!answer) return;
  fuzz::require(answer->encode().size() <= wire.size(), "the answer is longer than the request");
  fuzz::require(answer->origin == packet->transmit, "another origin than was sent");
  fuzz::require(!answer_sntp(answer->encode(), clock, received), "an answer was answered");
}

const fuzz::Target target("sntp", fuzz_one);

}  // namespace sntp_fuzz
