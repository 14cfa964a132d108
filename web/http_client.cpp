#include "web/http_client.hpp"

#include <algorithm>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "reactor/timer.hpp"
#include "web/fetch_state.hpp"
#include "web/pooled_connection.hpp"

namespace web::inline v0 {

using reactor::Handle;

/// The fetches that wait, and the connections. Its functions call no user back.
class HttpClient::State final : public reactor::HandleState,
                                public FetchPool,
                                public ConnectionOwner {
 public:
  State(reactor::Loop& loop, HttpClientOptions options)
      : loop_(loop),
        options_(std::make_shared<const HttpClientOptions>(std::move(options))),
        later_(loop, [this] { serve(); }) {}

  Fetch send(FetchRequest request, OnDone on_done) {
    Handle<FetchState> fetch(
        new FetchState(loop_, options_, std::move(request), std::move(on_done)));
    fetch->start(*this, ++fetches_made_);
    return Fetch(std::move(fetch));
  }

  // ---- As a FetchPool

  void add(FetchState& fetch) override {
    fetches_.emplace(fetch.number(), &fetch);
    Origin& origin = origin_of(fetch);
    if (origin.waiting.empty()) waiting_.push_back(&origin);
    origin.waiting.emplace(rank(fetch), &fetch);
    serve();
  }

  void expedite(FetchState& fetch) override {
    const auto found = origins_.find(fetch.url().origin());
    if (found == origins_.end()) return;
    auto& waiting = found->second.waiting;
    if (waiting.erase({true, fetch.number()}) == 0) return;
    waiting.emplace(rank(fetch), &fetch);
    serve();
  }

  void forget(FetchState& fetch) noexcept override {
    fetches_.erase(fetch.number());
    const auto found = origins_.find(fetch.url().origin());
    if (found == origins_.end()) return;
    Origin& origin = found->second;
    if (origin.waiting.erase({true, fetch.number()}) +
                origin.waiting.erase({false, fetch.number()}) >
            0 &&
        origin.waiting.empty()) {
      waiting_.remove(&origin);
    }
    drop_if_empty(origin);
  }

  // ---- As a ConnectionOwner

  void on_connected(PooledConnection& connection, const reactor::Address& peer) override {
    auto& addresses = origins_.at(connection.url().origin()).addresses;
    const auto place = std::find(addresses.begin(), addresses.end(), peer);
    if (place != addresses.end()) std::rotate(addresses.begin(), place, place + 1);
  }

  void remove(PooledConnection& connection) noexcept override {
    const auto found = origins_.find(connection.url().origin());
    if (found == origins_.end()) return;
    Origin& origin = found->second;
    connections_ -=
        origin.connections.remove_if([&](const auto& each) { return each.get() == &connection; });
    drop_if_empty(origin);
  }

  // Each origin gets one connection, then each the next one.
  void serve() override {
    for (auto next = waiting_.begin(); next != waiting_.end();) {
      const auto place = next++;
      Origin& origin = **place;
      if (!serve_first(origin)) continue;
      if (origin.waiting.empty()) {
        waiting_.erase(place);
      } else {
        waiting_.splice(waiting_.end(), waiting_, place);
        if (next == waiting_.end()) next = place;
      }
    }
  }

  void serve_later() noexcept override { later_.restart({}); }
  void repeat(FetchState& fetch) override { add(fetch); }

  // ---- The client

  [[nodiscard]] std::size_t connections() const { return connections_; }

  [[nodiscard]] std::size_t idle_connections() const {
    std::size_t count = 0;
    for (const auto& [key, origin] : origins_) {
      for (const auto& each : origin.connections) count += each->is_idle() ? 1 : 0;
    }
    return count;
  }

  void close_idle() {
    while (PooledConnection* const idle = any_idle()) remove(*idle);
  }

 private:
  // Expedited fetches first, then in the order in which they were made.
  using Rank = std::pair<bool, std::uint64_t>;

  struct Origin {
    explicit Origin(Url of) : url(std::move(of)) {}
    Url url;
    std::map<Rank, FetchState*> waiting;
    std::list<Handle<PooledConnection>> connections;
    std::vector<reactor::Address> addresses;
  };

  static Rank rank(const FetchState& fetch) { return {!fetch.is_expedited(), fetch.number()}; }

  Origin& origin_of(const FetchState& fetch) {
    const Url& url = fetch.url();
    const auto [place, is_new] = origins_.try_emplace(url.origin(), url);
    Origin& origin = place->second;
    const std::string host = url.endpoint.substr(0, url.endpoint.rfind(':'));
    const auto known = options_->addresses.find(host);
    if (is_new && known != options_->addresses.end()) {
      origin.addresses = known->second;
      const int port = std::stoi(url.endpoint.substr(host.size() + 1));
      for (auto& address : origin.addresses) address.set_port(static_cast<std::uint16_t>(port));
    }
    return origin;
  }

  // Assigns a connection to the first fetch that waits. False if there is none for it.
  bool serve_first(Origin& origin) {
    FetchState& fetch = *origin.waiting.begin()->second;
    PooledConnection* connection = find_idle(origin);
    if (!connection) {
      if (!may_connect(origin, fetch)) return false;
      connection = new PooledConnection(loop_, *this, options_, origin.url, origin.addresses);
      origin.connections.emplace_back(connection);
      ++connections_;
    }
    origin.waiting.erase(origin.waiting.begin());
    connection->assign(fetch);
    return true;
  }

  // The one that was used last: a server is least likely to close it.
  PooledConnection* find_idle(Origin& origin) {
    for (auto place = origin.connections.end(); place != origin.connections.begin();) {
      PooledConnection& each = **--place;
      if (!each.is_idle()) continue;
      if (each.is_silent()) {
        origin.connections.splice(origin.connections.end(), origin.connections, place);
        return &each;
      }
      place = origin.connections.erase(place);
      --connections_;
    }
    return nullptr;
  }

  bool may_connect(const Origin& origin, const FetchState& fetch) {
    const bool all_paused = std::all_of(origin.connections.begin(), origin.connections.end(),
                                        [](const auto& each) { return each->is_paused(); });
    if (fetch.is_expedited() && all_paused) return true;
    if (origin.connections.size() >= options_->max_connections_per_origin) return false;
    if (connections_ < options_->max_connections) return true;
    PooledConnection* const idle = any_idle();
    if (idle) remove(*idle);
    return idle != nullptr;
  }

  PooledConnection* any_idle() {
    for (auto& [key, origin] : origins_) {
      for (auto& each : origin.connections) {
        if (each->is_idle()) return each.get();
      }
    }
    return nullptr;
  }

  void drop_if_empty(const Origin& origin) noexcept {
    if (origin.connections.empty() && origin.waiting.empty()) {
      origins_.erase(origin.url.origin());
    }
  }

  void on_retired() noexcept override {
    later_.cancel();
    for (const auto& [number, fetch] : std::exchange(fetches_, {})) fetch->lose_client();
    waiting_.clear();
    origins_.clear();
  }

  reactor::Loop& loop_;
  const std::shared_ptr<const HttpClientOptions> options_;
  std::map<std::string, Origin> origins_;
  std::list<Origin*> waiting_;                    // Those with fetches that wait.
  std::map<std::uint64_t, FetchState*> fetches_;  // All that are not done, by their numbers.
  std::size_t connections_ = 0;
  std::uint64_t fetches_made_ = 0;
  reactor::Timer later_;
};

HttpClient::HttpClient(reactor::Loop& loop, HttpClientOptions options)
    : state_(new State(loop, std::move(options))) {}

Fetch HttpClient::send(FetchRequest request, OnDone on_done) {
  return state_->send(std::move(request), std::move(on_done));
}

std::size_t HttpClient::connections() const { return state_->connections(); }
std::size_t HttpClient::idle_connections() const { return state_->idle_connections(); }
void HttpClient::close_idle() { state_->close_idle(); }

}  // namespace web
