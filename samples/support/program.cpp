#include "samples/support/program.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <string>

namespace samples {
namespace {

// If one of the three were closed, the first file that is opened would get its descriptor.
void fill_standard_descriptors() {
  int fd = open("/dev/null", O_RDWR);
  while (fd >= 0 && fd <= STDERR_FILENO) fd = open("/dev/null", O_RDWR);
  if (fd >= 0) close(fd);
}

// Any output that was refused earlier is reported here.
void flush_output() {
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return;
  throw Failed("write standard output: not all of it was taken (is the disk full?)");
}

}  // namespace

int run_program(CommandLine& command_line, int count, char** words,
                const std::function<void()>& program) {
  fill_standard_descriptors();
  std::signal(SIGXFSZ, SIG_IGN);  // A file that may not grow is then a write error.
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
