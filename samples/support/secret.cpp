#include "samples/support/secret.hpp"

#include <cerrno>
#include <utility>

#include "reactor/random_bytes.hpp"
#include "samples/support/failed.hpp"
#include "samples/support/hmac.hpp"
#include "samples/support/private_file.hpp"

namespace samples {
namespace {

using reactor::Error;
using reactor::Stream;

Nonce random_nonce() {
  Nonce nonce;
  reactor::fill_randomly(nonce);
  return nonce;
}

Error not_authenticated(Stream& stream, int reason, std::string hint) {
  const auto peer = stream.socket().peer_address();
  Error error = reactor::system_error(reason, "authenticate", peer ? peer->to_string() : "");
  error.hint = std::move(hint);
  return error;
}

std::string list(const std::vector<std::string>& endpoints) {
  std::string text;
  for (const std::string& endpoint : endpoints) text += (text.empty() ? "" : " or ") + endpoint;
  return text;
}

// Only the right client gets a server's proof, so for a client a wrong proof has a single cause.
std::string why_wrong(const Challenge& challenge) {
  if (challenge.side() == Challenge::Side::client) return "it does not know the secret";
  return "it does not know the secret, or is connected to another address than " +
         list(challenge.binding().endpoints) + "; --reached-as names further addresses";
}

}  // namespace

Secret::Secret(std::string bytes) : bytes_(std::make_shared<const std::string>(std::move(bytes))) {}

Secret Secret::read(const std::string& path) {
  std::string bytes = read_private("read secret file", path);
  bytes.erase(bytes.find_last_not_of("\r\n") + 1);
  if (bytes.empty()) throw Failed("read secret file " + path + ": it is empty");
  (void)hmac_sha256(protocols::as_bytes(bytes), {});  // Fails now, not with the first client.
  return Secret(std::move(bytes));
}

Challenge Secret::challenge(Challenge::Side side, ChallengeBinding binding) const {
  return {side, random_nonce(),
          [bytes = bytes_](protocols::Bytes message) {
            return hmac_sha256(protocols::as_bytes(*bytes), message);
          },
          std::move(binding)};
}

Gate::Gate(reactor::Loop& loop, Stream& stream, Challenge challenge,
           std::chrono::milliseconds timeout)
    : stream_(stream), challenge_(std::move(challenge)), timeout_(loop, timeout, [&stream] {
        stream.fail(not_authenticated(stream, ETIMEDOUT, "it has not proven the secret in time"));
      }) {
  stream_.write(challenge_.take_output());
}

protocols::Bytes Gate::pass(protocols::Bytes bytes) {
  const protocols::Bytes behind = challenge_.feed(bytes);
  stream_.write(challenge_.take_output());
  if (challenge_.passed()) {
    timeout_.cancel();
    stream_.accept();
  }
  if (challenge_.failed()) {
    timeout_.cancel();
    stream_.fail(not_authenticated(stream_, EACCES, why_wrong(challenge_)));
  }
  return behind;
}

std::string Gate::refusal() const {
  return "the server does not accept the proof of the secret: it has another secret, or does not "
         "know that it is reached as " +
         list(challenge_.binding().endpoints) + " (its option --reached-as)";
}

}  // namespace samples
