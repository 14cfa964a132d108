#include "reactor/serve_on_threads.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <future>
#include <map>
#include <mutex>
#include <optional>
#include <utility>

#include "reactor/hand_over.hpp"
#include "reactor/loop_pool.hpp"
#include "reactor/resolver.hpp"
#include "reactor/stop_signals.hpp"

namespace reactor::inline v0 {
namespace {

using Endpoints = std::vector<std::string>;

class Serving {
 public:
  Serving(const std::string& hand_over_path, const Endpoints& endpoints, std::size_t threads,
          Callback<std::unique_ptr<AnySite>(Loop&)> make_site,
          Callback<void(const std::vector<Address>&)> on_listening)
      : hand_over_path_(hand_over_path),
        endpoints_(endpoints),
        make_site_(std::move(make_site)),
        on_listening_(std::move(on_listening)),
        pool_(threads),
        sites_(pool_.size()),
        passed_(pool_.size()) {
    for (const std::string& endpoint : endpoints) offer_.push_back({endpoint, {}});
  }

  Result<void> run() {
    pool_.run([this](Loop& loop, std::size_t thread) {
      try {
        thread == 0 ? serve_first(loop) : serve_another(loop, thread);
      } catch (...) {
        give_up();  // If another thread fails early, the first one may never be called.
        throw;
      }
    });
    if (error_) return Failure(error_);
    return {};
  }

 private:
  // A socket of the predecessor, which one thread adopts.
  struct Passed {
    std::size_t endpoint;
    Socket socket;
  };

  // The endpoints with their ports, for which all threads but the first wait; empty ones are for
  // the first thread alone. The first call counts.
  void tell(Endpoints endpoints) {
    if (!reported_.exchange(true)) promise_.set_value(std::move(endpoints));
  }

  void serve_first(Loop& loop) {
    const auto site = make_site_(loop);
    sites_[0] = site.get();
    std::optional<HandOver> hand_over;
    if (!hand_over_path_.empty()) {
      auto joined = HandOver::join(loop, hand_over_path_);
      if (!joined) return fail(joined.error());
      hand_over.emplace(std::move(*joined));
      distribute(*hand_over);
    }
    Endpoints shared;
    std::vector<Address> addresses;
    for (std::size_t i = 0; i < endpoints_.size(); ++i) {
      auto address = listen(0, i, endpoints_[i]);
      if (!address) return fail(address.error());
      const bool is_unix = endpoints_[i].starts_with("unix:");
      shared.push_back(is_unix ? std::string() : with_port(endpoints_[i], address->port()));
      addresses.push_back(*address);
    }
    const auto stop = StopSignals::create(loop, [&] {
      hand_over.reset();
      drain();
    });
    if (!stop) return fail(stop.error());
    tell(std::move(shared));
    if (hand_over) {
      if (!wait_for_others()) return;
      auto ready = hand_over->ready([this] { return offer_; }, [this] { replace(); });
      if (!ready) return fail(ready.error());
    }
    on_listening_(addresses);
    loop.run();
  }

  void serve_another(Loop& loop, std::size_t thread) {
    const auto site = make_site_(loop);
    sites_[thread] = site.get();
    const Endpoints& shared = shared_.get();
    for (std::size_t i = 0; i < shared.size(); ++i) {
      if (shared[i].empty()) continue;
      if (const auto address = listen(thread, i, shared[i]); !address) return fail(address.error());
    }
    {
      const std::lock_guard lock(mutex_);
      ++others_listening_;
    }
    changed_.notify_all();
    loop.run();
  }

  // Adopts what the predecessor has passed, or else listens.
  Result<Address> listen(std::size_t thread, std::size_t nth, const std::string& endpoint) {
    AnySite& site = *sites_[thread];
    std::optional<Address> first;
    for (Passed& each : passed_[thread]) {
      if (each.endpoint != nth) continue;
      auto address = site.adopt(endpoint, std::move(each.socket));
      if (!address) return address;
      if (!first) first = *address;
    }
    Result<Address> address = first ? Result<Address>(*first) : site.listen(endpoint);
    if (address && !hand_over_path_.empty()) add_to_offer(nth, site.descriptors());
    return address;
  }

