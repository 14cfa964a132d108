#include "samples/support/program.hpp"

#include <csignal>
#include <cstdio>

namespace samples {

int run_program(CLI::App& command_line, int count, char** words,
                const std::function<void()>& program) {
  command_line.set_version_flag("--version", UVREACTOR_VERSION);
  try {
    command_line.parse(count, words);
  } catch (const CLI::ParseError& error) {
    return command_line.exit(error) == 0 ? 0 : 2;
  }
  try {
    program();
  } catch (const Failed& failure) {
    std::fprintf(stderr, "error: %s\n", failure.what());
    return 1;
  }
  return 0;
}

void announce(const reactor::Address& address) {
  std::printf("listening on %s\n", address.to_string().c_str());
  std::fflush(stdout);
}

StopSignals::StopSignals(reactor::Loop& loop, const std::function<void()>& on_stop) {
  for (const int number : {SIGINT, SIGTERM}) {
    signals_.push_back(value_of(reactor::Signal::create(loop, number, on_stop)));
  }
}

StopSignals::~StopSignals() {
  // Blocked meanwhile, since with the last Signal they do again what they did by default: kill.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &before);
  signals_.clear();
  for (const int number : {SIGINT, SIGTERM}) std::signal(number, SIG_IGN);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

}  // namespace samples
