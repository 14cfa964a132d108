#include "support/child.hpp"

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>

bool ChildEnd::aborted() const { return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT; }

ChildEnd in_child(const std::function<void()>& body) {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    signal(SIGABRT, SIG_DFL);  // Not doctest's, which would report a failed test.
    dup2(ends[1], STDOUT_FILENO);
    dup2(ends[1], STDERR_FILENO);
    close(ends[0]);
    close(ends[1]);
    body();
    _exit(0);
  }
  close(ends[1]);
  ChildEnd end;
  std::array<char, 4096> buffer;
  ssize_t size;
  while ((size = read(ends[0], buffer.data(), buffer.size())) > 0) {
    end.printed.append(buffer.data(), static_cast<std::size_t>(size));
  }
  close(ends[0]);
  REQUIRE(waitpid(child, &end.status, 0) == child);
  return end;
}
