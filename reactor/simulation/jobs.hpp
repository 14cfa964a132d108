// The thread pool of a simulated host. Internal.
#pragma once

#include <memory>
#include <vector>

#include "reactor/platform/platform.hpp"
#include "reactor/simulation/environment.hpp"

namespace reactor::inline v0::simulation {

/// Runs functions one after another, in virtual time.
class Jobs {
 public:
  using Work = uv_work_s;

  Jobs(Environment& world, platform::Platform& platform) : world_(world), platform_(platform) {}

  void add(uv_loop_s* native, Work* work, void (*run)(Work*), void (*done)(Work*, int));
  /// If it has not begun, it does not begin.
  void cancel(Work* work);
  /// The loop ends.
  void cancel_all_of(uv_loop_s& native);

 private:
  struct Job {
    uv_loop_s* native;
    Work* work;
    void (*run)(Work*);
    void (*done)(Work*, int);
    bool cancelled = false;
  };
  void finish(const Job* job);

  Environment& world_;
  platform::Platform& platform_;
  std::vector<std::shared_ptr<Job>> waiting_;
  Events::Nanoseconds last_ends_ = 0;
};

}  // namespace reactor::simulation
