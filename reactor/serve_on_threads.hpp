// Runs a server on each of several threads, until a signal ends it in order.
#pragma once

#include <concepts>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "reactor/address.hpp"
#include "reactor/callback.hpp"
#include "reactor/loop.hpp"
#include "reactor/result.hpp"
#include "reactor/socket.hpp"

#pragma GCC visibility push(default)
namespace reactor::inline v0 {

/// A server for one thread: `listen(endpoint)` starts a server and returns the address that it
/// listens on; `drain()` ends all of them in order.
template <class T>
concept Site = requires(T& site, const std::string& endpoint) {
  { site.listen(endpoint) } -> std::same_as<Result<Address>>;
  site.drain();
};

/// A Site whose sockets a successor takes over, as with HandOver. `adopt(endpoint, socket)` serves
/// a socket that already listens there; `descriptors()` returns all sockets that it listens on;
/// `hand_over()` stops to listen and serves open connections until they end.
template <class T>
concept ReplaceableSite = Site<T> && requires(T& site, const std::string& endpoint, Socket socket) {
  { site.adopt(endpoint, std::move(socket)) } -> std::same_as<Result<Address>>;
  { site.descriptors() } -> std::same_as<std::vector<int>>;
  site.hand_over();
};

/// Internal: a Site of any type. The last three are called for a ReplaceableSite only.
class AnySite {
 public:
  AnySite() = default;
  AnySite(const AnySite&) = delete;
  AnySite& operator=(const AnySite&) = delete;
  virtual ~AnySite() = default;
  virtual Result<Address> listen(const std::string& endpoint) = 0;
  virtual void drain() = 0;
  virtual Result<Address> adopt(const std::string& endpoint, Socket socket) = 0;
  virtual std::vector<int> descriptors() = 0;
  virtual void hand_over() = 0;
};

/// Internal: the Site that `make(loop)` returns.
template <class MakeSite>
class MadeSite final : public AnySite {
 public:
  MadeSite(MakeSite& make, Loop& loop) : site_(make(loop)) {}

  Result<Address> listen(const std::string& endpoint) override { return site_.listen(endpoint); }
  void drain() override { site_.drain(); }
  Result<Address> adopt(const std::string& endpoint, Socket socket) override {
    if constexpr (replaceable) return site_.adopt(endpoint, std::move(socket));
    return Address();
  }
  std::vector<int> descriptors() override {
    if constexpr (replaceable) return site_.descriptors();
    return {};
  }
  void hand_over() override {
    if constexpr (replaceable) site_.hand_over();
  }

 private:
  using Made = std::invoke_result_t<MakeSite&, Loop&>;
  static constexpr bool replaceable = ReplaceableSite<Made>;

  Made site_;
};

/// Internal: called by the templates below. Without a successor if the path is empty.
[[nodiscard]] Result<void> serve_sites_on_threads(
    const std::string& hand_over_path, const std::vector<std::string>& endpoints,
    std::size_t threads, Callback<std::unique_ptr<AnySite>(Loop&)> make_site,
    Callback<void(const std::vector<Address>&)> on_listening);

/// Listens on all `endpoints` with one loop on each of `threads` threads (0: one for each core).
/// Returns when SIGINT or SIGTERM was received and every loop has nothing left to do. StopSignals
/// describes what the signals do after that.
///
///     struct EchoSite {
///       Loop& loop;
///       std::vector<Server<Echo>> servers;
///
///       Result<Address> listen(const std::string& endpoint) {
///         auto server = Server<Echo>::listen(loop, endpoint, {.listen = {.reuse_port = true}});
///         if (!server) return Failure(server.error());
///         servers.push_back(std::move(*server));
///         return servers.back().address();
///       }
///       void drain() {
///         for (auto& server : servers) server.drain();
///       }
///     };
///
///     auto served = serve_on_threads({"localhost:0"}, 4,
///                                    [](Loop& loop) { return EchoSite{loop, {}}; }, on_listening);
///
/// `make_site(loop)` is called on each thread, also on several at the same time. It returns a Site,
/// which need not be movable. The first thread listens first: a port 0 becomes a real one, which
/// the others share (ListenOptions::reuse_port). Unix sockets have no reuse_port: only the first
/// thread serves them. `on_listening(addresses)` is called on the first thread once it listens on
/// all endpoints, with one address for each.
///
/// Errors    The first that a listen() or StopSignals::create returns; then all threads have ended.
/// Throws    What make_site or a callback of a loop throws, after all threads have ended;
///           std::system_error as LoopPool::run does.
/// Thread    The calling thread is the first of the threads.
template <class MakeSite>
  requires Site<std::invoke_result_t<MakeSite&, Loop&>>
[[nodiscard]] Result<void> serve_on_threads(
    const std::vector<std::string>& endpoints, std::size_t threads, MakeSite make_site,
    Callback<void(const std::vector<Address>&)> on_listening = [](const auto&) {}) {
  const auto make = [&](Loop& loop) {
    return std::make_unique<MadeSite<MakeSite>>(make_site, loop);
  };
  return serve_sites_on_threads({}, endpoints, threads, make, std::move(on_listening));
}

/// The same for a server that the next process with the same `hand_over_path` replaces, such as
/// "unix:/run/echo/hand-over": that one takes over the listening sockets of all threads, and this
/// function returns when the last connection of the old one has ended. No client is refused, also
/// where the two have different numbers of threads; a thread may get several sockets.
/// `on_listening` is called once the predecessor has stopped to accept.
///
/// Errors    As serve_on_threads(), HandOver::join() and HandOver::ready(); the predecessor
///           continues to serve.
template <class MakeSite>
  requires ReplaceableSite<std::invoke_result_t<MakeSite&, Loop&>>
[[nodiscard]] Result<void> serve_on_threads_until_replaced(
    const std::string& hand_over_path, const std::vector<std::string>& endpoints,
    std::size_t threads, MakeSite make_site,
    Callback<void(const std::vector<Address>&)> on_listening = [](const auto&) {}) {
  const auto make = [&](Loop& loop) {
    return std::make_unique<MadeSite<MakeSite>>(make_site, loop);
  };
  return serve_sites_on_threads(hand_over_path, endpoints, threads, make, std::move(on_listening));
}

}  // namespace reactor
#pragma GCC visibility pop
