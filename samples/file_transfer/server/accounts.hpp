// The accounts that may log in: a file of salted keys, which are not enough to log in.
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

/// The accounts of a file at the time it was read. Every function throws samples::Failed.
class Accounts {
 public:
  /// No accounts if there is no such file. The file is opened by open_private().
  [[nodiscard]] static Accounts read(const std::string& path);

  /// Reads the file, calls `change`, and replaces the file completely or not at all. Other
  /// processes that update it wait meanwhile. Only its owner can read a file that this creates.
  static void update(const std::string& path, const std::function<void(Accounts&)>& change);

  /// Adds an account, or changes the password and quota of an existing one.
  void set(const std::string& user, std::string_view password, std::uint64_t quota_bytes);

  [[nodiscard]] bool empty() const { return accounts_.empty(); }

  [[nodiscard]] const Account* find(std::string_view user) const;

  /// The verifier that a login is checked against. For an unknown user, no password passes it.
  ///
  /// Cost      The same for known and unknown users.
  [[nodiscard]] samples::ScramVerifier verifier(std::string_view user,
                                                const samples::ScramCrypto& crypto) const;

 private:
  [[nodiscard]] std::string text() const;

  std::string decoy_key_;
  std::map<std::string, Account, std::less<>> accounts_;
};

/// The accounts that their file holds now.
class AccountsFile {
 public:
  explicit AccountsFile(std::string path) : path_(std::move(path)) {}

  /// Reads the file if it changed since the last read, or is another file. Throws samples::Failed.
  ///
  /// Cost      A stat(2) if nothing has changed.
  [[nodiscard]] const Accounts& current();

 private:
  std::string path_;
  std::optional<struct stat> read_;  // The file's status when it was read.
  Accounts accounts_;
};

/// True for letters, digits, `.`, `_` and `-`, of which the first is none of the last three. The
/// name is also the name of a folder.
[[nodiscard]] bool is_user_name(std::string_view text);

/// `100M`: a number of bytes, or with K, M, G or T a multiple of 1024. Throws samples::Failed.
[[nodiscard]] std::uint64_t parse_size(const std::string& text);

}  // namespace file_transfer
