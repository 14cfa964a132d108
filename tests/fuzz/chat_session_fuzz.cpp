// Two members of a chat room, of whom each says what the fuzzer likes.
#include <algorithm>
#include <vector>

#include "fuzz/session.hpp"
#include "samples/chat/room.hpp"
#include "samples/support/printable.hpp"

namespace chat_session_fuzz {

namespace {

// Those that everybody receives, after a look at each.
std::vector<std::string> check_lines(std::string_view received) {
  std::vector<std::string> said;
  while (!received.empty()) {
    const std::size_t end = received.find('\n');
    fuzz::require(end != received.npos, "a line without an end");
    const std::string line(received.substr(0, end));
    received.remove_prefix(end + 1);
    fuzz::require(samples::printable(line) == line, "what commands a terminal: " + line);
    fuzz::require(line.size() <= 3 * 4096 + 40, "a line that is too long");
    const bool is_private =
        line.starts_with("! ") || line.starts_with("*   ") || line.ends_with(" here:");
    const bool from_server = line.starts_with("* ") || is_private;
    fuzz::require(from_server || (line.find(": ") != line.npos && line.front() != '*'),
                  "a line without a name: " + line);
    if (!is_private) said.push_back(line);
  }
  return said;
}

}  // namespace

void fuzz_one(fuzz::Input input) {
  static reactor::Loop loop;
  static const std::string endpoint = fuzz::endpoint("chat");
  chat::Room room(loop, endpoint, 1 << 20);
  {
    fuzz::Peer peers[] = {fuzz::Peer(endpoint), fuzz::Peer(endpoint)};
    fuzz::run_iterations(loop);
    while (!input.rest().empty()) {
      fuzz::Peer& peer = peers[input.number(1)];
      peer.send(input.bytes(input.number(255)));
      fuzz::run_iterations(loop);
    }
    const auto first = check_lines(peers[0].received());
    const auto second = check_lines(peers[1].received());
    const std::size_t common = std::min(first.size(), second.size());
    fuzz::require(std::equal(first.begin(), first.begin() + static_cast<std::ptrdiff_t>(common),
                             second.begin()),
                  "not everybody heard the same");
    for (fuzz::Peer& peer : peers) peer.end();
    fuzz::run_iterations(loop);
  }
  fuzz::run_iterations(loop);
}

const fuzz::Target target("chat_session", fuzz_one);

}  // namespace chat_session_fuzz
