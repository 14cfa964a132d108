// What all sessions of a server share.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "reactor/callback.hpp"
#include "reactor/file.hpp"
#include "reactor/loop.hpp"
#include "reactor/result.hpp"
#include "reactor/timer.hpp"
#include "samples/file_transfer/server/accounts.hpp"
#include "samples/file_transfer/server/home.hpp"
#include "samples/file_transfer/server/login_guard.hpp"
#include "samples/file_transfer/server/peer.hpp"
#include "samples/support/endpoint.hpp"
#include "samples/support/fair_work.hpp"

namespace file_transfer {

class HomeRequest;

struct SiteOptions {
  std::string accounts_file;
  std::string root = ".";
  Patience patience;
  samples::ReachedAs reached_as;
  std::size_t sessions_of_each = 64;  ///< Of a user, at a time.
};

class Site {
 public:
  using OnHome = reactor::Callback<void(const reactor::Result<std::shared_ptr<Home>>&)>;

  /// Checks the options, and that no other server uses the same root. Throws samples::Failed.
  Site(reactor::Loop& loop, SiteOptions options);

  /// Calls `on_home` with the user's home, which all sessions of the user share. Its content is
  /// counted once, on the thread pool. For a user who was counted, `on_home` is called before this
  /// returns, and there is no request then.
  [[nodiscard]] std::unique_ptr<HomeRequest> request_home(const std::string& user,
                                                          std::uint64_t quota_bytes,
                                                          OnHome on_home);

  /// Counts a session of a user until it is destroyed.
  struct Leave {
    void operator()(std::size_t* sessions) const { --*sessions; }
  };
  using Seat = std::unique_ptr<std::size_t, Leave>;

  /// Empty if the user has as many sessions as a user may have.
  [[nodiscard]] Seat enter(const std::string& user);

  const Patience patience;
  const samples::ReachedAs reached_as;
  const std::size_t sessions_of_each;
  AccountsFile accounts;
  LoginGuard guard;
  samples::FairWork work;  ///< Blocking work, for each user in turn.

 private:
  /// What is known of a user's home, also while no session has it open.
  struct Kept {
    std::weak_ptr<Home> home;
    std::optional<std::uint64_t> used_bytes;
    std::optional<samples::FairWork::Job> counting;
    std::size_t sessions = 0;
    std::list<HomeRequest*> waiting;
  };

  [[nodiscard]] reactor::Result<std::shared_ptr<Home>> open(Kept& kept, const std::string& user,
                                                            std::uint64_t quota_bytes);
  void counted(const std::string& user, const reactor::Result<std::uint64_t>& used_bytes);

  void close_removed();

  const std::string root_;
  reactor::File lock_;
  std::vector<reactor::File> removed_;  // Not closed yet.
  reactor::Timer close_soon_;
  std::optional<samples::FairWork::Job> closing_;
  samples::FairWork counting_;  // One home at a time: it may take long, and is not in pieces.
  std::map<std::string, Kept> homes_;
  // A write that is running when the program ends releases its home after this object.
  std::shared_ptr<Site*> self_ = std::make_shared<Site*>(this);
};

/// Destroying it cancels it: its OnHome is not called any more.
class HomeRequest {
 public:
  HomeRequest(std::list<HomeRequest*>& waiting, std::uint64_t quota_bytes, Site::OnHome on_home);
  ~HomeRequest() { waiting_.remove(this); }
  HomeRequest(const HomeRequest&) = delete;
  HomeRequest& operator=(const HomeRequest&) = delete;

 private:
  friend class Site;

  std::list<HomeRequest*>& waiting_;
  const std::uint64_t quota_bytes_;
  Site::OnHome on_home_;
};

}  // namespace file_transfer
