// What all sessions of a server share.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "reactor/file.hpp"
#include "reactor/result.hpp"
#include "samples/file_transfer/server/home.hpp"
#include "samples/file_transfer/server/peer.hpp"

namespace file_transfer {

struct Site {
  std::string accounts_file;
  std::string root = ".";
  Patience patience;

  /// Checks what it was given, and that no other server keeps the same root. Fails as programs do.
  void open();

  /// One and the same for all sessions of a user.
  [[nodiscard]] reactor::Result<std::shared_ptr<Home>> home(const std::string& user,
                                                            std::uint64_t quota_bytes);

 private:
  reactor::File lock_;
  std::map<std::string, std::weak_ptr<Home>> homes_;
};

}  // namespace file_transfer
