#include "samples/file_transfer/password.hpp"

#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "reactor/file.hpp"
#include "samples/support/failed.hpp"

namespace file_transfer {
namespace {

using samples::Failed;

// Shows nothing of what is typed, for as long as it lives.
class Silence {
 public:
  Silence() {
    tcgetattr(STDIN_FILENO, &found_);
    termios wanted = found_;
    wanted.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &wanted);
  }
  ~Silence() {
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &found_);
    std::fputc('\n', stderr);
  }
  Silence(const Silence&) = delete;
  Silence& operator=(const Silence&) = delete;

 private:
  termios found_{};
};

// Byte by byte: what follows the line is somebody else's.
std::string first_line(int fd) {
  std::string line;
  for (char byte = 0; read(fd, &byte, 1) == 1 && byte != '\n';) line += byte;
  if (line.ends_with('\r')) line.pop_back();
  if (line.empty()) throw Failed("the password is empty");
  return line;
}

}  // namespace

std::string read_password(const std::string& file, const std::string& prompt) {
  if (!file.empty()) {
    const auto in = reactor::File::own(open(file.c_str(), O_RDONLY | O_CLOEXEC));
    if (!in) throw Failed(reactor::system_error(errno, "read password file", file));
    return first_line(in.fd());
  }
  if (!isatty(STDIN_FILENO)) return first_line(STDIN_FILENO);
  const Silence silence;  // Before the prompt: nobody types ahead of it.
  std::fputs(prompt.c_str(), stderr);
  return first_line(STDIN_FILENO);
}

}  // namespace file_transfer
