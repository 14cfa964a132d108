#include "samples/readiness_echo_server/listening_socket.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "reactor/resolver.hpp"
#include "samples/support/failed.hpp"

namespace samples {

ListeningSocket::ListeningSocket(const std::string& endpoint) {
  const reactor::Address wanted = value_of(reactor::resolve_now(endpoint)).front();
  socket_ = value_of(reactor::Socket::open(wanted.family(), reactor::SocketType::stream));
  if (wanted.family() != reactor::Family::unix_socket) {
    check(socket_.set(reactor::option::reuse_address, true));
  }
  check(socket_.bind(wanted));
  if (listen(socket_.fd(), SOMAXCONN) != 0) {
    throw Failed(reactor::system_error(errno, "listen", endpoint));
  }
  address_ = value_of(socket_.local_address());
  (void)find_file(file_);
}

ListeningSocket::~ListeningSocket() {
  struct stat now {};
  if (file_.st_ino == 0 || !find_file(now)) return;
  if (now.st_dev == file_.st_dev && now.st_ino == file_.st_ino) unlink(address_.host().c_str());
}

// An abstract name begins with '@' and has no file.
bool ListeningSocket::find_file(struct stat& status) const {
  if (address_.family() != reactor::Family::unix_socket) return false;
  const std::string path = address_.host();
  return !path.starts_with('@') && lstat(path.c_str(), &status) == 0;
}

}  // namespace samples
