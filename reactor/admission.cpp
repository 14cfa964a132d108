#include "reactor/admission.hpp"

#include <dirent.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>

#include "reactor/platform/sys.hpp"

namespace reactor::inline v0 {
namespace {

using namespace std::chrono_literals;

enum class Refusal { gave_way = 1, not_accepted_in_time, too_many_of_network };

class RefusalCategory final : public std::error_category {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "admission"; }
  [[nodiscard]] std::string message(int refusal) const override {
    switch (static_cast<Refusal>(refusal)) {
      case Refusal::gave_way:
        return "too many connections wait to be accepted, this one gave way to a newer one";
      case Refusal::not_accepted_in_time:
        return "the connection was not accepted in time";
      default:
        return "too many connections from this network";
    }
  }
  [[nodiscard]] std::error_condition default_error_condition(int refusal) const noexcept override {
    return static_cast<Refusal>(refusal) == Refusal::not_accepted_in_time
               ? std::errc::timed_out
               : std::errc::connection_refused;
  }
};

std::error_code code_of(Refusal refusal) {
  static const RefusalCategory category;
  return {static_cast<int>(refusal), category};
}

// Of all servers of the process: their connections, and how many descriptors these may have open.
std::atomic<std::size_t> all_connections{0};
std::atomic<std::size_t> descriptors_in_use{0};

// Zero if the system does not report it.
std::size_t open_descriptors() {
  struct Close {
    void operator()(DIR* folder) const { ::closedir(folder); }
  };
  for (const char* const path : {"/proc/self/fd", "/dev/fd"}) {
    const std::unique_ptr<DIR, Close> folder(::opendir(path));
    if (!folder) continue;
    std::size_t count = 0;
    while (::readdir(folder.get())) ++count;
    constexpr std::size_t others = 3;  // `.`, `..` and the folder's own.
    return count > others ? count - others : 0;
  }
  return 0;
}

}  // namespace

std::error_code gave_way() { return code_of(Refusal::gave_way); }

std::error_code not_accepted_in_time() { return code_of(Refusal::not_accepted_in_time); }

std::error_code too_many_of_network() { return code_of(Refusal::too_many_of_network); }

std::size_t descriptors_for_connections(std::size_t reserved) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return SIZE_MAX;
  const auto all = static_cast<std::size_t>(limit.rlim_cur);
  const std::size_t open = open_descriptors();
  const std::size_t others = open - std::min<std::size_t>(open, all_connections);
  const std::size_t left = all - std::min(all, others);
  return left - std::min(reserved, left / 2);
}

// ---- Entries

Admission::Entry::Entry(Admission& admission, Stream& stream, const Address& peer)
    : admission_(admission), stream_(stream) {
  ++admission.count_;
  ++all_connections;
  descriptors_in_use += admission.limits_.descriptors_each;
  if (!admission.knows_networks()) return;
  network_ = &*admission.networks_.try_emplace(peer.network()).first;
  Network& network = network_->second;
  ++network.connections;
  if (!admission.wants_acceptance()) return;
  waits_ = true;
  since_ = admission.loop_.now();
  place_ = admission.unaccepted_.insert(admission.unaccepted_.end(), this);
  place_in_network_ = network.unaccepted.insert(network.unaccepted.end(), this);
  stream.observe_accept(this);
  const Duration timeout = admission.limits_.unaccepted_timeout;
  if (admission.unaccepted_.size() > 1 || timeout == Duration::max()) return;
  if (!admission.late_) {
    admission.late_.emplace(admission.loop_, timeout, [&admission] { admission.end_late(); });
  }
  admission.late_->restart(timeout);
}

void Admission::Entry::leave() {
  if (!std::exchange(counts_, false)) return;
  stop_waiting();
  --admission_.count_;
  --all_connections;
  descriptors_in_use -= admission_.limits_.descriptors_each;
  if (!network_ || --network_->second.connections > 0) return;
  admission_.networks_.erase(admission_.networks_.find(network_->first));
  network_ = nullptr;
}

void Admission::Entry::on_accepted() {
  stop_waiting();
  if (admission_.on_accepted_) admission_.on_accepted_();
}

// An armed idle timeout costs each iteration of the loop a look at the clock, so it is cancelled
// with the last waiting connection.
void Admission::Entry::stop_waiting() {
  if (!std::exchange(waits_, false)) return;
  stream_.observe_accept(nullptr);
  network_->second.unaccepted.erase(place_in_network_);
  admission_.unaccepted_.erase(place_);
  if (admission_.unaccepted_.empty() && admission_.late_) admission_.late_->cancel();
}

// ---- Admission

Admission::Admission(Loop& loop, AdmissionLimits limits, Callback<void()> on_accepted)
    : loop_(loop), limits_(limits), on_accepted_(std::move(on_accepted)) {}

// Each server may have one connection, whatever the others use.
bool Admission::is_at_limit() const {
  if (count_ >= limits_.connections) return true;
  if (count_ == 0) return false;
  const std::size_t in_use = descriptors_in_use;
  return limits_.descriptors_each > limits_.descriptors - std::min(limits_.descriptors, in_use);
}

// An unaccepted connection of the same network is turned away first, so that a flood from few
// networks takes no room from others.
bool Admission::make_room(const Address& peer) {
  if (!knows_networks()) return true;
  const Address key = peer.network();
  const auto known = networks_.find(key);
  Network* const own = known == networks_.end() ? nullptr : &known->second;
  Entry* const oldest_of_own = own && !own->unaccepted.empty() ? own->unaccepted.front() : nullptr;
  const bool network_is_full =
      own && key.family() != Family::unix_socket && own->connections >= limits_.per_network;
  if (network_is_full && !oldest_of_own) {
    ++turned_away_.of_full_network;
    note(too_many_of_network(), key);
    return false;
  }
  const bool is_one_too_many =
      network_is_full || unaccepted_.size() >= limits_.unaccepted || is_at_limit();
  if (!is_one_too_many || unaccepted_.empty()) return true;
  Entry& oldest = oldest_of_own ? *oldest_of_own : *unaccepted_.front();
  ++turned_away_.gave_way;
  note(gave_way(), oldest.network_->first);
  turn_away(oldest, gave_way());
  return true;
}

void Admission::reset(Socket socket) {
  const linger at_once{1, 0};
  (void)sys::setsockopt(socket.fd(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

// No code of the user runs before this returns.
void Admission::turn_away(Entry& entry, std::error_code why) {
  Stream& stream = entry.stream_;
  entry.leave();
  stream.fail({why, "serve", {}, {}});
  stream.abort();
}

void Admission::end_late() {
  while (!unaccepted_.empty()) {
    Entry& oldest = *unaccepted_.front();
    const Duration left = limits_.unaccepted_timeout - (loop_.now() - oldest.since_);
    if (left.count() > 0) return late_->restart(left);
    ++turned_away_.accepted_too_late;
    turn_away(oldest, not_accepted_in_time());
  }
}

void Admission::note(std::error_code why, const Address& network) {
  if (loop_.now() < silent_until_) return;
  silent_until_ = loop_.now() + 1s;
  const bool is_unix = network.family() == Family::unix_socket;
  news_ = Error{why, "accept from", is_unix ? "unix sockets" : network.host(),
                std::to_string(turned_away_.of_full_network + turned_away_.gave_way) +
                    " turned away until now"};
}

std::optional<Error> Admission::news() { return std::exchange(news_, std::nullopt); }

}  // namespace reactor
