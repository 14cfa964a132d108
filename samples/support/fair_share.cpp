#include "samples/support/fair_share.hpp"

#include <algorithm>
#include <utility>

namespace samples {

bool FairShare::Client::may_go_on() {
  if (waits_) return false;
  share_.note_iteration();
  const Clock::time_point now = Clock::now();
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
  place_ = share_.waiting_.insert(share_.waiting_.end(), this);
  waits_ = true;
  share_.serve_soon();
  return false;
}

void FairShare::Client::stop_waiting() {
  if (std::exchange(waits_, false)) share_.waiting_.erase(place_);
}

void FairShare::note_iteration() {
  if (iteration_ == loop_.now()) return;
  iteration_ = loop_.now();
  end_ = Clock::now() + each_iteration_;
}

void FairShare::serve() {
  note_iteration();
  const std::size_t count = waiting_.size();
  part_ = each_iteration_ / static_cast<Clock::rep>(std::max<std::size_t>(count, 1));
  for (std::size_t served = 0; served < count && !waiting_.empty(); ++served) {
    if (served > 0 && Clock::now() >= end_) break;
    Client& client = *waiting_.front();
    client.stop_waiting();
    client.called_in_ = iteration_;
    client.begun_ = false;
    client.go_on_();
  }
  if (!waiting_.empty()) serve_soon();
}

void FairShare::serve_soon() {
  if (std::exchange(posted_, true)) return;
  loop_.post([this] {
    posted_ = false;
    serve();
  });
}

}  // namespace samples
