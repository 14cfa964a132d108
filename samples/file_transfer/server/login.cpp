#include "samples/file_transfer/server/login.hpp"

#include <cstdio>

#include "protocols/base64.hpp"
#include "samples/file_transfer/server/accounts.hpp"
#include "samples/support/failed.hpp"
#include "samples/support/random.hpp"
#include "samples/support/sha256.hpp"

namespace file_transfer {

std::shared_ptr<Home> Login::take(const Json& request) {
  try {
    if (text_of(request, "type") != "login") return prove(request);
    begin(request);
  } catch (const samples::Failed& failure) {
    std::fprintf(stderr, "%s\n", failure.what());
    peer_.refuse_and_end("the server cannot read its accounts");
  }
  return nullptr;
}

void Login::begin(const Json& request) {
  if (scram_) return peer_.refuse_and_end("a login has begun already");
  const auto verifier_of = [this](std::string_view user) {
    return Accounts::read(site_.accounts_file).verifier(user);
  };
  scram_.emplace(protocols::to_base64(samples::random_bytes(24)), samples::scram_crypto(),
                 verifier_of);
  const std::string challenge = scram_->first(text_of(request, "message"));
  if (challenge.starts_with("e=")) return peer_.refuse_and_end("login: " + challenge.substr(2));
  peer_.answer({{"type", "challenge"}, {"message", challenge}});
}

std::shared_ptr<Home> Login::prove(const Json& request) {
  const auto refuse = [this](const std::string& reason) {
    peer_.refuse_and_end(reason);
    return nullptr;
  };
  if (!scram_ || text_of(request, "type") != "proof") return refuse("log in first");
  const std::string signature = scram_->final(text_of(request, "message"));
  if (signature == "e=invalid-proof") return refuse("login: no such user, or another password");
  if (!scram_->passed()) return refuse("login: " + signature.substr(2));
  const Accounts accounts = Accounts::read(site_.accounts_file);
  const Account* account = accounts.find(scram_->user());
  if (!account) return refuse("the account is gone");
  auto home = site_.home(scram_->user(), account->quota_bytes);
  if (!home) {
    std::fprintf(stderr, "%s\n", home.error().message().c_str());
    return refuse("the server cannot open the home");
  }
  std::fprintf(stderr, "%s is %s\n", peer_.name().c_str(), scram_->user().c_str());
  peer_.answer({{"type", "welcome"}, {"message", signature}});
  return *home;
}

}  // namespace file_transfer
