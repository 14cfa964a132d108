// What the page of figures shows, of all threads.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <set>

#include "web/http_server.hpp"

namespace responder {

/// Thread    Any.
class Figures {
 public:
  void add(const web::HttpServer& server) {
    const std::scoped_lock lock(mutex_);
    servers_.insert(&server);
  }
  void remove(const web::HttpServer& server) {
    const std::scoped_lock lock(mutex_);
    servers_.erase(&server);
  }

  [[nodiscard]] std::size_t connections() {
    const std::scoped_lock lock(mutex_);
    std::size_t count = 0;
    for (const web::HttpServer* server : servers_) count += server->connections();
    return count;
  }

  std::atomic<std::uint64_t> requests = 0;
  const std::chrono::steady_clock::time_point started = std::chrono::steady_clock::now();

 private:
  std::mutex mutex_;
  std::set<const web::HttpServer*> servers_;
};

}  // namespace responder
