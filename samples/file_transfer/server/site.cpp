#include "samples/file_transfer/server/site.hpp"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <cstdio>
#include <utility>

#include "samples/file_transfer/server/accounts.hpp"
#include "samples/support/failed.hpp"
#include "samples/support/sha256.hpp"

namespace file_transfer {

void Site::open() {
  if (Accounts::read(accounts_file).empty()) {  // Rather now than with the first client.
    std::fprintf(stderr, "%s: nobody has an account yet; --add-user makes one\n",
                 accounts_file.c_str());
  }
  (void)samples::scram_crypto();
  lock_ = reactor::File::own(::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!lock_) throw samples::Failed(reactor::system_error(errno, "open folder", root));
  if (flock(lock_.fd(), LOCK_EX | LOCK_NB) != 0) {
    throw samples::Failed("another server keeps the files of " + root);
  }
}

reactor::Result<std::shared_ptr<Home>> Site::home(const std::string& user,
                                                  std::uint64_t quota_bytes) {
  if (auto shared = homes_[user].lock()) {
    shared->set_quota(quota_bytes);
    return shared;
  }
  auto home = Home::open(root, user, quota_bytes);
  if (!home) return reactor::Failure(home.error());
  auto shared = std::make_shared<Home>(std::move(*home));
  homes_[user] = shared;
  return shared;
}

}  // namespace file_transfer
