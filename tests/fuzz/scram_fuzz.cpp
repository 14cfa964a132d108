#include <algorithm>

#include "fuzz/fuzz.hpp"
#include "samples/support/scram.hpp"
#include "support/toy_mac.hpp"

namespace scram_fuzz {

using namespace protocols;
using namespace samples;

namespace {

// The passwords of the two that know each other, and nothing that takes time.
ScramCrypto toy_crypto() {
  return {.hash = toy_mac("hash"),
          .hmac = [](Bytes key, Bytes text) { return toy_mac(std::string(as_text(key)))(text); },
          .hi =
              [](Bytes password, Bytes salt, unsigned iterations) {
                fuzz::require(iterations >= 4096 && iterations <= 10'000'000,
                              "a server makes the client work as long as it likes");
                return toy_mac(std::string(as_text(password)))(salt);
              }};
}

const ScramCrypto& crypto() {
  static const ScramCrypto one = toy_crypto();
  return one;
}

ScramVerifier verifier_of(std::string_view user) {
  static const ScramVerifier known = make_verifier(crypto(), "pencil", "salt", 4096);
  return user == "ann" ? known : make_decoy(crypto(), as_bytes("key"), user, 4, 4096);
}

ScramServer server() { return {"SERVER", crypto(), verifier_of}; }
ScramClient client(std::string password) {
  return {"ann", std::move(password), "CLIENT", crypto()};
}

// The bytes of an honest peer, changed by the fuzzer's: the first replaces so many of the front.
std::string changed(std::string_view honest, fuzz::Input& input) {
  const std::string_view front = input.bytes(input.number(63));
  const std::size_t skipped = std::min(input.number(255), honest.size());
  const std::string_view back = input.bytes(input.number(63));
  return std::string(front) + std::string(honest.substr(skipped)) + std::string(back);
}

void check_server(fuzz::Input input) {
  ScramServer login = server();
  const bool knows = input.number(1) != 0;
  ScramClient peer = client(knows ? "pencil" : "pencils");
  const std::string first = changed(peer.first(), input);
  const std::string challenge = login.first(first);
  fuzz::require(!login.passed(), "passed by a first message: " + first);
  fuzz::require(challenge.size() <= first.size() + 100, "a challenge that is too long");
  fuzz::require(challenge.find_first_of("\r\n") == challenge.npos, "a challenge of two lines");
  const std::string proof = peer.final(challenge).value_or("c=biws,r=CLIENTSERVER,p=");
  const std::string final = changed(proof, input);
  const std::string signature = login.final(final);
  const bool honest = first == peer.first() && final == proof && knows;
  fuzz::require(login.passed() == honest, "passed or not: " + first + " " + final);
  fuzz::require(signature.starts_with(honest ? "v=" : "e="), "answers " + signature);
  fuzz::require(login.final(final).starts_with("e="), "a proof is taken twice");
  fuzz::require(!login.passed(), "passed after a failure");
}

void check_client(fuzz::Input input) {
  ScramServer peer = server();
  ScramClient login = client("pencil");
  fuzz::require(!login.verify("v="), "verified before the challenge");
  const std::string honest = peer.first(login.first());
  const std::string challenge = changed(honest, input);
  const auto proof = login.final(challenge);
  if (!proof) return;
  fuzz::require(challenge.starts_with("r=CLIENT"), "another nonce: " + challenge);
  fuzz::require(proof->size() <= challenge.size() + 60, "a proof that is too long");
  const std::string signature = peer.final(*proof);
  const std::string shown = changed(signature, input);
  if (challenge != honest) {
    fuzz::require(!peer.passed(), "the server takes the answer to " + challenge);
  }
  if (login.verify(shown)) {
    fuzz::require(shown.starts_with("v=") && signature.starts_with("v="), "verified " + shown);
  }
}

}  // namespace

void fuzz_one(fuzz::Input input) { input.number(1) ? check_server(input) : check_client(input); }

const fuzz::Target target("scram", fuzz_one);

}  // namespace scram_fuzz
