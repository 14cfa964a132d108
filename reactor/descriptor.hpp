// An owned descriptor of any kind, as it is passed between processes.
#pragma once

#include <utility>

#include "reactor/version.hpp"

#pragma GCC visibility push(default)
namespace reactor::inline v0 {

/// Owns a descriptor of which nothing else is known: a file, a socket, a pipe. Socket::adopt and
/// File::own take it over from release().
///
/// Lifetime  Closes the descriptor when destroyed.
/// Thread    Any, one at a time.
class Descriptor {
 public:
  /// Owns nothing; fd() is -1.
  Descriptor() = default;

  /// Takes over `fd`, which children should not inherit.
  [[nodiscard]] static Descriptor own(int fd) noexcept { return Descriptor(fd); }

  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept;
  ~Descriptor();

  [[nodiscard]] int fd() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

  /// Releases the descriptor to the caller; fd() is -1 from now on.
  [[nodiscard]] int release() { return std::exchange(fd_, -1); }

 private:
  explicit Descriptor(int fd) : fd_(fd) {}

  int fd_ = -1;
};

}  // namespace reactor
#pragma GCC visibility pop
