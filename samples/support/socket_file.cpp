#include "samples/support/socket_file.hpp"

#include <unistd.h>

#include <string>

namespace samples {

SocketFile::SocketFile(const reactor::Address& bound) : address_(bound) { (void)look_up(ours_); }

SocketFile::~SocketFile() {
  struct stat now {};
  if (ours_.st_ino == 0 || !look_up(now)) return;
  if (now.st_dev == ours_.st_dev && now.st_ino == ours_.st_ino) unlink(address_.host().c_str());
}

bool SocketFile::look_up(struct stat& file) const {
  if (address_.family() != reactor::Family::unix_socket) return false;
  const std::string path = address_.host();
  const bool is_abstract = path.empty() || path.front() == '@';
  return !is_abstract && lstat(path.c_str(), &file) == 0;
}

}  // namespace samples
