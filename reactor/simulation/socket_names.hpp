// The names of the unix sockets of a simulated host. Internal.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "reactor/simulation/events.hpp"

namespace reactor::inline v0::simulation {

class UnixSocket;

/// Abstract names begin with a zero byte and end with their socket. A path is a file: it stays until
/// it is removed, also when its socket is closed or the host crashes. Every folder exists, and there
/// are no other files.
class SocketNames {
 public:
  struct File {
    UnixSocket* owner;     // Null: the socket is closed.
    std::uint64_t number;  // Of one file in a world, for stat(2).
    Events::Nanoseconds changed;
  };

  /// False: it is taken.
  [[nodiscard]] bool add(const std::string& name, const File& file) {
    return files_.try_emplace(name, file).second;
  }

  [[nodiscard]] const File* find(const std::string& name) const {
    const auto place = files_.find(name);
    return place == files_.end() ? nullptr : &place->second;
  }

  /// The socket is closed. The name may be that of another one by now.
  void release(const std::string& name, const UnixSocket* owner) {
    const auto place = files_.find(name);
    if (place == files_.end() || place->second.owner != owner) return;
    place->second.owner = nullptr;
    if (name.starts_with('\0')) files_.erase(place);
  }

  bool remove_file(const std::string& path) { return files_.erase(path) > 0; }

 private:
  std::map<std::string, File> files_;
};

}  // namespace reactor::simulation
