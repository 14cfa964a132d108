#include "samples/support/terminal.hpp"

#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <iterator>

namespace samples::terminal {
namespace {

// All signals that end a process by default and can be caught.
constexpr int fatal_signals[] = {SIGHUP,  SIGINT,  SIGQUIT, SIGILL,  SIGTRAP, SIGABRT,
                                 SIGBUS,  SIGFPE,  SIGUSR1, SIGSEGV, SIGUSR2, SIGPIPE,
                                 SIGALRM, SIGTERM, SIGXCPU, SIGXFSZ, SIGSYS};

termios wanted;  // While a line is edited.

// A signal handler needs these.
termios found;
volatile std::sig_atomic_t editing = 0;
volatile std::sig_atomic_t rows_below_cursor = 0;

// Async-signal-safe. In a handler all signals are blocked, so that SIGTTOU stops nothing here.
void restore() {
  if (!editing) return;
  editing = 0;
  const int error = errno;
  tcsetattr(STDIN_FILENO, TCSANOW, &found);
  for (int rows = rows_below_cursor; rows >= 0; --rows) {
    if (write(STDOUT_FILENO, "\n", 1) < 0) break;
  }
  errno = error;
}

void set_action(int number, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  sigfillset(&action.sa_mask);
  action.sa_flags = handler == SIG_DFL ? 0 : SA_RESTART | SA_ONSTACK;
  sigaction(number, &action, nullptr);
}

// The signal takes effect when the handler returns, which unblocks it.
void end_by(int number) {
  restore();
  set_action(number, SIG_DFL);
  raise(number);
}

void stop_by(int number) {
  restore();
  const int error = errno;
  set_action(number, SIG_DFL);
  raise(number);
  sigset_t only;
  sigemptyset(&only);
  sigaddset(&only, number);
  pthread_sigmask(SIG_UNBLOCK, &only, nullptr);  // The process stops here.
  set_action(number, stop_by);
  errno = error;
}

bool does_the_default(int number) {
  struct sigaction action {};
  return sigaction(number, nullptr, &action) == 0 && (action.sa_flags & SA_SIGINFO) == 0 &&
         action.sa_handler == SIG_DFL;
}

void catch_signals() {
  for (const int number : fatal_signals) {
    if (does_the_default(number)) set_action(number, end_by);
  }
  if (does_the_default(SIGTSTP)) set_action(SIGTSTP, stop_by);
}

bool in_background() {
  const pid_t foreground = tcgetpgrp(STDIN_FILENO);  // -1 where it is not our controlling terminal.
  return foreground > 0 && foreground != getpgrp();
}

}  // namespace

bool can_edit() {
  const char* const kind = std::getenv("TERM");
  return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && kind && std::string_view(kind) != "dumb";
}

Size size() {
  winsize window{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) != 0 || window.ws_col == 0) return {};
  return {.columns = window.ws_col, .rows = std::max<std::size_t>(window.ws_row, 1)};
}

bool begin_editing() {
  if (editing) return true;
  if (in_background() || tcgetattr(STDIN_FILENO, &found) != 0) return false;
  wanted = found;
  wanted.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO | ISIG);
  wanted.c_cc[VMIN] = 1;
  wanted.c_cc[VTIME] = 0;
  rows_below_cursor = 0;
  catch_signals();
  editing = 1;
  tcsetattr(STDIN_FILENO, TCSADRAIN, &wanted);
  return true;
}

bool continue_editing() {
  if (!editing) return begin_editing();
  if (in_background()) {
    editing = 0;
    return false;
  }
  tcsetattr(STDIN_FILENO, TCSADRAIN, &wanted);
  return true;
}

void end_editing() {
  if (!editing) return;
  if (!in_background()) tcsetattr(STDIN_FILENO, TCSADRAIN, &found);
  editing = 0;
}

void set_rows_below_cursor(std::size_t rows) {
  rows_below_cursor = static_cast<std::sig_atomic_t>(std::min<std::size_t>(rows, 10000));
}

void suspend() {
  end_editing();
  kill(0, SIGTSTP);
}

void show(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

}  // namespace samples::terminal
