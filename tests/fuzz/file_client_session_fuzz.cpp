// A server to which file_client has logged in, and which then answers what the fuzzer likes.
#include <sys/socket.h>
#include <unistd.h>

#include "fuzz/captured.hpp"
#include "fuzz/session.hpp"
#include "protocols/base64.hpp"
#include "protocols/json_header.hpp"
#include "samples/file_transfer/client/client.hpp"
#include "samples/support/failed.hpp"
#include "samples/support/sha256.hpp"

namespace file_client_session_fuzz {

using namespace file_transfer;

namespace {

using protocols::as_bytes;
using protocols::as_text;

int listen_at(const std::string& endpoint) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const auto address = reactor::Address::parse(endpoint);
  const bool listens =
      address && bind(fd, address->data(), address->size()) == 0 && listen(fd, 8) == 0;
  fuzz::require(listens, "nothing listens");
  return fd;
}

// The server's side of SCRAM-SHA-256, for one password, without a look at the proof.
class Login {
 public:
  // `n,,n=ann,r=NONCE`, or with a channel binding in front.
  std::string challenge(const std::string& first) {
    const std::string bare = first.substr(first.find("n="));
    challenge_ =
        bare.substr(bare.find("r=")) + "server,s=" + protocols::to_base64("salt") + ",i=4096";
    signed_ = bare + "," + challenge_ + ",";
    return challenge_;
  }

  [[nodiscard]] std::string signature(const std::string& proof) const {
    static const samples::ScramCrypto crypto = samples::scram_crypto();
    static const samples::Digest salted = crypto.hi(as_bytes("pencil"), as_bytes("salt"), 4096);
    static const samples::Digest key = crypto.hmac(salted, as_bytes("Server Key"));
    const std::string text = signed_ + proof.substr(0, proof.rfind(",p="));
    return "v=" + protocols::to_base64(as_text(crypto.hmac(key, as_bytes(text))));
  }

 private:
  std::string challenge_;
  std::string signed_;
};

class Server {
 public:
  Server(reactor::Loop& loop, int listening) : loop_(loop), peer_(listening) {}

  void log_in() {
    Login login;
    say({{"type", "challenge"}, {"message", login.challenge(text_of(hear(), "message"))}});
    say({{"type", "welcome"}, {"message", login.signature(text_of(hear(), "message"))}});
  }

  Header hear() {
    std::optional<protocols::JsonHeaderStreamDecoder::Frame> frame;
    fuzz::run_iterations_until(
        loop_,
        [&] {
          auto messages = decoder(0);
          messages.feed(as_bytes(peer_.received()).subspan(received_bytes_));
          frame = messages.next();
          if (!frame) return false;
          const auto& head = std::get<protocols::JsonHead>(*frame);
          request_ = head.header;
          received_bytes_ += 4 + request_.size();
          return true;
        },
        "the client says nothing");
    return parse_header(request_).value();
  }

  void say(const Header& answer) { peer_.send(as_text(message(answer))); }
  fuzz::Peer& peer() { return peer_; }

 private:
  reactor::Loop& loop_;
  fuzz::Peer peer_;
  std::size_t received_bytes_ = 0;
  std::string request_;
};

void answer(Server& server, reactor::Loop& loop, fuzz::Input& input) {
  server.log_in();
  server.hear();
  while (!input.rest().empty()) {
    const bool is_message = input.number(1) != 0;
    const std::string_view piece = input.bytes(input.number(255));
    std::vector<std::byte> bytes;
    if (is_message) protocols::append_json_header(bytes, piece);
    server.peer().send(is_message ? as_text(bytes) : piece);
    fuzz::run_iterations(loop);
  }
  server.peer().end();
  for (int i = 0; i < 100 && loop.poll(); ++i) continue;
}

}  // namespace

void fuzz_one(fuzz::Input input) {
  static const std::string endpoint = fuzz::endpoint("client");
  static const int listening = listen_at(endpoint);
  static const std::vector<std::string> commands[] = {
      {"ls"}, {"quota"}, {"cd", "a"}, {"mkdir", "a", "b"}};
  static reactor::Loop loop;
  const Options options{.endpoint = endpoint,
                        .user = "ann",
                        .password = "pencil",
                        .command = commands[input.number(3)]};
  const std::size_t size = input.rest().size();
  fuzz::Captured output(stdout), errors(stderr);
  try {
    const Client client(loop, options);
    Server server(loop, listening);
    answer(server, loop, input);
  } catch (const samples::Failed& failure) {
    std::fprintf(stderr, "%s\n", failure.what());
  }
  output.check();
  errors.check();
  fuzz::require(output.text().size() + errors.text().size() <= 8 * size + 1000,
                "more is printed than the server said");
}

const fuzz::Target target("file_client_session", fuzz_one);

}  // namespace file_client_session_fuzz
