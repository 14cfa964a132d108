#include "samples/file_transfer/server/login.hpp"

#include <cstdio>
#include <utility>

#include "protocols/base64.hpp"
#include "samples/file_transfer/server/accounts.hpp"
#include "samples/support/failed.hpp"
#include "samples/support/network.hpp"
#include "samples/support/printable.hpp"
#include "samples/support/random.hpp"
#include "samples/support/sha256.hpp"

namespace file_transfer {
namespace {

constexpr std::string_view other_endpoint = "e=channel-bindings-dont-match";

std::string network_of(reactor::Stream& stream) {
  const auto address = stream.socket().peer_address();
  return address ? samples::network_of(*address) : "unknown";
}

}  // namespace

Login::Login(Peer& peer, Site& site, reactor::Callback<void(std::shared_ptr<Home>)> on_passed)
    : peer_(peer),
      site_(site),
      network_(network_of(peer.stream())),
      on_passed_(std::move(on_passed)) {}

Login::~Login() {
  if (!undecided_) return;
  site_.guard.failed(network_, scram_->user());
  std::fprintf(stderr, "a login as \"%s\" from %s failed\n",
               samples::escaped(scram_->user()).c_str(), network_.c_str());
}

void Login::take(const Header& request) {
  try {
    text_of(request, "type") == "login" ? begin(request) : prove(request);
  } catch (const samples::Failed& failure) {
    undecided_ = false;
    std::fprintf(stderr, "%s\n", failure.what());
    peer_.refuse_and_end("the server cannot read its accounts");
  }
}

void Login::begin(const Header& request) {
  if (scram_) return peer_.refuse_and_end("a login has begun already");
  if (must_wait("")) return;
  const auto verifier_of = [this](std::string_view user) {
    return site_.accounts.current().verifier(user, samples::scram_crypto());
  };
  scram_.emplace(protocols::to_base64(samples::random_bytes(24)), samples::scram_crypto(),
                 verifier_of, bindings());
  undecided_ = true;
  const std::string challenge = scram_->first(text_of(request, "message"));
  if (challenge.starts_with("e=")) return peer_.refuse_and_end("login: " + challenge.substr(2));
  if (must_wait(scram_->user())) return;
  peer_.answer({{"type", "challenge"}, {"message", challenge}});
}

std::vector<samples::ChannelBinding> Login::bindings() const {
  std::vector<samples::ChannelBinding> bindings;
  for (std::string& endpoint : site_.reached_as.endpoints_of(peer_.stream())) {
    bindings.push_back({.type = std::string(endpoint_binding), .data = std::move(endpoint)});
  }
  return bindings;
}

// The pause is reported before the challenge, for a known name as for an unknown one.
bool Login::must_wait(const std::string& user) {
  const auto pause = site_.guard.pause(network_, user);
  if (pause.count() == 0) return false;
  undecided_ = false;  // A login that is too early does not lengthen the pause.
  peer_.refuse_and_end("login: too many have failed; the next one may come in " +
                       std::to_string(pause.count()) + " s");
  return true;
}

void Login::prove(const Header& request) {
  if (!scram_ || text_of(request, "type") != "proof") {
    return peer_.refuse_and_end("log in first");
  }
  const std::string signature = scram_->final(text_of(request, "message"));
  if (signature == "e=invalid-proof") {
    return peer_.refuse_and_end("login: no such user, or another password");
  }
  if (signature == other_endpoint) report_other_endpoint();
  if (!scram_->passed()) return peer_.refuse_and_end("login: " + signature.substr(2));
  const Account* const account = site_.accounts.current().find(scram_->user());
  if (!account) return peer_.refuse_and_end("the account is gone");
  undecided_ = false;
  site_.guard.passed(network_, scram_->user());
  seat_ = site_.enter(scram_->user());
  if (!seat_) {
    return peer_.refuse_and_end("login: " + scram_->user() + " has " +
                                std::to_string(site_.sessions_of_each) +
                                " sessions open, and may have no more");
  }
  peer_.work();
  peer_.stream().accept();
  request_ =
      site_.request_home(scram_->user(), account->quota_bytes,
                         [this, signature](const reactor::Result<std::shared_ptr<Home>>& home) {
                           welcome(signature, home);
                         });
}

// Only the log names the server's addresses: a client must not learn them before it has logged in.
void Login::report_other_endpoint() const {
  std::string known;
  for (const auto& binding : bindings()) known += (known.empty() ? "" : " or ") + binding.data;
  std::fprintf(stderr,
               "%s is connected to another address than %s; --reached-as names further addresses\n",
               peer_.name().c_str(), known.c_str());
}

void Login::welcome(const std::string& signature,
                    const reactor::Result<std::shared_ptr<Home>>& home) {
  if (!home) {
    std::fprintf(stderr, "%s\n", home.error().message().c_str());
    return peer_.refuse_and_end("the server cannot open the home");
  }
  std::fprintf(stderr, "%s is %s\n", peer_.name().c_str(), scram_->user().c_str());
  peer_.answer({{"type", "welcome"}, {"message", signature}});
  on_passed_(*home);
}

}  // namespace file_transfer
