#include "samples/file_transfer/password.hpp"

#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>

#include "reactor/result.hpp"
#include "samples/support/failed.hpp"
#include "samples/support/private_file.hpp"

namespace file_transfer {
namespace {

using samples::Failed;

// Hides what is typed for its lifetime. Ctrl-C ends the reading and not the program, which would
// leave the terminal without echo.
class Silence {
 public:
  Silence() {
    struct sigaction interrupt {};
    interrupt.sa_handler = [](int) {};
    sigaction(SIGINT, &interrupt, &found_action_);
    sigset_t blocked;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGINT);
    pthread_sigmask(SIG_BLOCK, &blocked, &found_mask_);
    tcgetattr(STDIN_FILENO, &found_);
    termios wanted = found_;
    wanted.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &wanted);
  }
  ~Silence() {
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &found_);
    std::fputc('\n', stderr);
    pthread_sigmask(SIG_SETMASK, &found_mask_, nullptr);
    sigaction(SIGINT, &found_action_, nullptr);
  }
  Silence(const Silence&) = delete;
  Silence& operator=(const Silence&) = delete;

  // SIGINT is unblocked only here.
  void wait_for_input() const {
    pollfd input{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
    if (ppoll(&input, 1, nullptr, &found_mask_) > 0) return;
    throw Failed(reactor::system_error(errno, "read", "the password"));
  }

 private:
  termios found_{};
  struct sigaction found_action_ {};
  sigset_t found_mask_{};
};

// Reads byte by byte: the bytes behind the line belong to another reader.
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
    return first_line(samples::open_private("read password file", file).fd());
  }
  if (!isatty(STDIN_FILENO)) return first_line(STDIN_FILENO);
  const Silence silence;  // Before the prompt, so that nothing is typed ahead of it.
  std::fputs(prompt.c_str(), stderr);
  silence.wait_for_input();  // A terminal becomes readable only with a whole line.
  return first_line(STDIN_FILENO);
}

}  // namespace file_transfer