  // What the site has listened on since the last call is the sockets of this endpoint.
  void add_to_offer(std::size_t nth, const std::vector<int>& descriptors) {
    const std::lock_guard lock(mutex_);
    for (const int fd : descriptors) {
      const bool known = std::any_of(offer_.begin(), offer_.end(), [fd](const auto& sockets) {
        return std::find(sockets.descriptors.begin(), sockets.descriptors.end(), fd) !=
               sockets.descriptors.end();
      });
      if (!known) offer_[nth].descriptors.push_back(fd);
    }
  }

  // Every socket gets a thread: one that is not adopted would lose the connections that wait in it.
  // Each address is spread over all threads.
  void distribute(HandOver& hand_over) {
    std::map<std::string, std::size_t> next;
    for (std::size_t i = 0; i < endpoints_.size(); ++i) {
      while (Socket socket = hand_over.take(endpoints_[i])) {
        const auto local = socket.local_address();
        const std::size_t thread = next[local ? local->to_string() : std::string()]++;
        passed_[thread % pool_.size()].push_back({i, std::move(socket)});
      }
    }
  }

  // Returns false when one of them has failed.
  [[nodiscard]] bool wait_for_others() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return failed_ || others_listening_ + 1 == pool_.size(); });
    return !failed_;
  }

  // No thread listens any more when this returns.
  void replace() {
    std::vector<std::future<void>> stopped;
    for (std::size_t thread = 1; thread < pool_.size(); ++thread) {
      std::promise<void> promise;  // Its future is ready also if the loop has ended before.
      stopped.push_back(promise.get_future());
      pool_.post(thread, [this, thread, promise = std::move(promise)]() mutable {
        sites_[thread]->hand_over();
        promise.set_value();
      });
    }
    sites_[0]->hand_over();
    for (const std::future<void>& each : stopped) each.wait();
  }

  // A thread that does not run its loop yet drains when it does.
  void drain() {
    for (std::size_t thread = 0; thread < pool_.size(); ++thread) {
      pool_.post(thread, [this, thread] { sites_[thread]->drain(); });
    }
  }

  void fail(const Error& error) {
    {
      const std::lock_guard lock(mutex_);
      if (!error_) error_ = error;
    }
    give_up();
    pool_.stop();
  }

  // No thread waits for another from now on.
  void give_up() {
    {
      const std::lock_guard lock(mutex_);
      failed_ = true;
    }
    changed_.notify_all();
    tell({});
  }

  const std::string& hand_over_path_;
  const Endpoints& endpoints_;
  Callback<std::unique_ptr<AnySite>(Loop&)> make_site_;
  Callback<void(const std::vector<Address>&)> on_listening_;
  std::atomic<bool> reported_ = false;
  std::promise<Endpoints> promise_;
  const std::shared_future<Endpoints> shared_ = promise_.get_future().share();
  LoopPool pool_;
  std::vector<AnySite*> sites_;              // Each is used by its own thread only.
  std::vector<std::vector<Passed>> passed_;  // To each thread; the first one fills them all.
  std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_; the offer only until all threads listen.
  std::size_t others_listening_ = 0;
  bool failed_ = false;
  Error error_;
  HandOver::Offer offer_;
};

}  // namespace

Result<void> serve_sites_on_threads(const std::string& hand_over_path, const Endpoints& endpoints,
                                    std::size_t threads,
                                    Callback<std::unique_ptr<AnySite>(Loop&)> make_site,
                                    Callback<void(const std::vector<Address>&)> on_listening) {
  return Serving(hand_over_path, endpoints, threads, std::move(make_site), std::move(on_listening))
      .run();
}

}  // namespace reactor
