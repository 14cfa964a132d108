#include "reactor/simulation/jobs.hpp"

#include <uv.h>

#include <algorithm>
#include <utility>

namespace reactor::inline v0::simulation {

void Jobs::add(uv_loop_s* native, Work* work, void (*run)(Work*), void (*done)(Work*, int)) {
  waiting_.push_back(std::make_shared<Job>(Job{native, work, run, done}));
  last_ends_ = std::max(last_ends_, world_.events.now()) + world_.chance.in(world_.options.work);
  // The job may be cancelled together with its loop before this.
  world_.events.at(last_ends_, [this, job = std::weak_ptr<Job>(waiting_.back())] {
    if (const auto due = job.lock()) finish(due.get());
  });
}

void Jobs::finish(const Job* job) {
  const auto place = std::find_if(waiting_.begin(), waiting_.end(),
                                  [job](const auto& known) { return known.get() == job; });
  const std::shared_ptr<Job> due = std::move(*place);
  waiting_.erase(place);
  const platform::Use use(platform_);
  if (!due->cancelled) due->run(due->work);
  due->done(due->work, due->cancelled ? UV_ECANCELED : 0);
}

void Jobs::cancel(Work* work) {
  for (const auto& job : waiting_) {
    if (job->work == work) job->cancelled = true;
  }
}

void Jobs::cancel_all_of(uv_loop_s& native) {
  for (auto& job : std::exchange(waiting_, {})) {
    if (job->native != &native) {
      waiting_.push_back(std::move(job));
    } else {
      job->done(job->work, UV_ECANCELED);
    }
  }
}

}  // namespace reactor::simulation
