#include "fuzz/fuzz.hpp"
#include "samples/support/challenge.hpp"
#include "support/toy_mac.hpp"

namespace challenge_fuzz {

namespace {

using protocols::as_bytes;
using protocols::as_text;
using samples::Challenge;

// A client, and a server that is reached by several addresses.
Challenge side_of(Challenge::Side side) {
  const bool is_server = side == Challenge::Side::server;
  const samples::ChallengeBinding client{"service", {"[2001:db8::1]:9000"}, "channel"};
  const samples::ChallengeBinding server{
      "service", {"192.0.2.1:9000", "[2001:db8::1]:9000", "unix:/run/socket"}, "channel"};
  return {side, nonce_of(is_server ? 's' : 'c'), toy_mac("secret"), is_server ? server : client};
}

// Everything that can be observed of one side, after these pieces.
std::string outcome(Challenge side, const Pieces& pieces) {
  std::string sent(as_text(side.take_output())), behind;
  for (const std::string_view piece : pieces) {
    behind += as_text(side.feed(as_bytes(piece)));
    sent += as_text(side.take_output());
  }
  return std::string(side.passed()   ? "passed "
                     : side.failed() ? "failed "
                                     : "waits ") +
         sent + " then " + behind;
}

}  // namespace

// The bytes of an honest peer, changed by the fuzzer's: only those that are unchanged pass.
void fuzz_one(fuzz::Input input) {
  const auto side = input.number(1) ? Challenge::Side::server : Challenge::Side::client;
  Challenge server = side_of(Challenge::Side::server), client = side_of(Challenge::Side::client);
  std::string to_client(as_text(server.take_output()));
  (void)client.feed(as_bytes(to_client));
  const std::string to_server(as_text(client.take_output()));
  (void)server.feed(as_bytes(to_server));
  to_client += as_text(server.take_output());

  const std::string honest = side == Challenge::Side::server ? to_server : to_client;
  std::string wire(input.rest());
  bool changed = wire.size() < honest.size();
  for (std::size_t at = 0; at < wire.size() && at < honest.size(); ++at) {
    changed |= wire[at] != 0;
    wire[at] = static_cast<char>(wire[at] ^ honest[at]);
  }

  const std::string whole = outcome(side_of(side), {wire});
  fuzz::require(whole.starts_with("passed ") == !changed, "changed, and " + whole);
  std::mt19937 random(static_cast<std::mt19937::result_type>(wire.size()));
  for (const Pieces& pieces : {single_bytes(wire), random_pieces(wire, random)}) {
    fuzz::require(outcome(side_of(side), pieces) == whole, "the cut makes a difference");
  }
}

const fuzz::Target target("challenge", fuzz_one);

}  // namespace challenge_fuzz
