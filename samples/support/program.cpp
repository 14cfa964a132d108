#include "samples/support/program.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <string>

namespace samples {
namespace {

// Where one of the three was closed, the first descriptor that is opened would be taken for it.
void fill_standard_descriptors() {
  int fd = open("/dev/null", O_RDWR);
  while (fd >= 0 && fd <= STDERR_FILENO) fd = open("/dev/null", O_RDWR);
  if (fd >= 0) close(fd);
}

// What was refused at any time shows here at last.
void flush_output() {
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return;
  throw Failed("write standard output: not all of it was taken (is the disk full?)");
}

}  // namespace

int run_program(CommandLine& command_line, int count, char** words,
                const std::function<void()>& program) {
  fill_standard_descriptors();
  std::signal(SIGXFSZ, SIG_IGN);  // A file that may not grow is an error of the write.
  if (const auto status = command_line.parse(count, words)) return *status;
  try {
    program();
    flush_output();
  } catch (const Failed& failure) {
    std::fprintf(stderr, "error: %s\n", failure.what());
    return failure.exit_code;
  }
  return 0;
}

void announce(const reactor::Address& address) {
  std::printf("listening on %s\n", address.to_string().c_str());
  flush_output();
}

void announce_all(const std::vector<reactor::Address>& addresses) {
  for (const reactor::Address& address : addresses) announce(address);
}

}  // namespace samples
