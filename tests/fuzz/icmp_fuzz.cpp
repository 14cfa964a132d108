#include "fuzz/fuzz.hpp"
#include "samples/ping/icmp.hpp"

namespace icmp_fuzz {

using protocols::as_bytes;

namespace {

std::uint16_t number(fuzz::Input& input) { return static_cast<std::uint16_t>(input.number(65535)); }

// A request with the type of a reply, and its checksum mended: 8 less in the highest byte.
std::string reply_to(icmp::Version version, std::string request) {
  if (version == icmp::Version::ipv6) {
    request[0] = static_cast<char>(129);
    return request;
  }
  request[0] = 0;
  const auto byte = [&request](std::size_t at) -> unsigned {
    return static_cast<unsigned char>(request[at]);
  };
  const unsigned sum = byte(2) << 8U | byte(3);
  const unsigned mended = sum + 0x800U > 0xFFFFU ? sum + 0x800U - 0xFFFFU : sum + 0x800U;
  request[2] = static_cast<char>(mended >> 8U);
  request[3] = static_cast<char>(mended & 0xFFU);
  return request;
}

}  // namespace

void fuzz_one(fuzz::Input input) {
  const auto version = input.number(1) ? icmp::Version::ipv4 : icmp::Version::ipv6;
  const icmp::Echo echo{number(input), number(input), input.rest()};

  const std::string request = icmp::encode_request(version, echo);
  fuzz::require(request.size() == 8 + echo.data.size(), "a request of another size");
  fuzz::require(!icmp::decode_reply(version, as_bytes(request)), "a request is taken for a reply");
  const std::string reply = reply_to(version, request);
  const auto decoded = icmp::decode_reply(version, as_bytes(reply));
  fuzz::require(decoded.has_value(), "a reply is refused");
  fuzz::require(decoded->identifier == echo.identifier && decoded->sequence == echo.sequence &&
                    decoded->data == echo.data,
                "another reply than was sent");

  const auto packet = icmp::decode_ipv4(as_bytes(input.rest()));
  if (packet) {
    fuzz::require(packet->message.size() + 20 <= input.rest().size(), "no room for a header");
  }
  const auto hostile =
      icmp::decode_reply(version, packet ? packet->message : as_bytes(input.rest()));
  if (hostile) {
    fuzz::require(hostile->data.size() + 8 <= input.rest().size(), "more data than was received");
  }
}

const fuzz::Target target("icmp", fuzz_one);

}  // namespace icmp_fuzz
