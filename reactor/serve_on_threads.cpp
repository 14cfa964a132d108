#include "reactor/serve_on_threads.hpp"

#include <atomic>
#include <future>
#include <mutex>
#include <utility>

#include "reactor/loop_pool.hpp"
#include "reactor/resolver.hpp"
#include "reactor/stop_signals.hpp"

namespace reactor::inline v0 {
namespace {

using Endpoints = std::vector<std::string>;

class Serving {
 public:
  Serving(const Endpoints& endpoints, std::size_t threads,
          Callback<std::unique_ptr<AnySite>(Loop&)> make_site,
          Callback<void(const std::vector<Address>&)> on_listening)
      : endpoints_(endpoints),
        make_site_(std::move(make_site)),
        on_listening_(std::move(on_listening)),
        pool_(threads),
        sites_(pool_.size()) {}

  Result<void> run() {
    pool_.run([this](Loop& loop, std::size_t thread) {
      try {
        thread == 0 ? serve_first(loop) : serve_another(loop, thread);
      } catch (...) {
        tell({});  // If another thread fails early, the first one may never be called.
        throw;
      }
    });
    if (error_) return Failure(error_);
    return {};
  }

 private:
  // The endpoints with their ports, for which all threads but the first wait. The first call
  // counts.
  void tell(Endpoints endpoints) {
    if (!reported_.exchange(true)) promise_.set_value(std::move(endpoints));
  }

  void serve_first(Loop& loop) {
    const auto site = make_site_(loop);
    sites_[0] = site.get();
    Endpoints shared;
    std::vector<Address> addresses;
    for (const std::string& endpoint : endpoints_) {
      auto address = site->listen(endpoint);
      if (!address) return fail(address.error());
      if (!endpoint.starts_with("unix:")) shared.push_back(with_port(endpoint, address->port()));
      addresses.push_back(*address);
    }
    const auto stop = StopSignals::create(loop, [this] { drain(); });
    if (!stop) return fail(stop.error());
    tell(std::move(shared));
    on_listening_(addresses);
    loop.run();
  }

  void serve_another(Loop& loop, std::size_t thread) {
    const auto site = make_site_(loop);
    sites_[thread] = site.get();
    for (const std::string& endpoint : shared_.get()) {
      if (const auto address = site->listen(endpoint); !address) return fail(address.error());
    }
    loop.run();
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
    tell({});
    pool_.stop();
  }

  const Endpoints& endpoints_;
  Callback<std::unique_ptr<AnySite>(Loop&)> make_site_;
  Callback<void(const std::vector<Address>&)> on_listening_;
  std::atomic<bool> reported_ = false;
  std::promise<Endpoints> promise_;
  const std::shared_future<Endpoints> shared_ = promise_.get_future().share();
  LoopPool pool_;
  std::vector<AnySite*> sites_;  // Each is used by its own thread only.
  std::mutex mutex_;
  Error error_;  // Guarded by mutex_.
};

}  // namespace

Result<void> serve_sites_on_threads(const Endpoints& endpoints, std::size_t threads,
                                    Callback<std::unique_ptr<AnySite>(Loop&)> make_site,
                                    Callback<void(const std::vector<Address>&)> on_listening) {
  return Serving(endpoints, threads, std::move(make_site), std::move(on_listening)).run();
}

}  // namespace reactor
