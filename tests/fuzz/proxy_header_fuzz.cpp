#include "fuzz/fuzz.hpp"
#include "protocols/proxy_header.hpp"
#include "support/proxy_header.hpp"

namespace proxy_header_fuzz {

using protocols::ProxyHeader;
using protocols::ProxyHeaderDecoder;

// What was read can be written, and is then read as the same.
void check_round_trip(const ProxyHeader& header) {
  std::vector<std::byte> written;
  fuzz::require(append_proxy_header(written, header), "a header without an encoding");
  ProxyHeaderDecoder again;
  again.feed(written);
  const auto restored = again.next();
  fuzz::require(restored && describe(*restored) == "[" + describe(header) + "]" &&
                    again.position() == written.size(),
                "another header");
}

void fuzz_one(fuzz::Input input) {
  fuzz::check_any_split(ProxyHeaderDecoder(), input.rest(), true);
  ProxyHeaderDecoder decoder;
  decoder.feed(protocols::as_bytes(input.rest()));
  const auto frame = decoder.next();
  if (!frame) return;
  const auto& header = std::get<ProxyHeader>(*frame);
  check_round_trip(header);
  if (const auto ssl = find_tlv(header, protocols::ProxyTlv::ssl)) {
    const auto facts = protocols::read_proxy_ssl(*ssl);
    if (facts) fuzz::require(facts->version.size() <= ssl->size(), "longer than the value");
  }
}

const fuzz::Target target("proxy_header", fuzz_one);

}  // namespace proxy_header_fuzz
