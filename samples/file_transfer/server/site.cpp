#include "samples/file_transfer/server/site.hpp"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <cstdio>
#include <utility>

#include "samples/support/failed.hpp"
#include "samples/support/sha256.hpp"

namespace file_transfer {

Site::Site(reactor::Loop& loop, SiteOptions options)
    : patience(options.patience),
      reached_as(std::move(options.reached_as)),
      sessions_of_each(options.sessions_of_each),
      accounts(options.accounts_file),
      work(loop),
      root_(std::move(options.root)),
      close_soon_(loop, [this] { close_removed(); }),
      counting_(loop, {.at_once = 1, .of_each = 1}) {
  if (accounts.current().empty()) {  // Reports an error now, not at the first client.
    std::fprintf(stderr, "%s: there is no account yet; --add-user adds one\n",
                 options.accounts_file.c_str());
  }
  (void)samples::scram_crypto();
  lock_ = reactor::File::own(::open(root_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!lock_) throw samples::Failed(reactor::system_error(errno, "open folder", root_));
  if (flock(lock_.fd(), LOCK_EX | LOCK_NB) != 0) {
    throw samples::Failed("another server keeps the files of " + root_);
  }
}

std::unique_ptr<HomeRequest> Site::request_home(const std::string& user, std::uint64_t quota_bytes,
                                                OnHome on_home) {
  Kept& kept = homes_[user];
  if (kept.used_bytes) {
    on_home(open(kept, user, quota_bytes));
    return nullptr;
  }
  if (!kept.counting) {
    kept.counting = samples::FairWork::Client(counting_, user)
                        .run([root = root_, user] { return Home::count(root, user); },
                             [this, user](const reactor::Result<std::uint64_t>& bytes) {
                               counted(user, bytes);
                             });
  }
  return std::make_unique<HomeRequest>(kept.waiting, quota_bytes, std::move(on_home));
}

Site::Seat Site::enter(const std::string& user) {
  std::size_t& sessions = homes_[user].sessions;
  if (sessions == sessions_of_each) return nullptr;
  ++sessions;
  return Seat(&sessions);
}

// Runs in a later iteration: by then the upload that wrote to a file has closed it. The last close
// takes long.
void Site::close_removed() {
  if (closing_ || removed_.empty()) return;
  closing_ = samples::FairWork::Client(work, "").run(
      [files = std::exchange(removed_, {})]() mutable {
        files.clear();
        return true;
      },
      [this](bool) {
        closing_.reset();
        close_removed();
      });
}

void Site::counted(const std::string& user, const reactor::Result<std::uint64_t>& used_bytes) {
  Kept& kept = homes_[user];
  kept.counting.reset();
  if (used_bytes) kept.used_bytes = *used_bytes;
  // on_home may destroy other requests, so the list is read again each time.
  while (!kept.waiting.empty()) {
    HomeRequest& request = *kept.waiting.front();
    kept.waiting.pop_front();
    OnHome on_home = std::move(request.on_home_);  // The call may destroy the request.
    on_home(used_bytes ? open(kept, user, request.quota_bytes_)
                       : reactor::Failure(used_bytes.error()));
  }
}

reactor::Result<std::shared_ptr<Home>> Site::open(Kept& kept, const std::string& user,
                                                  std::uint64_t quota_bytes) {
  auto shared = kept.home.lock();
  if (!shared) {
    auto home = Home::open(root_, user, *kept.used_bytes);
    if (!home) return reactor::Failure(home.error());
    const std::weak_ptr<Site*> site = self_;
    // The usage is known when the last session is gone, and is not counted again.
    shared = std::shared_ptr<Home>(new Home(std::move(*home)), [&kept, site](const Home* last) {
      if (!site.expired()) kept.used_bytes = last->used_bytes();
      delete last;
    });
    kept.home = shared;
    shared->on_removed([this, site](reactor::File file) {
      if (site.expired()) return;
      removed_.push_back(std::move(file));
      close_soon_.restart(reactor::Duration());
    });
  }
  shared->set_quota(quota_bytes);
  return shared;
}

HomeRequest::HomeRequest(std::list<HomeRequest*>& waiting, std::uint64_t quota_bytes,
                         Site::OnHome on_home)
    : waiting_(waiting), quota_bytes_(quota_bytes), on_home_(std::move(on_home)) {
  waiting.push_back(this);
}

}  // namespace file_transfer
