#include "samples/file_transfer/server/accounts.hpp"

#include <nlohmann/json.hpp>
#include <sys/stat.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <utility>

#include "protocols/base64.hpp"
#include "samples/support/failed.hpp"
#include "samples/support/file_update.hpp"
#include "samples/support/private_file.hpp"
#include "samples/support/random.hpp"
#include "samples/support/sha256.hpp"

namespace file_transfer {
namespace {

using Json = nlohmann::json;
using protocols::as_bytes;
using protocols::as_text;
using samples::Digest;
using samples::Failed;
using samples::random_bytes;

constexpr unsigned iterations = 100'000;
constexpr std::size_t salt_bytes = 16;
constexpr unsigned most_iterations = 10'000'000;  // A client refuses more.

std::string bytes_of(const Json& json) {
  auto bytes = protocols::from_base64(json.get<std::string>());
  if (!bytes) throw Failed("an account's key is no base64");
  return std::move(*bytes);
}

Digest digest_of(const Json& json) {
  const std::string bytes = bytes_of(json);
  Digest digest{};
  if (bytes.size() != digest.size()) throw Failed("an account's key has a wrong size");
  std::copy_n(as_bytes(bytes).begin(), digest.size(), digest.begin());
  return digest;
}

// Json also converts other numbers, and 1e300 to any number.
std::uint64_t number_of(const Json& json, std::uint64_t most) {
  if (!json.is_number_unsigned() || json.get<std::uint64_t>() > most) {
    throw Failed("an account's number is none, or too large");
  }
  return json.get<std::uint64_t>();
}

bool is_same(const struct stat& one, const struct stat& other) {
  const auto same_time = [](const timespec& a, const timespec& b) {
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
  };
  return one.st_dev == other.st_dev && one.st_ino == other.st_ino && one.st_size == other.st_size &&
         same_time(one.st_mtim, other.st_mtim) && same_time(one.st_ctim, other.st_ctim);
}

}  // namespace

Accounts Accounts::read(const std::string& path) {
  Accounts accounts;
  const auto file = samples::open_private("read accounts", path, true);
  if (!file) {
    accounts.decoy_key_ = random_bytes(32);
    return accounts;
  }
  try {
    const Json json = Json::parse(samples::read_to_end(file, "read accounts", path));
    accounts.decoy_key_ = bytes_of(json.at("decoy_key"));
    for (const auto& [user, entry] : json.at("accounts").items()) {
      accounts.accounts_[user] = {.verifier = {.salt = bytes_of(entry.at("salt")),
                                               .iterations = static_cast<unsigned>(number_of(
                                                   entry.at("iterations"), most_iterations)),
                                               .stored_key = digest_of(entry.at("stored_key")),
                                               .server_key = digest_of(entry.at("server_key"))},
                                  .quota_bytes = number_of(entry.at("quota_bytes"), UINT64_MAX)};
    }
  } catch (const Json::exception&) {
    throw Failed("read accounts " + path + ": it is no file of accounts");
  }
  return accounts;
}

void Accounts::update(const std::string& path, const std::function<void(Accounts&)>& change) {
  samples::FileUpdate file("write accounts", path);
  Accounts accounts = read(path);
  change(accounts);
  file.replace(accounts.text());
}

std::string Accounts::text() const {
  Json entries = Json::object();
  for (const auto& [user, account] : accounts_) {
    entries[user] = {{"salt", protocols::to_base64(account.verifier.salt)},
                     {"iterations", account.verifier.iterations},
                     {"stored_key", protocols::to_base64(as_text(account.verifier.stored_key))},
                     {"server_key", protocols::to_base64(as_text(account.verifier.server_key))},
                     {"quota_bytes", account.quota_bytes}};
  }
  return Json{{"decoy_key", protocols::to_base64(decoy_key_)}, {"accounts", entries}}.dump(2) +
         "\n";
}

void Accounts::set(const std::string& user, std::string_view password, std::uint64_t quota_bytes) {
  accounts_[user] = {.verifier = make_verifier(samples::scram_crypto(), password,
                                               random_bytes(salt_bytes), iterations),
                     .quota_bytes = quota_bytes};
}

const Account* Accounts::find(std::string_view user) const {
  const auto found = accounts_.find(user);
  return found == accounts_.end() ? nullptr : &found->second;
}

// A login of a known user takes as long as that of an unknown one: both compute the decoy.
samples::ScramVerifier Accounts::verifier(std::string_view user,
                                          const samples::ScramCrypto& crypto) const {
  const auto decoy = make_decoy(crypto, as_bytes(decoy_key_), user, salt_bytes, iterations);
  const Account* const account = find(user);
  return account ? account->verifier : decoy;
}

// The file's status is read before its content, so a change in between is found the next time.
const Accounts& AccountsFile::current() {
  struct stat now {};
  if (stat(path_.c_str(), &now) != 0 && errno != ENOENT) {
    throw Failed(reactor::system_error(errno, "read accounts", path_));
  }
  if (!read_ || !is_same(*read_, now)) {
    accounts_ = Accounts::read(path_);
    read_ = now;
  }
  return accounts_;
}

bool is_user_name(std::string_view text) {
  const auto is_plain = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; };
  return !text.empty() && text.size() <= 64 && is_plain(text.front()) &&
         std::all_of(text.begin(), text.end(),
                     [&](char c) { return is_plain(c) || c == '.' || c == '_' || c == '-'; });
}

std::uint64_t parse_size(const std::string& text) {
  std::size_t end = 0;
  std::uint64_t number = 0;
  try {
    if (!text.empty() && text.front() != '-') number = std::stoull(text, &end);
  } catch (const std::exception&) {
    end = 0;
  }
  const std::string_view unit = std::string_view(text).substr(end);
  const std::size_t power = unit.empty() ? 0 : std::string_view("KMGT").find(unit) + 1;
  const bool fits = number <= (std::uint64_t{1} << 62) >> (10 * power);
  if (end == 0 || unit.size() > 1 || (!unit.empty() && power == 0) || !fits) {
    throw Failed("a size is bytes, or K, M, G or T: 100M; not " + text);
  }
  return number << (10 * power);
}

}  // namespace file_transfer
