#include "support/child.hpp"

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <utility>

bool ChildEnd::aborted() const { return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT; }

Child::Child(const std::function<void()>& body) {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  process_ = fork();
  REQUIRE(process_ >= 0);
  if (process_ == 0) {
    signal(SIGABRT, SIG_DFL);  // Not doctest's handler, which reports a failed test.
    dup2(ends[1], STDOUT_FILENO);
    dup2(ends[1], STDERR_FILENO);
    close(ends[0]);
    close(ends[1]);
    body();
    execl("/bin/true", "true", nullptr);  // Spares valgrind the leak check of a fork.
    _exit(0);
  }
  close(ends[1]);
  output_ = ends[0];
}

Child::~Child() {
  if (process_ < 0) return;
  kill(process_, SIGKILL);
  wait();
}

ChildEnd Child::wait() {
  ChildEnd end;
  std::array<char, 4096> buffer;
  ssize_t size;
  while ((size = read(output_, buffer.data(), buffer.size())) > 0) {
    end.printed.append(buffer.data(), static_cast<std::size_t>(size));
  }
  close(output_);
  CHECK(waitpid(std::exchange(process_, -1), &end.status, 0) > 0);
  return end;
}

ChildEnd in_child(const std::function<void()>& body) { return Child(body).wait(); }
