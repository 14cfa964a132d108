// The file of a unix socket, while a program listens there.
#pragma once

#include <sys/stat.h>

#include "reactor/address.hpp"

namespace samples {

/// Removes the file of a bound unix socket when it is destroyed, unless another program has
/// replaced that file. Does nothing for other addresses, and for abstract names.
class SocketFile {
 public:
  explicit SocketFile(const reactor::Address& bound);
  SocketFile(const SocketFile&) = delete;
  SocketFile& operator=(const SocketFile&) = delete;
  ~SocketFile();

 private:
  [[nodiscard]] bool look_up(struct stat& file) const;

  const reactor::Address address_;
  struct stat ours_ {};
};

}  // namespace samples
