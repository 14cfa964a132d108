// A client of remote_command_server: one that does not know the secret, or one that does and then
// sends what the fuzzer likes. The session is part of the program, whose main is not wanted here.
#include <sys/mman.h>
#include <sys/stat.h>

#define main remote_command_server_main
#include "samples/remote_command/remote_command_server.cpp"
#undef main

#include "fuzz/session.hpp"

namespace remote_command_session_fuzz {

using namespace remote_command;

namespace {

using protocols::as_bytes;
using protocols::as_text;
using samples::Challenge;

samples::Secret make_secret() {
  const int fd = memfd_create("secret", MFD_CLOEXEC);
  const std::string_view text = "what both know";
  const bool written = fd >= 0 && fchmod(fd, S_IRUSR | S_IWUSR) == 0 &&
                       write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  fuzz::require(written, "no file in memory");
  return samples::Secret::read("/proc/self/fd/" + std::to_string(fd));
}

// No program can be run: each answer is a refusal.
void check_answers(std::string_view received) {
  auto answers = answer_decoder();
  answers.feed(as_bytes(received));
  while (const auto message = answers.next()) {
    const auto answer = parse_answer(message->header);
    fuzz::require(answer && answer->kind == Answer::Kind::refused && message->payload.empty(),
                  "answers " + std::string(message->header));
  }
  fuzz::require(!answers.error() && answers.at_boundary(), "what is no answer");
}

}  // namespace

void fuzz_one(fuzz::Input input) {
  static const samples::Secret secret = make_secret();
  static const Options options{.allowed = {"/nothing"}, .patience = std::chrono::hours(1)};
  static const std::string endpoint = fuzz::endpoint("command");
  static reactor::Loop loop;
  static reactor::FairShare share(loop);
  static auto server = reactor::Server<Session>::listen(loop, endpoint, {}, [](Stream& stream) {
    return Session(loop, stream, secret, options, share);
  });
  {
    const bool knows = input.number(1) != 0;
    fuzz::Peer peer(endpoint);
    std::size_t proof_bytes = 0;
    if (knows) {
      Challenge client =
          secret.challenge(Challenge::Side::client, {"remote_command", {endpoint}, {}});
      for (int step = 0; step < 3; ++step) {
        peer.send(as_text(client.take_output()));
        fuzz::run_iterations(loop);
        const std::string all = peer.received();
        (void)client.feed(as_bytes(all).subspan(proof_bytes));
        proof_bytes = all.size();
      }
      fuzz::require(client.passed(), "an honest client is refused");
    }
    while (!input.rest().empty()) {
      const bool is_message = input.number(1) != 0;
      const std::string_view piece = input.bytes(input.number(255));
      std::vector<std::byte> bytes;
      if (is_message) protocols::append_json_header(bytes, piece);
      peer.send(is_message ? as_text(bytes) : piece);
      fuzz::run_iterations(loop);
    }
    peer.end();
    fuzz::run_iterations(loop, 4);
    const std::string& received = peer.received();
    if (knows) {
      check_answers(std::string_view(received).substr(proof_bytes));
    } else {
      fuzz::require(received.size() <= 32, "says more than its nonce to a stranger");
    }
  }
  fuzz::run_iterations_until(
      loop, [] { return server->connections() == 0; }, "a session stays");
}

const fuzz::Target target("remote_command_session", fuzz_one);

}  // namespace remote_command_session_fuzz
