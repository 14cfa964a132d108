// The descriptors of a simulated world. Internal.
#pragma once

#include <cerrno>
#include <cstddef>
#include <set>
#include <utility>
#include <vector>

#include "reactor/simulation/socket.hpp"

namespace reactor::inline v0::simulation {

/// One table for all hosts. Numbers are used again, the lowest first, as a kernel does.
class Descriptors {
 public:
  /// The number, or -EMFILE if the socket's host may have no more than `most` and has them.
  [[nodiscard]] int open(Socket& socket, unsigned most) {
    if (socket.host && socket.host->descriptors >= most) return -EMFILE;
    if (socket.host) ++socket.host->descriptors;
    ++socket.uses;
    if (free_.empty()) {
      table_.push_back(&socket);
      return first + static_cast<int>(table_.size()) - 1;
    }
    const int index = *free_.begin();
    free_.erase(free_.begin());
    table_[static_cast<std::size_t>(index)] = &socket;
    return first + index;
  }

  /// Null: no descriptor of this world.
  [[nodiscard]] Socket* find(int fd) const {
    const int index = fd - first;
    return index >= 0 && std::cmp_less(index, table_.size())
               ? table_[static_cast<std::size_t>(index)]
               : nullptr;
  }

  /// All of them; null where a number is free.
  [[nodiscard]] const std::vector<Socket*>& all() const { return table_; }

  void close(int fd) {
    const int index = fd - first;
    Socket* const socket = std::exchange(table_[static_cast<std::size_t>(index)], nullptr);
    free_.insert(index);
    if (socket->host && socket->host->descriptors > 0) --socket->host->descriptors;
    socket->drop_use();
  }

 private:
  static constexpr int first = 1 << 20;  // Above those of the process.

  std::vector<Socket*> table_;
  std::set<int> free_;
};

}  // namespace reactor::simulation
