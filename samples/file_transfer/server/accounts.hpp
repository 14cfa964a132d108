// Who may log in: a file of salted keys, from which nobody can log in.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "samples/support/scram.hpp"

namespace file_transfer {

struct Account {
  samples::ScramVerifier verifier;
  std::uint64_t quota_bytes = 0;
};

/// The accounts of a file, as it was when it was read. Every function fails as programs do.
class Accounts {
 public:
  /// None where there is no such file. The file is opened by open_private().
  [[nodiscard]] static Accounts read(const std::string& path);

  /// Reads the file, has it changed, and replaces it as a whole or not at all. Other processes that
  /// do the same wait meanwhile. Nobody else may read a file that this makes.
  static void update(const std::string& path, const std::function<void(Accounts&)>& change);

  /// Also changes the password and quota of one that is there.
  void set(const std::string& user, std::string_view password, std::uint64_t quota_bytes);

  [[nodiscard]] bool empty() const { return accounts_.empty(); }

  [[nodiscard]] const Account* find(std::string_view user) const;

  /// What a login is to be checked against: for who is unknown, what nobody can pass.
  ///
  /// Cost      The same for both.
  [[nodiscard]] samples::ScramVerifier verifier(std::string_view user,
                                                const samples::ScramCrypto& crypto) const;

 private:
  [[nodiscard]] std::string text() const;

  std::string decoy_key_;
  std::map<std::string, Account, std::less<>> accounts_;
};

/// The accounts as their file has them now.
class AccountsFile {
 public:
  explicit AccountsFile(std::string path) : path_(std::move(path)) {}

  /// Reads the file when it is not the one that was read last, or was changed. Fails as programs
  /// do.
  ///
  /// Cost      A stat(2) where nothing has changed.
  [[nodiscard]] const Accounts& current();

 private:
  std::string path_;
  std::optional<struct stat> read_;  // What the file was when it was read.
  Accounts accounts_;
};

/// Letters, digits, `.`, `_` and `-`, the first of them none of the last three: it names a folder,
/// too.
[[nodiscard]] bool is_user_name(std::string_view text);

/// `100M`: bytes, or with K, M, G or T as many times 1024. Fails, as programs do.
[[nodiscard]] std::uint64_t parse_size(const std::string& text);

}  // namespace file_transfer
