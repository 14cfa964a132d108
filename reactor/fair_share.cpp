#include "reactor/fair_share.hpp"

#include <algorithm>
#include <utility>

#include "reactor/platform/sys.hpp"

namespace reactor::inline v0 {

FairShare::Clock::time_point FairShare::clock() {
  return Clock::time_point(std::chrono::nanoseconds(sys::steady_now()));
}

FairShare::~FairShare() { *self_ = nullptr; }

bool FairShare::Client::may_go_on() {
  if (waits_) return false;
  share_.note_iteration();
  const Clock::time_point now = clock();
  if (called_in_ == share_.iteration_) {
    // At least one request is served: requests that take longer than a part would never be.
    if (!std::exchange(begun_, true)) {
      end_ = now + share_.part_;
      return true;
    }
    if (now < end_) return true;
  } else if (share_.waiting_.empty() && now < share_.end_) {
    return true;
  }
  wait();
  return false;
}

void FairShare::Client::wait() {
  if (std::exchange(waits_, true)) return;
  place_ = share_.waiting_.insert(share_.waiting_.end(), this);
  share_.serve_soon();
}

void FairShare::Client::stop_waiting() {
  if (std::exchange(waits_, false)) share_.waiting_.erase(place_);
}

void FairShare::note_iteration() {
  if (iteration_ == loop_.now()) return;
  iteration_ = loop_.now();
  end_ = clock() + each_iteration_;
}

void FairShare::serve() {
  note_iteration();
  const std::shared_ptr<FairShare*> self = self_;
  const std::size_t count = waiting_.size();
  part_ = each_iteration_ / static_cast<Clock::rep>(std::max<std::size_t>(count, 1));
  for (std::size_t served = 0; served < count && !waiting_.empty(); ++served) {
    if (served > 0 && clock() >= end_) break;
    Client& client = *waiting_.front();
    client.stop_waiting();
    client.called_in_ = iteration_;
    client.begun_ = false;
    client.go_on_();
    if (*self == nullptr) return;
  }
  if (!waiting_.empty()) serve_soon();
}

void FairShare::serve_soon() {
  if (std::exchange(posted_, true)) return;
  loop_.post([self = self_] {
    if (*self == nullptr) return;
    (*self)->posted_ = false;
    (*self)->serve();
  });
}

}  // namespace reactor
