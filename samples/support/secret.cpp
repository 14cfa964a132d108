#include "samples/support/secret.hpp"

#include <cerrno>
#include <fstream>
#include <sstream>
#include <utility>

#include "samples/support/failed.hpp"
#include "samples/support/hmac.hpp"
#include "samples/support/random.hpp"

namespace samples {
namespace {

using protocols::Challenge;
using reactor::Error;
using reactor::Stream;

protocols::Nonce random_nonce() {
  protocols::Nonce nonce;
  fill_randomly(nonce);
  return nonce;
}

Error not_authenticated(Stream& stream, int reason, std::string hint) {
  const auto peer = stream.socket().peer_address();
  Error error = reactor::system_error(reason, "authenticate", peer ? peer->to_string() : "");
  error.hint = std::move(hint);
  return error;
}

}  // namespace

Secret::Secret(std::string bytes) : bytes_(std::make_shared<const std::string>(std::move(bytes))) {}

Secret Secret::read(const std::string& path) {
  const std::ifstream file(path, std::ios::binary);
  if (!file) throw Failed(reactor::system_error(errno, "read secret file", path));
  std::ostringstream content;
  content << file.rdbuf();
  std::string bytes = content.str();
  bytes.erase(bytes.find_last_not_of("\r\n") + 1);
  if (bytes.empty()) throw Failed("read secret file " + path + ": it is empty");
  (void)hmac_sha256(protocols::as_bytes(bytes), {});  // Rather now than with the first client.
  return Secret(std::move(bytes));
}

Challenge Secret::challenge(Challenge::Side side) const {
  return {side, random_nonce(), [bytes = bytes_](protocols::Bytes message) {
            return hmac_sha256(protocols::as_bytes(*bytes), message);
          }};
}

Gate::Gate(reactor::Loop& loop, Stream& stream, Challenge challenge,
           std::chrono::milliseconds timeout)
    : stream_(stream), challenge_(std::move(challenge)), deadline_(loop, timeout, [&stream] {
        stream.fail(not_authenticated(stream, ETIMEDOUT, "it has not proven the secret in time"));
      }) {
  stream_.write(challenge_.take_output());
}

protocols::Bytes Gate::pass(protocols::Bytes bytes) {
  const protocols::Bytes behind = challenge_.feed(bytes);
  stream_.write(challenge_.take_output());
  if (challenge_.passed()) {
    deadline_.cancel();
    stream_.accept();
  }
  if (challenge_.failed()) {
    deadline_.cancel();
    stream_.fail(not_authenticated(stream_, EACCES, "it does not know the secret"));
  }
  return behind;
}

}  // namespace samples
