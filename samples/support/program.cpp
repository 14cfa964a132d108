#include "samples/support/program.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <charconv>
#include <cmath>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

namespace samples {
namespace {

// Where one of the three was closed, the first descriptor that is opened would be taken for it.
void fill_standard_descriptors() {
  int fd = open("/dev/null", O_RDWR);
  while (fd >= 0 && fd <= STDERR_FILENO) fd = open("/dev/null", O_RDWR);
  if (fd >= 0) close(fd);
}

std::string check_whole(const std::string& text) {
  std::uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, number);
  return parsed.ec == std::errc() && parsed.ptr == end ? "" : "no such number: " + text;
}

std::string check_seconds(const std::string& text) {
  constexpr double longest = 1e9;  // Some thirty years; a clock's nanoseconds hold ten times that.
  double number = 0;
  const bool is_number = CLI::detail::lexical_cast(text, number);
  return is_number && std::abs(number) <= longest ? "" : "no such number: " + text;
}

// CLI11 takes -1 for the largest number there is, and for seconds also what is no number at all.
void check_numbers(CLI::App& command_line) {
  for (CLI::Option* const option : command_line.get_options()) {
    const std::string type = option->get_type_name();
    if (type.starts_with("UINT")) option->check(check_whole);
    if (type.starts_with("FLOAT")) option->check(check_seconds);
  }
}

// What was refused at any time shows here at last.
void flush_output() {
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return;
  throw Failed("write standard output: not all of it was taken (is the disk full?)");
}

}  // namespace

int run_program(CLI::App& command_line, int count, char** words,
                const std::function<void()>& program) {
  fill_standard_descriptors();
  std::signal(SIGXFSZ, SIG_IGN);  // A file that may not grow is an error of the write.
  command_line.set_version_flag("--version", UVREACTOR_VERSION);
  check_numbers(command_line);
  try {
    command_line.parse(count, words);
  } catch (const CLI::ParseError& error) {
    return command_line.exit(error) == 0 ? 0 : 2;
  }
  try {
    program();
    flush_output();
  } catch (const Failed& failure) {
    std::fprintf(stderr, "error: %s\n", failure.what());
    return failure.exit_code;
  }
  return 0;
}

std::vector<std::string> words_behind(const CLI::App& command_line) {
  std::vector<std::string> words = command_line.remaining();
  if (!words.empty() && words.front() == "--") words.erase(words.begin());
  return words;
}

void announce(const reactor::Address& address) {
  std::printf("listening on %s\n", address.to_string().c_str());
  flush_output();
}

StopSignals::StopSignals(reactor::Loop& loop, const std::function<void()>& on_stop) {
  for (const int number : {SIGINT, SIGTERM}) {
    signals_.push_back(value_of(reactor::Signal::create(loop, number, on_stop)));
  }
}

// With the last Signal of a number, the signal does again what it does by default: it kills, also
// when another thread receives it. So one of each stays until the process ends, in a loop that does
// not run.
StopSignals::~StopSignals() {
  static reactor::Loop* kept_loop = nullptr;
  static std::vector<reactor::Signal>* kept_signals = nullptr;
  try {
    if (kept_signals == nullptr) {
      kept_loop = new reactor::Loop;
      kept_signals = new std::vector<reactor::Signal>;
      for (const int number : {SIGINT, SIGTERM}) {
        kept_signals->push_back(value_of(reactor::Signal::create(*kept_loop, number, [] {})));
      }
    }
  } catch (const std::exception&) {
    // Out of descriptors: a signal that comes while the program ends kills it.
  }
}

}  // namespace samples
